#include "session_impl.h"

#include "net/clock.h"

#include <string.h>

static void begin_anew(struct session *session, const char *encoding, const struct atls_error *why)
{
	if (strcmp(encoding, session->course.codec->name) == 0)
		session_log(session, ATLS_LOG_VERBOSE, "session_renewed", "%s; beginning anew",
			why->text);
	else
		session_log(session, ATLS_LOG_VERBOSE, "encoding_changed",
			"encoding %s cannot work here: %s; going on with %s", encoding, why->text,
			session->course.codec->name);
	struct atls_error failure = {0};
	if (session_begin(session, false, &failure))
		session_end(session, &failure);
	else
		session_step(session);
}

/* Nobody waits for the end of a report's session. */
static bool report_is_delivered(
	const struct session *session, const struct atls_http_answer *answer)
{
	return session->reporting && answer->status == 422 &&
	       atls_course_only_close_is_left(&session->course);
}

void base_turn(struct session *session, enum atls_course_turn turn, const struct atls_error *err)
{
	if (turn == ATLS_COURSE_OVER && err->code == ATLS_OK) {
		session_done(session);
	} else if (turn == ATLS_COURSE_OVER) {
		session_end(session, err);
	} else {
		if (err->code)
			session_log(session, ATLS_LOG_VERBOSE, "exchange_lost",
				"an exchange was lost: %s", err->text);
		session_note_established(session);
		/* In bulk, the next exchange travels while this one is decrypted, written out and
		 * refilled. */
		if (turn == ATLS_COURSE_BULK)
			session_carry(session);
		session_step(session);
	}
}

void base_answered(struct lane *lane, struct atls_http_answer *answer)
{
	struct session *session = lane->session;
	struct atls_error err = {0};
	const char *encoding = session->course.codec->name;
	enum atls_course_turn turn =
		atls_course_answered(&session->course, answer, atls_now_ms(), &err);
	if (turn == ATLS_COURSE_ANEW)
		begin_anew(session, encoding, &err);
	else if (turn == ATLS_COURSE_OVER && report_is_delivered(session, answer))
		session_done(session);
	else
		base_turn(session, turn, &err);
}
