/* Stream carriage over HTTP requests (protocol rules 4.2), both halves, free of I/O: what to post,
 * what to answer, when to wait, what was lost. Times are milliseconds on the caller's own clock. */
#ifndef ATLS_CORE_STREAM_H
#define ATLS_CORE_STREAM_H

#include "atls.h"

#include "core/stream_dict.h"
#include "core/stream_recv.h"
#include "core/stream_send.h"

#define ATLS_STREAM_BODY         (256u << 10) /* bytes of one body */
#define ATLS_STREAM_BODY_LONG    (704u << 10) /* on a long path; below a million as json, too */
#define ATLS_STREAM_LONG_MS      20           /* a round trip that makes a path a long one */
#define ATLS_STREAM_WINDOW_FIRST (64u << 10)  /* credit until the handshake is done */
#define ATLS_STREAM_WINDOW       (4u << 20)
#define ATLS_STREAM_WINDOW_MAX   (16u << 20)
#define ATLS_STREAM_INFLIGHT     4u
#define ATLS_STREAM_POLL_MIN_MS  1000
#define ATLS_STREAM_REPLY_MS     10000       /* beyond the poll, for an answer to come */
#define ATLS_STREAM_BULK         (16u << 10) /* a body of this size has more behind it */

/* ---- The client's half ---- */

struct atls_stream_client;

struct atls_stream_limits {
	size_t window;         /* credit to begin with: ATLS_STREAM_WINDOW_FIRST */
	size_t body_max;       /* bytes in one body, ATLS_BODY_MIN to ATLS_BODY_MAX */
	size_t body_long;      /* and on a long path, if it is more */
	unsigned inflight;     /* requests at once, to begin with */
	unsigned inflight_max; /* at most ATLS_STREAM_INFLIGHT_MAX; the server may want fewer */
	int64_t poll_ms;       /* longest time that the server may hold a poll */
	int64_t resume_ms;     /* longest time without a valid answer before giving up */
	uint32_t seed;         /* for jitter: not the same in all clients; no secret */
	char id[ATLS_STREAM_ID + 1]; /* 128 random bits, never used before */
	bool silent; /* begin although nothing is to be said yet: the server may speak first */
};

/* One request that is to be made. */
struct atls_stream_post {
	unsigned slot; /* names it until its end is told; below ATLS_STREAM_INFLIGHT_MAX */
	struct atls_stream_dict dict;
	struct atls_piece piece; /* its body; to be released */
	int64_t timeout_ms;      /* without a byte of the answer for so long, it is lost */
};

/* Null: memory. */
struct atls_stream_client *atls_stream_client_new(
	const struct atls_stream_limits *limits, int64_t now);
void atls_stream_client_free(struct atls_stream_client *client);

/* How many more bytes can be made use of now. */
size_t atls_stream_client_room(const struct atls_stream_client *client);
/* Adds bytes to what is to be said, or ends it: in order, or although there should be more. 0 or
 * ATLS_E_MEMORY. */
int atls_stream_client_say(struct atls_stream_client *client, const void *bytes, size_t len);
void atls_stream_client_end(struct atls_stream_client *client);
void atls_stream_client_abort(struct atls_stream_client *client);

enum atls_stream_step atls_stream_client_next(
	struct atls_stream_client *client, int64_t now, struct atls_stream_post *post, int64_t *at);

/*
 * What became of a request; one of these, once:
 * - a valid answer, with its dictionary. Take what came in order before anything else is called.
 *   0, ATLS_E_MEMORY or ATLS_E_PROTOCOL: the session is over.
 * - an answer without it, or with status 409: after one of these, or two of those, the dictionaries
 *   are to travel in the bodies, see atls_stream_facts. Not for the first answer of a session.
 * - status 413: 0, or ATLS_E_NETWORK when bodies cannot get smaller.
 * - anything else; retry_after ms at least will pass. 422 is told with unknown set: after three of
 *   these in a row ATLS_E_PROTOCOL, the session is gone.
 */
int atls_stream_client_answered(struct atls_stream_client *client, unsigned slot,
	const struct atls_stream_dict *dict, const void *bytes, size_t len, int64_t now,
	struct atls_error *err);
void atls_stream_client_stripped(struct atls_stream_client *client, unsigned slot, bool conflict,
	const struct atls_stream_dict *dict, int64_t now);
int atls_stream_client_too_large(struct atls_stream_client *client, unsigned slot);
int atls_stream_client_lost(struct atls_stream_client *client, unsigned slot, bool unknown,
	int64_t retry_after, int64_t now);

