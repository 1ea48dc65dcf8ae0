/* What an input form gives, put together so that it can be compared: however the input was cut, it
 * must be the same. */
#ifndef ATLS_TESTS_INPUT_H
#define ATLS_TESTS_INPUT_H

#include "cmd/atls-dump/form.h"
#include "cmd/atls-dump/pcap_form.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEARD_MAX 65536u

/* One line for each stretch of pieces of one session, direction, exchange and position without a
 * gap, "SESSION up 1 @0 POST /atls: 160301...\n", for what is malformed, and for the end of a
 * session. */
struct heard {
	size_t len;
	uint64_t next; /* position behind the last piece */
	unsigned malformed;
	uint64_t bytes;
	int rc;
	char stretch[512]; /* the line's beginning that the last piece had */
	char text[HEARD_MAX];
};

/* All that was heard before is forgotten; the room for text is left as it is, for speed. */
static inline void heard_begin(struct heard *heard)
{
	memset(heard, 0, offsetof(struct heard, stretch));
	heard->stretch[0] = heard->text[0] = '\0';
}

static inline void heard_add(struct heard *heard, const char *text)
{
	size_t len = strlen(text);
	if (len < HEARD_MAX - heard->len) {
		memcpy(heard->text + heard->len, text, len + 1);
		heard->len += len;
	}
}

static inline int heard_piece(void *ctx, const struct piece *piece)
{
	static const char *const directions[] = {"?", "up", "down"};
	const struct piece_http *http = piece->http;
	struct heard *heard = ctx;
	char stretch[512];
	if (piece->last) {
		heard->stretch[0] = '\0';
		snprintf(stretch, sizeof stretch, "\n%.80s is over", piece->session);
		heard_add(heard, stretch);
		return ATLS_OK;
	}
	snprintf(stretch, sizeof stretch, "%.80s %s %llu%s %.20s %.80s %ld %d%s", piece->session,
		directions[piece->direction], piece->exchange, piece->positioned ? " @" : "",
		http && http->method ? http->method : "-", http && http->path ? http->path : "-",
		http ? http->status : 0, http ? http->encoding : -2,
		http && http->websocket ? " websocket" : "");
	bool same = strcmp(stretch, heard->stretch) == 0 &&
		    (!piece->positioned || piece->position == heard->next) &&
		    (!http || http->websocket);
	if (!same) {
		heard_add(heard, "\n");
		heard_add(heard, stretch);
		heard_add(heard, ": ");
		snprintf(heard->stretch, sizeof heard->stretch, "%s", stretch);
	}
	heard->next = piece->position + piece->len;
	heard->bytes += piece->len;
	for (size_t i = 0; i < piece->len && heard->len < HEARD_MAX - 3; i++) {
		heard->text[heard->len++] = "0123456789abcdef"[piece->bytes[i] >> 4];
		heard->text[heard->len++] = "0123456789abcdef"[piece->bytes[i] & 15];
	}
	heard->text[heard->len] = '\0';
	return ATLS_OK;
}

static inline void heard_malformed(
	void *ctx, uint64_t offset, const char *expected, const char *found)
{
	struct heard *heard = ctx;
	char line[512];
	heard->malformed++;
	heard->stretch[0] = '\0';
	snprintf(line, sizeof line, "\n! %llu %s | %.100s", (unsigned long long)offset, expected,
		found);
	heard_add(heard, line);
}

/* Feeds a form with the input in parts of size bytes (0: in one), each in memory of its own. */
static inline void heard_feed(
	struct heard *heard, const struct form *form, const uint8_t *bytes, size_t len, size_t size)
{
	const struct piece_sink sink = {heard_piece, heard_malformed, heard};
	heard_begin(heard);
	void *state = form->open(&sink);
	if (!state)
		abort();
	for (size_t at = 0; at < len && !heard->rc;) {
		size_t part = size && size < len - at ? size : len - at;
		uint8_t *copy = malloc(part);
		if (!copy)
			abort();
		memcpy(copy, bytes + at, part);
		heard->rc = form->feed(state, copy, part);
		free(copy);
		at += part;
	}
	if (!heard->rc)
		heard->rc = form->end(state);
	form->close(state);
}

/* A file in memory. */
struct heard_file {
	const uint8_t *bytes;
	size_t len, at, step;
};

static inline ssize_t heard_read(void *ctx, void *to, size_t cap)
{
	struct heard_file *file = ctx;
	size_t left = file->len - file->at;
	size_t part = cap < left ? cap : left;
	if (file->step && file->step < part)
		part = file->step;
	if (part)
		memcpy(to, file->bytes + file->at, part);
	file->at += part;
	return (ssize_t)part;
}

/* Reads a capture, of which a read gives step bytes at most (0: all). */
static inline void heard_pcap(struct heard *heard, const uint8_t *bytes, size_t len, size_t step)
{
	const struct piece_sink sink = {heard_piece, heard_malformed, heard};
	struct heard_file file = {bytes, len, 0, step};
	struct source *source = calloc(1, sizeof *source);
	if (!source)
		abort();
	heard_begin(heard);
	source->read = heard_read;
	source->ctx = &file;
	source_peek(source);
	heard->rc = pcap_form_read(source, &sink);
	free(source);
}

#endif
