/* What one end hears, as a byte stream with positions: put in order, each byte once, whatever comes
 * twice, late or not at all. It knows nothing of requests, as stream_send.h. */
#ifndef ATLS_CORE_STREAM_RECV_H
#define ATLS_CORE_STREAM_RECV_H

#include "atls.h"

struct atls_stored;

/* Plain data for those who look; only the functions change it. */
struct atls_recv {
	uint64_t next;  /* all before this came */
	uint64_t taken; /* and all before this was given to the owner */
	uint64_t fin;   /* where it ends, if has_fin */
	bool has_fin;
	bool aborted; /* the end is none: not all was said */
	uint64_t max; /* promised to the other end */
	size_t window, window_max;
	unsigned ranges_max;       /* ahead of a gap */
	size_t stored;             /* bytes ahead of a gap, or that have not been taken */
	struct atls_stored *first; /* in order, without overlaps */
	struct atls_stored *given; /* what was taken last */
	const uint8_t *borrowed;   /* the caller's own bytes, to be taken before it goes on */
	size_t borrowed_len;
};

/* A promise of window bytes to begin with, that may grow to window_max where it proves too small.
 */
void atls_recv_init(struct atls_recv *recv, size_t window, size_t window_max, unsigned ranges_max);
void atls_recv_free(struct atls_recv *recv);

/*
 * len bytes came that stand at position; fin: the stream ends behind them. The bytes need to stay
 * only until atls_recv_take() has returned 0, which has to be before the next call of this.
 * 0; ATLS_E_AGAIN if there are too many gaps, and ATLS_E_LIMIT if that is more than was promised:
 * nothing was taken; ATLS_E_MEMORY; or ATLS_E_PROTOCOL, when the end moved.
 */
int atls_recv_put(struct atls_recv *recv, uint64_t position, const void *bytes, size_t len,
	bool fin, struct atls_error *err);

/* What the end was, of which the dictionary with these keys told. */
void atls_recv_end(struct atls_recv *recv, unsigned has);

/* The next bytes in order, each once, valid until the next call; 0: no more for now. */
size_t atls_recv_take(struct atls_recv *recv, const uint8_t **bytes);

/* What is acknowledged: the end counts as one more, once all before it is here. */
uint64_t atls_recv_ack(const struct atls_recv *recv);
bool atls_recv_complete(const struct atls_recv *recv);

/* A window from window to window_max, for what is promised from now on. */
void atls_recv_window(struct atls_recv *recv, size_t window, size_t window_max);

/* Promises a window beyond what was taken, unread bytes of which the owner still has. Returns max.
 */
uint64_t atls_recv_promise(struct atls_recv *recv, size_t unread);

#endif
