#include "session_impl.h"

#include "outer_report.h"
#include "told.h"
#include "url.h"

#include "core/err.h"
#include "net/clock.h"
#include "net/timer.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* After the user ended it, for close_notify to get out. */
#define STOP_MS 2000

void session_end(struct session *session, const struct atls_error *err)
{
	if (session->over)
		return;
	session->over = true;
	event_del(session->deadline);
	session->outcome = err ? *err : (struct atls_error){0};
	/* Told from the event base, so that the owner may free everything then. */
	event_active(session->soon, EV_TIMEOUT, 0);
}

void session_fail_memory(struct session *session)
{
	static const struct atls_error err = {
		.code = ATLS_E_MEMORY, .text = "out of memory for a request"};
	session_end(session, &err);
}

void session_capture(const struct lane *lane, bool down, long status, const char *type,
	const char *stream, const void *bytes, size_t len)
{
	char name[16];
	snprintf(name, sizeof name, "%u", lane->session->number);
	const struct atls_capture_body about = {.session = name,
		.request = lane->request,
		.down = down,
		.content_type = type,
		.status = status,
		.stream = stream};
	atls_capture_write(lane->session->client->capture, &about, bytes, len);
}

void session_log(const struct session *session, enum atls_log_level level, const char *event,
	const char *format, ...)
{
	char text[2 * ATLS_ERROR_TEXT], name[16];
	const struct atls_log_about about = {event, name, NULL};
	va_list args;
	if (level > session->client->log.level)
		return;
	snprintf(name, sizeof name, "%u", session->number);
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	atls_log_event(&session->client->log, level, &about, "session %s: %s", name, text);
}

void session_post(struct session *session, struct lane *lane, const void *bytes, size_t len,
	const char *line, long stall_s)
{
	lane->codec = session->course.codec;
	lane->sent_at = atls_now_ms();
	lane->request = ++session->requests;
	lane->received = 0;
	session_capture(lane, false, 0, lane->codec->content_type,
		line ? line + strlen(ATLS_STREAM_HEADER ": ") : NULL, bytes, len);
	atls_http_channel_next(
		lane->channel, line, stall_s ? stall_s : session->client->way.stall_s);
	if (atls_http_post(lane->channel, lane->codec->content_type, bytes, len))
		session_fail_memory(session);
	else
		lane->busy = true;
}

static void lane_clear(struct lane *lane)
{
	lane->busy = false;
	free(lane->body);
	lane->body = NULL;
	atls_block_release(lane->block);
	lane->block = NULL;
}

void session_answered(void *ctx, struct atls_http_answer *answer)
{
	struct lane *lane = ctx;
	struct session *session = lane->session;
	lane_clear(lane);
	if (session->over)
		return;
	session_log(session, ATLS_LOG_DEBUG, "answer", "status %ld with %zu bytes after %lld ms",
		answer->status, answer->len, (long long)(atls_now_ms() - lane->sent_at));
	if (answer->status)
		session_capture(lane, true, answer->status, answer->content_type,
			answer->has_stream ? answer->stream : NULL, answer->body, answer->len);
	tell_outer(session->client, lane->channel);
	(session->stream ? stream_answered : base_answered)(lane, answer);
}

/* A report goes by one connection, and so in base carriage. */
static bool wants_stream(const struct session *session)
{
	const struct client *client = session->client;
	return client->settings.carriage != CARRIAGE_BASE && !session->reporting &&
	       (client->settings.raw || !client->base_only);
}

/* After the report's inner session the owner's begins, on the same connection if that lives. */
static void go_on(struct session *session)
{
	struct atls_error err = {0};
	if (session_begin(session, wants_stream(session), &err))
		session_end(session, &err);
	else
		session_step(session);
}

void session_done(struct session *session)
{
	if (!session->reporting || session->stopping) {
		session_end(session, NULL);
		return;
	}
	session->reporting = !outer_report_finish(session->report);
	if (!session->reporting)
		outer_report_tell(session->report, session);
	go_on(session);
}

/* Some refuse a protocol that they do not know by an alert (RFC 7301 section 3.2); and one that
 * goes wrong is no reason to do without the owner's session, which will find out what is the
 * matter. */
