#include "session_impl.h"

#include "answer.h"
#include "told.h"

#include "core/err.h"
#include "net/clock.h"

#include <stdlib.h>
#include <string.h>

/* 422 may be a request that went to the wrong node; three in a row are not. */
#define UNKNOWN_MAX 3
/* A close_notify of an AEAD suite; with a byte of data in front it is longer. */
#define CLOSE_NOTIFY_MAX 31u

static void encoding_is_final(struct session *session)
{
	session->may_change = session->replay = false;
	atls_buf_free(&session->early);
}

/* Goes over to json if that is allowed and has not been done; else the session ends with err. */
static void change_encoding(struct session *session, const struct atls_error *err)
{
	if (!session->may_change) {
		session_end(session, err);
		return;
	}
	session->may_change = false;
	session->replay = session->early.len > 0;
	session_log(session, ATLS_LOG_VERBOSE, "encoding_changed",
		"encoding %s cannot work here: %s; going on with json", session->codec->name,
		err->text);
	struct atls_error failure = {0};
	if (session_begin(session, ATLS_JSON, &failure))
		session_end(session, &failure);
	else
		session_step(session);
}

/* Whether both sides have said all, and only our close_notify is on its way. */
static bool only_close_is_left(const struct session *session)
{
	const uint8_t *bytes;
	return (atls_engine_state(session->engine) & ATLS_PEER_CLOSED) &&
	       atls_engine_closed(session->engine) &&
	       atls_engine_output(session->engine, &bytes) <= CLOSE_NOTIFY_MAX;
}

static void lost(struct session *session, const struct atls_http_answer *answer,
	const struct atls_error *err)
{
	if (only_close_is_left(session)) {
		session_done(session);
		return;
	}
	if (!session->base.answered) {
		session_end(session, err);
		return;
	}
	session_log(
		session, ATLS_LOG_VERBOSE, "exchange_lost", "an exchange was lost: %s", err->text);
	int64_t retry_after = answer->retry_after_s > 0 ? answer->retry_after_s * 1000 : 0;
	if (atls_base_lost(&session->base, retry_after, atls_now_ms()))
		session_end(session, err);
	else
		session_step(session);
}

static int keep_id(struct session *session, const struct atls_body *body)
{
	if (session->id || !session->codec->session_in_body)
		return ATLS_OK;
	session->id = strndup(body->session, body->session_len);
	return session->id ? ATLS_OK : ATLS_E_MEMORY;
}

static void valid(struct session *session, const struct atls_body *body)
{
	session->unknown = 0;
	if (keep_id(session, body)) {
		session_fail_memory(session);
		return;
	}
	(void)atls_base_answered(&session->base, body->records, body->len, atls_now_ms());
	if (!session->told && !session->reporting &&
		(atls_engine_state(session->engine) & ATLS_ESTABLISHED)) {
		session->told = true;
		session->stood = atls_now_ms();
		if (!session->stopping)
			event_del(session->deadline);
		tell_inner(session->client, session, session->number);
	}
	/* The service took part of the conversation: from here on a new handshake would lose it. */
	if (session->base.exchanges > 1 && !session->replay)
		encoding_is_final(session);
	if (session->replay && (atls_engine_state(session->engine) & ATLS_ESTABLISHED)) {
		(void)atls_engine_write(
			session->engine, atls_buf_bytes(&session->early), session->early.len);
		encoding_is_final(session);
	}
	/* In bulk, the next exchange travels while this one is decrypted, written out and refilled.
	 */
	const uint8_t *bytes;
	if (body->len >= ATLS_BULK_MIN ||
		atls_engine_output(session->engine, &bytes) >= session->base.limits.body_max / 2)
		session_carry(session);
	session_step(session);
}

/* The service had said its last word, and is gone before it heard ours. */
static const struct atls_error unheard = {.code = ATLS_E_NETWORK,
	.text = "backend: the service ended the session before it took all that was sent"};

void session_answered(void *ctx, struct atls_http_answer *answer)
{
	struct session *session = ctx;
	struct atls_body body = {0};
	struct atls_error err = {0};
	session_log(session, ATLS_LOG_DEBUG, "answer", "status %ld with %zu bytes after %lld ms",
		answer->status, answer->len, (long long)(atls_now_ms() - session->sent_at));
	if (answer->status)
		session_capture(session, true, answer->status, answer->content_type, answer->body,
			answer->len);
	tell_outer(session->client, session->channel);
	switch (answer_judge(answer, session->codec, !session->base.answered, &body, &err)) {
	case ANSWER_VALID:
		valid(session, &body);
		break;
	case ANSWER_LOST:
		lost(session, answer, &err);
		break;
	case ANSWER_TOO_LARGE:
		if (atls_base_too_large(&session->base))
			session_end(session, &err);
		else
			session_step(session);
		break;
	case ANSWER_UNKNOWN:
		if (session->may_change)
			change_encoding(session, &err);
		else if (session->reporting && only_close_is_left(session))
			session_done(session);
		else if (atls_engine_state(session->engine) & ATLS_PEER_CLOSED)
			session_end(session, &unheard);
		else if (++session->unknown < UNKNOWN_MAX)
			lost(session, answer, &err);
		else
			session_end(session, &err);
		break;
	case ANSWER_OTHER_ENCODING:
		change_encoding(session, &err);
		break;
	case ANSWER_END:
		session_end(session, &err);
		break;
	}
}
