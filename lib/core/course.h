/* The client's course of a session in base carriage: its encoding, its name, and what HTTP answers
 * do to it. The owner posts what atls_base_next() gives, and hands in what comes back. */
#ifndef ATLS_CORE_COURSE_H
#define ATLS_CORE_COURSE_H

#include "core/answer.h"
#include "core/buf.h"

/* Read it at will; only the functions change it. */
struct atls_course {
	struct atls_engine *engine;
	struct atls_base base;
	const struct atls_body_codec *codec;
	char *id; /* the session's name in a json body, or null */
	/* What is allowed as long as the service took nothing but the handshake. */
	bool may_change; /* the encoding */
	bool may_renew;  /* the session, in the same encoding */
	bool replay;     /* there was either, and early data is to be said again */
	unsigned unknown;
	struct atls_buf early; /* written while either may be */
};

/* What to do after an answer. */
enum atls_course_turn {
	ATLS_COURSE_ON,   /* go on; if err is filled, that exchange was lost, and is repeated */
	ATLS_COURSE_BULK, /* the same, and the next request should not wait for local work */
	ATLS_COURSE_ANEW, /* begin again, in codec's encoding, for the reason in err */
	ATLS_COURSE_OVER, /* the session has ended: with err, or well if that is empty */
};

/* encoding: an enum atls_encoding, or -1 for the first of -05 and json that works. */
void atls_course_init(struct atls_course *course, int encoding);

/* Frees all, the engine too. */
void atls_course_free(struct atls_course *course);

/* Begins a session, or (after ATLS_COURSE_ANEW) begins again, with a new client engine, which is
 * taken over; the one before is freed. The count of exchanges goes on. */
void atls_course_begin(struct atls_course *course, struct atls_engine *engine,
	const struct atls_base_limits *limits, int64_t now);

/* Takes the answer to the outstanding request. err must be empty. */
enum atls_course_turn atls_course_answered(struct atls_course *course,
	struct atls_http_answer *answer, int64_t now, struct atls_error *err);

/* Takes a valid first answer, decoded, to a request that another carriage made. */
enum atls_course_turn atls_course_valid(struct atls_course *course, const struct atls_body *body,
	int64_t now, struct atls_error *err);

/* Whether both sides have said all, and only our close_notify is on its way. */
bool atls_course_only_close_is_left(const struct atls_course *course);

/* As atls_engine_write(), and remembers what may have to be said again in another session. */
ssize_t atls_course_write(struct atls_course *course, const void *data, size_t len);

#endif
