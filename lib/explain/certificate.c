#include "explain/certificate.h"

#include "explain/handshake.h"
#include "trust/policy.h"
#include "trust/text.h"

#include <arpa/inet.h>
#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/x509-ext.h>
#include <nettle/sha1.h>
#include <nettle/sha2.h>
#include <string.h>

#define NAMES_MAX 1000u /* subject alternative names said of one certificate */
#define OID_MAX   128u

/* Where the values of one certificate go. */
struct teller {
	const struct atls_nodes *nodes;
	gnutls_x509_crt_t crt;
};

static void say_text(const struct atls_nodes *nodes, const char *key, const char *text)
{
	if (text)
		nodes->ops->text(nodes->ctx, key, text, strlen(text));
}

static void say_datum(const struct atls_nodes *nodes, const char *key, gnutls_datum_t *datum)
{
	nodes->ops->text(nodes->ctx, key, datum->data, datum->size);
	gnutls_free(datum->data);
	datum->data = NULL;
}

static void begin(const struct atls_nodes *nodes, const char *key, bool list)
{
	const struct atls_node node = {.key = key, .list = list, .at = ATLS_NOWHERE};
	nodes->ops->begin(nodes->ctx, &node);
}

static void say_time(const struct atls_nodes *nodes, const char *key, time_t when)
{
	char text[ATLS_TRUST_TIME_TEXT];
	if (when == (time_t)-1)
		return;
	atls_text_time(text, when);
	say_text(nodes, key, text);
}

static void say_pin(const struct atls_nodes *nodes, const gnutls_datum_t *spki)
{
	struct sha256_ctx sha256;
	uint8_t digest[SHA256_DIGEST_SIZE];
	char text[ATLS_PIN_TEXT];
	sha256_init(&sha256);
	sha256_update(&sha256, spki->size, spki->data);
	sha256_digest(&sha256, sizeof digest, digest);
	atls_pin_text(digest, text);
	say_text(nodes, "pin", text);
}

static void say_digests(const struct atls_nodes *nodes, const uint8_t *der, size_t len)
{
	struct sha256_ctx sha256;
	struct sha1_ctx sha1;
	uint8_t digest[SHA256_DIGEST_SIZE];
	sha256_init(&sha256);
	sha256_update(&sha256, len, der);
	sha256_digest(&sha256, SHA256_DIGEST_SIZE, digest);
	nodes->ops->digest(nodes->ctx, "sha256", digest, SHA256_DIGEST_SIZE);
	sha1_init(&sha1);
	sha1_update(&sha1, len, der);
	sha1_digest(&sha1, SHA1_DIGEST_SIZE, digest);
	nodes->ops->digest(nodes->ctx, "sha1", digest, SHA1_DIGEST_SIZE);
}

static void say_curve(const struct atls_nodes *nodes, gnutls_pubkey_t key)
{
	gnutls_ecc_curve_t curve;
	gnutls_datum_t x = {0}, y = {0};
	if (gnutls_pubkey_export_ecc_raw2(key, &curve, &x, &y, 0) == 0)
		say_text(nodes, "curve", gnutls_ecc_curve_get_name(curve));
	gnutls_free(x.data);
	gnutls_free(y.data);
}

static void say_key(const struct atls_nodes *nodes, gnutls_pubkey_t key)
{
	gnutls_datum_t der = {0};
	unsigned bits = 0;
	int algorithm = gnutls_pubkey_get_pk_algorithm(key, &bits);
	begin(nodes, "key", false);
	say_text(nodes, "algorithm", gnutls_pk_get_name((gnutls_pk_algorithm_t)algorithm));
	nodes->ops->number(nodes->ctx, "bits", bits);
	if (algorithm == GNUTLS_PK_ECDSA)
		say_curve(nodes, key);
	if (gnutls_pubkey_export2(key, GNUTLS_X509_FMT_DER, &der) == 0)
		say_pin(nodes, &der);
	gnutls_free(der.data);
	nodes->ops->end(nodes->ctx);
}

