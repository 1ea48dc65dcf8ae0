/* What the ladder is drawn of, and the two pens that draw it. */
#ifndef ATLS_DUMP_LADDER_H
#define ATLS_DUMP_LADDER_H

#include "explain/trace.h"
#include "out.h"

#define LADDER_ITEMS 24u  /* in a flight; more are counted */
#define LADDER_TEXT  128u /* of an item; longer ones are cut */

struct ladder_item {
	char text[LADDER_TEXT]; /* may hold what a peer chose, escaped */
	uint64_t times, bytes;  /* of data: so many records */
};

/* What one side says until the other answers. */
struct flight {
	enum atls_trace_direction direction;
	unsigned long long exchange, last_exchange; /* 0: none */
	int64_t first_us, last_us;                  /* -1: not known */
	int64_t before_us;                          /* the end of the flight before */
	bool any_before;
	uint64_t records, bytes;
	unsigned count, more;
	struct ladder_item items[LADDER_ITEMS];
};

struct ladder_pen {
	void *(*begin)(struct out *out); /* null if memory is short */
	void (*session)(void *ctx, const char *label, unsigned number);
	void (*flight)(void *ctx, const struct flight *flight);
	void (*end)(void *ctx); /* frees all but ctx */
};

extern const struct ladder_pen ladder_text, ladder_svg;

/* "3 bytes", "exchange 1 to 2"; what both pens write of a flight and an item. */
void ladder_flight_words(struct out *out, const struct flight *flight);
void ladder_item_words(struct out *out, const struct ladder_item *item);

/* "+0.012345 s": the time since the flight before; false, and nothing, if it is not known. */
bool ladder_time_words(struct out *out, const struct flight *flight);

#endif
