#include "http.h"

#include "form.h"
#include "http_impl.h"
#include "limits.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct http_parser *http_parser_new(
	const struct http_events *events, const struct piece_sink *sink, bool marked)
{
	struct http_parser *parser = calloc(1, sizeof *parser);
	if (!parser)
		return NULL;
	parser->events = events;
	parser->sink = sink;
	parser->marked = marked;
	atls_buf_init(&parser->text, HTTP_HEAD_MAX + 1);
	atls_buf_init(&parser->body, HTTP_BODY_MAX);
	return parser;
}

void http_parser_free(struct http_parser *parser)
{
	if (!parser)
		return;
	atls_buf_free(&parser->text);
	atls_buf_free(&parser->body);
	free(parser);
}

size_t http_parser_memory(const struct http_parser *parser)
{
	return parser ? sizeof *parser + parser->text.cap + parser->body.cap : 0;
}

static void begin_message(struct http_parser *parser)
{
	atls_buf_free(&parser->text);
	atls_buf_free(&parser->body);
	parser->line = parser->chunk_line_len = 0;
	parser->has_body = false;
	parser->state = HEAD;
}

void http_lose(struct http_parser *parser)
{
	begin_message(parser);
	parser->state = LOST;
	parser->line_start = false;
}

/* ---- Bodies ---- */

int http_finish(struct http_parser *parser, bool cut)
{
	struct http_message *message = &parser->head.message;
	static const uint8_t nothing;
	message->body = parser->body.len ? atls_buf_bytes(&parser->body) : &nothing;
	message->body_len = parser->body.len;
	message->cut |= cut;
	parser->state = HEAD; /* whatever message() asks for next */
	int rc = parser->events->message(parser->events->ctx, message);
	begin_message(parser);
	return rc;
}

static int cut_short(struct http_parser *parser)
{
	sink_malformed(parser->sink, parser->head.message.body_offset, "a whole body",
		"%zu bytes of it", parser->body.len);
	return http_finish(parser, true);
}

static int begin_body(struct http_parser *parser, uint64_t offset)
{
	const struct http_head *head = &parser->head;
	const char *method = NULL;
	if (head->message.answer)
		method = parser->events->method(parser->events->ctx);
	parser->head.message.body_offset = offset;
	if (http_leaves(&head->message, method)) {
		int rc = http_finish(parser, false);
		parser->state = parser->marked && head->message.status != 101 ? HEAD : LEFT;
		return rc;
	}
	if (http_has_no_body(&head->message, method))
		return http_finish(parser, false);
	parser->left = head->length;
	if (head->chunked)
		parser->state = CHUNK_SIZE;
	else if (head->has_length)
		parser->state = LENGTH;
	else if (head->message.answer || (parser->marked && head->later))
		parser->state = OPEN;
	else
		return http_finish(parser, false);
	return head->has_length && head->length == 0 && !head->chunked ? http_finish(parser, false)
								       : ATLS_OK;
}

int http_keep(struct http_parser *parser, const uint8_t *bytes, size_t len, uint64_t offset)
{
	struct http_message *message = &parser->head.message;
	if (!parser->has_body)
		message->body_offset = offset;
	parser->has_body = true;
	size_t room = HTTP_BODY_MAX - parser->body.len;
	if (len > room && !message->cut) {
		message->cut = true;
		sink_malformed(parser->sink, message->body_offset, "a body that can be held",
			"more than %u bytes", HTTP_BODY_MAX);
	}
	return atls_buf_append(&parser->body, bytes, len < room ? len : room);
}

/* ---- Heads ---- */

static int head_done(struct http_parser *parser, uint64_t offset)
{
	struct http_message *message = &parser->head.message;
	uint64_t head_offset = message->head_offset;
	int64_t time_us = message->time_us;
	char *text = (char *)parser->text.mem + parser->text.head;
	const char *at = text;
	size_t len = parser->text.len - 1;
	for (char *nul = text; (nul = memchr(nul, '\0', len - (size_t)(nul - text)));)
		*nul = '?';
	const char *expected = http_head_parse(&parser->head, text, len, &at);
	message->head_offset = head_offset;
	message->time_us = time_us;
	if (!expected)
		return begin_body(parser, offset);
	sink_malformed(parser->sink, head_offset + (uint64_t)(at - text), expected, "%.60s", at);
	http_lose(parser);
	parser->line_start = true;
	return ATLS_OK;
}

/* Ends the head if its last line, up to and with the newline, is empty. */
static int line_done(struct http_parser *parser, uint64_t offset)
{
	const uint8_t *line = atls_buf_bytes(&parser->text) + parser->line;
	size_t len = parser->text.len - parser->line;
	parser->line = parser->text.len;
	if (len > 2 || (len == 2 && line[0] != '\r'))
		return ATLS_OK;
	int rc = atls_buf_append(&parser->text, "", 1);
	return rc ? rc : head_done(parser, offset);
}