static void say_names_of(const struct teller *t, gnutls_subject_alt_names_t names)
{
	static const char *const kinds[] = {
		[GNUTLS_SAN_DNSNAME] = "dns",
		[GNUTLS_SAN_RFC822NAME] = "email",
		[GNUTLS_SAN_URI] = "uri",
		[GNUTLS_SAN_IPADDRESS] = "ip",
		[GNUTLS_SAN_OTHERNAME] = "other",
		[GNUTLS_SAN_DN] = "dn",
		[GNUTLS_SAN_REGISTERED_ID] = "registered_id",
	};
	gnutls_datum_t san, other;
	unsigned type;
	char address[48];
	for (unsigned i = 0; i < NAMES_MAX; i++) {
		if (gnutls_subject_alt_names_get(names, i, &type, &san, &other) < 0)
			break;
		begin(t->nodes, NULL, false);
		say_text(t->nodes, "type",
			type < sizeof kinds / sizeof kinds[0] ? kinds[type] : "other");
		if (type == GNUTLS_SAN_IPADDRESS && (san.size == 4 || san.size == 16) &&
			inet_ntop(san.size == 4 ? AF_INET : AF_INET6, san.data, address,
				sizeof address))
			say_text(t->nodes, "value", address);
		else if (type == GNUTLS_SAN_OTHERNAME || type > GNUTLS_SAN_REGISTERED_ID)
			t->nodes->ops->bytes(t->nodes->ctx, "value", san.data, san.size);
		else
			t->nodes->ops->text(t->nodes->ctx, "value", san.data, san.size);
		t->nodes->ops->end(t->nodes->ctx);
	}
}

static void say_names(const struct teller *t)
{
	gnutls_subject_alt_names_t names;
	gnutls_datum_t extension = {0};
	begin(t->nodes, "alternative_names", true);
	if (gnutls_x509_crt_get_extension_by_oid2(t->crt, "2.5.29.17", 0, &extension, NULL) == 0 &&
		gnutls_subject_alt_names_init(&names) == 0) {
		if (gnutls_x509_ext_import_subject_alt_names(&extension, names, 0) == 0)
			say_names_of(t, names);
		gnutls_subject_alt_names_deinit(names);
	}
	gnutls_free(extension.data);
	t->nodes->ops->end(t->nodes->ctx);
}

static void say_usage(const struct teller *t)
{
	static const struct usage {
		unsigned bit;
		const char *name;
	} usages[] = {
		{GNUTLS_KEY_DIGITAL_SIGNATURE, "digital_signature"},
		{GNUTLS_KEY_NON_REPUDIATION, "non_repudiation"},
		{GNUTLS_KEY_KEY_ENCIPHERMENT, "key_encipherment"},
		{GNUTLS_KEY_DATA_ENCIPHERMENT, "data_encipherment"},
		{GNUTLS_KEY_KEY_AGREEMENT, "key_agreement"},
		{GNUTLS_KEY_KEY_CERT_SIGN, "key_cert_sign"},
		{GNUTLS_KEY_CRL_SIGN, "crl_sign"},
		{GNUTLS_KEY_ENCIPHER_ONLY, "encipher_only"},
		{GNUTLS_KEY_DECIPHER_ONLY, "decipher_only"},
	};
	unsigned usage = 0;
	char oid[OID_MAX];
	if (gnutls_x509_crt_get_key_usage(t->crt, &usage, NULL) == 0) {
		begin(t->nodes, "key_usage", true);
		for (size_t i = 0; i < sizeof usages / sizeof usages[0]; i++)
			if (usage & usages[i].bit)
				say_text(t->nodes, NULL, usages[i].name);
		t->nodes->ops->end(t->nodes->ctx);
	}
	size_t size = sizeof oid;
	if (gnutls_x509_crt_get_key_purpose_oid(t->crt, 0, oid, &size, NULL) < 0)
		return;
	begin(t->nodes, "extended_key_usage", true);
	for (unsigned i = 0; i < 32; i++) {
		size = sizeof oid;
		if (gnutls_x509_crt_get_key_purpose_oid(t->crt, i, oid, &size, NULL) < 0)
			break;
		say_text(t->nodes, NULL, oid);
	}
	t->nodes->ops->end(t->nodes->ctx);
}

static void say_basics(const struct teller *t)
{
	gnutls_datum_t text = {0};
	uint8_t serial[128];
	size_t size = sizeof serial;
	if (gnutls_x509_crt_get_dn3(t->crt, &text, 0) == 0)
		say_datum(t->nodes, "subject", &text);
	if (gnutls_x509_crt_get_issuer_dn3(t->crt, &text, 0) == 0)
		say_datum(t->nodes, "issuer", &text);
	if (gnutls_x509_crt_get_serial(t->crt, serial, &size) == 0)
		t->nodes->ops->digest(t->nodes->ctx, "serial", serial, size);
	int version = gnutls_x509_crt_get_version(t->crt);
	if (version > 0)
		t->nodes->ops->number(t->nodes->ctx, "version", (uint64_t)version);
	say_time(t->nodes, "not_before", gnutls_x509_crt_get_activation_time(t->crt));
	say_time(t->nodes, "not_after", gnutls_x509_crt_get_expiration_time(t->crt));
}

