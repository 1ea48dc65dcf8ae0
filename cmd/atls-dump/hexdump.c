/* Hex text: bare digits in any grouping, xxd, hexdump -C, od -tx1, C arrays. A line at a time. */
#include "form.h"
#include "limits.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

#define LINE_BYTES   (LINE_MAX_BYTES / 2 + 1)
#define REPEAT_BLOCK (16u << 10)

struct hex {
	const struct piece_sink *sink;
	struct lines lines;
	uint8_t last[LINE_BYTES]; /* the bytes of the last line, which a "*" repeats */
	size_t last_len;
	uint64_t repeats; /* bytes that "*" may still stand for */
	uint64_t next;    /* what the offset column says next, of a dump that has one */
	bool dump;        /* the lines before had offsets: one that has nothing else is the end */
	bool repeating;
	bool complained; /* about the stretch of lines that this is in */
	bool inside;     /* a line too long to be held, of bare digits */
	bool skipping;   /* the rest of it */
	int high;        /* the digit that waits for its second one, or -1 */
};

static bool is_separator(char c)
{
	return strchr(" \t,:;{}\"\\", c) && c;
}

/* The digits at text, at most max of them. */
static size_t digits(const char *text, size_t max)
{
	size_t count = 0;
	while (count < max && text_hex_digit(text[count]) >= 0)
		count++;
	return count;
}

/* Where the bytes begin behind an offset column, with *offset set, or null if the line has none:
 * "00000010: ", or seven digits or more in front of groups of two. */
static const char *skip_offset(const struct hex *hex, const char *text, uint64_t *offset)
{
	size_t len = digits(text, 16);
	const char *behind = text + len;
	if (len < 4 || text_hex_digit(*behind) >= 0)
		return NULL;
	*offset = strtoull(text, NULL, 16);
	if (*behind == ':' && (behind[1] == ' ' || behind[1] == '\0'))
		return behind + 1;
	if (len < 7 || (*behind && *behind != ' '))
		return NULL;
	const char *first = behind + strspn(behind, " ");
	size_t group = digits(first, 3);
	return group == 2 || (*first == '\0' && hex->dump) ? first : NULL;
}

/* The bytes of a dump's line: up to the column of characters, which two spaces or a bar set off. */
static size_t columns(const char *text, bool bar, uint8_t *to)
{
	size_t count = 0;
	text += strspn(text, " ");
	while (count < LINE_BYTES && digits(text, 2) == 2) {
		to[count++] = text_hex_byte(text);
		text += 2;
		size_t spaces = strspn(text, " ");
		if (spaces > 1 && !bar)
			break;
		text += spaces;
	}
	return count;
}

/* The bytes of a line, or a part of one, without offset; -1 if there is anything else in it. */
static ssize_t bare(struct hex *hex, const char *text, bool more)
{
	size_t count = 0;
	for (; *text; text++) {
		int digit = text_hex_digit(*text);
		if (digit >= 0 && hex->high < 0) {
			hex->high = digit;
		} else if (digit >= 0) {
			hex->last[count++] = (uint8_t)(hex->high << 4 | digit);
			hex->high = -1;
		} else if ((*text == 'x' || *text == 'X') && hex->high <= 0) {
			hex->high = -1; /* 0x16, \x16 */
		} else if (!is_separator(*text) || hex->high >= 0) {
			return -1;
		}
	}
	return hex->high >= 0 && !more ? -1 : (ssize_t)count;
}

/* Gives the bytes of the last line again and again, many times at once. */
static int give_repeated(struct hex *hex, uint64_t left, uint64_t at)
{
	int rc = ATLS_OK;
	size_t block = left < REPEAT_BLOCK ? (size_t)left : REPEAT_BLOCK;
	uint8_t *bytes = malloc(block + hex->last_len);
	if (!bytes)
		return ATLS_E_MEMORY;
	size_t len = 0;
	for (; len < block; len += hex->last_len)
		memcpy(bytes + len, hex->last, hex->last_len);
	while (left && !rc) {
		if (left < len)
			len = (size_t)left;
		rc = sink_bytes(hex->sink, bytes, len, at);
		left -= len;
	}
	free(bytes);
	return rc;
}

/* What the "*" between two lines stood for. */
static int repeat(struct hex *hex, uint64_t offset, uint64_t at)
{
	hex->repeating = false;
	if (offset < hex->next || offset - hex->next > hex->repeats || hex->last_len == 0) {
		sink_malformed(hex->sink, at, "an offset behind the repeated lines", "%llx",
			(unsigned long long)offset);
		return ATLS_OK;
	}
	uint64_t len = offset - hex->next;
	hex->repeats -= len;
	return len ? give_repeated(hex, len, at) : ATLS_OK;
}

static int dump_line(struct hex *hex, const char *bytes, uint64_t offset, uint64_t at)
{
	bool bar = bytes[-1] != ':' && strchr(bytes, '|'); /* xxd has none */
	int rc = hex->repeating ? repeat(hex, offset, at) : ATLS_OK;
	hex->last_len = columns(bytes, bar, hex->last);
	hex->next = offset + hex->last_len;
	if (rc || hex->last_len == 0)
		return rc;
	return sink_bytes(hex->sink, hex->last, hex->last_len, at);
}

static int bare_line(struct hex *hex, const char *line, uint64_t at, bool more)
{
	ssize_t count = bare(hex, line, more);
	hex->inside = more;
	hex->skipping = more && count < 0;
	if (count >= 0) {
		hex->complained = false;
		return count ? sink_bytes(hex->sink, hex->last, (size_t)count, at) : ATLS_OK;
	}
	hex->high = -1;
	if (!hex->complained)
		sink_malformed(hex->sink, at, "hex digits", "%.60s", line);
	hex->complained = true;
	return ATLS_OK;
}

static int hex_line(void *ctx, char *line, size_t len, uint64_t at, bool more)
{
	struct hex *hex = ctx;
	uint64_t offset;
	(void)len;
	if (hex->skipping) {
		hex->inside = hex->skipping = more;
		return ATLS_OK;
	}
	if (hex->inside)
		return bare_line(hex, line, at, more);
	line += strspn(line, " \t");
	if (*line == '*' && line[1] == '\0') {
		hex->repeating = true;
		return ATLS_OK;
	}
	const char *bytes = more ? NULL : skip_offset(hex, line, &offset);
	if (!bytes)
		return bare_line(hex, line, at, more);
	hex->complained = false;
	hex->dump = true;
	return dump_line(hex, bytes, offset, at);
}

static void *hex_open(const struct piece_sink *sink)
{
	struct hex *hex = calloc(1, sizeof *hex);
	if (hex) {
		hex->sink = sink;
		hex->high = -1;
		hex->repeats = HEX_REPEAT_MAX;
		lines_init(&hex->lines, hex_line, hex);
	}
	return hex;
}

static int hex_feed(void *state, const uint8_t *bytes, size_t len)
{
	struct hex *hex = state;
	return lines_feed(&hex->lines, bytes, len);
}

static int hex_end(void *state)
{
	struct hex *hex = state;
	return lines_end(&hex->lines);
}

const struct form form_hex = {"hex", hex_open, hex_feed, hex_end, free};
