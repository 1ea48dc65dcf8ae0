/*
 * Keys and certificates made in the process, for tests. Whatever fails here aborts.
 *
 *	struct cert ca, leaf;
 *	cert_make(&ca, &(struct cert_spec){.cn = "Test CA", .ca = true}, NULL);
 *	cert_make(&leaf, &(struct cert_spec){.cn = "a", .names = "a.example,192.0.2.1"}, &ca);
 *	gnutls_x509_trust_list_t anchors = cert_anchors((const struct cert *[]){&ca}, 1);
 *	gnutls_certificate_credentials_t cred = cert_credentials(&leaf, NULL);
 *	... leaf.crt, leaf.key, leaf.der; cert_pem(&leaf, &pem); cert_key_pem(&leaf, &pem) ...
 *	gnutls_x509_trust_list_deinit(anchors, 1);
 *	gnutls_certificate_free_credentials(cred);
 *	cert_free(&leaf);
 *	cert_free(&ca);
 *
 * By default a certificate is good from 2020 to 2099, ECDSA P-256 with SHA-256, and a leaf is for
 * both TLS client and server. cert_set_clock(CERT_NOW) makes GnuTLS believe in a fixed time.
 */
#ifndef ATLS_TESTS_CERTS_H
#define ATLS_TESTS_CERTS_H

#include <arpa/inet.h>
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CERT_DAY        ((time_t)86400)
#define CERT_NOW        ((time_t)1767225600) /* 2026-01-01T00:00:00Z */
#define CERT_NOT_BEFORE ((time_t)1577836800) /* 2020-01-01T00:00:00Z */
#define CERT_NOT_AFTER  ((time_t)4070908800) /* 2099-01-01T00:00:00Z */

struct cert {
	gnutls_x509_crt_t crt;
	gnutls_x509_privkey_t key;
	gnutls_datum_t der; /* freed by cert_free() */
};

/* Zero means the default everywhere. */
struct cert_spec {
	const char *cn;                 /* null: an empty subject */
	const char *names;              /* "a.example,*.b.example,192.0.2.1,2001:db8::1" */
	bool ca;                        /* may sign others */
	gnutls_pk_algorithm_t pk;       /* GNUTLS_PK_ECDSA; or _RSA, _EDDSA_ED25519 */
	unsigned bits;                  /* 256 for ECDSA, 2048 for RSA */
	gnutls_digest_algorithm_t hash; /* of the signature: GNUTLS_DIG_SHA256 */
	time_t not_before, not_after;
	const char *purpose;    /* the one extended key usage; "" for none at all */
	const struct cert *key; /* take this one's key instead of a new one */
	size_t bulk;            /* bytes of an extension that means nothing */
};

#define CERT_OK(call)                                                                              \
	do {                                                                                       \
		int cert_rc = (call);                                                              \
		if (cert_rc < 0) {                                                                 \
			printf("# %s:%d: %s: %s\n", __FILE__, __LINE__, #call,                     \
				gnutls_strerror(cert_rc));                                         \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static inline time_t *cert_clock_now(void)
{
	static time_t now = CERT_NOW;
	return &now;
}

static inline time_t cert_clock(time_t *out)
{
	if (out)
		*out = *cert_clock_now();
	return *cert_clock_now();
}

/* From now on GnuTLS takes this for the time. */
static inline void cert_set_clock(time_t now)
{
	*cert_clock_now() = now;
	gnutls_global_set_time_function(cert_clock);
}

static inline void cert_make_key(struct cert *cert, const struct cert_spec *spec)
{
	CERT_OK(gnutls_x509_privkey_init(&cert->key));
	if (spec->key) {
		CERT_OK(gnutls_x509_privkey_cpy(cert->key, spec->key->key));
		return;
	}
	gnutls_pk_algorithm_t pk = spec->pk ? spec->pk : GNUTLS_PK_ECDSA;
	unsigned bits = spec->bits ? spec->bits : pk == GNUTLS_PK_RSA ? 2048 : 256;
	if (pk == GNUTLS_PK_ECDSA)
		bits = bits == 521   ? GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP521R1)
		       : bits == 384 ? GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP384R1)
				     : GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1);
	CERT_OK(gnutls_x509_privkey_generate(cert->key, pk, bits, 0));
}

