#include "service.h"

#include "core/err.h"
#include "net/clock.h"
#include "net/timer.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void on_hold(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	struct tunnel *tunnel = ctx;
	if (tunnel->lingers && !tunnel->session->stream) {
		tunnel_end(tunnel, true);
		return;
	}
	tunnel->held_out = true;
	tunnel_pump(tunnel);
}

static void on_soon(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	tunnel_pump(ctx);
}

struct tunnel *tunnel_new(struct service *service, struct atls_session *session)
{
	struct tunnel *tunnel = calloc(1, sizeof *tunnel);
	if (!tunnel)
		return NULL;
	tunnel->service = service;
	tunnel->session = session;
	tunnel->fd = -1;
	TAILQ_INIT(&tunnel->waiting);
	tunnel->hold = event_new(service->base, -1, 0, on_hold, tunnel);
	tunnel->soon = event_new(service->base, -1, 0, on_soon, tunnel);
	atls_buf_init(&tunnel->queue, ATLS_INPUT_MAX);
	if (!tunnel->hold || !tunnel->soon) {
		atls_event_free(tunnel->hold);
		atls_event_free(tunnel->soon);
		free(tunnel);
		return NULL;
	}
	session->user = tunnel;
	return tunnel;
}

static void account(struct tunnel *tunnel, uint64_t bytes)
{
	atomic_fetch_add(&tunnel->service->house->buffered, bytes - tunnel->accounted);
	tunnel->accounted = bytes;
}

void tunnel_abort(struct tunnel *tunnel, const char *format, ...)
{
	char text[ATLS_ERROR_TEXT];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	atls_error_set(&tunnel->error, ATLS_E_LOCAL, "%s", text);
	atls_engine_abort(tunnel->session->engine, GNUTLS_A_INTERNAL_ERROR, &tunnel->error);
}

void tunnel_end(struct tunnel *tunnel, bool remember)
{
	struct service *service = tunnel->service;
	struct atls_session *session = tunnel->session;
	const struct atls_error *err = session->engine ? atls_engine_error(session->engine) : NULL;
	websocket_leave(tunnel);
	tell_end(tunnel);
	backend_close(tunnel, tunnel->error.code || (err && err->code));
	account(tunnel, 0);
	atomic_fetch_sub(&service->house->promised, tunnel->promised);
	event_free(tunnel->hold);
	event_free(tunnel->soon);
	atls_buf_free(&tunnel->queue);
	free(tunnel);
	session->user = NULL;
	service->trim_until = atls_now_ms() + LINGER_MS + TRIM_MS;
	house_leave(service->house, session->peer);
	if (remember)
		atls_session_finish(service->sessions, session, atls_now_ms());
	else
		atls_session_remove(service->sessions, session);
}

void tunnel_drop(struct tunnel *tunnel, const char *why)
{
	atls_error_set(&tunnel->error, ATLS_E_NETWORK, "%s", why);
	if (tunnel->session->stream)
		stream_release(tunnel->session);
	else if (service_waits(tunnel))
		service_answer(tunnel, 0, false);
	tunnel_end(tunnel, false);
}

bool tunnel_is_over(const struct tunnel *tunnel)
{
	unsigned state = atls_engine_state(tunnel->session->engine);
	if (state & ATLS_FAILED)
		return true;
	if (!atls_engine_closed(tunnel->session->engine))
		return false;
	return tunnel->up_dead || (tunnel->backend_shut);
}

size_t tunnel_undelivered(const struct tunnel *tunnel)
{
	return atls_engine_input_pending(tunnel->session->engine) + tunnel->queue.len;
}

/* Nothing is to be said: whether the answer waits for something all the same. */
static bool worth_waiting(struct tunnel *tunnel)
{
	const struct atls_engine *engine = tunnel->session->engine;
	if (!(atls_engine_state(engine) & ATLS_ESTABLISHED))
		return false;
	if (tunnel_undelivered(tunnel) > INPUT_SOFT_MAX)
		return true;
	/* After the client's last word there is no more behind it. */
	bool more =
		(tunnel->large || tunnel->streams || atls_session_mid_record(tunnel->session)) &&
		!(atls_engine_state(engine) & ATLS_PEER_CLOSED);
	return !tunnel->held_out && !more && !atls_engine_closed(engine);
}

