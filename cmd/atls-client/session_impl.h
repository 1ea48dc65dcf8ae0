/* A session's inside, for session.c (its course) and session_answer.c (what answers do to it). */
#ifndef ATLS_CLIENT_SESSION_IMPL_H
#define ATLS_CLIENT_SESSION_IMPL_H

#include "session.h"

#include "core/course.h"

struct session {
	struct client *client;
	struct session_events events;
	void *ctx;
	unsigned number;
	unsigned long long requests;
	struct atls_course course;
	struct atls_http_channel *channel;
	struct event *timer;    /* the next step */
	struct event *deadline; /* handshake, later the stop's */
	char *url;
	uint8_t *body;
	int64_t sent_at;
	uint64_t exchanges_before;   /* of other inner sessions */
	struct outer_report *report; /* --report-outer, or null */
	bool reporting;              /* this inner session is the report's, not the owner's */
	int64_t began, stood;        /* the handshake; stood is 0 before it is done */
	bool told;                   /* -v said what was negotiated */
	bool stopping;
	bool over;
	struct atls_error outcome;
};

/* The session is over: ended() is called from the event base. Null: without an error. */
void session_end(struct session *session, const struct atls_error *err);
void session_fail_memory(struct session *session);

/* Does what the carriage wants next. */
void session_carry(struct session *session);
/* The inner session is over in order: the owner's is the end, after the report's that one begins.
 */
void session_done(struct session *session);
/* Lets the owner read and write, then goes on with the carriage. */
void session_step(struct session *session);

/* Begins (again) in the course's encoding: new handshake, no session yet. */
int session_begin(struct session *session, struct atls_error *err);

/* Adds a body of the request under way to --capture's. */
void session_capture(const struct session *session, bool down, long status, const char *type,
	const void *bytes, size_t len);

/* Says something of this session: "session N: ...". */
void session_log(const struct session *session, enum atls_log_level level, const char *event,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The callback of the HTTP channel, with a session as its context. */
void session_answered(void *session, struct atls_http_answer *answer);

#endif
