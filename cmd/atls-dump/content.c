#include "content.h"

#include "body.h"
#include "form.h"
#include "websocket.h"

#include <stdlib.h>
#include <string.h>

/* So many bytes tell what a connection carries: "OPTIONS ", and a handshake message's type. */
#define FIRST_MAX 8u
#define TLS_FIRST 6u /* the shortest record, and what tells ClientHello from ServerHello */

enum kind { UNKNOWN, HTTP, SOCKET, TLS, OTHER };

struct side {
	struct http_parser *http;
	struct websocket *websocket;
	uint8_t first[FIRST_MAX]; /* bytes too few to say what they are */
	size_t first_len;
	uint64_t position; /* TLS: of the next byte in this direction */
	uint64_t first_offset;
	int64_t first_time;
};

struct content {
	struct dialogs *dialogs;
	const struct content_names *names;
	bool whole;
	enum kind kind;
	struct dialog *dialog;
	struct http_events events;
	struct side sides[2];
};

struct content *content_new(struct dialogs *dialogs, const struct content_names *names, bool whole)
{
	struct content *content = calloc(1, sizeof *content);
	if (!content)
		return NULL;
	content->dialogs = dialogs;
	content->names = names;
	content->whole = whole;
	return content;
}

static void forget(struct content *content)
{
	for (int i = 0; i < 2; i++) {
		http_parser_free(content->sides[i].http);
		websocket_free(content->sides[i].websocket);
		content->sides[i].http = NULL;
		content->sides[i].websocket = NULL;
	}
	dialog_free(content->dialog);
	content->dialog = NULL;
}

void content_free(struct content *content)
{
	if (!content)
		return;
	forget(content);
	free(content);
}

size_t content_memory(const struct content *content)
{
	size_t sum = 0;
	if (!content)
		return 0;
	for (int i = 0; i < 2; i++)
		sum += http_parser_memory(content->sides[i].http) +
		       websocket_memory(content->sides[i].websocket);
	return sum + sizeof *content + dialog_memory(content->dialog);
}

/* ---- HTTP and WebSocket ---- */

static int on_message(void *ctx, const struct http_message *message)
{
	struct content *content = ctx;
	return dialog_message(content->dialog, message);
}

static const char *on_method(void *ctx)
{
	const struct content *content = ctx;
	return dialog_method(content->dialog);
}

static int begin_http(struct content *content)
{
	const struct piece_sink *sink = content->dialogs->sink;
	content->events = (struct http_events){on_message, on_method, content};
	content->dialog = dialog_new(content->dialogs, content->names->label(content->names->ctx));
	for (int i = 0; i < 2; i++)
		content->sides[i].http = http_parser_new(&content->events, sink, false);
	content->kind = HTTP;
	return content->dialog && content->sides[0].http && content->sides[1].http ? ATLS_OK
										   : ATLS_E_MEMORY;
}

/* An answer ended the HTTP of this connection: for a WebSocket, or for a tunnel with anything. */
static int leave_http(struct content *content, int from)
{
	const struct piece_sink *sink = content->dialogs->sink;
	if (!dialog_is_websocket(content->dialog)) {
		int rc = dialog_end(content->dialog);
		forget(content);
		content->kind = UNKNOWN;
		return rc;
	}
	content->kind = SOCKET;
	for (int i = 0; i < 2; i++) {
		struct side *side = &content->sides[i];
		side->websocket = websocket_new(content->dialog, i == from, sink);
		if (!side->websocket)
			return ATLS_E_MEMORY;
	}
	return ATLS_OK;
}

/* ---- What it is ---- */

/* Says who is the client, where nothing else did. */
static void suppose_client(struct content *content, int end)
{
	const struct content_names *names = content->names;
	if (names->client(names->ctx) < 0)
		names->client_is(names->ctx, end);
}

/* 1, 0, or -1 if more bytes would tell. */
static int looks_like_http2(const uint8_t *bytes, size_t len)
{
	static const char preface[] = "PRI ";
	size_t part = len < sizeof preface - 1 ? len : sizeof preface - 1;
	if (memcmp(bytes, preface, part) != 0)
		return 0;
	return part == sizeof preface - 1 ? 1 : -1;
}

static int begin(struct content *content, int from, const uint8_t *bytes, size_t len)
{
	int http = http_looks_like(bytes, len);
	if (http == 1) {
		suppose_client(content, bytes[0] == 'H' && bytes[1] == 'T' ? !from : from);
		return begin_http(content);
	}
	int tls = body_looks_like_tls(bytes, len);
	if (tls == 1 && len >= TLS_FIRST) {
		if (bytes[0] == 0x16)
			suppose_client(content, bytes[5] == 2 ? !from : from);
		content->kind = TLS;
	} else if (len >= FIRST_MAX || (http == 0 && tls == 0)) {
		content->kind = OTHER;
	}
	return ATLS_OK;
}

