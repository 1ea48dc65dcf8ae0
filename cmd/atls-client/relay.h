/* A local stream (standard input and output, or an accepted connection) and its session. */
#ifndef ATLS_CLIENT_RELAY_H
#define ATLS_CLIENT_RELAY_H

#include "session.h"

struct relay;

/* Called once, when the session is over and all that came was written; err->code is ATLS_OK if both
 * directions ended by close_notify. The owner frees the relay, in it or later. */
typedef void relay_ended(void *ctx, struct relay *relay, const struct atls_error *err);

/* Carries what comes from in to the service and what comes from there to out; in and out may be the
 * same socket. Takes the descriptors over. what_in and what_out name them in errors. Null with err
 * filled (the descriptors are closed then, too). */
struct relay *relay_new(struct client *client, int in, int out, relay_ended *ended, void *ctx,
	struct atls_error *err);

void relay_free(struct relay *relay);

/* Ends the session by the user's wish. */
void relay_stop(struct relay *relay);

/* Bytes of the local stream, sent and received. */
void relay_bytes(const struct relay *relay, uint64_t *up, uint64_t *down);

#endif
