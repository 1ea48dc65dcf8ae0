#ifndef ATLS_NET_CLOCK_H
#define ATLS_NET_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Milliseconds that only go forward. */
static inline int64_t atls_now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#endif
