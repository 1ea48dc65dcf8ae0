/* A WebSocket (RFC 6455) behind its upgrade: messages over two byte buffers, no I/O. The framing is
 * wslay's. What is carried in it: WEBSOCKET CARRIAGE in atls(7). */
#ifndef ATLS_CORE_WS_H
#define ATLS_CORE_WS_H

#include "atls.h"

#define ATLS_WS_TEXT_MAX   1024u         /* of a text message */
#define ATLS_WS_OUTPUT_MAX (1024u << 10) /* bytes that wait to be sent */

struct atls_ws;

/* What comes. Each returns 0, or a negative code that atls_ws_feed() then ends with. */
struct atls_ws_events {
	/* Bytes of a binary message, in order, as they come: where messages begin and end does not
	 * count. Valid during the call. */
	int (*bytes)(void *ctx, const uint8_t *bytes, size_t len);
	/* A whole text message, not NUL-terminated. Valid during the call. */
	int (*text)(void *ctx, const char *text, size_t len);
};

/* Null: memory is short. events are copied. */
struct atls_ws *atls_ws_new(enum atls_role role, const struct atls_ws_events *events, void *ctx);

/* Null is allowed. */
void atls_ws_free(struct atls_ws *ws);

/*
 * Takes bytes of the connection, cut anywhere, and tells the events; pings are answered in the
 * output. 0; ATLS_E_PROTOCOL with err filled, with a close frame in the output that says so;
 * ATLS_E_MEMORY; or what an event returned, with err as the event left it. Behind a close frame
 * nothing is heard any more.
 */
int atls_ws_feed(struct atls_ws *ws, const void *bytes, size_t len, struct atls_error *err);

/* Whether the peer's close frame came; *status is its code (section 7.4.1), 1005 if it has none. */
bool atls_ws_closed(const struct atls_ws *ws, unsigned *status);

/* Add a message to the output. 0; ATLS_E_LIMIT if it would pass ATLS_WS_OUTPUT_MAX; ATLS_E_MEMORY;
 * or ATLS_E_USAGE behind a close frame. */
int atls_ws_text(struct atls_ws *ws, const char *text, size_t len);
int atls_ws_bytes(struct atls_ws *ws, const void *bytes, size_t len);

/* Asks for a sign of life: the peer answers at once, with bytes to feed. */
int atls_ws_ping(struct atls_ws *ws);

/* Says that this side is done, with a code of section 7.4.1. */
int atls_ws_close(struct atls_ws *ws, unsigned status);

/* What is to be sent; valid until the next call that is not this one. */
size_t atls_ws_output(const struct atls_ws *ws, const uint8_t **bytes);
/* The first len bytes of it were sent. */
void atls_ws_output_done(struct atls_ws *ws, size_t len);

#endif
