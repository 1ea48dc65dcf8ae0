/* Base carriage, the client's half (protocol rules 4.1): which body to send, when to poll, what to
 * repeat. One request is outstanding at most. Times are milliseconds on the caller's own clock. */
#ifndef ATLS_CORE_BASE_H
#define ATLS_CORE_BASE_H

#include "atls.h"

#define ATLS_BODY_DEFAULT   (256u << 10) /* TLS bytes in one body */
#define ATLS_BODY_MIN       1024u        /* a path that takes less than this takes nothing */
#define ATLS_BODY_MAX       (1024u << 10)
#define ATLS_BULK_MIN       (16u << 10) /* an exchange of this size has more behind it */
#define ATLS_AHEAD_MAX      (1u << 20)  /* unread input up to which more is asked for */
#define ATLS_POLL_SOON_MS   5  /* after a small exchange, for what the local side says to it */
#define ATLS_POLL_STEP_MS   10 /* the pause after the first poll that brought nothing; it doubles */
#define ATLS_POLL_IDLE_MS   1000
#define ATLS_BACKOFF_MIN_MS 100
#define ATLS_BACKOFF_MAX_MS 5000
#define ATLS_RESUME_MS      300000 /* without a valid answer the client gives up */

struct atls_base_limits {
	size_t body_max;   /* TLS bytes in one body */
	int64_t idle_ms;   /* longest pause between polls */
	int64_t resume_ms; /* longest time without a valid answer before giving up */
	uint32_t seed;     /* for jitter */
};

/* Plain data, but use it through the functions. */
struct atls_base {
	struct atls_engine *engine;
	struct atls_base_limits limits;
	bool outstanding;
	bool ahead;    /* the last answer was a large one: ask for more before it is read */
	bool repeat;   /* the next body is the last one again, byte for byte */
	size_t sent;   /* output bytes in the outstanding or to be repeated body */
	bool answered; /* a first valid answer came */
	int64_t alive; /* time of the last valid answer */
	int64_t not_before;
	int64_t pause; /* before the next poll */
	int64_t backoff;
	uint32_t random;
	uint64_t exchanges; /* valid answers */
};

enum atls_base_step {
	ATLS_BASE_SEND, /* send the body now; it counts as outstanding from here on */
	ATLS_BASE_WAIT, /* nothing before *at (INT64_MAX: until an answer, or the engine, changes
			   that) */
	ATLS_BASE_DONE, /* both directions are closed and delivered, or a failure's alert is */
};

void atls_base_init(struct atls_base *base, struct atls_engine *engine,
	const struct atls_base_limits *limits, int64_t now);

/* What to do now. For ATLS_BASE_SEND, *body and *len are the TLS bytes to send (len 0: a poll);
 * they are valid until the next call on the engine. For ATLS_BASE_WAIT, *at is the time to ask
 * again. */
enum atls_base_step atls_base_next(
	struct atls_base *base, int64_t now, const uint8_t **body, size_t *len, int64_t *at);

/* The outstanding request got a valid answer, with these TLS bytes in it. 0 or the engine's error.
 */
int atls_base_answered(struct atls_base *base, const void *bytes, size_t len, int64_t now);

/* The outstanding request may have been lost: it will be repeated, after a backoff or after
 * retry_after ms, whichever is later. 0, or ATLS_E_NETWORK once resume_ms have passed without a
 * valid answer. */
int atls_base_lost(struct atls_base *base, int64_t retry_after, int64_t now);

/* The outstanding body was refused for its size, so it was not taken: halves body_max and cuts
 * anew. 0, or ATLS_E_NETWORK when it cannot shrink further. */
int atls_base_too_large(struct atls_base *base);

/* Whether the session's work is over: both directions closed, or failed. */
bool atls_base_over(const struct atls_base *base);

#endif
