/* Opens sealed records with the keys of one direction: TLS 1.3 (RFC 8446 section 5.2) and TLS 1.0
 * to 1.2 (RFC 5246 section 6.2.3, RFC 7366). */
#ifndef ATLS_EXPLAIN_OPENER_H
#define ATLS_EXPLAIN_OPENER_H

#include "explain/record.h"
#include "explain/suite.h"

struct atls_opener {
	struct atls_suite suite;
	uint16_t version;
	bool etm;
	uint64_t sequence; /* of the next record */
	gnutls_aead_cipher_hd_t aead;
	gnutls_cipher_hd_t cipher;
	uint8_t iv[16];
	uint8_t mac_key[64];
};

/* Sets up for a traffic secret of TLS 1.3 (as long as the suite's hash). False if GnuTLS does not
 * do it. */
bool atls_opener_begin_13(struct atls_opener *opener, const struct atls_suite *suite,
	const uint8_t *secret, size_t len);

/* What TLS 1.2 and before make keys of. */
struct atls_opener_12 {
	uint16_t version;
	bool etm;
	const uint8_t *master; /* 48 bytes */
	const uint8_t *client_random, *server_random;
	bool client; /* the keys the client writes with */
};

bool atls_opener_begin_12(struct atls_opener *opener, const struct atls_suite *suite,
	const struct atls_opener_12 *from);

/* Opens a record whose body is there into out, which has room for ATLS_RECORD_ROOM. Returns false
 * if it does not open; the sequence number then stays. *len is the content's length, *type what it
 * is (with TLS 1.3, the inner type), *padding the bytes behind it. */
#define ATLS_RECORD_ROOM (65535u + 64u)
struct atls_opened {
	size_t len, padding;
	uint8_t type;
};
bool atls_opener_open(struct atls_opener *opener, const struct atls_record *record, uint8_t *out,
	struct atls_opened *opened);

/* Wipes the keys. All zero is allowed. */
void atls_opener_end(struct atls_opener *opener);

/* HKDF-Expand-Label of RFC 8446 section 7.1 with an empty context. */
bool atls_expand_label(gnutls_mac_algorithm_t mac, const uint8_t *secret, size_t len,
	const char *label, uint8_t *out, size_t out_len);

#endif
