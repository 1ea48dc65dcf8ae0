#include "explain/suite.h"

#include "explain/names.h"

#include <string.h>

/* The longer of two that begin alike comes first. */
static const struct bulk {
	const char *name;
	enum atls_suite_kind kind;
	gnutls_cipher_algorithm_t cipher;
	uint8_t key_len, fixed_len, explicit_len, tag_len;
} bulks[] = {
	{"AES_128_GCM", ATLS_SUITE_AEAD, GNUTLS_CIPHER_AES_128_GCM, 16, 4, 8, 16},
	{"AES_256_GCM", ATLS_SUITE_AEAD, GNUTLS_CIPHER_AES_256_GCM, 32, 4, 8, 16},
	{"AES_128_CCM_8", ATLS_SUITE_AEAD, GNUTLS_CIPHER_AES_128_CCM_8, 16, 4, 8, 8},
	{"AES_256_CCM_8", ATLS_SUITE_AEAD, GNUTLS_CIPHER_AES_256_CCM_8, 32, 4, 8, 8},
	{"AES_128_CCM", ATLS_SUITE_AEAD, GNUTLS_CIPHER_AES_128_CCM, 16, 4, 8, 16},
	{"AES_256_CCM", ATLS_SUITE_AEAD, GNUTLS_CIPHER_AES_256_CCM, 32, 4, 8, 16},
	{"CHACHA20_POLY1305", ATLS_SUITE_AEAD, GNUTLS_CIPHER_CHACHA20_POLY1305, 32, 12, 0, 16},
	{"CAMELLIA_128_GCM", ATLS_SUITE_AEAD, GNUTLS_CIPHER_CAMELLIA_128_GCM, 16, 4, 8, 16},
	{"CAMELLIA_256_GCM", ATLS_SUITE_AEAD, GNUTLS_CIPHER_CAMELLIA_256_GCM, 32, 4, 8, 16},
	{"AES_128_CBC", ATLS_SUITE_CBC, GNUTLS_CIPHER_AES_128_CBC, 16, 16, 16, 0},
	{"AES_256_CBC", ATLS_SUITE_CBC, GNUTLS_CIPHER_AES_256_CBC, 32, 16, 16, 0},
	{"CAMELLIA_128_CBC", ATLS_SUITE_CBC, GNUTLS_CIPHER_CAMELLIA_128_CBC, 16, 16, 16, 0},
	{"CAMELLIA_256_CBC", ATLS_SUITE_CBC, GNUTLS_CIPHER_CAMELLIA_256_CBC, 32, 16, 16, 0},
	{"3DES_EDE_CBC", ATLS_SUITE_CBC, GNUTLS_CIPHER_3DES_CBC, 24, 8, 8, 0},
	{"RC4_128", ATLS_SUITE_STREAM, GNUTLS_CIPHER_ARCFOUR_128, 16, 0, 0, 0},
	{"NULL", ATLS_SUITE_NULL, GNUTLS_CIPHER_NULL, 0, 0, 0, 0},
};

static const struct digest {
	const char *name;
	gnutls_mac_algorithm_t mac;
	uint8_t len;
} digests[] = {
	{"_SHA256", GNUTLS_MAC_SHA256, 32},
	{"_SHA384", GNUTLS_MAC_SHA384, 48},
	{"_SHA", GNUTLS_MAC_SHA1, 20},
	{"_MD5", GNUTLS_MAC_MD5, 16},
};

static const struct exchange {
	const char *name;
	enum atls_key_exchange exchange;
} exchanges[] = {
	{"ECDHE_", ATLS_KX_ECDHE},
	{"ECDH_anon", ATLS_KX_ECDHE},
	{"ECDH_", ATLS_KX_ECDH},
	{"DHE_", ATLS_KX_DHE},
	{"PSK_DHE_", ATLS_KX_DHE},
	{"DH_anon", ATLS_KX_DHE},
	{"DH_", ATLS_KX_DH},
	{"RSA_", ATLS_KX_RSA},
};

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static void describe_exchange(struct atls_suite *suite, const char *name, const char *end)
{
	const char *psk = strstr(name, "PSK_"), *anon = strstr(name, "anon");
	suite->psk = psk && psk < end;
	suite->anonymous = anon && anon < end;
	suite->srp = begins(name, "SRP_");
	for (size_t i = 0; i < sizeof exchanges / sizeof exchanges[0]; i++)
		if (begins(name, exchanges[i].name)) {
			suite->exchange = exchanges[i].exchange;
			return;
		}
}

static void describe_digest(struct atls_suite *suite, const char *name)
{
	for (size_t i = 0; i < sizeof digests / sizeof digests[0]; i++)
		if (begins(name, digests[i].name)) {
			suite->mac = digests[i].mac;
			suite->mac_len = digests[i].len;
			break;
		}
	/* Suites older than TLS 1.2 have its default PRF there (RFC 5246 section 5). */
	suite->prf = suite->mac == GNUTLS_MAC_SHA384 ? GNUTLS_MAC_SHA384 : GNUTLS_MAC_SHA256;
	if (suite->kind == ATLS_SUITE_AEAD) {
		suite->mac = GNUTLS_MAC_NULL;
		suite->mac_len = 0;
	} else if (suite->mac_len == 0) { /* one that GnuTLS does not have, or none at all */
		suite->kind = ATLS_SUITE_UNSUPPORTED;
	}
}

bool atls_suite_describe(unsigned number, struct atls_suite *suite)
{
	const char *name = atls_name_suite(number);
	*suite = (struct atls_suite){.cipher = GNUTLS_CIPHER_UNKNOWN};
	if (!name || !begins(name, "TLS_"))
		return false;
	name += 4;
	const char *with = strstr(name, "_WITH_");
	if (with)
		describe_exchange(suite, name, with);
	const char *bulk = with ? with + 6 : name;
	for (size_t i = 0; i < sizeof bulks / sizeof bulks[0]; i++)
		if (begins(bulk, bulks[i].name)) {
			suite->kind = bulks[i].kind;
			suite->cipher = bulks[i].cipher;
			suite->key_len = bulks[i].key_len;
			suite->fixed_len = bulks[i].fixed_len;
			suite->explicit_len = bulks[i].explicit_len;
			suite->tag_len = bulks[i].tag_len;
			describe_digest(suite, bulk + strlen(bulks[i].name));
			break;
		}
	return true;
}
