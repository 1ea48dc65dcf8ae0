#include "direct.h"

#include "core/err.h"
#include "net/clock.h"
#include "net/timer.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define CHUNK (64u << 10)
/* While so much waits to be read, the connection has to wait, too. */
#define INPUT_AHEAD (256u << 10)
/* Then others have their turn. */
#define ROUNDS_MAX 16
/* After the user ended it, for close_notify to get out. */
#define STOP_MS 2000
/* In TLS 1.3 a service may refuse the client's certificate after the handshake, and need not say
 * that it does not. */
#define ACCEPT_MS 1000
/* A close_notify of an AEAD suite; with a byte of data in front it is longer. */
#define CLOSE_NOTIFY_MAX 31u
/* A connection on which nothing moves is asked whether it is still there. */
#define KEEPALIVE_S    60
#define LOST_AFTER_MIN 1000u

struct direct {
	struct client *client;
	struct session_events events;
	void *ctx;
	struct atls_engine *engine;
	struct atls_dial *dial;
	struct event *readable, *writable;
	struct event *step;     /* goes on, or tells the end */
	struct event *deadline; /* of the attempt, later the stop's */
	int64_t began, stood;
	bool connected;
	bool stands;
	bool heard;
	bool accepted;
	bool input_ended;
	bool output_ended; /* nobody takes it any more */
	bool stopping;
	bool over;
	struct atls_error lost; /* why input or output ended, where TLS does not say it */
	struct atls_error outcome;
	uint8_t chunk[CHUNK];
};

/* The engine is the same in both ways, and calls itself inner. */
static void rename_layer(struct atls_error *err)
{
	static const char inner[] = "inner TLS: ", direct[] = "direct TLS: ";
	char text[ATLS_ERROR_TEXT];
	if (strncmp(err->text, inner, sizeof inner - 1) != 0)
		return;
	snprintf(text, sizeof text, "%s", err->text + sizeof inner - 1);
	snprintf(err->text, sizeof err->text, "%s%.*s", direct,
		(int)(sizeof err->text - sizeof direct), text);
}

/* The session is over: told from the event base, so that the owner may free everything then. */
static void end(struct direct *direct, const struct atls_error *err)
{
	if (direct->over)
		return;
	direct->over = true;
	direct->outcome = err ? *err : (struct atls_error){0};
	rename_layer(&direct->outcome);
	event_del(direct->deadline);
	if (direct->readable)
		event_del(direct->readable);
	if (direct->writable)
		event_del(direct->writable);
	event_active(direct->step, EV_TIMEOUT, 0);
}

/* ---- the connection -----------------------------------------------------------------------------
 */

static bool peer_closed(const struct direct *direct)
{
	return atls_engine_state(direct->engine) & ATLS_PEER_CLOSED;
}

static bool has_room(const struct direct *direct)
{
	return !direct->input_ended && !peer_closed(direct) &&
	       atls_engine_input_pending(direct->engine) < INPUT_AHEAD;
}

static void lose(struct direct *direct, const char *what, int why)
{
	atls_error_set(&direct->lost, ATLS_E_NETWORK, "direct connection: %s%s%s%s", what,
		why ? " (" : "", why ? strerror(why) : "", why ? ")" : "");
}

/* True if something came. */
static bool receive(struct direct *direct)
{
	if (!has_room(direct))
		return false;
	ssize_t len = atls_dial_recv(direct->dial, direct->chunk, sizeof direct->chunk);
	if (len > 0) {
		direct->heard = direct->heard || direct->stands;
		(void)atls_engine_feed(direct->engine, direct->chunk, (size_t)len);
		return true;
	}
	if (len < 0 && errno == EAGAIN)
		return false;
	direct->input_ended = true;
	/* An end amid a session is for TLS to judge: it may be a truncation. */
	if (len < 0)
		lose(direct, direct->stands ? "it was lost" : "it was lost amid the handshake",
			errno);
	else if (!direct->stands)
		lose(direct, "it was closed amid the handshake", 0);
	else
		atls_engine_end_input(direct->engine);
	return true;
}

