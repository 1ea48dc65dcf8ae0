/* Standard output, or a file, in large blocks: millions of short lines a second. */
#ifndef ATLS_DUMP_OUT_H
#define ATLS_DUMP_OUT_H

#include "cli/out.h"

#include <string.h>

#define OUT_BLOCK (64u << 10)
#define OUT_SHORT 192u /* what out_room() gives at least */

struct out {
	int fd;
	int error;      /* errno of the first write that failed; what follows is dropped */
	int64_t second; /* of the last out_time(), and its text: many records have the same */
	size_t second_len;
	char second_text[ATLS_TIME_TEXT];
	size_t len;
	char block[OUT_BLOCK];
};

/* Writes what is buffered. 0, or ATLS_E_LOCAL with err "standard output: ...". */
int out_flush(struct out *out, struct atls_error *err);

/* Writes what is buffered, and keeps an error for out_flush(). */
void out_drain(struct out *out);

/* out_bytes() of more than there is room for. */
void out_bytes_slow(struct out *out, const void *bytes, size_t len);

/* Bytes as they are. */
static inline void out_bytes(struct out *out, const void *bytes, size_t len)
{
	if (len > OUT_BLOCK - out->len) {
		out_bytes_slow(out, bytes, len);
		return;
	}
	if (len)
		memcpy(out->block + out->len, bytes, len);
	out->len += len;
}

/* Room for OUT_SHORT bytes, to be counted with out->len += n. */
static inline char *out_room(struct out *out)
{
	if (out->len + OUT_SHORT > OUT_BLOCK)
		out_drain(out);
	return out->block + out->len;
}

static inline void out_char(struct out *out, char byte)
{
	*out_room(out) = byte;
	out->len++;
}

static inline void out_text(struct out *out, const char *text)
{
	out_bytes(out, text, strlen(text));
}

/* The decimal digits of value, up to 20; returns how many. */
size_t out_digits(char *to, uint64_t value);

void out_number(struct out *out, uint64_t value);

/* Left-aligned in width columns. */
void out_padded(struct out *out, const char *text, size_t width);
void out_number_padded(struct out *out, uint64_t value, size_t width);

/* Lower-case hex, len bytes. */
void out_hex(struct out *out, const uint8_t *bytes, size_t len);

/* Bytes that somebody else chose, as text with the escaping of atls_log_escape(). */
void out_escaped(struct out *out, const void *bytes, size_t len);

/* RFC 3339 in UTC with microseconds. */
void out_time(struct out *out, int64_t time_us);

#endif
