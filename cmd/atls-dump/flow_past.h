/* The last bytes of a direction in stream carriage: what comes for its place again has to be the
 * same. */
#ifndef ATLS_DUMP_FLOW_PAST_H
#define ATLS_DUMP_FLOW_PAST_H

#include "atls.h"

#define PAST_MAX (256u << 10) /* of one direction: a body, as large as they are by default */

/* All zero is one with nothing in it. */
struct past {
	uint8_t *bytes;      /* the one at a position stands at the remainder by room */
	size_t room;         /* 0 or a power of two */
	uint64_t begin, end; /* of what is kept */
};

/* Takes bytes that were used. */
void past_add(struct past *past, uint64_t offset, const uint8_t *bytes, size_t len);

/* The position of the first byte that is another than before; UINT64_MAX if none is, as far as it
 * is kept. */
uint64_t past_differs(const struct past *past, uint64_t offset, const uint8_t *bytes, size_t len);

/* Forgets all. */
void past_free(struct past *past);

#endif
