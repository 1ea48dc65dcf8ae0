/* Where a WebSocket waits until its first message has named its session, for that says which thread
 * is to have it. Nothing is said there. */
#ifndef ATLS_SERVE_FOYER_H
#define ATLS_SERVE_FOYER_H

#include "net/http_server.h"

struct foyer;

/* The session's name of ATLS_STREAM_ID characters; null if the connection ended before, said
 * something else, or took too long. The owner quits or frees the foyer in it. */
typedef void foyer_named_fn(void *ctx, const char *id);

/* named comes once, from base's loop. Null: memory. */
struct foyer *foyer_new(struct event_base *base, const struct atls_http_upgraded *connection,
	foyer_named_fn *named, void *ctx);

/* Leaves the base: from here on it is only what was heard. */
void foyer_quit(struct foyer *foyer);

/* All that came on the connection so far. */
const void *foyer_heard(const struct foyer *foyer, size_t *len);

/* Null is allowed. */
void foyer_free(struct foyer *foyer);

#endif
