/* A session by whichever way it goes: with --direct, ordinary TLS with the service if that can be
 * had, and else ATLS. Whoever carries data over it need not care which. */
#ifndef ATLS_CLIENT_ROUTE_H
#define ATLS_CLIENT_ROUTE_H

#include "direct_way.h"
#include "session.h"

struct route;

/* Begins; the calls and events are those of a session. Null with err filled. */
struct route *route_new(struct client *client, const struct session_events *events, void *ctx,
	struct atls_error *err);

void route_free(struct route *route);

ssize_t route_write(struct route *route, const void *data, size_t len);
void route_kick(struct route *route);
void route_stop(struct route *route);
void route_abort(struct route *route, const struct atls_error *err);

/* Whether the service has heard all that was said so far, and has nothing against it. */
bool route_heard(const struct route *route);

/* The ATLS session, or null if the direct way is tried or taken. */
const struct session *route_session(const struct route *route);

/* Of whichever way it is. */
const struct atls_engine *route_engine(const struct route *route);

/* Until the session stood, -1: it does not. */
int64_t route_handshake_ms(const struct route *route);

/* What came of --direct so far. */
const struct direct_tried *route_tried(const struct route *route);

#endif