static int give_tls(struct content *content, int from, const uint8_t *bytes, size_t len,
	uint64_t offset, int64_t time_us)
{
	const struct piece_sink *sink = content->dialogs->sink;
	const struct content_names *names = content->names;
	int client = names->client(names->ctx);
	const struct piece piece = {.session = names->label(names->ctx),
		.direction = client < 0       ? PIECE_UNKNOWN
			     : client == from ? PIECE_UP
					      : PIECE_DOWN,
		.time_us = time_us,
		.bytes = bytes,
		.len = len,
		.source_offset = offset,
		.positioned = true,
		.position = content->sides[from].position};
	content->sides[from].position += len;
	return sink->piece(sink->ctx, &piece);
}

/* Bytes of a connection of which is known what it is. */
static int take_known(struct content *content, int from, const uint8_t *bytes, size_t len,
	uint64_t offset, int64_t time_us)
{
	struct side *side = &content->sides[from];
	if (content->kind == TLS)
		return give_tls(content, from, bytes, len, offset, time_us);
	if (content->kind == SOCKET)
		return websocket_feed(side->websocket, bytes, len, offset, time_us);
	if (content->kind != HTTP)
		return ATLS_OK;
	ssize_t used = http_feed(side->http, bytes, len, offset, time_us);
	if (used < 0)
		return (int)used;
	if (!http_is_over(side->http))
		return ATLS_OK;
	int rc = leave_http(content, from);
	if (rc || (size_t)used == len)
		return rc;
	return content_take(
		content, from, bytes + used, len - (size_t)used, offset + (uint64_t)used, time_us);
}

/* Adds bytes to the first ones until they tell; returns how many were taken. */
static size_t add_first(
	struct side *side, const uint8_t *bytes, size_t len, uint64_t offset, int64_t time_us)
{
	size_t room = FIRST_MAX - side->first_len;
	size_t part = len < room ? len : room;
	if (side->first_len == 0) {
		side->first_offset = offset;
		side->first_time = time_us;
	}
	memcpy(side->first + side->first_len, bytes, part);
	side->first_len += part;
	return part;
}

static int take_first(struct content *content, int from)
{
	struct side *side = &content->sides[from];
	size_t len = side->first_len;
	side->first_len = 0;
	return take_known(content, from, side->first, len, side->first_offset, side->first_time);
}

int content_take(struct content *content, int from, const uint8_t *bytes, size_t len,
	uint64_t offset, int64_t time_us)
{
	struct side *side = &content->sides[from];
	size_t part = 0;
	int rc = ATLS_OK;
	if (content->kind == UNKNOWN) {
		part = add_first(side, bytes, len, offset, time_us);
		int http2 = looks_like_http2(side->first, side->first_len);
		if (http2 == 1) {
			sink_malformed(
				content->dialogs->sink, side->first_offset, "HTTP/1", "HTTP/2");
			content->kind = OTHER;
		} else if (http2 == 0) {
			rc = begin(content, from, side->first, side->first_len);
		}
	}
	if (content->kind == OTHER && !content->whole) { /* the next packet may tell */
		content->kind = UNKNOWN;
		side->first_len = 0;
		return rc;
	}
	if (rc || content->kind == UNKNOWN)
		return rc;
	if (side->first_len)
		rc = take_first(content, from);
	return rc || part == len ? rc
				 : take_known(content, from, bytes + part, len - part,
					   offset + part, time_us);
}

int content_gap(struct content *content, int from, uint64_t len, uint64_t offset)
{
	struct side *side = &content->sides[from];
	side->first_len = 0;
	side->position += len;
	if (content->kind == HTTP || content->kind == SOCKET || content->kind == TLS)
		sink_malformed(content->dialogs->sink, offset, "the next bytes of a TCP connection",
			"a gap of %llu bytes in %s", (unsigned long long)len,
			content->names->label(content->names->ctx));
	if (content->kind == HTTP)
		return http_gap(side->http, len, offset);
	if (content->kind == SOCKET)
		websocket_gap(side->websocket, len, offset);
	else if (content->kind == UNKNOWN)
		content->whole = false;
	return ATLS_OK;
}

int content_end(struct content *content, int from)
{
	return content->kind == HTTP ? http_end(content->sides[from].http) : ATLS_OK;
}

/* Nothing can come any more of a session that has its connection's name. */
static int end_tls(struct content *content)
{
	const struct piece_sink *sink = content->dialogs->sink;
	const struct content_names *names = content->names;
	const struct piece piece = {.session = names->label(names->ctx), .last = true};
	return sink->piece(sink->ctx, &piece);
}

int content_close(struct content *content)
{
	int rc = content->kind == TLS ? end_tls(content) : ATLS_OK;
	for (int i = 0; i < 2 && !rc; i++)
		rc = content_end(content, i);
	if (!rc && content->dialog)
		rc = dialog_end(content->dialog);
	return rc;
}
