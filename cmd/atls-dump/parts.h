/* A message that a file gives in parts, not in the bytes of HTTP. */
#ifndef ATLS_DUMP_PARTS_H
#define ATLS_DUMP_PARTS_H

#include "http_head.h"

#define PARTS_MAX 256u

struct parts {
	struct http_head head;
	char *texts[PARTS_MAX]; /* what head points to */
	size_t count;
};

/* A copy with a NUL behind it, in which NUL bytes have become '?'; null: no memory, or too many. */
char *parts_text(struct parts *parts, const void *bytes, size_t len);

/* Takes a field of the message, if it is one that counts. Beyond PARTS_MAX texts they do not. 0 or
 * ATLS_E_MEMORY. */
int parts_field(struct parts *parts, const char *name, const void *value, size_t len);

void parts_free(struct parts *parts);

#endif
