#include "session_impl.h"

#include "told.h"

#include "net/clock.h"

#include <string.h>

static void note_established(struct session *session)
{
	if (session->told || session->reporting ||
		!(atls_engine_state(session->course.engine) & ATLS_ESTABLISHED))
		return;
	session->told = true;
	session->stood = atls_now_ms();
	if (!session->stopping)
		event_del(session->deadline);
	tell_inner(session->client, session, session->number);
}

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
	if (session_begin(session, &failure))
		session_end(session, &failure);
	else
		session_step(session);
}

static void note_answer(struct session *session, const struct atls_http_answer *answer)
{
	session_log(session, ATLS_LOG_DEBUG, "answer", "status %ld with %zu bytes after %lld ms",
		answer->status, answer->len, (long long)(atls_now_ms() - session->sent_at));
	if (answer->status)
		session_capture(session, true, answer->status, answer->content_type, answer->body,
			answer->len);
	tell_outer(session->client, session->channel);
}

/* Nobody waits for the end of a report's session. */
static bool report_is_delivered(
	const struct session *session, const struct atls_http_answer *answer)
{
	return session->reporting && answer->status == 422 &&
	       atls_course_only_close_is_left(&session->course);
}

void session_answered(void *ctx, struct atls_http_answer *answer)
{
	struct session *session = ctx;
	struct atls_error err = {0};
	const char *encoding = session->course.codec->name;
	note_answer(session, answer);
	enum atls_course_turn turn =
		atls_course_answered(&session->course, answer, atls_now_ms(), &err);
	switch (turn) {
	case ATLS_COURSE_ON:
	case ATLS_COURSE_BULK:
		if (err.code)
			session_log(session, ATLS_LOG_VERBOSE, "exchange_lost",
				"an exchange was lost: %s", err.text);
		note_established(session);
		/* In bulk, the next exchange travels while this one is decrypted, written out and
		 * refilled. */
		if (turn == ATLS_COURSE_BULK)
			session_carry(session);
		session_step(session);
		break;
	case ATLS_COURSE_ANEW:
		begin_anew(session, encoding, &err);
		break;
	case ATLS_COURSE_OVER:
		if (err.code == ATLS_OK || report_is_delivered(session, answer))
			session_done(session);
		else
			session_end(session, &err);
		break;
	}
}
