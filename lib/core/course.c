#include "core/course.h"

#include "core/base.h"
#include "core/engine_impl.h"
#include "core/err.h"

#include <stdlib.h>
#include <string.h>

/* 422 may be a request that went to the wrong node; three in a row are not. */
#define UNKNOWN_MAX 3

void atls_course_init(struct atls_course *course, int encoding)
{
	memset(course, 0, sizeof *course);
	course->may_change = encoding < 0;
	course->may_renew = true;
	course->codec = atls_body_codec(encoding < 0 ? ATLS_ATLS : (enum atls_encoding)encoding);
	atls_buf_init(&course->early, 2 * ATLS_BODY_MAX);
}

void atls_course_free(struct atls_course *course)
{
	atls_buf_free(&course->early);
	atls_engine_free(course->engine);
	free(course->id);
	memset(course, 0, sizeof *course);
}

void atls_course_begin(struct atls_course *course, struct atls_engine *engine,
	const struct atls_base_limits *limits, int64_t now)
{
	uint64_t exchanges = course->base.exchanges;
	atls_engine_free(course->engine);
	course->engine = engine;
	atls_base_init(&course->base, engine, limits, now);
	course->base.exchanges = exchanges;
	free(course->id);
	course->id = NULL;
	course->unknown = 0;
}

static void handshake_is_final(struct atls_course *course)
{
	course->may_change = course->may_renew = course->replay = false;
	atls_buf_free(&course->early);
}

/* Goes over to json if that is allowed and has not been done. */
static enum atls_course_turn change_encoding(struct atls_course *course)
{
	if (!course->may_change)
		return ATLS_COURSE_OVER;
	course->may_change = false;
	course->replay = course->early.len > 0;
	course->codec = atls_body_codec(ATLS_JSON);
	return ATLS_COURSE_ANEW;
}

/* Begins anew, once, if that is allowed: what the service took of data, it would take again. */
static enum atls_course_turn renew(struct atls_course *course, struct atls_error *err)
{
	if (course->may_change)
		return change_encoding(course);
	if (!course->may_renew) {
		if (course->base.exchanges > 1)
			atls_error_hint(err, "the service took data already, which a new session "
					     "would say again");
		return ATLS_COURSE_OVER;
	}
	course->may_renew = false;
	course->replay = course->early.len > 0;
	return ATLS_COURSE_ANEW;
}

bool atls_course_only_close_is_left(const struct atls_course *course)
{
	const uint8_t *bytes;
	return (atls_engine_state(course->engine) & ATLS_PEER_CLOSED) &&
	       atls_engine_closed(course->engine) &&
	       atls_engine_output(course->engine, &bytes) <= course->engine->close_len;
}

static enum atls_course_turn lost(struct atls_course *course, const struct atls_http_answer *answer,
	int64_t now, struct atls_error *err)
{
	if (atls_course_only_close_is_left(course)) {
		atls_error_clear(err);
		return ATLS_COURSE_OVER;
	}
	if (!course->base.answered)
		return ATLS_COURSE_OVER;
	int64_t retry_after = answer->retry_after_s > 0 ? (int64_t)answer->retry_after_s * 1000 : 0;
	return atls_base_lost(&course->base, retry_after, now) ? ATLS_COURSE_OVER : ATLS_COURSE_ON;
}

static enum atls_course_turn unknown(struct atls_course *course,
	const struct atls_http_answer *answer, int64_t now, struct atls_error *err)
{
	/* The service had said its last word, and is gone before it heard ours. */
	static const struct atls_error unheard = {.code = ATLS_E_NETWORK,
		.text = "backend: the service ended the session before it took all that was sent"};
	if (course->may_change)
		return change_encoding(course);
	if (atls_engine_state(course->engine) & ATLS_PEER_CLOSED) {
		*err = unheard;
		return ATLS_COURSE_OVER;
	}
	return ++course->unknown < UNKNOWN_MAX ? lost(course, answer, now, err) : ATLS_COURSE_OVER;
}

static int keep_id(struct atls_course *course, const struct atls_body *body)
{
	if (course->id || !course->codec->session_in_body)
		return ATLS_OK;
	course->id = strndup(body->session, body->session_len);
	return course->id ? ATLS_OK : ATLS_E_MEMORY;
}

static void say_again(struct atls_course *course)
{
	ssize_t done = atls_engine_write(
		course->engine, atls_buf_bytes(&course->early), course->early.len);
	if (done > 0)
		atls_buf_consume(&course->early, (size_t)done);
	if (course->early.len == 0)
		handshake_is_final(course);
}

enum atls_course_turn atls_course_valid(struct atls_course *course, const struct atls_body *body,
	int64_t now, struct atls_error *err)
{
	course->unknown = 0;
	if (keep_id(course, body)) {
		atls_error_set(err, ATLS_E_MEMORY, "out of memory for a request");
		return ATLS_COURSE_OVER;
	}
	(void)atls_base_answered(&course->base, body->records, body->len, now);
	if (course->replay)
		say_again(course);
	/* The service took part of the conversation: from here on a new handshake would lose it. */
	else if (course->base.exchanges > 1)
		handshake_is_final(course);
	const uint8_t *bytes;
	bool bulk = body->len >= ATLS_BULK_MIN ||
		    atls_engine_output(course->engine, &bytes) >= course->base.limits.body_max / 2;
	return bulk ? ATLS_COURSE_BULK : ATLS_COURSE_ON;
}

enum atls_course_turn atls_course_answered(struct atls_course *course,
	struct atls_http_answer *answer, int64_t now, struct atls_error *err)
{
	struct atls_body body = {0};
	switch (atls_answer_judge(answer, course->codec, !course->base.answered, &body, err)) {
	case ATLS_ANSWER_VALID:
		return atls_course_valid(course, &body, now, err);
	case ATLS_ANSWER_LOST:
		return lost(course, answer, now, err);
	case ATLS_ANSWER_TOO_LARGE:
		if (atls_base_too_large(&course->base))
			return ATLS_COURSE_OVER;
		atls_error_clear(err);
		return ATLS_COURSE_ON;
	case ATLS_ANSWER_UNKNOWN:
		return unknown(course, answer, now, err);
	case ATLS_ANSWER_OTHER_ENCODING:
		return change_encoding(course);
	case ATLS_ANSWER_CONFLICT:
		return renew(course, err);
	case ATLS_ANSWER_END:
		break;
	}
	return ATLS_COURSE_OVER;
}

ssize_t atls_course_write(struct atls_course *course, const void *data, size_t len)
{
	if (course->replay)
		return ATLS_E_AGAIN;
	ssize_t done = atls_engine_write(course->engine, data, len);
	if (done > 0 && (course->may_change || course->may_renew) &&
		atls_buf_append(&course->early, data, (size_t)done))
		course->may_change = course->may_renew = false;
	return done;
}
