/* The server's half from within: stream_server.c (requests and answers) and stream_server_ws.c. */
#ifndef ATLS_CORE_STREAM_SERVER_IMPL_H
#define ATLS_CORE_STREAM_SERVER_IMPL_H

#include "core/stream.h"
#include "core/stream_ws_impl.h"

/* More than are ever held: those that are to be answered at once wait here for a moment. */
#define ATLS_WAITING_MAX (2 * ATLS_STREAM_INFLIGHT_MAX)

struct atls_waiting {
	void *request;
	int64_t until; /* the hold; INT64_MIN: it is not to wait */
	bool stale;    /* of an older generation: it gets no bytes */
};

struct atls_stream_server {
	struct atls_stream_server_limits limits;
	struct atls_send send;
	struct atls_recv recv;
	size_t unread;
	uint64_t gen;
	uint64_t told_max;
	struct atls_waiting waiting[ATLS_WAITING_MAX]; /* the oldest first */
	unsigned count;
	uint64_t exchanges;
	uint64_t timed;   /* an answer's last byte, whose acknowledgement is awaited; 0: none... */
	int64_t timed_at; /* ...since then */
	int64_t round_trip; /* the shortest so far; INT64_MAX: none */
	struct atls_attachment ws;
};

/* Answers all that wait, without holding any longer; stale: without bytes. */
void atls_stream_release_all(struct atls_stream_server *server, bool stale);

#endif
