/* The direct way: the session's TLS on a connection of its own, without HTTP below it. It is used
 * or refused as a whole: nothing is written before the service is verified. */
#ifndef ATLS_CLIENT_DIRECT_H
#define ATLS_CLIENT_DIRECT_H

#include "direct_way.h"
#include "session.h"

struct direct;

/* Begins a handshake there, within --direct-timeout. The events are a session's: progress() comes
 * once the session stands, and not before. Null with err filled. */
struct direct *direct_new(struct client *client, const struct session_events *events, void *ctx,
	struct atls_error *err);

void direct_free(struct direct *direct);

/* Whether the handshake was done, and the service verified in it. */
bool direct_stands(const struct direct *direct);

/* Whether a byte came since. */
bool direct_heard(const struct direct *direct);

/* Whether the service has taken the client's certificate, as far as that can be known. */
bool direct_accepted(const struct direct *direct);

/* Until the session stood, or until now. */
int64_t direct_took_ms(const struct direct *direct);

struct atls_engine *direct_engine(const struct direct *direct);

/* As those of a session. */
void direct_kick(struct direct *direct);
void direct_stop(struct direct *direct);

#endif
