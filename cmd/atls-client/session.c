#include "session.h"

#include "answer.h"
#include "told.h"
#include "url.h"

#include "core/base.h"
#include "core/buf.h"
#include "core/err.h"
#include "net/clock.h"
#include "net/timer.h"

#include <stdlib.h>
#include <string.h>

/* 422 may be a request that went to the wrong node; three in a row are not. */
#define UNKNOWN_MAX 3
/* After the user ended it, for close_notify to get out. */
#define STOP_MS 2000

struct session {
	struct client *client;
	struct session_events events;
	void *ctx;
	unsigned number;
	struct atls_engine *engine;
	struct atls_base base;
	struct atls_http_channel *channel;
	struct event *timer;    /* the next step */
	struct event *deadline; /* handshake, later the stop's */
	const struct atls_body_codec *codec;
	bool may_change; /* the encoding, as long as nothing but handshake was said */
	char *url;
	char *id; /* of a json session */
	uint8_t *body;
	int64_t sent_at;
	unsigned unknown;
	bool told; /* -v said what was negotiated */
	bool stopping;
	bool over;
	struct atls_buf early; /* written while the encoding may change, to be written again */
	bool replay;
	struct atls_error outcome;
};

static void step(struct session *session);

static void end(struct session *session, const struct atls_error *err)
{
	if (session->over)
		return;
	session->over = true;
	event_del(session->deadline);
	session->outcome = err ? *err : (struct atls_error){0};
	/* Told from the event base, so that the owner may free everything then. */
	event_active(session->timer, EV_TIMEOUT, 0);
}

static void fail_memory(struct session *session)
{
	static const struct atls_error err = {
		.code = ATLS_E_MEMORY, .text = "out of memory for a request"};
	end(session, &err);
}

/* The body is a copy: the engine's output may move while the request is under way. */
static void send_body(struct session *session, const uint8_t *bytes, size_t len)
{
	size_t size = session->codec->encoded_size(session->id, len);
	uint8_t *body = malloc(size ? size : 1);
	free(session->body);
	session->body = body;
	session->sent_at = atls_now_ms();
	atls_log(&session->client->log, ATLS_LOG_DEBUG, "session %u: sending %zu TLS bytes",
		session->number, len);
	if (body)
		size = session->codec->encode(
			session->id, len ? bytes : (const uint8_t *)"", len, body);
	if (!body || atls_http_post(session->channel, session->codec->content_type, body, size))
		fail_memory(session);
}

/* Does what the carriage wants next. */
static void carry(struct session *session)
{
	int64_t now = atls_now_ms();
	int64_t at;
	size_t len = 0;
	const uint8_t *bytes = NULL;
	switch (atls_base_next(&session->base, now, &bytes, &len, &at)) {
	case ATLS_BASE_SEND:
		send_body(session, bytes, len);
		break;
	case ATLS_BASE_WAIT:
		if (at != INT64_MAX)
			atls_timer_set(session->timer, at - now);
		break;
	case ATLS_BASE_DONE:
		end(session, session->stopping ? NULL : atls_engine_error(session->engine));
		break;
	}
}

/* Lets the owner read and write, then goes on with the carriage. */
static void step(struct session *session)
{
	if (session->over)
		return;
	session->events.progress(session->ctx, session->engine);
	if (session->over)
		return;
	if (session->stopping && atls_engine_close(session->engine) == ATLS_E_AGAIN) {
		end(session, NULL);
		return;
	}
	carry(session);
	if (session->stopping && !session->over && !session->base.outstanding &&
		!(atls_engine_state(session->engine) & ATLS_HAVE_OUTPUT))
		end(session, NULL);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	struct session *session = ctx;
	if (session->over)
		session->events.ended(session->ctx, &session->outcome);
	else
		step(session);
}

static void on_deadline(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	struct session *session = ctx;
	if (session->stopping) {
		end(session, NULL);
		return;
	}
	struct atls_error err = {0};
	atls_error_set(&err, ATLS_E_NETWORK,
		"connection: the inner session did not stand within %.1f s (--connect-timeout)",
		(double)session->client->settings.connect_ms / 1000);
	end(session, &err);
}

/* Begins (again) in an encoding: new handshake, no session yet. */
static int begin(struct session *session, enum atls_encoding encoding, struct atls_error *err)
{
	struct client *client = session->client;
	const struct settings *settings = &client->settings;
	session->codec = atls_body_codec(encoding);
	free(session->url);
	session->url = url_for(client, session->codec);
	atls_engine_free(session->engine);
	const struct atls_engine_config config = {
		.role = ATLS_CLIENT,
		.credentials = client->credentials,
		.priorities = client->priorities,
		.server_name = client->name,
		.verify = atls_policy_verify,
		.verify_ctx = &client->policy,
	};
	session->engine = atls_engine_new(&config, err);
	if (!session->engine)
		return ATLS_E_TLS;
	const struct atls_base_limits limits = {
		.body_max = (size_t)settings->body_size,
		.idle_ms = (int64_t)settings->idle_poll_ms,
		.resume_ms = (int64_t)settings->resume_ms,
		.seed = (uint32_t)(uintptr_t)session ^ (uint32_t)atls_now_ms(),
	};
	uint64_t exchanges = session->base.exchanges;
	atls_base_init(&session->base, session->engine, &limits, atls_now_ms());
	session->base.exchanges = exchanges;
	atls_http_channel_forget(session->channel);
	free(session->id);
	session->id = NULL;
	session->unknown = 0;
	if (!session->url || atls_http_channel_url(session->channel, session->url))
		return atls_error_set(err, ATLS_E_MEMORY, "out of memory for a URL");
	return ATLS_OK;
}