static inline void cert_add_name(gnutls_x509_crt_t crt, const char *name)
{
	unsigned char address[16];
	unsigned len = inet_pton(AF_INET, name, address) == 1    ? 4
		       : inet_pton(AF_INET6, name, address) == 1 ? 16
								 : 0;
	if (len)
		CERT_OK(gnutls_x509_crt_set_subject_alt_name(
			crt, GNUTLS_SAN_IPADDRESS, address, len, GNUTLS_FSAN_APPEND));
	else
		CERT_OK(gnutls_x509_crt_set_subject_alt_name(
			crt, GNUTLS_SAN_DNSNAME, name, (unsigned)strlen(name), GNUTLS_FSAN_APPEND));
}

static inline void cert_add_names(gnutls_x509_crt_t crt, const char *names)
{
	char name[256];
	while (names && *names) {
		size_t len = strcspn(names, ",");
		if (len >= sizeof name)
			abort();
		memcpy(name, names, len);
		name[len] = '\0';
		cert_add_name(crt, name);
		names += len + (names[len] == ',');
	}
}

static inline void cert_set_ids(struct cert *cert)
{
	static unsigned char serial[4] = {1, 0, 0, 0};
	unsigned char id[20];
	size_t len = sizeof id;

	if (++serial[3] == 0)
		serial[2]++;
	CERT_OK(gnutls_x509_crt_set_serial(cert->crt, serial, sizeof serial));
	CERT_OK(gnutls_x509_crt_get_key_id(cert->crt, 0, id, &len));
	CERT_OK(gnutls_x509_crt_set_subject_key_id(cert->crt, id, len));
}

static inline void cert_set_usage(gnutls_x509_crt_t crt, const struct cert_spec *spec)
{
	CERT_OK(gnutls_x509_crt_set_basic_constraints(crt, spec->ca, -1));
	CERT_OK(gnutls_x509_crt_set_key_usage(
		crt, spec->ca ? GNUTLS_KEY_KEY_CERT_SIGN : GNUTLS_KEY_DIGITAL_SIGNATURE));
	if (spec->purpose) {
		if (*spec->purpose)
			CERT_OK(gnutls_x509_crt_set_key_purpose_oid(crt, spec->purpose, 0));
	} else if (!spec->ca) {
		CERT_OK(gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_SERVER, 0));
		CERT_OK(gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_CLIENT, 0));
	}
}

static inline void cert_add_bulk(gnutls_x509_crt_t crt, size_t len)
{
	unsigned char *bulk = calloc(len, 1);
	if (!bulk)
		abort();
	CERT_OK(gnutls_x509_crt_set_extension_by_oid(crt, "1.3.6.1.4.1.55555.1", bulk, len, 0));
	free(bulk);
}

/* EdDSA brings its own hash. */
static inline gnutls_digest_algorithm_t cert_hash(const struct cert *issuer)
{
	switch (gnutls_x509_privkey_get_pk_algorithm(issuer->key)) {
	case GNUTLS_PK_EDDSA_ED25519:
		return GNUTLS_DIG_SHA512;
	case GNUTLS_PK_EDDSA_ED448:
		return GNUTLS_DIG_SHAKE_256;
	default:
		return GNUTLS_DIG_SHA256;
	}
}

