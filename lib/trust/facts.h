/* What one certificate says of itself, for people and for comparisons. */
#ifndef ATLS_TRUST_FACTS_H
#define ATLS_TRUST_FACTS_H

#include "trust/policy.h"

#define ATLS_SERIAL_TEXT 65u /* 32 bytes in hex */
#define ATLS_HASH_LEN    32u
#define ATLS_URL_TEXT    256u

/* Extensions that are there. */
enum atls_has {
	ATLS_HAS_SAN = 1 << 0,
	ATLS_HAS_AKI = 1 << 1,
	ATLS_HAS_SKI = 1 << 2,
	ATLS_HAS_AIA = 1 << 3, /* where its issuer is, or an OCSP responder */
	ATLS_HAS_CRL = 1 << 4, /* distribution points */
	ATLS_HAS_SCT = 1 << 5, /* certificate transparency, RFC 6962 */
	ATLS_HAS_POLICY = 1 << 6,
	ATLS_HAS_EKU = 1 << 7,
	ATLS_HAS_KEY_USAGE = 1 << 8,
	ATLS_HAS_BASIC = 1 << 9,
};

/* Texts may hold bytes that the peer chose. */
struct atls_facts {
	char subject[ATLS_NAME_TEXT], issuer[ATLS_NAME_TEXT];
	char names[ATLS_NAME_TEXT];
	char common_name[ATLS_NAME_TEXT];
	char key[64];       /* "ECDSA 256" */
	char signature[64]; /* "ECDSA-SHA256" */
	char serial[ATLS_SERIAL_TEXT];
	unsigned serial_bits;
	time_t not_before, not_after; /* -1: none */
	uint8_t pin[ATLS_PIN_LEN];    /* SHA-256 of the key */
	uint8_t sha256[ATLS_HASH_LEN];
	unsigned has; /* enum atls_has */
	unsigned extensions;
	bool self_issued; /* subject and issuer are the same name */
	char issuer_url[ATLS_URL_TEXT], ocsp_url[ATLS_URL_TEXT], crl_url[ATLS_URL_TEXT]; /* or "" */
};

/* Fills facts from a certificate in DER. 0, ATLS_E_TLS if it is malformed (facts then hold what
 * could be read, zero otherwise), or ATLS_E_MEMORY. */
int atls_facts_read(struct atls_facts *facts, const gnutls_datum_t *der);

#endif
