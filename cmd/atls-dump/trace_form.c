/* curl --trace: each header and each stretch of data in a hex dump, under a line that says what. */
#include "exchange.h"
#include "form.h"
#include "limits.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DUMP_BYTES 16u

enum section { NONE, HEADER, DATA };

struct trace {
	struct exchange exchange;
	const struct piece_sink *sink;
	struct lines lines;
	enum section section; /* NONE: what curl says, and the bytes of the outer TLS */
	bool down;
	bool first;             /* the next line is the first of its section */
	unsigned long expected; /* bytes that the section has yet to show */
	bool complained;
	bool skipping; /* the rest of a long line */
};

static const struct mark {
	const char *text;
	enum section section;
	bool down;
} marks[] = {
	{"=> Send header, ", HEADER, false},
	{"=> Send data, ", DATA, false},
	{"<= Recv header, ", HEADER, true},
	{"<= Recv data, ", DATA, true},
	{"=> Send SSL data, ", NONE, false},
	{"<= Recv SSL data, ", NONE, true},
	{"== Info: ", NONE, false},
};
#define MARKS (sizeof marks / sizeof marks[0])

static void complain(struct trace *trace, uint64_t at, const char *expected, const char *found)
{
	if (!trace->complained)
		sink_malformed(trace->sink, at, expected, "%.60s", found);
	trace->complained = true;
}

/* The mark in a line; --trace-time and --trace-ids put something in front. */
static const struct mark *find_mark(const char *line)
{
	size_t skip = 0;
	for (int i = 0; i < 2; i++)
		if (line[skip] == '[' ||
			(line[skip] >= '0' && line[skip] <= '9' && strcspn(line + skip, " ") >= 15))
			skip += strcspn(line + skip, " ") +
				strspn(line + skip + strcspn(line + skip, " "), " ");
	for (size_t i = 0; i < MARKS; i++)
		if (strncmp(line + skip, marks[i].text, strlen(marks[i].text)) == 0)
			return &marks[i];
	return NULL;
}

static void begin_section(
	struct trace *trace, const struct mark *mark, const char *line, uint64_t at)
{
	if (trace->section != NONE && trace->expected)
		complain(trace, at, "the rest of the bytes", line);
	trace->section = mark->section;
	trace->down = mark->down;
	trace->first = true;
	trace->complained = false;
	trace->expected = 0;
	if (mark->section != NONE)
		trace->expected = strtoul(strstr(line, mark->text) + strlen(mark->text), NULL, 10);
}

/* The bytes of "0010: 61 74 6c ...  atl"; their count, or 0 if it is no such line. */
static size_t dump_bytes(const char *line, uint8_t bytes[DUMP_BYTES])
{
	size_t offset = strspn(line, "0123456789abcdef");
	size_t count = 0;
	if (offset < 4 || line[offset] != ':' || line[offset + 1] != ' ')
		return 0;
	for (line += offset + 2; count < DUMP_BYTES; line += 3) {
		if (text_hex_digit(line[0]) < 0 || text_hex_digit(line[1]) < 0 || line[2] != ' ')
			break;
		bytes[count++] = text_hex_byte(line);
	}
	return count;
}

static int take_bytes(struct trace *trace, const char *line, uint64_t at)
{
	uint8_t bytes[DUMP_BYTES];
	size_t count = dump_bytes(line, bytes);
	int rc = ATLS_OK;
	if (count == 0 || count > trace->expected) {
		complain(trace, at, count ? "no more bytes" : "bytes in hex, as of curl --trace",
			line);
		return ATLS_OK;
	}
	trace->expected -= count;
	if (trace->first && trace->section == HEADER)
		rc = exchange_mark(&trace->exchange, trace->down);
	trace->first = false;
	return rc ? rc : exchange_feed(&trace->exchange, trace->down, bytes, count, at);
}

static int trace_line(void *ctx, char *line, size_t len, uint64_t at, bool more)
{
	struct trace *trace = ctx;
	bool skip = trace->skipping;
	trace->skipping = more;
	if (skip || len == 0)
		return ATLS_OK;
	const struct mark *mark = find_mark(line);
	if (mark)
		begin_section(trace, mark, line, at);
	else if (trace->section != NONE)
		return take_bytes(trace, line, at);
	return ATLS_OK;
}

static void *trace_open(const struct piece_sink *sink)
{
	struct trace *trace = calloc(1, sizeof *trace);
	if (!trace)
		return NULL;
	trace->sink = sink;
	lines_init(&trace->lines, trace_line, trace);
	if (exchange_init(&trace->exchange, sink) == ATLS_OK)
		return trace;
	exchange_free(&trace->exchange);
	free(trace);
	return NULL;
}

static int trace_feed(void *state, const uint8_t *bytes, size_t len)
{
	struct trace *trace = state;
	return lines_feed(&trace->lines, bytes, len);
}

static int trace_end(void *state)
{
	struct trace *trace = state;
	int rc = lines_end(&trace->lines);
	return rc ? rc : exchange_end(&trace->exchange);
}

static void trace_close(void *state)
{
	struct trace *trace = state;
	if (trace)
		exchange_free(&trace->exchange);
	free(trace);
}

const struct form form_trace = {"trace", trace_open, trace_feed, trace_end, trace_close};