/* Makes a key and a certificate of issuer's, or a self-signed one if issuer is null. */
static inline void cert_make(
	struct cert *cert, const struct cert_spec *spec, const struct cert *issuer)
{
	memset(cert, 0, sizeof *cert);
	cert_make_key(cert, spec);
	CERT_OK(gnutls_x509_crt_init(&cert->crt));
	CERT_OK(gnutls_x509_crt_set_version(cert->crt, 3));
	CERT_OK(gnutls_x509_crt_set_key(cert->crt, cert->key));
	cert_set_ids(cert);
	CERT_OK(gnutls_x509_crt_set_activation_time(
		cert->crt, spec->not_before ? spec->not_before : CERT_NOT_BEFORE));
	CERT_OK(gnutls_x509_crt_set_expiration_time(
		cert->crt, spec->not_after ? spec->not_after : CERT_NOT_AFTER));
	if (spec->cn)
		CERT_OK(gnutls_x509_crt_set_dn_by_oid(cert->crt, GNUTLS_OID_X520_COMMON_NAME, 0,
			spec->cn, (unsigned)strlen(spec->cn)));
	cert_add_names(cert->crt, spec->names);
	cert_set_usage(cert->crt, spec);
	if (spec->bulk)
		cert_add_bulk(cert->crt, spec->bulk);
	CERT_OK(gnutls_x509_crt_sign2(cert->crt, issuer ? issuer->crt : cert->crt,
		issuer ? issuer->key : cert->key,
		spec->hash ? spec->hash : cert_hash(issuer ? issuer : cert), 0));
	CERT_OK(gnutls_x509_crt_export2(cert->crt, GNUTLS_X509_FMT_DER, &cert->der));
	/* GnuTLS looks issuers up by names that only an import fills in. */
	gnutls_x509_crt_deinit(cert->crt);
	CERT_OK(gnutls_x509_crt_init(&cert->crt));
	CERT_OK(gnutls_x509_crt_import(cert->crt, &cert->der, GNUTLS_X509_FMT_DER));
}

static inline void cert_free(struct cert *cert)
{
	gnutls_x509_crt_deinit(cert->crt);
	gnutls_x509_privkey_deinit(cert->key);
	gnutls_free(cert->der.data);
	memset(cert, 0, sizeof *cert);
}

/* PEM of the certificate or of its key, with a NUL behind; gnutls_free(out->data). */
static inline void cert_pem(const struct cert *cert, gnutls_datum_t *out)
{
	CERT_OK(gnutls_x509_crt_export2(cert->crt, GNUTLS_X509_FMT_PEM, out));
}

static inline void cert_key_pem(const struct cert *cert, gnutls_datum_t *out)
{
	CERT_OK(gnutls_x509_privkey_export2_pkcs8(
		cert->key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, out));
}

/* A trust list of its own copies: gnutls_x509_trust_list_deinit(list, 1). */
static inline gnutls_x509_trust_list_t cert_anchors(const struct cert *const *certs, unsigned count)
{
	gnutls_x509_trust_list_t list;
	CERT_OK(gnutls_x509_trust_list_init(&list, 0));
	for (unsigned i = 0; i < count; i++) {
		gnutls_x509_crt_t copy;
		CERT_OK(gnutls_x509_crt_init(&copy));
		CERT_OK(gnutls_x509_crt_import(copy, &certs[i]->der, GNUTLS_X509_FMT_DER));
		CERT_OK(gnutls_x509_trust_list_add_cas(list, &copy, 1, 0));
	}
	return list;
}

/* Credentials that show leaf, and via behind it if that is not null; without a leaf, none. */
static inline gnutls_certificate_credentials_t cert_credentials(
	const struct cert *leaf, const struct cert *via)
{
	gnutls_certificate_credentials_t cred;
	CERT_OK(gnutls_certificate_allocate_credentials(&cred));
	if (leaf) {
		gnutls_x509_crt_t chain[] = {leaf->crt, via ? via->crt : NULL};
		CERT_OK(gnutls_certificate_set_x509_key(cred, chain, via ? 2 : 1, leaf->key));
	}
	return cred;
}

#endif
