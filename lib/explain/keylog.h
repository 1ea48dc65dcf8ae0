/* Secrets of TLS sessions, from the text that SSLKEYLOGFILE gathers
 * (draft-ietf-tls-keylogfile). */
#ifndef ATLS_EXPLAIN_KEYLOG_H
#define ATLS_EXPLAIN_KEYLOG_H

#include "atls.h"

#define ATLS_SECRET_MAX 64u

enum atls_secret {
	ATLS_SECRET_MASTER, /* CLIENT_RANDOM: TLS 1.2 and before */
	ATLS_SECRET_CLIENT_EARLY,
	ATLS_SECRET_CLIENT_HANDSHAKE,
	ATLS_SECRET_SERVER_HANDSHAKE,
	ATLS_SECRET_CLIENT_TRAFFIC,
	ATLS_SECRET_SERVER_TRAFFIC,
	ATLS_SECRETS
};

struct atls_keylog;

/* Null if memory is short. */
struct atls_keylog *atls_keylog_new(void);

/* Wipes the secrets. Null is allowed. */
void atls_keylog_free(struct atls_keylog *keylog);

/* Adds the secrets of a text; lines of other kinds are passed over. *skipped counts lines that look
 * like secrets and are malformed. 0 or ATLS_E_MEMORY. */
int atls_keylog_add(struct atls_keylog *keylog, const char *text, size_t len, unsigned *skipped);

/* How many secrets there are. */
size_t atls_keylog_count(const struct atls_keylog *keylog);

/* The secret of the session with that client random; null if there is none. */
const uint8_t *atls_keylog_find(const struct atls_keylog *keylog, enum atls_secret kind,
	const uint8_t random[32], size_t *len);

#endif