/* True if something went out. */
static bool transmit(struct direct *direct)
{
	const uint8_t *bytes;
	size_t left;
	bool moved = false;
	while (!direct->output_ended && (left = atls_engine_output(direct->engine, &bytes)) > 0) {
		ssize_t len = atls_dial_send(direct->dial, bytes, left);
		if (len < 0 && errno == EAGAIN)
			break;
		if (len <= 0) {
			/* What the peer said before it went may still tell why. */
			direct->output_ended = true;
			if (!peer_closed(direct))
				lose(direct, "it was lost while sending", errno);
			break;
		}
		atls_engine_output_done(direct->engine, (size_t)len);
		moved = true;
	}
	return moved;
}

/* ---- the session --------------------------------------------------------------------------------
 */

static void note_stands(struct direct *direct)
{
	gnutls_session_t tls = atls_engine_session(direct->engine);
	if (direct->stands || !(atls_engine_state(direct->engine) & ATLS_ESTABLISHED))
		return;
	direct->stands = true;
	direct->stood = atls_now_ms();
	direct->accepted = gnutls_protocol_get_version(tls) < GNUTLS_TLS1_3 ||
			   !gnutls_certificate_client_get_request_status(tls);
	if (direct->accepted)
		event_del(direct->deadline);
	else
		atls_timer_set(direct->deadline, ACCEPT_MS);
}

/* The service had said its last word, and is gone before it heard ours. */
static const struct atls_error unheard = {.code = ATLS_E_NETWORK,
	.text = "backend: the service ended the session before it took all that was sent"};

/* True if the session is over. */
static bool judge_end(struct direct *direct)
{
	const uint8_t *bytes;
	const struct atls_engine *engine = direct->engine;
	unsigned state = atls_engine_state(engine);
	size_t left = atls_engine_output(engine, &bytes);
	bool sent = left == 0 || direct->output_ended;
	if (state & ATLS_FAILED) {
		if (sent)
			end(direct, atls_engine_error(engine));
		else if (!event_pending(direct->deadline, EV_TIMEOUT, NULL))
			atls_timer_set(direct->deadline, STOP_MS);
	} else if (state & ATLS_PEER_CLOSED) {
		bool closed = atls_engine_closed(engine);
		if (direct->output_ended)
			end(direct, closed && left <= CLOSE_NOTIFY_MAX ? NULL : &unheard);
		else if (sent && (closed || direct->stopping))
			end(direct, NULL);
	} else if (direct->input_ended && direct->lost.code && !(state & ATLS_HAVE_DATA)) {
		end(direct, &direct->lost);
	}
	return direct->over;
}

static void wait_on(struct direct *direct)
{
	const uint8_t *bytes;
	if (has_room(direct))
		event_add(direct->readable, NULL);
	else
		event_del(direct->readable);
	if (!direct->output_ended && atls_engine_output(direct->engine, &bytes))
		event_add(direct->writable, NULL);
	else
		event_del(direct->writable);
}

static void pump(struct direct *direct)
{
	unsigned rounds = 0;
	bool moved = true;
	if (!direct->connected || direct->over)
		return;
	while (moved && rounds++ < ROUNDS_MAX) {
		moved = receive(direct);
		bool room = has_room(direct);
		note_stands(direct);
		if (direct->stands)
			direct->events.progress(direct->ctx, direct->engine);
		moved = transmit(direct) || moved || (!room && has_room(direct));
		if (direct->over || judge_end(direct))
			return;
	}
	wait_on(direct);
	if (moved)
		atls_timer_set(direct->step, 0);
}

/* ---- events -------------------------------------------------------------------------------------
 */

static void on_step(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	struct direct *direct = ctx;
	if (direct->over)
		direct->events.ended(direct->ctx, &direct->outcome);
	else
		pump(direct);
}

static void on_deadline(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	struct direct *direct = ctx;
	struct atls_error err = {0};
	if (atls_engine_state(direct->engine) & ATLS_FAILED) {
		end(direct, atls_engine_error(direct->engine));
	} else if (direct->stopping) {
		end(direct, NULL);
	} else if (direct->stands) {
		direct->accepted = true;
		pump(direct);
	} else {
		atls_error_set(&err, ATLS_E_NETWORK,
			"direct connection: no TLS session stood within %.1f s (--direct-timeout)",
			(double)direct->client->settings.direct_ms / 1000);
		end(direct, &err);
	}
}