/* The head's text up to and with the next end of line. */
static int take_head(struct http_parser *parser, const uint8_t *bytes, size_t *len, uint64_t offset)
{
	const uint8_t *newline = memchr(bytes, '\n', *len);
	if (parser->text.len == 0 && (*bytes == '\r' || *bytes == '\n')) {
		*len = 1;
		return ATLS_OK;
	}
	if (newline)
		*len = (size_t)(newline - bytes) + 1;
	int rc = parser->text.len + *len > HTTP_HEAD_MAX
			 ? ATLS_E_LIMIT
			 : atls_buf_append(&parser->text, bytes, *len);
	const uint8_t *text = atls_buf_bytes(&parser->text);
	if (rc == ATLS_E_LIMIT)
		sink_malformed(parser->sink, parser->head.message.head_offset,
			"the end of an HTTP head", "more than %u bytes", HTTP_HEAD_MAX);
	else if (!rc && http_looks_like(text, parser->text.len) == 0)
		sink_malformed(parser->sink, parser->head.message.head_offset, "an HTTP message",
			"something else");
	else
		return rc || !newline ? rc : line_done(parser, offset + *len);
	http_lose(parser);
	parser->line_start = newline != NULL;
	return ATLS_OK;
}

/* Looks for a line that begins a message. */
static int take_lost(struct http_parser *parser, const uint8_t *bytes, size_t *len)
{
	if (!parser->line_start) {
		const uint8_t *newline = memchr(bytes, '\n', *len);
		parser->line_start = newline != NULL;
		*len = newline ? (size_t)(newline - bytes) + 1 : *len;
		return ATLS_OK;
	}
	*len = 1;
	int rc = atls_buf_append(&parser->text, bytes, 1);
	if (rc)
		return rc;
	int looks = http_looks_like(atls_buf_bytes(&parser->text), parser->text.len);
	if (looks == 1) {
		parser->state = HEAD;
	} else if (looks == 0) {
		http_lose(parser);
		parser->line_start = *bytes == '\n';
	}
	return ATLS_OK;
}

/* ---- The whole ---- */

static int take_body(struct http_parser *parser, const uint8_t *bytes, size_t *len, uint64_t offset)
{
	if (parser->state != OPEN && *len > parser->left)
		*len = (size_t)parser->left;
	int rc = http_keep(parser, bytes, *len, offset);
	if (rc || parser->state == OPEN)
		return rc;
	parser->left -= *len;
	if (parser->left)
		return ATLS_OK;
	if (parser->state == LENGTH)
		return http_finish(parser, false);
	parser->state = CHUNK_END;
	return ATLS_OK;
}

/* Takes a stretch of *len bytes or less, and sets *len to how many. */
static int take(struct http_parser *parser, const uint8_t *bytes, size_t *len, uint64_t offset,
	int64_t time_us)
{
	switch (parser->state) {
	case HEAD:
	case LOST:
		if (parser->text.len == 0) {
			parser->head.message.head_offset = offset;
			parser->head.message.time_us = time_us;
		}
		return parser->state == HEAD ? take_head(parser, bytes, len, offset)
					     : take_lost(parser, bytes, len);
	case CHUNK_SIZE:
	case CHUNK_END:
	case TRAILERS:
		*len = 1;
		return http_take_chunk_line(parser, bytes, offset);
	default:
		return take_body(parser, bytes, len, offset);
	}
}

ssize_t http_feed(struct http_parser *parser, const uint8_t *bytes, size_t len, uint64_t offset,
	int64_t time_us)
{
	size_t done = 0;
	while (done < len && parser->state != LEFT) {
		size_t part = len - done;
		int rc = take(parser, bytes + done, &part, offset + done, time_us);
		if (rc)
			return rc;
		done += part;
	}
	return (ssize_t)done;
}

bool http_is_over(const struct http_parser *parser)
{
	return parser->state == LEFT;
}

static bool in_body(const struct http_parser *parser)
{
	return parser->state != HEAD && parser->state != LOST && parser->state != LEFT;
}

int http_gap(struct http_parser *parser, uint64_t len, uint64_t offset)
{
	int rc = ATLS_OK;
	if (parser->state == LENGTH && len < parser->left) {
		parser->head.message.cut = true;
		parser->left -= len;
		return rc;
	}
	bool framed = parser->state == LENGTH && len == parser->left;
	if (in_body(parser))
		rc = http_finish(parser, true);
	else if (parser->text.len)
		sink_malformed(parser->sink, offset, "the rest of an HTTP head", "a gap");
	if (framed)
		return rc;
	http_lose(parser);
	parser->line_start = true;
	return rc;
}

int http_mark(struct http_parser *parser, bool own)
{
	if (parser->state == OPEN)
		return http_finish(parser, false);
	if (!own || !in_body(parser) || parser->state == TRAILERS)
		return ATLS_OK;
	return cut_short(parser);
}

int http_end(struct http_parser *parser)
{
	int rc = ATLS_OK;
	if (parser->state == OPEN) {
		rc = http_finish(parser, false);
	} else if (in_body(parser)) {
		rc = cut_short(parser);
	} else if (parser->state == HEAD && parser->text.len) {
		sink_malformed(parser->sink, parser->head.message.head_offset,
			"the end of an HTTP head", "the end of the input");
	}
	begin_message(parser);
	return rc;
}