/* A part of the answer came: whoever waits for its bytes waits on. */
void atls_stream_client_heard(struct atls_stream_client *client, unsigned slot, int64_t now);

/* Bytes that came in order; to be called until it returns 0. */
size_t atls_stream_client_take(struct atls_stream_client *client, const uint8_t **bytes);
/* The credit that is given: window beyond what was taken and is not unread any more. */
void atls_stream_client_credit(
	struct atls_stream_client *client, size_t window, size_t window_max, size_t unread);

struct atls_stream_facts {
	bool open;      /* a valid answer came */
	bool in_body;   /* dictionaries have to travel in bodies: headers are stripped */
	bool fin_acked; /* all that was said, and its end, is acknowledged */
	bool complete;  /* all that the other end says is here... */
	bool aborted;   /* ...and it says that this is not all */
	bool delivered; /* all that was said, if not an end in order, is acknowledged */
	bool gone;      /* the server: both are so, and only a tombstone is left */
	uint64_t said, sent, acked, received; /* bytes */
	unsigned inflight;                    /* requests at once, now */
	size_t body_max;
	int64_t poll_ms;
	int64_t cut_ms;     /* a poll was cut after this; 0: none was */
	uint64_t exchanges; /* valid answers */
	uint64_t carried;   /* of these: with news of bytes, either way */
	uint64_t lost;      /* requests */
	size_t kept;        /* bytes that this end holds for retransmission or ahead of a gap */
};

struct atls_stream_facts atls_stream_client_facts(const struct atls_stream_client *client);

/* ---- The server's half ---- */

struct atls_stream_server;

/* An answer that is to be given. */
struct atls_stream_answer {
	void *request;
	struct atls_stream_dict dict;
	struct atls_piece piece; /* its body; to be released */
};

struct atls_stream_server_limits {
	size_t body_max;     /* bytes in one body */
	size_t body_long;    /* and on a long path, if it is more */
	size_t window;       /* credit to begin with */
	size_t keep_max;     /* bytes that are kept until they are acknowledged */
	unsigned inflight;   /* at most ATLS_STREAM_INFLIGHT_MAX */
	int64_t hold_max_ms; /* whatever a poll asks for */
	int64_t keep_ms;     /* told to the client */
};

struct atls_stream_server *atls_stream_server_new(const struct atls_stream_server_limits *limits);
void atls_stream_server_free(struct atls_stream_server *server);

size_t atls_stream_server_room(const struct atls_stream_server *server);
int atls_stream_server_say(struct atls_stream_server *server, const void *bytes, size_t len);
void atls_stream_server_end(struct atls_stream_server *server);
void atls_stream_server_abort(struct atls_stream_server *server);

/*
 * A request of this session came. 0: it will be answered by atls_stream_server_next(); take what
 * came in order before that. Else it is to be answered now: ATLS_E_PROTOCOL, with status 400;
 * ATLS_E_LIMIT, with 409 and atls_stream_server_dict(): the body was dropped; ATLS_E_AGAIN and
 * ATLS_E_MEMORY, with 503.
 */
int atls_stream_server_request(struct atls_stream_server *server, void *request,
	const struct atls_stream_dict *dict, const void *bytes, size_t len, int64_t now,
	struct atls_error *err);

/* Whether there is an answer to be given now. If not, *at is when to ask again (INT64_MAX: after
 * something happened). */
bool atls_stream_server_next(struct atls_stream_server *server, int64_t now,
	struct atls_stream_answer *answer, int64_t *at);

/* The request cannot be answered any more. */
void atls_stream_server_forget(struct atls_stream_server *server, const void *request);
/* Answers all that wait, without holding any longer. */
void atls_stream_server_release(struct atls_stream_server *server);

/* The numbers as they stand. */
void atls_stream_server_dict(struct atls_stream_server *server, struct atls_stream_dict *dict);

size_t atls_stream_server_take(struct atls_stream_server *server, const uint8_t **bytes);
void atls_stream_server_credit(
	struct atls_stream_server *server, size_t window, size_t window_max, size_t unread);
/* How many bytes may be kept until they are acknowledged, from now on. */
void atls_stream_server_keep(struct atls_stream_server *server, size_t keep_max);
struct atls_stream_facts atls_stream_server_facts(const struct atls_stream_server *server);
/* What was promised to the client and may still come. */
size_t atls_stream_server_promised(const struct atls_stream_server *server);

#endif
