/* atls-dump's input: what comes again in stream carriage is compared with what was used. */
#include "tap.h"

#include "cmd/atls-dump/flow_order.h"

#include <stdlib.h>

#define ALL (3u * PAST_MAX)

static uint8_t bytes[ALL];

static void make_bytes(void)
{
	for (size_t i = 0; i < ALL; i++)
		bytes[i] = (uint8_t)(i * 2654435761u >> 13);
}

/* What is kept up to end begins at begin; a byte that is another is found at each of its places. */
static void expect_kept(const struct past *past, size_t begin, size_t end)
{
	eq_int(past->begin, begin);
	eq_int(past->end, end);
	eq_int(past_differs(past, 0, bytes, ALL), UINT64_MAX);
	for (size_t i = begin; i < end; i += 997) {
		bytes[i] ^= 1;
		eq_int(past_differs(past, 0, bytes, ALL), i);
		eq_int(past_differs(past, i, bytes + i, 1), i);
		eq_int(past_differs(past, 0, bytes, i), UINT64_MAX);
		bytes[i] ^= 1;
	}
	if (begin) {
		bytes[begin - 1] ^= 1;
		eq_int(past_differs(past, 0, bytes, ALL), UINT64_MAX);
		bytes[begin - 1] ^= 1;
	}
}

static void the_last_bytes_are_kept_however_they_came(void)
{
	static const size_t parts[] = {1, 100, 4095, 4096, 5000, 70000, PAST_MAX - 1, PAST_MAX + 1};
	for (size_t k = 0; k < sizeof parts / sizeof *parts; k++) {
		struct past past = {0};
		size_t at = 0;
		while (at < ALL && (k > 0 || at < 20000)) {
			size_t len = parts[k] < ALL - at ? parts[k] : ALL - at;
			past_add(&past, at, bytes + at, len);
			at += len;
			if (at > 2 * PAST_MAX || at < 20000)
				eq_int(past.begin, at > PAST_MAX ? at - PAST_MAX : 0);
		}
		expect_kept(&past, at > PAST_MAX ? at - PAST_MAX : 0, at);
		eq_int(past.room <= PAST_MAX, true);
		past_free(&past);
	}
}

static void what_is_before_a_gap_is_forgotten(void)
{
	struct past past = {0};
	past_add(&past, 0, bytes, 5000);
	past_add(&past, 6000, bytes + 6000, 9000);
	expect_kept(&past, 6000, 15000);
	past_free(&past);
}

/* One piece in, all that is in order out; the place that differs, or UINT64_MAX. */
static uint64_t take(struct order *order, uint64_t *next, size_t from, size_t to)
{
	struct order_part part;
	order_put(order, from, bytes + from, to - from);
	while (order_next(order, *next, &part)) {
		eq_int(part.offset, *next);
		eq_mem(part.bytes, part.len, bytes + part.offset, part.len);
		*next += part.len;
		order_done(order, &part);
	}
	uint64_t at = order->differs ? order->differs_at : UINT64_MAX;
	order->differs = false;
	return at;
}

static void parts_that_waited_are_compared_too(void)
{
	struct order order = {.compared = true};
	uint64_t next = 0;
	eq_int(take(&order, &next, 0, 100), UINT64_MAX);
	eq_int(take(&order, &next, 0, 100), UINT64_MAX);
	eq_int(take(&order, &next, 50, 150), UINT64_MAX);
	eq_int(next, 150);
	eq_int(take(&order, &next, 200, 300), UINT64_MAX);
	eq_int(next, 150);
	bytes[250] ^= 1;
	eq_int(take(&order, &next, 150, 260), 250);
	bytes[250] ^= 1;
	eq_int(next, 300);
	bytes[120] ^= 1;
	eq_int(take(&order, &next, 110, 130), 120);
	bytes[120] ^= 1;
	order_free(&order);
}

int main(void)
{
	make_bytes();
	run(the_last_bytes_are_kept_however_they_came);
	run(what_is_before_a_gap_is_forgotten);
	run(parts_that_waited_are_compared_too);
	return tap_done();
}
