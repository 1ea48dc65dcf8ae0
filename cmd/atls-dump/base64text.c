/* Base64 text: wrapped or not, either alphabet, with or without padding and the lines of PEM. */
#include "form.h"
#include "limits.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

#define LINE_BYTES (LINE_MAX_BYTES / 4 * 3 + 3)

struct base64 {
	const struct piece_sink *sink;
	struct lines lines;
	uint8_t out[LINE_BYTES];
	size_t out_len;
	uint32_t bits;  /* of the group that is not full yet */
	unsigned count; /* characters of it */
	unsigned padding;
	bool complained;
	bool skipping; /* the rest of a line that is none of ours */
};

/* Writes what the group holds: whole bytes, of which two characters make one. */
static void flush_group(struct base64 *base64)
{
	uint32_t bits = base64->bits << 6 * (4 - base64->count);
	for (unsigned i = 1; i < base64->count; i++)
		base64->out[base64->out_len++] = (uint8_t)(bits >> (24 - 8 * i));
	base64->bits = 0;
	base64->count = base64->padding = 0;
}

static int give(struct base64 *base64, uint64_t at)
{
	size_t len = base64->out_len;
	base64->out_len = 0;
	return len ? sink_bytes(base64->sink, base64->out, len, at) : ATLS_OK;
}

static void complain(struct base64 *base64, uint64_t at, const char *expected, const char *found)
{
	if (!base64->complained)
		sink_malformed(base64->sink, at, expected, "%.60s", found);
	base64->complained = true;
}

/* Takes a character; false if it is none of base64. */
static bool take(struct base64 *base64, char c)
{
	int digit = text_base64_digit(c);
	if (c == '=') {
		base64->padding++;
		if (base64->count + base64->padding < 4 && base64->count >= 2)
			return true;
		bool sound = base64->count >= 2;
		flush_group(base64);
		return sound;
	}
	if (digit < 0)
		return strchr(" \t\"',", c) != NULL;
	if (base64->padding)
		flush_group(base64);
	base64->bits = base64->bits << 6 | (uint32_t)digit;
	if (++base64->count == 4)
		flush_group(base64);
	return true;
}

static int base64_line(void *ctx, char *line, size_t len, uint64_t at, bool more)
{
	struct base64 *base64 = ctx;
	bool skip = base64->skipping;
	base64->skipping = skip && more;
	if (skip)
		return ATLS_OK;
	if (strncmp(line, "-----", 5) == 0) {
		flush_group(base64);
		base64->skipping = more;
		return give(base64, at);
	}
	for (size_t i = 0; i < len; i++) {
		if (take(base64, line[i]))
			continue;
		complain(base64, at + i, "base64", line + i);
		flush_group(base64);
		base64->skipping = more;
		return give(base64, at);
	}
	base64->complained = base64->complained && len == 0;
	return give(base64, at);
}

static void *base64_open(const struct piece_sink *sink)
{
	struct base64 *base64 = calloc(1, sizeof *base64);
	if (base64) {
		base64->sink = sink;
		lines_init(&base64->lines, base64_line, base64);
	}
	return base64;
}

static int base64_feed(void *state, const uint8_t *bytes, size_t len)
{
	struct base64 *base64 = state;
	return lines_feed(&base64->lines, bytes, len);
}

static int base64_end(void *state)
{
	struct base64 *base64 = state;
	int rc = lines_end(&base64->lines);
	if (base64->count == 1)
		complain(base64, base64->lines.offset, "base64 in groups of four",
			"a single character at the end");
	flush_group(base64);
	return rc ? rc : give(base64, base64->lines.offset);
}

const struct form form_base64 = {"base64", base64_open, base64_feed, base64_end, free};