static void encoding_is_final(struct session *session)
{
	session->may_change = session->replay = false;
	atls_buf_free(&session->early);
}

/* Goes over to json if that is allowed and has not been done; else the session ends with err. */
static void change_encoding(struct session *session, const struct atls_error *err)
{
	if (!session->may_change) {
		end(session, err);
		return;
	}
	session->may_change = false;
	session->replay = session->early.len > 0;
	atls_log(&session->client->log, ATLS_LOG_VERBOSE,
		"session %u: encoding %s cannot work here: %s; going on with json", session->number,
		session->codec->name, err->text);
	struct atls_error failure = {0};
	if (begin(session, ATLS_JSON, &failure))
		end(session, &failure);
	else
		step(session);
}

static void lost(struct session *session, const struct atls_http_answer *answer,
	const struct atls_error *err)
{
	if (!session->base.answered) {
		end(session, err);
		return;
	}
	atls_log(&session->client->log, ATLS_LOG_VERBOSE, "session %u: an exchange was lost: %s",
		session->number, err->text);
	int64_t retry_after = answer->retry_after_s > 0 ? answer->retry_after_s * 1000 : 0;
	if (atls_base_lost(&session->base, retry_after, atls_now_ms()))
		end(session, err);
	else
		step(session);
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
		fail_memory(session);
		return;
	}
	(void)atls_base_answered(&session->base, body->records, body->len, atls_now_ms());
	if (!session->told && (atls_engine_state(session->engine) & ATLS_ESTABLISHED)) {
		session->told = true;
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
		carry(session);
	step(session);
}

/* The service had said its last word, and is gone before it heard ours. */
static const struct atls_error unheard = {.code = ATLS_E_NETWORK,
	.text = "backend: the service ended the session before it took all that was sent"};

static void on_answer(void *ctx, struct atls_http_answer *answer)
{
	struct session *session = ctx;
	struct atls_body body = {0};
	struct atls_error err = {0};
	atls_log(&session->client->log, ATLS_LOG_DEBUG,
		"session %u: status %ld with %zu bytes after %lld ms", session->number,
		answer->status, answer->len, (long long)(atls_now_ms() - session->sent_at));
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
			end(session, &err);
		else
			step(session);
		break;
	case ANSWER_UNKNOWN:
		if (session->may_change)
			change_encoding(session, &err);
		else if (atls_engine_state(session->engine) & ATLS_PEER_CLOSED)
			end(session, &unheard);
		else if (++session->unknown < UNKNOWN_MAX)
			lost(session, answer, &err);
		else
			end(session, &err);
		break;
	case ANSWER_OTHER_ENCODING:
		change_encoding(session, &err);
		break;
	case ANSWER_END:
		end(session, &err);
		break;
	}
}

struct session *session_new(struct client *client, const struct session_events *events, void *ctx,
	struct atls_error *err)
{
	struct session *session = calloc(1, sizeof *session);
	if (!session) {
		atls_error_set(err, ATLS_E_MEMORY, "out of memory for a session");
		return NULL;
	}
	session->client = client;
	session->events = *events;
	session->ctx = ctx;
	session->number = ++client->numbers;
	session->timer = event_new(client->base, -1, 0, on_timer, session);
	session->deadline = event_new(client->base, -1, 0, on_deadline, session);
	session->channel =
		atls_http_channel_new(client->http, &client->way, on_answer, session, err);
	int wanted = client->settings.encoding;
	session->may_change = wanted < 0;
	atls_buf_init(&session->early, ATLS_OUTPUT_MAX);
	if (!session->timer || !session->deadline || !session->channel ||
		begin(session, wanted < 0 ? ATLS_ATLS : (enum atls_encoding)wanted, err)) {
		atls_error_set(err, ATLS_E_MEMORY, "out of memory for a session");
		session_free(session);
		return NULL;
	}
	atls_timer_set(session->deadline, (int64_t)client->settings.connect_ms);
	atls_timer_set(session->timer, 0);
	return session;
}

void session_free(struct session *session)
{
	if (!session)
		return;
	atls_http_channel_free(session->channel);
	atls_buf_free(&session->early);
	atls_engine_free(session->engine);
	if (session->timer)
		event_free(session->timer);
	if (session->deadline)
		event_free(session->deadline);
	free(session->url);
	free(session->id);
	free(session->body);
	free(session);
}

void session_kick(struct session *session)
{
	step(session);
}

void session_stop(struct session *session)
{
	if (session->over || session->stopping)
		return;
	session->stopping = true;
	atls_timer_set(session->deadline, STOP_MS);
	atls_timer_set(session->timer, 0);
}

void session_abort(struct session *session, const struct atls_error *err)
{
	if (session->over)
		return;
	atls_engine_abort(session->engine, GNUTLS_A_USER_CANCELED, err);
}

ssize_t session_write(struct session *session, const void *data, size_t len)
{
	if (session->replay)
		return ATLS_E_AGAIN;
	ssize_t done = atls_engine_write(session->engine, data, len);
	if (done > 0 && session->may_change && atls_buf_append(&session->early, data, (size_t)done))
		session->may_change = false;
	return done;
}

struct session_facts session_facts(const struct session *session)
{
	return (struct session_facts){
		.engine = session->engine,
		.channel = session->channel,
		.codec = session->codec,
		.url = session->url,
		.exchanges = session->base.exchanges,
	};
}