void session_failed(struct session *session)
{
	const struct atls_error *err = atls_engine_error(session->course.engine);
	bool untaken = gnutls_alert_get(atls_engine_session(session->course.engine)) ==
		       GNUTLS_A_NO_APPLICATION_PROTOCOL;
	if (!session->reporting || !(untaken || session->report->text)) {
		session_end(session, err);
		return;
	}
	session->reporting = false;
	session->report->state = untaken ? OUTER_REPORT_UNTAKEN : OUTER_REPORT_FAILED;
	if (!untaken && session->report->error.code == ATLS_OK)
		session->report->error = *err;
	outer_report_tell(session->report, session);
	go_on(session);
}

/* The report's part of a step. A session without its protocol is an ordinary one: it is the
 * owner's. */
static void report_step(struct session *session)
{
	if (!(atls_engine_state(session->course.engine) & ATLS_ESTABLISHED))
		return;
	if (atls_report_selected(session->course.engine)) {
		outer_report_step(session->report, session->client, session->course.engine,
			session->lanes[0].channel);
		return;
	}
	session->reporting = false;
	session->report->state = OUTER_REPORT_UNTAKEN;
	outer_report_tell(session->report, session);
}

void session_carry(struct session *session)
{
	(session->stream ? stream_carry : base_carry)(session);
}

int session_keep_id(struct session *session, const struct atls_body *body)
{
	if (session->course.id || !session->course.codec->session_in_body)
		return ATLS_OK;
	session->course.id = strndup(body->session, body->session_len);
	return session->course.id ? ATLS_OK : ATLS_E_MEMORY;
}

void session_note_established(struct session *session)
{
	if (session->told || session->reporting || !session_stands(session))
		return;
	session->told = true;
	session->stood = atls_now_ms();
	if (!session->stopping)
		event_del(session->deadline);
	tell_inner(session->client, session, session->number);
}

/* Lets the owner read and write, then goes on with the carriage. */
void session_step(struct session *session)
{
	if (session->over)
		return;
	if (session->reporting)
		report_step(session);
	if (!session->reporting)
		session->events.progress(session->ctx, session->course.engine);
	if (session->over)
		return;
	if (session->stopping && atls_engine_close(session->course.engine) == ATLS_E_AGAIN) {
		session_end(session, NULL);
		return;
	}
	session_carry(session);
	/* The peer's end is awaited, so that no session is left there: until the deadline. */
	if (session->stopping && !session->over && !session->stream &&
		!session->course.base.outstanding &&
		!(atls_engine_state(session->course.engine) & ATLS_HAVE_OUTPUT) &&
		(atls_engine_state(session->course.engine) & ATLS_PEER_CLOSED))
		session_end(session, NULL);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	struct session *session = ctx;
	if (session->over)
		session->events.ended(session->ctx, &session->outcome);
	else
		session_step(session);
}

static void on_deadline(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	struct session *session = ctx;
	if (session->stopping) {
		session_end(session, NULL);
		return;
	}
	struct atls_error err = {0};
	atls_error_set(&err, ATLS_E_NETWORK,
		"connection: the inner session did not stand within %.1f s (--connect-timeout)",
		(double)session->client->settings.connect_ms / 1000);
	session_end(session, &err);
}

/* One body is on its way while the next is made. */
static size_t output_max(const struct settings *settings)
{
	size_t size = (size_t)settings->body_size;
	return 2 * (size < ATLS_STREAM_BODY_LONG ? ATLS_STREAM_BODY_LONG : size);
}

/* The one place where the inner TLS is, or is none. */
static struct atls_engine *make_engine(
	const struct session *session, bool stream, struct atls_error *err)
{
	static const char *const report_protocols[] = {ATLS_REPORT_PROTOCOL};
	struct client *client = session->client;
	const struct settings *settings = &client->settings;
	const struct atls_engine_config config = {
		.role = ATLS_CLIENT,
		.credentials = client->credentials,
		.priorities = client->priorities,
		.server_name = client->name,
		.verify = atls_policy_verify,
		.verify_ctx = &client->policy,
		.input_max = stream ? ATLS_STREAM_WINDOW_MAX + ATLS_INPUT_MAX : 0,
		.output_max = output_max(settings),
		.protocols = report_protocols,
		.protocol_count = session->reporting,
	};
	if (settings->raw)
		return atls_raw_engine_new(config.input_max, config.output_max, err);
	return atls_engine_new(&config, err);
}

