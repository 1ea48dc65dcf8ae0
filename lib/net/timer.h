#ifndef ATLS_NET_TIMER_H
#define ATLS_NET_TIMER_H

#include <event2/event.h>
#include <stdint.h>

/* Milliseconds as libevent wants them. */
static inline struct timeval atls_timeval(int64_t ms)
{
	return (struct timeval){
		.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
}

/* Lets timer (an event without a descriptor) go off in ms from now; one that runs starts anew. */
static inline int atls_timer_set(struct event *timer, int64_t ms)
{
	const struct timeval wait = atls_timeval(ms);
	return event_add(timer, &wait);
}

/* Null is allowed. */
static inline void atls_event_free(struct event *event)
{
	if (event)
		event_free(event);
}

#endif
