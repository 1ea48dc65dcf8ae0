/* Two ends of stream carriage in one process, with a hostile network between them: every schedule
 * of it follows from a seed. The service's own rules about ids, cookies and modes are played by it.
 */
#ifndef ATLS_TESTS_STREAM_WORLD_H
#define ATLS_TESTS_STREAM_WORLD_H

#include "core/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND       1000
#define LIMIT        (3000 * SECOND)
#define SESSIONS_MAX 64

/* ---- Chance ---- */

struct chance {
	uint64_t state;
};

static inline uint64_t chance_next(struct chance *chance)
{
	uint64_t x = (chance->state += 0x9e3779b97f4a7c15u);
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static inline int64_t between(struct chance *chance, int64_t low, int64_t high)
{
	return low + (int64_t)(chance_next(chance) % (uint64_t)(high - low + 1));
}

/* True in so many of a thousand cases. */
static inline bool often(struct chance *chance, int permille)
{
	return between(chance, 0, 999) < permille;
}

static inline int64_t one_of(struct chance *chance, const int64_t *values, int count)
{
	return values[between(chance, 0, count - 1)];
}

#define ONE_OF(chance, ...)                                                                        \
	one_of(chance, (const int64_t[]){__VA_ARGS__},                                             \
		(int)(sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)))

/* What stands at a position of a direction: nothing has to be kept to compare with. */
static inline uint8_t byte_at(uint64_t seed, bool down, uint64_t position)
{
	struct chance chance = {seed * 2 + down + (position / 8) * 0x2545f4914f6cdd1du};
	return (uint8_t)(chance_next(&chance) >> (position % 8 * 8));
}

static inline void bytes_at(uint64_t seed, bool down, uint64_t position, uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = byte_at(seed, down, position + i);
}

/* ---- The network's faults ---- */

struct faults {
	int64_t rtt;
	int tail_permille; /* of messages that take longer... */
	int64_t tail;      /* ...by up to so much */
	int request_lost, answer_lost, swallowed, refused, repeated; /* permille */
	int64_t cut; /* answers that take longer never come; 0: none */
	int64_t strip_from, strip_to;
	bool strip_up, strip_down;
	int64_t dark_from, dark_to; /* nothing passes */
	int64_t stop_from, stop_to; /* the server is stopped */
	int64_t large_from;         /* from then on, bodies above this get 413 */
	size_t large;
	int64_t quiet; /* from then on, all is well but what the path is like */
};

static inline struct faults faults_of(struct chance *c)
{
	struct faults f = {
		.rtt = ONE_OF(c, 2, 50, 300),
		.tail_permille = (int)ONE_OF(c, 0, 50, 300),
		.tail = ONE_OF(c, 1000, 6000),
		.request_lost = (int)ONE_OF(c, 0, 20, 300),
		.answer_lost = (int)ONE_OF(c, 0, 20, 300),
		.swallowed = (int)ONE_OF(c, 0, 20, 50),
		.refused = (int)ONE_OF(c, 0, 20, 200),
		.repeated = (int)ONE_OF(c, 0, 50, 400),
		.cut = ONE_OF(c, 0, 0, 3000, 5000),
		.quiet = between(c, 20 * SECOND, 120 * SECOND),
		.large_from = INT64_MAX,
	};
	if (often(c, 300)) {
		f.dark_from = between(c, 0, 30 * SECOND);
		f.dark_to = f.dark_from + ONE_OF(c, 5 * SECOND, 30 * SECOND);
	}
	if (often(c, 200)) {
		f.stop_from = between(c, SECOND, 20 * SECOND);
		f.stop_to = f.stop_from + 10 * SECOND;
	}
	if (often(c, 400)) {
		int64_t which = between(c, 1, 3);
		f.strip_from = often(c, 500) ? 0 : between(c, 0, 15 * SECOND);
		f.strip_to = often(c, 500) ? INT64_MAX : f.strip_from + 10 * SECOND;
		f.strip_up = which & 1;
		f.strip_down = which & 2;
	}
	if (often(c, 100)) {
		f.large_from = between(c, 0, 10 * SECOND);
		f.large = (size_t)ONE_OF(c, 2048, 3000, 5000);
	}
	return f;
}

/* ---- Events ---- */

struct world;
typedef void event_fn(struct world *world, void *ctx, uint64_t number);

struct event {
	int64_t at;
	uint64_t order;
	event_fn *fn;
	void *ctx;
	uint64_t number;
};

/* A request under way, or one of its copies; and then the answer to it. */
struct message {
	uint64_t request; /* of the client's counting */
	uint64_t era;     /* of its session */
	bool json;
	bool has_dict;
	int64_t cookie;
	struct atls_stream_dict dict;
	uint8_t *body;
	size_t len;
	int status;
	bool lonely; /* nobody waits for the answer to this copy */
	bool answer_lost;
};

/* A session on the server. */
struct served {
	struct world *world;
	char id[ATLS_STREAM_ID + 1];
	int64_t cookie;
	bool stream;
	struct atls_stream_server *half;
	uint64_t said, made, heard; /* bytes: given to the half, that there are, and that came */
	size_t unread;
	int64_t woken; /* the event that is set */
};

struct world {
	uint64_t seed;
	struct chance chance;
	struct faults faults;
	int64_t now;
	struct event *heap;
	size_t count, cap;
	uint64_t orders, events;
	const char *failed;
	bool verbose;
	size_t body, window_up, window_down;
	unsigned inflight;
	uint64_t up, down; /* bytes to be said */

	struct atls_stream_client *client;
	uint64_t era, requests;
	uint64_t outstanding[ATLS_STREAM_INFLIGHT_MAX]; /* slot -> request, 0: none */
	bool open, json, done;
	int64_t cookie;
	uint64_t said, made, heard;
	size_t unread;
	unsigned restarts;
	int64_t client_woken;

	struct served sessions[SESSIONS_MAX];
	unsigned session_count;
	uint64_t posted;
};

static inline void world_fail(struct world *w, const char *why)
{
	if (!w->failed)
		w->failed = why;
}

static inline bool event_before(const struct event *a, const struct event *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static inline void world_at(
	struct world *w, int64_t delay, event_fn *fn, void *ctx, uint64_t number)
{
	if (w->count == w->cap) {
		w->cap = w->cap ? 2 * w->cap : 256;
		w->heap = realloc(w->heap, w->cap * sizeof *w->heap);
		if (!w->heap)
			abort();
	}
	struct event event = {w->now + delay, w->orders++, fn, ctx, number};
	size_t i = w->count++;
	for (; i && event_before(&event, &w->heap[(i - 1) / 2]); i = (i - 1) / 2)
		w->heap[i] = w->heap[(i - 1) / 2];
	w->heap[i] = event;
}

static inline struct event world_pop(struct world *w)
{
	struct event first = w->heap[0], last = w->heap[--w->count];
	size_t i = 0;
	for (;;) {
		size_t child = 2 * i + 1;
		if (child + 1 < w->count && event_before(&w->heap[child + 1], &w->heap[child]))
			child++;
		if (child >= w->count || !event_before(&w->heap[child], &last))
			break;
		w->heap[i] = w->heap[child];
		i = child;
	}
	w->heap[i] = last;
	return first;
}

#endif