int session_begin(struct session *session, bool stream, struct atls_error *err)
{
	struct client *client = session->client;
	const struct settings *settings = &client->settings;
	free(session->url);
	session->url = url_for(client, session->course.codec);
	if (session->reporting)
		outer_report_begin(session->report);
	session->told = false;
	session->began = atls_now_ms();
	session->stood = 0;
	atls_timer_set(session->deadline, (int64_t)settings->connect_ms);
	struct atls_engine *engine = make_engine(session, stream, err);
	if (!engine)
		return ATLS_E_TLS;
	const struct atls_base_limits limits = {
		.body_max = (size_t)settings->body_size,
		.idle_ms = (int64_t)settings->idle_poll_ms,
		.resume_ms = (int64_t)settings->resume_ms,
		.seed = (uint32_t)(uintptr_t)session ^ (uint32_t)atls_now_ms(),
	};
	session->exchanges_before = session->course.base.exchanges;
	atls_course_begin(&session->course, engine, &limits, atls_now_ms());
	ws_drop(session);
	atls_stream_client_free(session->stream);
	session->stream = NULL;
	if (stream && stream_begin(session, err))
		return ATLS_E_MEMORY;
	struct atls_http_channel *channel = session->lanes[0].channel;
	atls_http_channel_forget(channel);
	session->tries = 0;
	if (!session->url || atls_http_channel_url(channel, session->url))
		return atls_error_set(err, ATLS_E_MEMORY, "out of memory for a URL");
	return ATLS_OK;
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
	session->soon = event_new(client->base, -1, 0, on_timer, session);
	session->deadline = event_new(client->base, -1, 0, on_deadline, session);
	session->lanes[0].session = session;
	session->lanes[0].channel = atls_http_channel_new(
		client->http, &client->way, session_answered, &session->lanes[0], err);
	session->reporting = client->settings.report_outer;
	session->report = session->reporting ? outer_report_new() : NULL;
	bool stream = wants_stream(session);
	bool json = client->settings.encoding < 0 && client->base_json;
	atls_course_init(&session->course, json ? ATLS_JSON : client->settings.encoding);
	session->course.may_change = session->course.may_change && !stream;
	if (client->settings.raw)
		session->course.codec = &client->settings.raw_names.codec;
	if (!session->timer || !session->soon || !session->deadline || !session->lanes[0].channel ||
		ws_begin(session) || (session->reporting && !session->report) ||
		session_begin(session, stream, err)) {
		atls_error_set(err, ATLS_E_MEMORY, "out of memory for a session");
		session_free(session);
		return NULL;
	}
	atls_timer_set(session->timer, 0);
	return session;
}

void session_free(struct session *session)
{
	if (!session)
		return;
	for (unsigned i = 0; i < ATLS_STREAM_INFLIGHT_MAX; i++) {
		atls_http_channel_free(session->lanes[i].channel);
		lane_clear(&session->lanes[i]);
	}
	path_cache_note(session->client->cache, session->client, session);
	ws_end(session);
	atls_stream_client_free(session->stream);
	atls_course_free(&session->course);
	outer_report_free(session->report);
	atls_event_free(session->timer);
	atls_event_free(session->soon);
	atls_event_free(session->deadline);
	free(session->url);
	free(session);
}

void session_kick(struct session *session)
{
	session_step(session);
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
	atls_engine_abort(session->course.engine, GNUTLS_A_INTERNAL_ERROR, err);
}

ssize_t session_write(struct session *session, const void *data, size_t len)
{
	if (session->reporting)
		return ATLS_E_AGAIN;
	if (session->stream)
		return atls_engine_write(session->course.engine, data, len);
	return atls_course_write(&session->course, data, len);
}
