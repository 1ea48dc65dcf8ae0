/* HTTP/1 messages out of a stream of bytes, of one direction or, from files, of both. */
#ifndef ATLS_DUMP_HTTP_H
#define ATLS_DUMP_HTTP_H

#include "piece.h"

/* What counts of a message. Text is NUL-terminated, and null where there is none. */
struct http_message {
	bool answer;
	long status;        /* of an answer */
	const char *method; /* of a request */
	const char *path;   /* the request's target */
	const char *content_type;
	const char *cookie;      /* the one that may name a session: see http_cookie() */
	bool cookie_is_ours;     /* it is named "atls" */
	const char *stream;      /* ATLS-Stream */
	const char *coding;      /* Content-Encoding */
	const char *subprotocol; /* Sec-WebSocket-Protocol */
	bool websocket;          /* Upgrade: websocket */
	int64_t time_us;         /* of its first byte; -1: unknown */
	uint64_t head_offset;
	uint64_t body_offset;
	const uint8_t *body;
	size_t body_len;
	bool cut; /* less of the body came than it has, or than is held */

	const char *session;       /* its name, where the form knows one */
	unsigned long long number; /* a request and its answer share it; 0: their order says so */
};

/* A copy in one piece of memory, free() frees it; *size is how much. Without the body, it has none.
 * Null: no memory. */
struct http_message *http_message_copy(
	const struct http_message *message, bool with_body, size_t *size);

struct http_events {
	/* A message is whole. 0, or what ends the feeding. */
	int (*message)(void *ctx, const struct http_message *message);

	/* The method of the request that the next answer is to, or null: it has no body if that is
	 * HEAD. */
	const char *(*method)(void *ctx);
	void *ctx;
};

struct http_parser;

/* marked: the bytes come with marks, see http_mark(), and a body without a length reaches up to the
 * next one. Null: no memory. sink and events are kept by reference. */
struct http_parser *http_parser_new(
	const struct http_events *events, const struct piece_sink *sink, bool marked);
void http_parser_free(struct http_parser *parser);

/* Takes bytes that stand at offset in the input and came at time_us. Returns how many it took,
 * which is less than len only behind a message that leaves HTTP (101, and 2xx to CONNECT), or a
 * negative code. */
ssize_t http_feed(struct http_parser *parser, const uint8_t *bytes, size_t len, uint64_t offset,
	int64_t time_us);

/* len bytes are missing here: the body is cut, or what follows is looked through for a message. */
int http_gap(struct http_parser *parser, uint64_t len, uint64_t offset);

/* The next byte is the first of a message's head, of this direction or of the other one. A body
 * without a length ends here; one that has a length, and less came, does if the head is its own. */
int http_mark(struct http_parser *parser, bool own);

/* Whether what follows is no HTTP: http_feed() takes no more. */
bool http_is_over(const struct http_parser *parser);

/* No more bytes come. */
int http_end(struct http_parser *parser);

/* Bytes of memory that it holds. */
size_t http_parser_memory(const struct http_parser *parser);

/* Whether bytes begin like an HTTP/1 message: 1 yes, 0 no, -1 too few to say. */
int http_looks_like(const uint8_t *bytes, size_t len);

/* The value, in text that is changed, of the cookie that may name a session, out of the value of a
 * Cookie field, or of a Set-Cookie field: the one named "atls", else the longest, since names of
 * sessions are long. Null if there is none. */
char *http_cookie(char *text, bool set_cookie, bool *is_atls);

#endif
