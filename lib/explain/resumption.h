/* Which session another one goes on with, before TLS 1.3: it has the same master secret, and a
 * keylog may have that under the first one's name alone (RFC 5246 section 7.4.1.2, RFC 5077). */
#ifndef ATLS_EXPLAIN_RESUMPTION_H
#define ATLS_EXPLAIN_RESUMPTION_H

#include "explain/hello.h"

#define ATLS_RESUMPTIONS 256u /* that are remembered; the oldest give way */
#define ATLS_TOKEN       32u

/* All zero is one that remembers nothing. */
struct atls_resumptions {
	struct atls_resumption {
		uint8_t token[ATLS_TOKEN]; /* a digest of the ticket, or the session id */
		uint8_t random[32];        /* the client's, of the first session */
	} entries[ATLS_RESUMPTIONS];
	unsigned count, next;
};

/* The digest of a ticket or session id. */
void atls_resumption_token(struct atls_span of, uint8_t token[ATLS_TOKEN]);

void atls_resumption_note(struct atls_resumptions *resumptions, const uint8_t token[ATLS_TOKEN],
	const uint8_t random[32]);

/* Null if it is not remembered. */
const uint8_t *atls_resumption_find(
	const struct atls_resumptions *resumptions, const uint8_t token[ATLS_TOKEN]);

#endif