static int64_t hold_ms(const struct tunnel *tunnel)
{
	int64_t ms = (int64_t)tunnel->service->house->settings.hold_ms;
	return tunnel->poll ? ms / POLL_HOLD_PART : ms;
}

bool tunnel_answer_early(struct tunnel *tunnel)
{
	const uint8_t *bytes;
	struct atls_engine *engine = tunnel->session->engine;
	size_t len = atls_engine_output(engine, &bytes);
	if (!tunnel->large || !tunnel->connected || tunnel->up_dead || len > ANSWER_BYTES ||
		(atls_engine_state(engine) & ATLS_FAILED) ||
		tunnel_undelivered(tunnel) > INPUT_SOFT_MAX)
		return false;
	event_del(tunnel->hold);
	service_answer(tunnel, len, false);
	event_active(tunnel->soon, EV_TIMEOUT, 0);
	return true;
}

/* Answers what waits if it is time to. True if the tunnel ended by that. */
static bool answer(struct tunnel *tunnel)
{
	const uint8_t *bytes;
	size_t len = atls_engine_output(tunnel->session->engine, &bytes);
	bool over = tunnel_is_over(tunnel);
	if (!service_waits(tunnel)) {
		/* What is left to say waits for the client; nothing is left: it is over. */
		if (over && len && !tunnel->lingers) {
			tunnel->lingers = true;
			atls_timer_set(tunnel->hold, LINGER_MS);
		}
		if (!over || len)
			return false;
		tunnel_end(tunnel, true);
		return true;
	}
	if (tunnel->lingers)
		event_del(tunnel->hold);
	tunnel->lingers = false;
	if (len == 0 && !over && worth_waiting(tunnel)) {
		if (!tunnel->held_out && !event_pending(tunnel->hold, EV_TIMEOUT, NULL))
			atls_timer_set(tunnel->hold, hold_ms(tunnel));
		return false;
	}
	bool final = over && len <= ANSWER_BYTES;
	/* A client that sends one body after the other and hears nothing is not kept waiting. */
	tunnel->streams = tunnel->session->unanswered && len == 0;
	event_del(tunnel->hold);
	service_answer(tunnel, len < ANSWER_BYTES ? len : ANSWER_BYTES, final);
	tunnel->held_out = false;
	if (final)
		tunnel_end(tunnel, true);
	return final;
}

void tunnel_pump(struct tunnel *tunnel)
{
	struct atls_session *session = tunnel->session;
	unsigned state = atls_engine_state(session->engine);
	if (session->phase == ATLS_SESSION_OPENING && (state & ATLS_ESTABLISHED)) {
		session->phase = ATLS_SESSION_OPEN;
		tunnel->told = true;
		tell_open(tunnel);
		tunnel->report = !tunnel->service->house->settings.raw &&
				 atls_report_selected(session->engine);
		if (!tunnel->report)
			backend_connect(tunnel);
	}
	if (tunnel->report)
		report_pump(tunnel);
	else
		backend_push(tunnel);
	backend_pull(tunnel);
	if (atls_engine_state(session->engine) & ATLS_FAILED) {
		tunnel->connected = false;
		backend_close(tunnel, true);
	}
	if (session->stream ? stream_answer(tunnel) : answer(tunnel))
		return;
	/* The answer made room for more. */
	if (!session->stream)
		backend_pull(tunnel);
	const uint8_t *bytes;
	account(tunnel,
		atls_engine_input_pending(session->engine) +
			atls_engine_output(session->engine, &bytes) + session->answer.len +
			tunnel->queue.len +
			(session->stream ? atls_stream_server_facts(session->stream).kept : 0));
}
