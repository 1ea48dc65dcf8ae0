#include "input.h"

#include "core/err.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK (256u << 10)

int input_read(const struct input_options *options, int fd, const char *name,
	const struct piece_sink *sink, struct atls_error *err)
{
	struct piece piece = {.session = "", .time_us = -1};
	uint8_t *block = malloc(BLOCK);
	ssize_t got = 0;
	int rc = 0;
	(void)options; /* one form so far */
	if (!block)
		return atls_error_set(err, ATLS_E_MEMORY, "%s: out of memory", name);
	piece.bytes = block;
	while (!rc && ((got = read(fd, block, BLOCK)) > 0 || (got < 0 && errno == EINTR))) {
		if (got < 0)
			continue;
		piece.len = (size_t)got;
		rc = sink->piece(sink->ctx, &piece);
		piece.source_offset += piece.len;
	}
	if (!rc && got < 0)
		rc = atls_error_set(err, ATLS_E_LOCAL, "%s: %s", name, strerror(errno));
	free(block);
	return rc;
}
