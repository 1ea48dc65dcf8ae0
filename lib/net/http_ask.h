/* One HTTP request by hand, on a connection that stands: what a proxy or a portal adds shows in the
 * head of the answer. */
#ifndef ATLS_NET_HTTP_ASK_H
#define ATLS_NET_HTTP_ASK_H

#include "net/handshake.h"

struct atls_http_ask;

/* The head of the answer; its status is 0 if none came, whatever the reason. */
typedef void atls_http_asked(void *ctx, const struct atls_http_sight *sight);

/* Sends GET / for host, inside the handshake's session or, where that is null, in plain text. asked
 * is called once, from the event base, within max_ms. Null: memory. */
struct atls_http_ask *atls_http_ask_new(struct event_base *base, struct atls_dial *dial,
	struct atls_handshake *handshake, const char *host, int64_t max_ms, atls_http_asked *asked,
	void *ctx);

/* Null is allowed. */
void atls_http_ask_free(struct atls_http_ask *ask);

/* Reads the head of an answer, which may be cut. */
void atls_http_head_read(struct atls_http_sight *sight, const char *head, size_t len);

#endif