/* What is not acknowledged for so long as other ways would be tried again is lost. */
static void keep_alive(const struct direct *direct)
{
	int fd = atls_dial_fd(direct->dial);
	const int on = 1, pause_s = KEEPALIVE_S;
	uint64_t resume_ms = direct->client->settings.resume_ms;
	const unsigned lost_ms = resume_ms < LOST_AFTER_MIN ? LOST_AFTER_MIN : (unsigned)resume_ms;
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &pause_s, sizeof pause_s);
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &lost_ms, sizeof lost_ms);
}

static void dialed(void *ctx, const struct atls_error *err)
{
	struct direct *direct = ctx;
	if (err->code) {
		end(direct, err);
		return;
	}
	int fd = atls_dial_fd(direct->dial);
	struct event_base *base = direct->client->base;
	direct->readable = event_new(base, fd, EV_READ, on_step, direct);
	direct->writable = event_new(base, fd, EV_WRITE, on_step, direct);
	direct->connected = direct->readable && direct->writable;
	if (!direct->connected) {
		static const struct atls_error memory = {
			.code = ATLS_E_MEMORY, .text = "out of memory for a connection"};
		end(direct, &memory);
		return;
	}
	keep_alive(direct);
	/* Not from within libcurl. */
	atls_timer_set(direct->step, 0);
}

struct direct *direct_new(struct client *client, const struct session_events *events, void *ctx,
	struct atls_error *err)
{
	const struct atls_engine_config config = {
		.role = ATLS_CLIENT,
		.credentials = client->credentials,
		.priorities = client->priorities,
		.server_name = client->name,
		.verify = direct_way_verify,
		.verify_ctx = client->direct,
	};
	struct direct *direct = calloc(1, sizeof *direct);
	if (!direct) {
		atls_error_set(err, ATLS_E_MEMORY, "out of memory for a connection");
		return NULL;
	}
	direct->client = client;
	direct->events = *events;
	direct->ctx = ctx;
	direct->began = atls_now_ms();
	direct->engine = atls_engine_new(&config, err);
	direct->step = event_new(client->base, -1, 0, on_step, direct);
	direct->deadline = event_new(client->base, -1, 0, on_deadline, direct);
	if (direct->engine && direct->step && direct->deadline)
		direct->dial = direct_way_dial(client->direct, dialed, direct, err);
	if (direct->dial) {
		atls_timer_set(direct->deadline, (int64_t)client->settings.direct_ms);
		return direct;
	}
	atls_error_set(err, ATLS_E_MEMORY, "out of memory for a connection");
	direct_free(direct);
	return NULL;
}

void direct_free(struct direct *direct)
{
	if (!direct)
		return;
	atls_event_free(direct->readable);
	atls_event_free(direct->writable);
	atls_event_free(direct->step);
	atls_event_free(direct->deadline);
	atls_dial_free(direct->dial);
	atls_engine_free(direct->engine);
	free(direct);
}

bool direct_stands(const struct direct *direct)
{
	return direct->stands;
}

bool direct_heard(const struct direct *direct)
{
	return direct->heard;
}

bool direct_accepted(const struct direct *direct)
{
	const uint8_t *bytes;
	return direct->stands && (direct->accepted || direct->heard) &&
	       atls_engine_output(direct->engine, &bytes) == 0;
}

int64_t direct_took_ms(const struct direct *direct)
{
	return (direct->stands ? direct->stood : atls_now_ms()) - direct->began;
}

struct atls_engine *direct_engine(const struct direct *direct)
{
	return direct->engine;
}

void direct_kick(struct direct *direct)
{
	pump(direct);
}

void direct_stop(struct direct *direct)
{
	if (direct->over || direct->stopping)
		return;
	direct->stopping = true;
	if (atls_engine_close(direct->engine)) {
		end(direct, NULL);
		return;
	}
	atls_timer_set(direct->deadline, STOP_MS);
	atls_timer_set(direct->step, 0);
}
