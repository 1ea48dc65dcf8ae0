/* Judging a chain, with all that was found. What is expected (struct atls_policy) is public. */
#ifndef ATLS_TRUST_POLICY_H
#define ATLS_TRUST_POLICY_H

#include "atls.h"

#include <time.h>

#define ATLS_CHAIN_MAX 16u /* certificates of a peer; GnuTLS verifies no deeper */
#define ATLS_NAME_TEXT 256u

/* What is wrong with a chain, each for itself. */
enum atls_fault {
	ATLS_FAULT_NO_CERTIFICATE = 1 << 0,
	ATLS_FAULT_MALFORMED = 1 << 1,
	ATLS_FAULT_UNTRUSTED = 1 << 2, /* no way to a trust anchor */
	ATLS_FAULT_EXPIRED = 1 << 3,
	ATLS_FAULT_NOT_YET = 1 << 4,
	ATLS_FAULT_NAME = 1 << 5,
	ATLS_FAULT_PIN = 1 << 6,
	ATLS_FAULT_REVOKED = 1 << 7,
	ATLS_FAULT_WEAK = 1 << 8, /* signature or key below what is acceptable */
	ATLS_FAULT_PURPOSE = 1 << 9,
	ATLS_FAULT_OTHER = 1 << 10, /* anything else for which GnuTLS refuses the chain */
	/* Found by atls_judge() alone. The first two say more exactly why a chain is untrusted. */
	ATLS_FAULT_SELF_SIGNED = 1 << 11,
	ATLS_FAULT_INCOMPLETE = 1 << 12, /* an intermediate certificate was not sent */
	ATLS_FAULT_NO_SAN = 1 << 13,     /* the name is in the subject's common name only */
};

/* A finding and its evidence. All texts may hold bytes that the peer chose. */
struct atls_verdict {
	unsigned faults;      /* enum atls_fault; 0: the chain is as expected */
	unsigned leaf_faults; /* those of them that are the leaf's own, not its issuers' */
	unsigned status;      /* GnuTLS's words on the chain: enum gnutls_certificate_status_t */
	unsigned chain_len;
	char subject[ATLS_NAME_TEXT]; /* of the leaf, RFC 4514 */
	char issuer[ATLS_NAME_TEXT];
	char names[ATLS_NAME_TEXT]; /* the leaf's DNS names and addresses, "a, b"; cut if long */
	char key[64];               /* kind and size, "ECDSA 256" */
	time_t not_before;          /* of the leaf; -1 if there is none */
	time_t not_after;
	uint8_t pin[ATLS_PIN_LEN]; /* of the leaf's key */
};

/* Judges a chain, leaf first, in DER. Fills verdict whatever the outcome. Returns 0 when faults is
 * 0 and ATLS_E_TLS when not; ATLS_E_MEMORY too. Needs no network; the time is GnuTLS's. A name is
 * looked for in the subject alternative names alone, an address among the addresses alone (RFC 9525
 * section 6). Keys and signatures must reach 112 bits of security. */
int atls_policy_judge(const struct atls_policy *policy, const gnutls_datum_t *chain, unsigned count,
	struct atls_verdict *verdict);

/* "sha256//BASE64" of a pin: needs ATLS_PIN_TEXT bytes. */
#define ATLS_PIN_TEXT 53u
void atls_pin_text(const uint8_t pin[ATLS_PIN_LEN], char text[ATLS_PIN_TEXT]);

/* One word for the most telling of a verdict's faults: no_certificate, malformed, revoked,
 * untrusted, wrong_key, expired, not_yet_valid, wrong_name, wrong_purpose, weak, other; or ok. */
const char *atls_fault_word(unsigned faults);

/* The sentence for a verdict's faults, without a layer in front: "the certificate has expired on
 * 2026-01-01T00:00:00Z", with the most telling fault first. name is what was expected, may be null.
 */
void atls_verdict_sentence(
	const struct atls_verdict *verdict, const char *name, char *text, size_t cap);

#endif
