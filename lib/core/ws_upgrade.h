/* How an HTTP connection becomes a WebSocket (RFC 6455 section 4): what both sides say before the
 * frames of ws.h, as text. */
#ifndef ATLS_CORE_WS_UPGRADE_H
#define ATLS_CORE_WS_UPGRADE_H

#include "atls.h"

#define ATLS_WS_PROTOCOL "atls" /* Sec-WebSocket-Protocol of sessions with the inner TLS */
#define ATLS_WS_VERSION  "13"

#define ATLS_WS_KEY      25u         /* with its NUL */
#define ATLS_WS_ACCEPT   29u         /* the same */
#define ATLS_WS_HEAD_MAX (16u << 10) /* of an answer, interim ones included */

/* A new Sec-WebSocket-Key. 0, or ATLS_E_MEMORY if there is no randomness. */
int atls_ws_key(char key[ATLS_WS_KEY]);

/* The Sec-WebSocket-Accept for a key (section 4.2.2). 0 or ATLS_E_MEMORY. */
int atls_ws_accept(const char *key, char accept[ATLS_WS_ACCEPT]);

/* The header fields of a request that ask for it; null: not there. Of lists, all of them. */
struct atls_ws_request {
	const char *upgrade, *connection, *version, *key, *protocol;
};

/* Whether a GET asks for a WebSocket of that protocol: the status to answer, 101; 426 when it asks
 * for none, or for another version; 400 when it asks in a wrong way. err says what is wrong. */
unsigned atls_ws_judge_request(
	const struct atls_ws_request *request, const char *protocol, struct atls_error *err);

/*
 * Reads the answer to a request with key for protocol, as far as it is here. Returns the length of
 * its head, behind which the frames begin, when it is the upgrade; ATLS_E_AGAIN when more of it has
 * to come; else a failure with err filled: ATLS_E_NETWORK for an HTTP status that says no,
 * ATLS_E_PROTOCOL for what is no such answer. *status is the HTTP status, 0 as long as there is
 * none.
 */
ssize_t atls_ws_read_answer(const char *head, size_t len, const char *key, const char *protocol,
	unsigned *status, struct atls_error *err);

#endif
