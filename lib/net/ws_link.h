/* A WebSocket on a connection, driven by an event base: reads, writes, and finds out that the other
 * end is gone. */
#ifndef ATLS_NET_WS_LINK_H
#define ATLS_NET_WS_LINK_H

#include "atls.h"

#include <event2/event.h>

#define ATLS_WS_PING_MS 20000 /* of silence: then a sign of life is asked for */
#define ATLS_WS_DEAD_MS 10000 /* without one, the connection is lost */

struct atls_ws_link;

/* How bytes pass the connection, whose descriptor tells when. Both return a count, 0 for the
 * connection's end, ATLS_E_AGAIN, or another negative code with err filled. */
struct atls_ws_way {
	int fd;
	ssize_t (*receive)(void *ctx, void *bytes, size_t cap, struct atls_error *err);
	ssize_t (*send)(void *ctx, const void *bytes, size_t len, struct atls_error *err);
	void *ctx;
};

/* A connected socket that is plain: ctx points to its descriptor. */
extern const struct atls_ws_way atls_ws_plain_way;

/* All are called from the event base, and the owner may free the link in each. */
struct atls_ws_link_events {
	/* As in struct atls_ws_events: a failure ends the link with err. */
	int (*bytes)(void *ctx, const uint8_t *bytes, size_t len, struct atls_error *err);
	int (*text)(void *ctx, const char *text, size_t len, struct atls_error *err);
	/* Something came, or there is room again: say what there is to say. */
	void (*turn)(void *ctx);
	/* The connection is lost or closed. Called once, last. */
	void (*ended)(void *ctx, const struct atls_error *err);
};

/* way's descriptor stays the caller's, and has to outlive the link; it must not block. Null:
 * memory.
 */
struct atls_ws_link *atls_ws_link_new(struct event_base *base, enum atls_role role,
	const struct atls_ws_way *way, const struct atls_ws_link_events *events, void *ctx);

/* Null is allowed. Closes nothing. */
void atls_ws_link_free(struct atls_ws_link *link);

/* Bytes that were received behind the upgrade already. turn() follows. */
void atls_ws_link_feed(struct atls_ws_link *link, const void *bytes, size_t len);

/* How much the next message may have. */
size_t atls_ws_link_room(const struct atls_ws_link *link);

/* Add a message. 0 or as atls_ws_text() has it. What was added outside of turn() leaves with
 * atls_ws_link_flush(). */
int atls_ws_link_bytes(struct atls_ws_link *link, const void *bytes, size_t len);
int atls_ws_link_text(struct atls_ws_link *link, const char *text, size_t len);
void atls_ws_link_flush(struct atls_ws_link *link);

/* Sends a close frame as far as that goes at once; nothing comes of it any more but ended(). */
void atls_ws_link_close(struct atls_ws_link *link, unsigned status);

#endif
