/* Where input comes from: a descriptor, or memory in the tests. */
#ifndef ATLS_DUMP_SOURCE_H
#define ATLS_DUMP_SOURCE_H

#include "limits.h"

#include "atls.h"

struct source {
	/* Up to cap bytes; 0 at the end, or -1 with errno. */
	ssize_t (*read)(void *ctx, void *to, size_t cap);
	void *ctx;

	uint8_t head[INPUT_HEAD]; /* what was looked at, and is yet to be read */
	size_t head_len;
	size_t head_done;
	int failed; /* errno of a read */
};

/* Reads from fd, which the caller closes. *fd lives as long as the source. */
void source_init(struct source *source, int *fd);

/* Fills head as far as the input goes. */
void source_peek(struct source *source);

/* Up to cap bytes, those of head first. 0 at the end, or when reading failed. */
size_t source_read(struct source *source, void *to, size_t cap);

#endif
