#include "core/stream_recv.h"

#include "core/err.h"
#include "core/stream_dict.h"

#include <stdlib.h>
#include <string.h>

/* Neighbours smaller than this together become one, so that many small bodies cannot cost more
 * memory than was promised. */
#define JOIN_MAX (16u << 10)
#define CAP_MIN  256u

/* Bytes ahead of a gap. */
struct atls_stored {
	struct atls_stored *next;
	uint64_t position;
	size_t len, cap;
	uint8_t *bytes;
};

static uint64_t end_of(const struct atls_stored *stored)
{
	return stored->position + stored->len;
}

void atls_recv_init(struct atls_recv *recv, size_t window, size_t window_max, unsigned ranges_max)
{
	memset(recv, 0, sizeof *recv);
	recv->window = window;
	recv->window_max = window_max;
	recv->ranges_max = ranges_max;
	recv->max = window;
}

static void stored_free(struct atls_stored *stored)
{
	if (stored)
		free(stored->bytes);
	free(stored);
}

void atls_recv_free(struct atls_recv *recv)
{
	for (struct atls_stored *stored = recv->first, *next; stored; stored = next) {
		next = stored->next;
		stored_free(stored);
	}
	stored_free(recv->given);
	recv->first = recv->given = NULL;
}

/* Appends to a neighbour, if that is small enough or has the room. */
static bool join(struct atls_stored *stored, const uint8_t *bytes, size_t len)
{
	if (stored->cap - stored->len < len) {
		size_t cap = 2 * (stored->len + len);
		if (stored->len + len > JOIN_MAX)
			return false;
		uint8_t *grown = realloc(stored->bytes, cap);
		if (!grown)
			return false;
		stored->bytes = grown;
		stored->cap = cap;
	}
	memcpy(stored->bytes + stored->len, bytes, len);
	stored->len += len;
	return true;
}

/* The same with what follows: bodies may come the last one first. */
static void join_next(struct atls_stored *stored)
{
	struct atls_stored *next = stored->next;
	if (!next || next->position != end_of(stored) || !join(stored, next->bytes, next->len))
		return;
	stored->next = next->next;
	stored_free(next);
}

/* Stores a part that nothing overlaps behind previous (null: as the first). Returns what now ends
 * with it; null: memory. */
static struct atls_stored *store(struct atls_recv *recv, struct atls_stored *previous,
	uint64_t position, const uint8_t *bytes, size_t len)
{
	struct atls_stored *stored = previous;
	if (!previous || end_of(previous) != position || !join(previous, bytes, len)) {
		size_t cap = len < CAP_MIN ? CAP_MIN : len;
		stored = calloc(1, sizeof *stored);
		if (stored)
			stored->bytes = malloc(cap);
		if (!stored || !stored->bytes) {
			free(stored);
			return NULL;
		}
		memcpy(stored->bytes, bytes, len);
		stored->position = position;
		stored->len = len;
		stored->cap = cap;
		struct atls_stored **link = previous ? &previous->next : &recv->first;
		stored->next = *link;
		*link = stored;
	}
	join_next(stored);
	recv->stored += len;
	return stored;
}

/* Stores whatever of it is not here yet. */
static int fill(struct atls_recv *recv, uint64_t position, const uint8_t *bytes, size_t len)
{
	struct atls_stored *previous = NULL, *next = recv->first;
	while (len) {
		while (next && end_of(next) <= position) {
			previous = next;
			next = next->next;
		}
		size_t part = len;
		if (next && next->position <= position) {
			uint64_t known = end_of(next) - position;
			part = known < len ? (size_t)known : len;
		} else {
			if (next && next->position - position < len)
				part = (size_t)(next->position - position);
			previous = store(recv, previous, position, bytes, part);
			if (!previous)
				return ATLS_E_MEMORY;
			next = previous;
		}
		position += part;
		bytes += part;
		len -= part;
	}
	return ATLS_OK;
}

/* Whether one more gap would be one too many. */
static bool too_many(const struct atls_recv *recv, uint64_t position, size_t len)
{
	unsigned ranges = 0;
	uint64_t end = recv->next;
	for (const struct atls_stored *s = recv->first; s; s = s->next) {
		if (s->position <= position + len && end_of(s) >= position)
			return false;
		ranges += s->position != end || ranges == 0;
		end = end_of(s);
	}
	return ranges >= recv->ranges_max;
}

