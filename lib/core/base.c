#include "core/base.h"

#include <string.h>

void atls_base_init(struct atls_base *base, struct atls_engine *engine,
	const struct atls_base_limits *limits, int64_t now)
{
	memset(base, 0, sizeof *base);
	base->engine = engine;
	base->limits = *limits;
	base->alive = now;
	base->not_before = now;
	base->backoff = ATLS_BACKOFF_MIN_MS;
	base->random = limits->seed ? limits->seed : 1;
}

static bool established(const struct atls_base *base)
{
	return atls_engine_state(base->engine) & ATLS_ESTABLISHED;
}

/* xorshift32: spreads clients that lost the same server, no more. */
static uint32_t next_random(struct atls_base *base)
{
	uint32_t x = base->random;
	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return base->random = x;
}

bool atls_base_over(const struct atls_base *base)
{
	const uint8_t *bytes;
	unsigned state = atls_engine_state(base->engine);
	if (atls_engine_output(base->engine, &bytes))
		return false;
	return (state & ATLS_FAILED) ||
	       ((state & ATLS_PEER_CLOSED) && atls_engine_closed(base->engine));
}

static enum atls_base_step send_body(struct atls_base *base, const uint8_t **body, size_t *len)
{
	*len = base->sent;
	base->repeat = false;
	base->outstanding = true;
	(void)atls_engine_output(base->engine, body);
	return ATLS_BASE_SEND;
}

static bool wants_to_hear(const struct atls_base *base)
{
	unsigned state = atls_engine_state(base->engine);
	if (state & ATLS_WANT_INPUT)
		return true;
	return base->ahead && (state & ATLS_HAVE_DATA) &&
	       atls_engine_input_pending(base->engine) <= ATLS_AHEAD_MAX;
}

enum atls_base_step atls_base_next(
	struct atls_base *base, int64_t now, const uint8_t **body, size_t *len, int64_t *at)
{
	*at = INT64_MAX;
	if (base->outstanding)
		return ATLS_BASE_WAIT;
	if (!base->repeat && atls_base_over(base))
		return ATLS_BASE_DONE;
	/* Each answer may bring more: what is here has to be read before anything is said. */
	if (atls_engine_input_pending(base->engine) > ATLS_UNREAD_MAX &&
		!(atls_engine_state(base->engine) & ATLS_FAILED))
		return ATLS_BASE_WAIT;
	size_t pending = atls_engine_output(base->engine, body);
	if (base->repeat || pending == 0) {
		bool hear = base->repeat || wants_to_hear(base);
		*at = hear ? base->not_before : base->alive + ATLS_ALIVE_MS;
		return now < *at ? ATLS_BASE_WAIT : send_body(base, body, len);
	}
	base->sent = pending < base->limits.body_max ? pending : base->limits.body_max;
	return send_body(base, body, len);
}

/* Polls follow large traffic at once, small traffic (that may be answered here) soon, and are ever
 * slower while there is none. */
static void pace(struct atls_base *base, size_t traffic, int64_t now)
{
	if (traffic >= ATLS_BULK_MIN || (traffic && !established(base)))
		base->pause = 0;
	else if (traffic)
		base->pause = ATLS_POLL_SOON_MS;
	else if (base->pause < ATLS_POLL_STEP_MS)
		base->pause = ATLS_POLL_STEP_MS;
	else
		base->pause *= 2;
	if (base->pause > base->limits.idle_ms)
		base->pause = base->limits.idle_ms;
	base->not_before = now + base->pause;
}

int atls_base_answered(struct atls_base *base, const void *bytes, size_t len, int64_t now)
{
	pace(base, base->sent + len, now);
	base->ahead = len >= ATLS_BULK_MIN;
	atls_engine_output_done(base->engine, base->sent);
	base->sent = 0;
	base->outstanding = false;
	base->answered = true;
	base->alive = now;
	base->backoff = ATLS_BACKOFF_MIN_MS;
	base->exchanges++;
	return atls_engine_feed(base->engine, bytes, len);
}

int atls_base_lost(struct atls_base *base, int64_t retry_after, int64_t now)
{
	base->outstanding = false;
	base->repeat = true;
	/* An alert is owed once, not for minutes. */
	if (atls_engine_state(base->engine) & ATLS_FAILED) {
		const uint8_t *bytes;
		atls_engine_output_done(base->engine, atls_engine_output(base->engine, &bytes));
		base->repeat = false;
		base->sent = 0;
		return ATLS_OK;
	}
	if (now - base->alive >= base->limits.resume_ms)
		return ATLS_E_NETWORK;
	int64_t wait = base->backoff / 2 + next_random(base) % (base->backoff / 2 + 1);
	base->backoff *= 2;
	if (base->backoff > ATLS_BACKOFF_MAX_MS)
		base->backoff = ATLS_BACKOFF_MAX_MS;
	/* Whatever was asked for: a last time before it is given up. */
	int64_t rest = base->alive + base->limits.resume_ms - now;
	if (retry_after > rest)
		retry_after = rest;
	base->not_before = now + (wait > retry_after ? wait : retry_after);
	return ATLS_OK;
}

int atls_base_too_large(struct atls_base *base)
{
	size_t half = base->sent / 2;
	base->outstanding = false;
	base->repeat = false;
	base->sent = 0;
	if (half < ATLS_BODY_MIN)
		return ATLS_E_NETWORK;
	base->limits.body_max = half;
	return ATLS_OK;
}
