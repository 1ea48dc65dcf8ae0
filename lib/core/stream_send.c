#include "core/stream_send.h"

#include "core/err.h"
#include "core/stream.h"

#include <stdlib.h>
#include <string.h>

/* Of small talk. */
#define BLOCK_MIN 4096u

void atls_block_release(struct atls_block *block)
{
	if (block && --block->holders == 0)
		free(block);
}

void atls_send_init(struct atls_send *send, size_t block_size, size_t keep_max)
{
	memset(send, 0, sizeof *send);
	send->block_size = block_size;
	send->keep_max = keep_max;
}

void atls_send_free(struct atls_send *send)
{
	for (struct atls_block *block = send->first, *next; block; block = next) {
		next = block->next;
		atls_block_release(block);
	}
	send->first = send->last = NULL;
}

void atls_send_resize(struct atls_send *send, size_t body_max, size_t body_long, int64_t round_trip)
{
	bool larger = body_long > body_max && round_trip != INT64_MAX &&
		      round_trip >= ATLS_STREAM_LONG_MS;
	send->block_size = larger ? body_long : body_max;
}

/* Behind what waits to go out, more will come until it does: a block that is full at once would
 * make a body of its own, however small. */
static struct atls_block *add_block(struct atls_send *send, size_t len)
{
	size_t cap = len < BLOCK_MIN ? BLOCK_MIN : len;
	if (cap > send->block_size || send->next != send->end)
		cap = send->block_size;
	struct atls_block *block = malloc(sizeof *block + cap);
	if (!block)
		return NULL;
	*block = (struct atls_block){.holders = 1, .position = send->end, .cap = cap};
	*(send->last ? &send->last->next : &send->first) = block;
	send->last = block;
	return block;
}

int atls_send_append(struct atls_send *send, const void *bytes, size_t len)
{
	const uint8_t *from = bytes;
	while (len) {
		struct atls_block *block = send->last;
		bool sent = send->next == send->end;
		/* What goes out in one body stands in one block. */
		if (!block || block->len == block->cap || (sent && block->cap - block->len < len))
			block = add_block(send, len);
		if (!block)
			return ATLS_E_MEMORY;
		size_t room = block->cap - block->len;
		size_t part = len < room ? len : room;
		memcpy(block->bytes + block->len, from, part);
		block->len += part;
		send->end += part;
		from += part;
		len -= part;
	}
	return ATLS_OK;
}

size_t atls_send_room(const struct atls_send *send, size_t unsent_max)
{
	size_t unsent = (size_t)(send->end - send->next), kept = (size_t)(send->end - send->acked);
	if (send->ended || unsent >= unsent_max || kept >= send->keep_max)
		return 0;
	size_t room = unsent_max - unsent;
	return room < send->keep_max - kept ? room : send->keep_max - kept;
}

void atls_send_end(struct atls_send *send)
{
	send->ended = true;
}

void atls_send_abort(struct atls_send *send)
{
	send->aborted = send->aborted || !send->ended;
	send->ended = true;
}

unsigned atls_send_end_bits(const struct atls_send *send)
{
	return ATLS_DICT_FIN | (send->aborted ? ATLS_DICT_ABORT : 0u);
}

bool atls_send_delivered(const struct atls_send *send)
{
	return send->ended && send->acked == send->end && (!send->aborted || send->fin_acked);
}

static void drop_acked(struct atls_send *send)
{
	while (send->first && send->first->position + send->first->len <= send->acked) {
		struct atls_block *block = send->first;
		send->first = block->next;
		if (!send->first)
			send->last = NULL;
		atls_block_release(block);
	}
}

int atls_send_acked(struct atls_send *send, uint64_t ack, uint64_t max, struct atls_error *err)
{
	bool fin = send->fin_ever && ack == send->end + 1;
	if (ack > send->top && !fin)
		return atls_error_set(err, ATLS_E_PROTOCOL,
			"protocol: ATLS-Stream: %llu bytes are acknowledged, but %llu were sent",
			(unsigned long long)ack, (unsigned long long)send->top);
	if (max > send->max)
		send->max = max;
	if (fin)
		send->fin_acked = true;
	if (fin)
		ack = send->end;
	if (ack > send->acked) {
		send->acked = ack;
		drop_acked(send);
	}
	if (send->next < send->acked)
		send->next = send->acked;
	return ATLS_OK;
}

void atls_send_rewind(struct atls_send *send, uint64_t position)
{
	if (position > send->end)
		position = send->end;
	send->next = position > send->acked ? position : send->acked;
	send->fin_sent = send->fin_acked;
}

size_t atls_send_ready(const struct atls_send *send)
{
	uint64_t to = send->end < send->max ? send->end : send->max;
	return to > send->next ? (size_t)(to - send->next) : 0;
}

bool atls_send_fin_ready(const struct atls_send *send)
{
	return send->ended && !send->fin_sent && send->next == send->end;
}

void atls_send_piece(
	const struct atls_send *send, uint64_t position, size_t len, struct atls_piece *piece)
{
	struct atls_block *block = send->first;
	*piece = (struct atls_piece){0};
	while (block && position >= block->position + block->len)
		block = block->next;
	if (!block || len == 0 || position < block->position)
		return;
	size_t at = (size_t)(position - block->position);
	piece->block = block;
	piece->bytes = block->bytes + at;
	piece->len = len < block->len - at ? len : block->len - at;
	block->holders++;
}

void atls_send_cut(struct atls_send *send, size_t len, struct atls_piece *piece, bool *fin)
{
	size_t ready = atls_send_ready(send);
	atls_send_piece(send, send->next, len < ready ? len : ready, piece);
	send->next += piece->len;
	if (send->next > send->top)
		send->top = send->next;
	*fin = atls_send_fin_ready(send);
	if (*fin)
		send->fin_sent = send->fin_ever = true;
}
