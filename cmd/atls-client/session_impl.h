/* A session's inside, for session.c (its course), session_base.c and session_stream.c (its
 * carriages), and session_answer.c and stream_answer.c (what answers do to it). */
#ifndef ATLS_CLIENT_SESSION_IMPL_H
#define ATLS_CLIENT_SESSION_IMPL_H

#include "session.h"

#include "core/course.h"
#include "core/stream_tls.h"
#include "net/ws_client.h"

/* One request at a time, and what it needs until its answer. The first lane is that of base
 * carriage; with stream carriage, a lane is a slot of it. */
struct lane {
	struct session *session;
	struct atls_http_channel *channel; /* null until it is needed */
	const struct atls_body_codec *codec;
	unsigned long long request;
	int64_t sent_at;
	size_t received; /* of the answer, when it was looked at last */
	bool busy;
	uint8_t *body;            /* owned, or null */
	struct atls_block *block; /* held, or null */
};

struct session {
	struct client *client;
	struct session_events events;
	void *ctx;
	unsigned number;
	unsigned long long requests;
	struct atls_course course;
	struct atls_stream_client *stream; /* null: base carriage */
	struct atls_ws_client *ws;         /* dialled, or null */
	struct atls_ws_link *ws_link;      /* null before it stands */
	struct event *ws_timer;            /* for the other end's greeting */
	bool ws_wanted;                    /* it is worth trying */
	unsigned ws_failures;              /* in a row */
	int64_t ws_not_before;             /* the next try; requests carry the session meanwhile */
	int64_t ws_since;                  /* the other end's greeting */
	int64_t ws_pause;                  /* --carriage auto: after the last loss */
	uint64_t ws_carried;               /* --carriage auto: exchanges before that */
	unsigned long long ws_request;     /* the WebSocket's number in a capture */
	struct ws_found ws_found;
	struct lane lanes[ATLS_STREAM_INFLIGHT_MAX];
	struct event *timer;    /* the next step */
	struct event *soon;     /* not the timer, which may be set anew before */
	struct event *deadline; /* handshake, later the stop's */
	bool binary_works;      /* an answer in a binary encoding came, if without its dictionary */
	unsigned tries;         /* stream: of the opening request */
	struct atls_stream_last_word last_word;
	char *url;
	uint64_t exchanges_before;   /* of other inner sessions */
	struct outer_report *report; /* --report-outer, or null */
	bool reporting;              /* this inner session is the report's, not the owner's */
	int64_t began, stood;        /* the handshake; stood is 0 before it is done */
	bool told;                   /* -v said what was negotiated */
	bool stopping;
	bool over;
	struct atls_error outcome;
	struct atls_error last_loss;
};

/* The session is over: ended() is called from the event base. Null: without an error. */
void session_end(struct session *session, const struct atls_error *err);
void session_fail_memory(struct session *session);

/* Whether the inner session stands; without TLS, whether the service answered. */
bool session_stands(const struct session *session);
/* Does what the carriage wants next. */
void session_carry(struct session *session);
/* The inner session is over in order: the owner's is the end, after the report's that one begins.
 */
void session_done(struct session *session);
/* It is over with the engine's error. */
void session_failed(struct session *session);
/* Lets the owner read and write, then goes on with the carriage. */
void session_step(struct session *session);
/* The handshake may be done by what just came. */
void session_note_established(struct session *session);
/* Keeps the session string of a json answer. 0 or ATLS_E_MEMORY. */
int session_keep_id(struct session *session, const struct atls_body *body);

/* Begins (again) in the course's encoding, and in stream or base carriage: new handshake, no
 * session yet. */
int session_begin(struct session *session, bool stream, struct atls_error *err);

/* Sends a body on a lane. line: a header line more, or null; stall_s: 0 for the usual. What it
 * holds of body or block is given back when the answer is there. */
void session_post(struct session *session, struct lane *lane, const void *bytes, size_t len,
	const char *line, long stall_s);

/* Adds a body of a lane's request to --capture's. */
void session_capture(const struct lane *lane, bool down, long status, const char *type,
	const char *stream, const void *bytes, size_t len);

/* Says something of this session: "session N: ...". */
void session_log(const struct session *session, enum atls_log_level level, const char *event,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The callback of the HTTP channels, with a lane as its context. */
void session_answered(void *lane, struct atls_http_answer *answer);

/* Base carriage. */
void base_carry(struct session *session);
void base_answered(struct lane *lane, struct atls_http_answer *answer);
/* What to do after an answer, of which err says more. */
void base_turn(struct session *session, enum atls_course_turn turn, const struct atls_error *err);

/* Stream carriage. */
int stream_begin(struct session *session, struct atls_error *err);
void stream_carry(struct session *session);
void stream_answered(struct lane *lane, struct atls_http_answer *answer);
/* What came in order goes to TLS. */
void stream_take(struct session *session);

/* And on a WebSocket. 0 or ATLS_E_MEMORY. */
int ws_begin(struct session *session);
void ws_end(struct session *session);
/* Begins a WebSocket if it is time to. Whether no requests are to be made, because one is about to
 * stand. */
bool ws_dials(struct session *session);
/* Says what there is on the one that stands. True if bytes went out, so that there is room for
 * more. */
bool ws_carry(struct session *session);
/* It is no more, or of no use any more; the session goes on. */
void ws_drop(struct session *session);

#endif
