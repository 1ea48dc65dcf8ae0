/* TLS bytes as they are; and what all forms say to their sink. */
#include "form.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define FOUND_MAX 200

void sink_malformed(const struct piece_sink *sink, uint64_t offset, const char *expected,
	const char *format, ...)
{
	char found[FOUND_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(found, sizeof found, format, args);
	va_end(args);
	sink->malformed(sink->ctx, offset, expected, found);
}

int sink_bytes(const struct piece_sink *sink, const void *bytes, size_t len, uint64_t offset)
{
	const struct piece piece = {
		.session = "", .time_us = -1, .bytes = bytes, .len = len, .source_offset = offset};
	return sink->piece(sink->ctx, &piece);
}

struct raw {
	const struct piece_sink *sink;
	uint64_t offset;
};

static void *raw_open(const struct piece_sink *sink)
{
	struct raw *raw = calloc(1, sizeof *raw);
	if (raw)
		raw->sink = sink;
	return raw;
}

static int raw_feed(void *state, const uint8_t *bytes, size_t len)
{
	struct raw *raw = state;
	uint64_t offset = raw->offset;
	raw->offset += len;
	return len ? sink_bytes(raw->sink, bytes, len, offset) : ATLS_OK;
}

static int raw_end(void *state)
{
	(void)state;
	return ATLS_OK;
}

const struct form form_raw = {"raw", raw_open, raw_feed, raw_end, free};
