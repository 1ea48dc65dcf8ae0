/* The signals that end a run in order: an interrupt, a request to end, and the hang-up that ssh
 * sends to its ProxyCommand. */
#ifndef ATLS_CLIENT_SIGNALS_H
#define ATLS_CLIENT_SIGNALS_H

#include <event2/event.h>
#include <stdbool.h>

#define END_SIGNALS 3

/* Calls take for each of them. False if memory is short; end_signals_free() in either case. */
bool end_signals_catch(struct event_base *base, struct event *signals[END_SIGNALS],
	event_callback_fn take, void *ctx);

void end_signals_free(struct event *signals[END_SIGNALS]);

#endif
