/* Chunked bodies, RFC 9112 section 7.1. */
#include "form.h"
#include "http_impl.h"

/* What says that it is chunked is not. Programs that print messages may have joined the chunks. */
static int no_chunk(struct http_parser *parser, uint64_t offset, const char *expected)
{
	if (!parser->has_body && parser->marked) {
		parser->state = OPEN;
		return http_keep(parser, (const uint8_t *)parser->chunk_line,
			parser->chunk_line_len, offset - parser->chunk_line_len);
	}
	sink_malformed(parser->sink, offset - parser->chunk_line_len, expected, "%.*s",
		(int)parser->chunk_line_len, parser->chunk_line);
	int rc = http_finish(parser, true);
	http_lose(parser);
	return rc;
}

static int chunk_line_done(struct http_parser *parser, uint64_t offset)
{
	size_t len = parser->chunk_line_len - 1;
	bool empty_line = len == 0 || (len == 1 && parser->chunk_line[0] == '\r');
	if (parser->state == TRAILERS || parser->state == CHUNK_END) {
		parser->chunk_line_len = 0;
		if (parser->state == CHUNK_END)
			parser->state = CHUNK_SIZE;
		else if (empty_line)
			return http_finish(parser, false);
		return ATLS_OK;
	}
	int64_t size = http_chunk_size(parser->chunk_line, len);
	if (size < 0)
		return no_chunk(parser, offset, "the size of a chunk");
	parser->chunk_line_len = 0;
	parser->left = (uint64_t)size;
	parser->state = size ? CHUNK : TRAILERS;
	return ATLS_OK;
}

int http_take_chunk_line(struct http_parser *parser, const uint8_t *bytes, uint64_t offset)
{
	bool first = parser->chunk_line_len == 0;
	bool wrong = false;
	if (parser->state == CHUNK_SIZE && first)
		wrong = http_chunk_size((const char *)bytes, 1) < 0 || *bytes == '\r';
	if (parser->state == CHUNK_END)
		wrong = *bytes != '\n' && !(first && *bytes == '\r');
	parser->chunk_line[parser->chunk_line_len++] = (char)*bytes;
	if (wrong)
		return no_chunk(parser, offset + 1,
			parser->state == CHUNK_END ? "the end of a chunk" : "the size of a chunk");
	if (*bytes == '\n')
		return chunk_line_done(parser, offset + 1);
	if (parser->chunk_line_len < CHUNK_LINE_MAX)
		return ATLS_OK;
	if (parser->state != TRAILERS)
		return no_chunk(parser, offset + 1, "the end of a chunk's size");
	parser->chunk_line_len = 2; /* a long trailer: only whether it is empty counts */
	return ATLS_OK;
}