/* One past the last byte that came, whatever is missing before it. */
static uint64_t last_byte(const struct atls_recv *recv)
{
	const struct atls_stored *last = recv->first;
	while (last && last->next)
		last = last->next;
	return last ? end_of(last) : recv->next;
}

static int check(const struct atls_recv *recv, uint64_t position, size_t len, bool fin,
	struct atls_error *err)
{
	uint64_t end = position + len;
	if (recv->has_fin ? (fin ? end != recv->fin : end > recv->fin)
			  : fin && end < last_byte(recv))
		return atls_error_set(
			err, ATLS_E_PROTOCOL, "protocol: ATLS-Stream: the end of the stream moved");
	if (recv->borrowed_len || recv->taken != recv->next)
		return atls_error_set(
			err, ATLS_E_USAGE, "stream: what came in order has not been taken");
	if (end > recv->max)
		return atls_error_set(err, ATLS_E_LIMIT,
			"protocol: ATLS-Stream: more was sent than there is credit for");
	if (len && position > recv->next && too_many(recv, position, len))
		return ATLS_E_AGAIN;
	return ATLS_OK;
}

int atls_recv_put(struct atls_recv *recv, uint64_t position, const void *data, size_t len, bool fin,
	struct atls_error *err)
{
	const uint8_t *bytes = data;
	int rc = check(recv, position, len, fin, err);
	if (rc)
		return rc;
	if (position < recv->next && len) {
		uint64_t known = recv->next - position;
		size_t skip = known < len ? (size_t)known : len;
		position += skip;
		bytes += skip;
		len -= skip;
	}
	/* What is in order need not be copied, up to what is here already. */
	size_t borrow = position == recv->next ? len : 0;
	if (recv->first && recv->first->position - recv->next < borrow)
		borrow = (size_t)(recv->first->position - recv->next);
	if (len > borrow)
		rc = fill(recv, position + borrow, bytes + borrow, len - borrow);
	if (rc)
		return atls_error_set(err, rc, "stream: out of memory for %zu bytes", len);
	if (fin) {
		recv->has_fin = true;
		recv->fin = position + len > recv->next ? position + len : recv->next;
	}
	recv->borrowed = bytes;
	recv->borrowed_len = borrow;
	recv->next += borrow;
	for (const struct atls_stored *s = recv->first; s && s->position == recv->next; s = s->next)
		recv->next = end_of(s);
	return ATLS_OK;
}

void atls_recv_end(struct atls_recv *recv, unsigned has)
{
	if ((has & ATLS_DICT_FIN) && (has & ATLS_DICT_ABORT))
		recv->aborted = true;
}

size_t atls_recv_take(struct atls_recv *recv, const uint8_t **bytes)
{
	stored_free(recv->given);
	recv->given = NULL;
	size_t len = recv->borrowed_len;
	if (len) {
		*bytes = recv->borrowed;
		recv->borrowed = NULL;
		recv->borrowed_len = 0;
	} else if (recv->taken < recv->next) {
		struct atls_stored *stored = recv->first;
		*bytes = stored->bytes;
		len = stored->len;
		recv->first = stored->next;
		recv->given = stored;
		recv->stored -= len;
	}
	recv->taken += len;
	return len;
}

bool atls_recv_complete(const struct atls_recv *recv)
{
	return recv->has_fin && recv->next == recv->fin;
}

uint64_t atls_recv_ack(const struct atls_recv *recv)
{
	return recv->next + atls_recv_complete(recv);
}

void atls_recv_window(struct atls_recv *recv, size_t window, size_t window_max)
{
	if (recv->window < window)
		recv->window = window;
	if (recv->window > window_max)
		recv->window = window_max;
	recv->window_max = window_max;
}

uint64_t atls_recv_promise(struct atls_recv *recv, size_t unread)
{
	uint64_t consumed = recv->taken > unread ? recv->taken - unread : 0;
	/* The other end waits for credit although this one keeps up. */
	if (recv->max - recv->next < recv->window / 4 && unread < recv->window / 4 &&
		recv->window < recv->window_max)
		recv->window =
			recv->window > recv->window_max / 2 ? recv->window_max : 2 * recv->window;
	if (consumed + recv->window > recv->max)
		recv->max = consumed + recv->window;
	return recv->max;
}
