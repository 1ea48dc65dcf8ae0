/* The HTTP parser's own parts share this; nobody else does. */
#ifndef ATLS_DUMP_HTTP_IMPL_H
#define ATLS_DUMP_HTTP_IMPL_H

#include "core/buf.h"
#include "http_head.h"

#define CHUNK_LINE_MAX 256u

enum http_state {
	HEAD,
	LENGTH,     /* a body of left more bytes */
	CHUNK_SIZE, /* its line */
	CHUNK,      /* left more bytes */
	CHUNK_END,  /* the end of line behind it */
	TRAILERS,
	OPEN, /* a body up to the next mark, or the end */
	LOST, /* up to a line that begins a message */
	LEFT, /* no HTTP any more */
};

struct http_parser {
	const struct http_events *events;
	const struct piece_sink *sink;
	bool marked;
	enum http_state state;
	uint64_t left;
	struct atls_buf text; /* the head, whose fields live as long as the message */
	size_t line;          /* where the last line of it begins */
	char chunk_line[CHUNK_LINE_MAX];
	size_t chunk_line_len;
	struct atls_buf body;
	bool has_body;   /* its first byte is known */
	bool line_start; /* LOST: at the first byte of a line */
	struct http_head head;
};

/* The message is whole, or cut: gives it, and begins the next one. */
int http_finish(struct http_parser *parser, bool cut);

/* Looks for a line that begins a message from here on. */
void http_lose(struct http_parser *parser);

/* Keeps a stretch of the body, as far as it fits. */
int http_keep(struct http_parser *parser, const uint8_t *bytes, size_t len, uint64_t offset);

/* Takes a byte of the lines between chunks, and behind the last one. */
int http_take_chunk_line(struct http_parser *parser, const uint8_t *bytes, uint64_t offset);

#endif