static void say_constraints(const struct teller *t)
{
	unsigned ca = 0;
	int path_len = -1;
	if (gnutls_x509_crt_get_basic_constraints(t->crt, NULL, &ca, &path_len) >= 0) {
		t->nodes->ops->flag(t->nodes->ctx, "ca", ca != 0);
		if (path_len >= 0)
			t->nodes->ops->number(t->nodes->ctx, "path_length", (uint64_t)path_len);
	}
}

/* The content of a DER OCTET STRING, as a part of it; empty if it is none. */
static gnutls_datum_t octet_string(const gnutls_datum_t *der)
{
	gnutls_datum_t none = {0}, content = {der->data, der->size};
	if (der->size < 2 || der->data[0] != 0x04)
		return none;
	unsigned head = 2, len = der->data[1];
	if (len > 0x82 || (len > 0x7f && der->size < head + (len - 0x80)))
		return none;
	if (len > 0x7f) {
		head += len - 0x80;
		len = 0;
		for (unsigned i = 2; i < head; i++)
			len = len << 8 | der->data[i];
	}
	content.data += head;
	content.size -= head;
	return content.size == len ? content : none;
}

static void say_timestamps(const struct teller *t)
{
	gnutls_datum_t extension = {0};
	if (gnutls_x509_crt_get_extension_by_oid2(
		    t->crt, "1.3.6.1.4.1.11129.2.4.2", 0, &extension, NULL) == 0) {
		gnutls_datum_t list = octet_string(&extension);
		struct atls_walk walk = {*t->nodes, list.data};
		struct atls_cut cut = {&walk, list.data, list.size, false};
		if (list.size)
			atls_timestamps_explain(&cut);
	}
	gnutls_free(extension.data);
}

static void say_signature(const struct teller *t)
{
	int algorithm = gnutls_x509_crt_get_signature_algorithm(t->crt);
	const char *name =
		algorithm > 0 ? gnutls_sign_get_name((gnutls_sign_algorithm_t)algorithm) : NULL;
	char oid[OID_MAX];
	size_t size = sizeof oid;
	if (!name && gnutls_x509_crt_get_signature_oid(t->crt, oid, &size) == 0)
		name = oid;
	say_text(t->nodes, "signature_algorithm", name);
}

static void explain(const struct teller *t)
{
	gnutls_pubkey_t key;
	say_basics(t);
	say_names(t);
	if (gnutls_pubkey_init(&key) == 0) {
		if (gnutls_pubkey_import_x509(key, t->crt, 0) == 0)
			say_key(t->nodes, key);
		gnutls_pubkey_deinit(key);
	}
	say_signature(t);
	say_constraints(t);
	say_usage(t);
	say_timestamps(t);
}

void atls_certificate_explain(const uint8_t *der, size_t len, const struct atls_nodes *nodes)
{
	struct teller t = {nodes, NULL};
	gnutls_datum_t datum = {.size = (unsigned)len};
	memcpy(&datum.data, &der,
		sizeof der); /* GnuTLS's type lacks const, its function does not */
	nodes->ops->number(nodes->ctx, "size", len);
	say_digests(nodes, der, len);
	int rc = gnutls_x509_crt_init(&t.crt);
	if (rc < 0)
		return;
	rc = gnutls_x509_crt_import(t.crt, &datum, GNUTLS_X509_FMT_DER);
	if (rc == 0)
		explain(&t);
	else
		nodes->ops->wrong(nodes->ctx, ATLS_NOWHERE, "an X.509 certificate in DER",
			gnutls_strerror(rc));
	gnutls_x509_crt_deinit(t.crt);
}

void atls_raw_key_explain(const uint8_t *der, size_t len, const struct atls_nodes *nodes)
{
	gnutls_pubkey_t key;
	gnutls_datum_t datum = {.size = (unsigned)len};
	memcpy(&datum.data, &der, sizeof der);
	nodes->ops->number(nodes->ctx, "size", len);
	if (gnutls_pubkey_init(&key) < 0)
		return;
	int rc = gnutls_pubkey_import(key, &datum, GNUTLS_X509_FMT_DER);
	if (rc == 0)
		say_key(nodes, key);
	else
		nodes->ops->wrong(
			nodes->ctx, ATLS_NOWHERE, "a public key in DER", gnutls_strerror(rc));
	gnutls_pubkey_deinit(key);
}
