#include "trust/facts.h"

#include "trust/chain.h"
#include "trust/leaf.h"
#include "trust/text.h"

#include <gnutls/crypto.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *oid;
	unsigned has;
} extensions[] = {
	{"2.5.29.17", ATLS_HAS_SAN},
	{"2.5.29.35", ATLS_HAS_AKI},
	{"2.5.29.14", ATLS_HAS_SKI},
	{"1.3.6.1.5.5.7.1.1", ATLS_HAS_AIA},
	{"2.5.29.31", ATLS_HAS_CRL},
	{"1.3.6.1.4.1.11129.2.4.2", ATLS_HAS_SCT},
	{"2.5.29.32", ATLS_HAS_POLICY},
	{"2.5.29.37", ATLS_HAS_EKU},
	{"2.5.29.15", ATLS_HAS_KEY_USAGE},
	{"2.5.29.19", ATLS_HAS_BASIC},
};

#define EXTENSIONS_MAX 64u

static void read_extensions(struct atls_facts *facts, gnutls_x509_crt_t crt)
{
	char oid[128];

	for (unsigned i = 0; i < EXTENSIONS_MAX; i++) {
		size_t len = sizeof oid;
		int rc = gnutls_x509_crt_get_extension_info(crt, i, oid, &len, NULL);
		if (rc == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
			break;
		facts->extensions++;
		for (size_t k = 0; rc >= 0 && k < sizeof extensions / sizeof *extensions; k++)
			if (strcmp(oid, extensions[k].oid) == 0)
				facts->has |= extensions[k].has;
	}
}

static void read_serial(struct atls_facts *facts, gnutls_x509_crt_t crt)
{
	unsigned char serial[(ATLS_SERIAL_TEXT - 1) / 2];
	size_t len = sizeof serial, skip = 0;

	if (gnutls_x509_crt_get_serial(crt, serial, &len) < 0)
		return;
	for (size_t i = 0; i < len; i++)
		snprintf(facts->serial + 2 * i, 3, "%02x", serial[i]);
	while (skip < len && serial[skip] == 0)
		skip++;
	facts->serial_bits = (unsigned)(8 * (len - skip));
	for (unsigned top = 0x80; skip < len && !(serial[skip] & top); top >>= 1)
		facts->serial_bits--;
}

/* Keeps the first http URL of what get gives for its index. */
static void read_aia(char url[ATLS_URL_TEXT], gnutls_x509_crt_t crt, gnutls_info_access_what_t what)
{
	gnutls_datum_t data = {0};

	for (unsigned i = 0; !url[0]; i++) {
		int rc = gnutls_x509_crt_get_authority_info_access(crt, i, (int)what, &data, NULL);
		if (rc == GNUTLS_E_UNKNOWN_ALGORITHM)
			continue;
		if (rc < 0)
			return;
		if (data.size > 7 && data.size < ATLS_URL_TEXT &&
			memcmp(data.data, "http://", 7) == 0)
			atls_text_copy(url, ATLS_URL_TEXT, data.data, data.size);
		gnutls_free(data.data);
	}
}

static void read_crl(char url[ATLS_URL_TEXT], gnutls_x509_crt_t crt)
{
	char text[ATLS_URL_TEXT];

	for (unsigned i = 0;; i++) {
		size_t len = sizeof text;
		int rc = gnutls_x509_crt_get_crl_dist_points(crt, i, text, &len, NULL, NULL);
		if (rc == GNUTLS_E_SHORT_MEMORY_BUFFER)
			continue;
		if (rc < 0)
			return;
		if (rc == GNUTLS_SAN_URI && len > 7 && memcmp(text, "http://", 7) == 0) {
			atls_text_copy(url, ATLS_URL_TEXT, text, len);
			return;
		}
	}
}

static void read_common_name(struct atls_facts *facts, gnutls_x509_crt_t crt)
{
	size_t len = sizeof facts->common_name;

	if (gnutls_x509_crt_get_dn_by_oid(
		    crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0, facts->common_name, &len) < 0)
		facts->common_name[0] = '\0';
}

static bool is_self_issued(gnutls_x509_crt_t crt)
{
	gnutls_datum_t subject = {0}, issuer = {0};
	bool same = gnutls_x509_crt_get_raw_dn(crt, &subject) == 0 &&
		    gnutls_x509_crt_get_raw_issuer_dn(crt, &issuer) == 0 &&
		    subject.size == issuer.size && subject.size &&
		    memcmp(subject.data, issuer.data, subject.size) == 0;

	gnutls_free(subject.data);
	gnutls_free(issuer.data);
	return same;
}

static int read_all(struct atls_facts *facts, gnutls_x509_crt_t crt)
{
	struct atls_verdict leaf;

	memset(&leaf, 0, sizeof leaf);
	int rc = atls_leaf_describe(&leaf, crt);
	memcpy(facts->subject, leaf.subject, sizeof facts->subject);
	memcpy(facts->issuer, leaf.issuer, sizeof facts->issuer);
	memcpy(facts->names, leaf.names, sizeof facts->names);
	memcpy(facts->key, leaf.key, sizeof facts->key);
	memcpy(facts->pin, leaf.pin, sizeof facts->pin);
	facts->not_before = leaf.not_before;
	facts->not_after = leaf.not_after;
	int sign = gnutls_x509_crt_get_signature_algorithm(crt);
	const char *name = sign > 0 ? gnutls_sign_get_name((gnutls_sign_algorithm_t)sign) : NULL;
	snprintf(facts->signature, sizeof facts->signature, "%s", name ? name : "unknown");
	read_serial(facts, crt);
	read_extensions(facts, crt);
	read_common_name(facts, crt);
	read_aia(facts->issuer_url, crt, GNUTLS_IA_CAISSUERS_URI);
	read_aia(facts->ocsp_url, crt, GNUTLS_IA_OCSP_URI);
	read_crl(facts->crl_url, crt);
	facts->self_issued = is_self_issued(crt);
	return rc;
}

int atls_facts_read(struct atls_facts *facts, const gnutls_datum_t *der)
{
	struct atls_chain one;

	memset(facts, 0, sizeof *facts);
	facts->not_before = facts->not_after = (time_t)-1;
	if (gnutls_hash_fast(GNUTLS_DIG_SHA256, der->data, der->size, facts->sha256) < 0)
		return ATLS_E_MEMORY;
	int rc = atls_chain_import(&one, der, 1);
	if (rc == 0)
		rc = read_all(facts, one.crt[0]);
	atls_chain_free(&one);
	return rc;
}
