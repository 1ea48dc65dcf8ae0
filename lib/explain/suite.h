/* What a cipher suite is made of, told by its name. */
#ifndef ATLS_EXPLAIN_SUITE_H
#define ATLS_EXPLAIN_SUITE_H

#include "atls.h"

#include <gnutls/crypto.h>

enum atls_suite_kind {
	ATLS_SUITE_UNSUPPORTED, /* no such cipher in GnuTLS, or no such suite */
	ATLS_SUITE_NULL,        /* not encrypted, with a MAC */
	ATLS_SUITE_STREAM,
	ATLS_SUITE_CBC,
	ATLS_SUITE_AEAD,
};

enum atls_key_exchange {
	ATLS_KX_UNKNOWN, /* TLS 1.3's suites name none */
	ATLS_KX_RSA,
	ATLS_KX_DH, /* with a certificate */
	ATLS_KX_DHE,
	ATLS_KX_ECDH,
	ATLS_KX_ECDHE,
};

struct atls_suite {
	enum atls_suite_kind kind;
	enum atls_key_exchange exchange;
	bool psk, anonymous, srp;
	gnutls_cipher_algorithm_t cipher;
	gnutls_mac_algorithm_t mac; /* of records; none with an AEAD */
	gnutls_mac_algorithm_t prf; /* TLS 1.2's PRF, TLS 1.3's HKDF */
	uint8_t key_len, mac_len;
	uint8_t fixed_len;    /* of the nonce: from the key block (CBC before 1.1: the first IV) */
	uint8_t explicit_len; /* of the nonce: in each record */
	uint8_t tag_len;
};

/* Whether the suite is known by name; kind says whether its cipher is. */
bool atls_suite_describe(unsigned number, struct atls_suite *suite);

#endif
