#include "flow_order.h"

#include <stdlib.h>
#include <string.h>

void order_put(struct order *order, uint64_t offset, const uint8_t *bytes, size_t len)
{
	order->now = bytes;
	order->now_len = len;
	order->now_offset = offset;
}

static void drop_first(struct order *order, struct order_part *part)
{
	*part = order->parts[0];
	order->held -= part->len;
	order->count--;
	for (unsigned i = 0; i < order->count; i++)
		order->parts[i] = order->parts[i + 1];
}

/* Cuts what came before off the front; false if nothing is left. */
static bool trim(struct order *order, struct order_part *part, uint64_t offset)
{
	if (part->offset >= offset)
		return part->len > 0;
	uint64_t old = offset - part->offset;
	uint64_t at = past_differs(&order->past, part->offset, part->bytes, part->len);
	if (at < offset && !order->differs) {
		order->differs = true;
		order->differs_at = at;
	}
	if (old >= part->len)
		return false;
	part->bytes += old;
	part->len -= (size_t)old;
	part->offset = offset;
	return true;
}

/* Keeps a copy of the piece that came last, ahead of a gap. */
static bool keep(struct order *order)
{
	unsigned i = order->count;
	if (!order->parts)
		order->parts = calloc(ORDER_PARTS, sizeof *order->parts);
	uint8_t *copy = order->parts ? malloc(order->now_len) : NULL;
	if (!copy)
		return false;
	memcpy(copy, order->now, order->now_len);
	while (i > 0 && order->parts[i - 1].offset > order->now_offset) {
		order->parts[i] = order->parts[i - 1];
		i--;
	}
	order->parts[i] = (struct order_part){order->now_offset, copy, order->now_len, false, copy};
	order->count++;
	order->held += order->now_len;
	order->now = NULL;
	return true;
}

/* What came last, if it goes on here. */
static bool take_now(struct order *order, uint64_t offset, struct order_part *part)
{
	*part = (struct order_part){order->now_offset, order->now, order->now_len, false, NULL};
	if (!order->now)
		return false;
	if (!trim(order, part, offset)) {
		order->now = NULL;
		return false;
	}
	if (part->offset == offset) {
		order->now = NULL;
		return true;
	}
	return false;
}

bool order_next(struct order *order, uint64_t offset, struct order_part *part)
{
	if (take_now(order, offset, part))
		return true;
	bool full = order->ending || order->count == ORDER_PARTS || order->held >= ORDER_BYTES;
	if (order->now && !full)
		full = !keep(order);
	while (order->count) {
		struct order_part *first = &order->parts[0];
		if (first->offset > offset && !full)
			return false;
		drop_first(order, part);
		if (trim(order, part, offset)) {
			part->lost = part->offset > offset;
			return true;
		}
		free(part->owned);
		part->owned = NULL;
	}
	if (order->now) { /* there was no room for it */
		*part = (struct order_part){
			order->now_offset, order->now, order->now_len, true, NULL};
		order->now = NULL;
		return true;
	}
	return false;
}

void order_done(struct order *order, struct order_part *part)
{
	if (order->compared)
		past_add(&order->past, part->offset, part->bytes, part->len);
	free(part->owned);
	part->owned = NULL;
}

size_t order_memory(const struct order *order)
{
	return order->held + (order->parts ? ORDER_PARTS * sizeof *order->parts : 0);
}

void order_free(struct order *order)
{
	for (unsigned i = 0; i < order->count; i++)
		free(order->parts[i].owned);
	free(order->parts);
	past_free(&order->past);
	*order = (struct order){0};
}
