/* A half of stream carriage under a hostile peer: what the peer says is read from the fuzzer's
 * input, and what has to hold whatever it says is checked after each step. */
#ifndef ATLS_TESTS_STREAM_PEER_H
#define ATLS_TESTS_STREAM_PEER_H

#include "core/stream_ws.h"

#include <stdlib.h>
#include <string.h>

#define BODY_MAX  4096u
#define KEEP_MAX  (16u << 10)
#define HELD_MAX  ATLS_STREAM_INFLIGHT_MAX
#define FLOOD_MAX 1024u
#define STEPS_MAX 512u /* bytes of them */
#define GREATEST  999999999999999u

/* The sanitizers' own count of what is allocated; without them only what the halves say is held
 * against the limits. */
size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static inline void need(bool condition)
{
	if (!condition)
		abort();
}

/* A body that was given out, and may still be under way. */
struct held {
	bool used;
	struct atls_piece piece;
	uint64_t position;
};

struct run {
	const uint8_t *at, *end; /* the steps that are left */
	struct atls_stream_client *client;
	struct atls_stream_server *server; /* or this one */
	bool lies; /* the peer says something else at the same position each time */
	bool over;
	size_t window, allocated;
	int64_t now;
	uint64_t said, heard; /* by the owner */
	bool ended;
	uint64_t credit;   /* the most that the peer gave */
	uint64_t ack, max; /* what the peer was told last */
	uint64_t gen, lie;
	uint64_t ws_in, ws_out; /* where the next bytes on a WebSocket stand */
	char requests[HELD_MAX];
	struct held held[HELD_MAX];
};

static inline unsigned step(struct run *run)
{
	return run->at < run->end ? *run->at++ : 0;
}

static inline uint8_t ours(uint64_t position)
{
	return (uint8_t)(position * 31 + (position >> 8) * 7);
}

/* Seven bits say where a byte belongs, the last may differ. */
static inline uint8_t theirs(const struct run *run, uint64_t position)
{
	uint8_t byte = (uint8_t)(position * 13 + (position >> 7) * 5) & 0x7f;
	return run->lies && (run->lie & 1) ? byte | 0x80 : byte;
}

/* ---- What holds whatever the peer does ---- */

static inline struct atls_stream_facts facts(const struct run *run)
{
	return run->client ? atls_stream_client_facts(run->client)
			   : atls_stream_server_facts(run->server);
}

static inline void check_memory(const struct run *run)
{
	size_t kept = facts(run).kept;
	need(kept <=
		KEEP_MAX + BODY_MAX + (run->client ? ATLS_STREAM_WINDOW_MAX : 0) + run->window);
	if (__sanitizer_get_current_allocated_bytes)
		need(__sanitizer_get_current_allocated_bytes() <
			run->allocated + 4 * kept + (HELD_MAX + 4) * 2 * BODY_MAX + (64u << 10));
}

static inline void check_ours(const struct held *held)
{
	for (size_t i = 0; i < held->piece.len; i++)
		need(held->piece.bytes[i] == ours(held->position + i));
}

/* Takes what came in order. */
static inline void take(struct run *run)
{
	const uint8_t *bytes;
	size_t len;
	for (;;) {
		len = run->client ? atls_stream_client_take(run->client, &bytes)
				  : atls_stream_server_take(run->server, &bytes);
		if (!len)
			break;
		for (size_t i = 0; i < len; i++)
			need((bytes[i] & 0x7f) == (theirs(run, run->heard + i) & 0x7f));
		run->heard += len;
	}
	need(run->heard == facts(run).received);
}

/* A dictionary and the bytes behind it, on their way to the peer. */
static inline void check_said(
	struct run *run, const struct atls_stream_dict *dict, const struct held *held)
{
	uint64_t credit = run->credit;
	if (run->client && credit < ATLS_STREAM_WINDOW_FIRST)
		credit = ATLS_STREAM_WINDOW_FIRST;
	need(held->piece.len <= BODY_MAX && held->position + held->piece.len <= run->said);
	need(held->piece.len == 0 || held->position + held->piece.len <= credit);
	check_ours(held);
	if (!dict)
		return;
	need(dict->ack >= run->ack && dict->max >= run->max &&
		dict->max <= run->heard + run->window);
	run->ack = dict->ack;
	run->max = dict->max;
	if (dict->has & ATLS_DICT_FIN) {
		need(run->ended && held->position + held->piece.len == run->said);
	}
}

static inline void end_held(struct held *held)
{
	if (held->used) {
		check_ours(held);
		atls_block_release(held->piece.block);
	}
	*held = (struct held){.used = false};
}

/* ---- What the peer says ---- */

static inline uint64_t number(struct run *run, uint64_t near)
{
	unsigned how = step(run);
	switch (how >> 5) {
	case 0:
		return near + (how & 31);
	case 1:
		return near > (how & 31) ? near - (how & 31) : 0;
	case 2:
		return near + 97 * (how & 31);
	case 3:
		return how & 31;
	case 4:
		return run->max + (how & 3) > 1 ? run->max + (how & 3) - 1 : 0;
	case 5:
		return near + (how & 31) * 256u + step(run);
	case 6:
		return GREATEST - (how & 31);
	default:
		return ((uint64_t)1 << 63) - 16 + (how & 31);
	}
}

static inline struct atls_stream_dict dictionary(struct run *run)
{
	unsigned has = step(run);
	struct atls_stream_facts f = facts(run);
	struct atls_stream_dict dict = {.has = run->client ? ATLS_DICT_ANSWER : ATLS_DICT_REQUEST};
	if (has & 1)
		dict.has |= ATLS_DICT_FIN;
	if (has & 2)
		dict.has |= ATLS_DICT_POLL;
	if ((has & 0xf0) == 0xf0)
		dict.has &= ~(1u << (has >> 1 & 7)); /* one is missing */
	dict.up = dict.down = number(run, f.received);
	dict.ack = has & 4 ? number(run, f.sent) : f.acked;
	dict.max = has & 8 ? number(run, run->credit) : run->credit + BODY_MAX;
	if (has & 16)
		run->gen = number(run, run->gen);
	dict.gen = run->gen;
	dict.poll = has & 32 ? number(run, 1) : 1;
	dict.inflight = has & 64 ? number(run, 4) : 4;
	if (dict.max > run->credit)
		run->credit = dict.max;
	run->lie++;
	return dict;
}

static inline size_t body(struct run *run, uint64_t position, uint8_t *bytes)
{
	unsigned how = step(run);
	size_t len = how < 128 ? how : (how - 127) * 32;
	for (size_t i = 0; i < len; i++)
		bytes[i] = theirs(run, position + i);
	return len;
}

static inline bool is_end(int rc)
{
	return rc == ATLS_E_PROTOCOL || rc == ATLS_E_MEMORY;
}

/* What comes of it may only be what the headers promise. */
static inline void outcome(struct run *run, int rc)
{
	need(rc == ATLS_OK || is_end(rc));
	run->over = rc != ATLS_OK;
	if (!rc)
		take(run);
}

#endif
