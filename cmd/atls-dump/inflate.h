/* Content codings that can be undone: gzip and deflate (RFC 9110 section 8.4.1). */
#ifndef ATLS_DUMP_INFLATE_H
#define ATLS_DUMP_INFLATE_H

#include "core/buf.h"

/* Appends the unzipped bytes to out, as far as its maximum. Null, or what was expected, with *found
 * what there was; what came before that is in out all the same. */
const char *inflate_body(const char *coding, const uint8_t *bytes, size_t len, struct atls_buf *out,
	const char **found);

#endif
