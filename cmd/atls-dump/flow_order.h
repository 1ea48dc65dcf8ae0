/* Puts the pieces of stream carriage in order: what is ahead of a gap waits; what came is compared,
 * and dropped. */
#ifndef ATLS_DUMP_FLOW_ORDER_H
#define ATLS_DUMP_FLOW_ORDER_H

#include "flow_past.h"

#define ORDER_PARTS 32u          /* that wait, at most: then the gap counts as lost */
#define ORDER_BYTES (512u << 10) /* the same */

struct order_part {
	uint64_t offset;
	const uint8_t *bytes;
	size_t len;
	bool lost;      /* bytes before it never came */
	uint8_t *owned; /* memory to free, or null */
};

/* All zero is one with nothing in it. */
struct order {
	struct order_part *parts; /* by offset; null until one has to wait */
	unsigned count;
	size_t held;
	const uint8_t *now; /* the piece that came last, until it is taken */
	size_t now_len;
	uint64_t now_offset;
	bool ending; /* nothing is waited for any more */

	bool compared; /* what comes again is compared with what was used; set by who calls */
	struct past past;
	bool differs; /* it was not the same, at differs_at; taken back by who calls */
	uint64_t differs_at;
};

/* Takes a piece at its position; its bytes stay valid until order_next() says that there is no
 * more. */
void order_put(struct order *order, uint64_t offset, const uint8_t *bytes, size_t len);

/* The next part that goes on at offset, or that has to without what is missing. */
bool order_next(struct order *order, uint64_t offset, struct order_part *part);

/* The part was used. */
void order_done(struct order *order, struct order_part *part);

/* Memory that it holds, the past aside. */
size_t order_memory(const struct order *order);

/* Drops all. */
void order_free(struct order *order);

#endif
