/* Where the input forms meet the decoder: stretches of TLS bytes, in the order of the capture. */
#ifndef ATLS_DUMP_PIECE_H
#define ATLS_DUMP_PIECE_H

#include "atls.h"

/* Up is from client to server. */
enum piece_direction { PIECE_UNKNOWN, PIECE_UP, PIECE_DOWN };

/* The HTTP message that a piece came in. Text is NUL-terminated, and null where there is none. */
struct piece_http {
	const char *method, *path, *content_type;
	long status;                /* of an answer, else 0 */
	int encoding;               /* enum atls_encoding, or -1 */
	const char *session_member; /* of a json body */
	const char *cookie;         /* the value of the cookie that names the session */
	const char *stream;         /* the ATLS-Stream dictionary */
	bool websocket;
	bool raw;            /* a part of a raw stream, which may be TLS or not */
	const uint8_t *body; /* as it travelled, chunks and compression aside */
	size_t body_len;
};

/* One stretch of TLS bytes as an input form gives it. All pointers are valid during the call. */
struct piece {
	const char *session; /* groups the pieces of one; "" if the form knows none */
	enum piece_direction direction;
	unsigned long long exchange;   /* HTTP exchange, from 1; 0: none */
	int64_t time_us;               /* since the epoch; -1: not known */
	const uint8_t *bytes;          /* TLS, decoded from the body */
	size_t len;                    /* may be 0: a poll, an answer that has nothing to say */
	uint64_t source_offset;        /* where the body, or bytes, began in the input */
	bool positioned;               /* stream carriage: position counts */
	uint64_t position;             /* of the first byte in its direction */
	const struct piece_http *http; /* null: not from HTTP */
	bool last;                     /* the session is over: nothing else of this counts */
};

/* Where pieces go. */
struct piece_sink {
	/* Takes one piece. 0, or a negative enum atls_code, which ends the reading. */
	int (*piece)(void *ctx, const struct piece *piece);

	/* Something in the input is not as its form has it; the form goes on behind it where that
	 * is sound. Both texts are short phrases; found may hold bytes of the input. */
	void (*malformed)(void *ctx, uint64_t offset, const char *expected, const char *found);
	void *ctx;
};

#endif
