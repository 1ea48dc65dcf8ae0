/* Text that comes in pieces: lines, and digits. */
#ifndef ATLS_DUMP_TEXT_H
#define ATLS_DUMP_TEXT_H

#include "limits.h"

#include "atls.h"

/* Takes a line without its end (LF or CRLF), NUL-terminated, that began at offset at. NUL bytes in
 * it have become '?'. One longer than LINE_MAX_BYTES comes in parts, of which each but the last has
 * more set. What it returns other than 0 ends the feeding. */
typedef int lines_fn(void *ctx, char *line, size_t len, uint64_t at, bool more);

struct lines {
	lines_fn *take;
	void *ctx;
	uint64_t offset; /* of what comes next */
	size_t len;
	char line[LINE_MAX_BYTES + 1];
};

void lines_init(struct lines *lines, lines_fn *take, void *ctx);
int lines_feed(struct lines *lines, const uint8_t *bytes, size_t len);

/* Gives a last line that has no end. */
int lines_end(struct lines *lines);

/* 0 to 15, or -1. */
int text_hex_digit(char c);

/* The byte that two hex digits stand for. */
uint8_t text_hex_byte(const char *digits);

/* 0 to 63, of either alphabet of RFC 4648, or -1. */
int text_base64_digit(char c);

/* Decodes the digits of either alphabet, whatever stands between them and however they are padded.
 * to may be where text is. Returns the count of bytes. */
size_t text_base64_decode(uint8_t *to, const char *text, size_t len);

#endif
