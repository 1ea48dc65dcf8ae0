/* pieces [--from FORM] [-b | -n] FILE: what atls-dump's input gives, a line a piece, in order; what
 * is malformed on standard error. With -b, instead, the bytes of each session and direction in hex,
 * a line each, sessions numbered in the order in which they appear; with -n, nothing. */
#include "cmd/atls-dump/input.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STREAMS_MAX 64

/* One session and direction. */
struct stream {
	char *session;
	enum piece_direction direction;
	uint8_t *bytes;
	size_t len;
};

struct pieces {
	bool as_streams, silent;
	int malformed;
	struct stream streams[STREAMS_MAX];
	int stream_count;
};

static const char *const directions[] = {"unknown", "up", "down"};

static void *need(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

static struct stream *stream_of(struct pieces *pieces, const struct piece *piece)
{
	struct stream *stream = pieces->streams;
	for (int i = 0; i < pieces->stream_count; i++, stream++)
		if (strcmp(stream->session, piece->session) == 0 &&
			stream->direction == piece->direction)
			return stream;
	if (pieces->stream_count++ == STREAMS_MAX)
		abort();
	stream->session = need(strdup(piece->session));
	stream->direction = piece->direction;
	return stream;
}

static void add(struct pieces *pieces, const struct piece *piece)
{
	struct stream *stream = stream_of(pieces, piece);
	size_t at = piece->positioned ? (size_t)piece->position : stream->len;
	size_t end = at + piece->len;
	if (end > stream->len) {
		stream->bytes = need(realloc(stream->bytes, end));
		memset(stream->bytes + stream->len, 0, end - stream->len);
		stream->len = end;
	}
	if (piece->len)
		memcpy(stream->bytes + at, piece->bytes, piece->len);
}

static void print(const struct piece *piece)
{
	const struct piece_http *http = piece->http;
	printf("session=%s direction=%s exchange=%llu time=%lld offset=%llu len=%zu",
		piece->session, directions[piece->direction], piece->exchange,
		(long long)piece->time_us, (unsigned long long)piece->source_offset, piece->len);
	if (piece->positioned)
		printf(" position=%llu", (unsigned long long)piece->position);
	if (http)
		printf(" method=%s path=%s type=%s status=%ld encoding=%d body=%zu stream=%s%s",
			http->method ? http->method : "-", http->path ? http->path : "-",
			http->content_type ? http->content_type : "-", http->status, http->encoding,
			http->body_len, http->stream ? http->stream : "-",
			http->websocket ? " websocket" : "");
	printf("\n");
}

static int on_piece(void *ctx, const struct piece *piece)
{
	struct pieces *pieces = ctx;
	if (pieces->silent || piece->last)
		return 0;
	if (pieces->as_streams)
		add(pieces, piece);
	else
		print(piece);
	return 0;
}

static void on_malformed(void *ctx, uint64_t offset, const char *expected, const char *found)
{
	struct pieces *pieces = ctx;
	pieces->malformed++;
	fprintf(stderr, "at %llu: expected %s, found %s\n", (unsigned long long)offset, expected,
		found);
}

/* The first stream of the same session. */
static int first_of(const struct pieces *pieces, int i)
{
	int first = 0;
	while (strcmp(pieces->streams[first].session, pieces->streams[i].session) != 0)
		first++;
	return first;
}

static void print_stream(const struct pieces *pieces, int i)
{
	const struct stream *stream = &pieces->streams[i];
	int number = 0;
	for (int before = 0; before <= first_of(pieces, i); before++)
		number += first_of(pieces, before) == before;
	printf("%d %s ", number, directions[stream->direction]);
	for (size_t at = 0; at < stream->len; at++)
		printf("%02x", stream->bytes[at]);
	printf("\n");
}

int main(int argc, char **argv)
{
	static struct pieces pieces;
	struct input_options options = {0};
	const struct piece_sink sink = {on_piece, on_malformed, &pieces};
	struct atls_error err = {0};
	int i = 1;
	for (; i + 1 < argc && argv[i][0] == '-' && argv[i][1]; i++)
		if (strcmp(argv[i], "-b") == 0)
			pieces.as_streams = true;
		else if (strcmp(argv[i], "-n") == 0)
			pieces.silent = true;
		else
			options.from = argv[++i];
	if (i >= argc)
		return 2;
	int fd = strcmp(argv[i], "-") == 0 ? STDIN_FILENO : open(argv[i], O_RDONLY | O_CLOEXEC);
	int rc = input_read(&options, fd, argv[i], &sink, &err);
	for (i = 0; i < pieces.stream_count; i++)
		print_stream(&pieces, i);
	for (i = 0; i < pieces.stream_count; i++) {
		free(pieces.streams[i].session);
		free(pieces.streams[i].bytes);
	}
	close(fd);
	if (rc)
		fprintf(stderr, "%s\n", err.text);
	return rc ? 2 : pieces.malformed > 0;
}
