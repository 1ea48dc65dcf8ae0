#include "forward.h"

#include "relay.h"
#include "signals.h"

#include "cli/exit.h"
#include "cli/out.h"
#include "cli/portfile.h"
#include "core/err.h"
#include "net/clock.h"
#include "net/listen.h"
#include "net/timer.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#define LISTENERS_MAX (FORWARDS_MAX * ATLS_LISTEN_MAX)
/* When descriptors run out, accepting pauses. */
#define PAUSE_MS 200
/* After the end of a session: what it and its like leave is given back together. */
#define TRIM_MS 10000

struct forward {
	struct client *client;
	struct forwarder *owner;
	struct relay *relay;
	unsigned number;
	int64_t since;
	LIST_ENTRY(forward) entry;
};

struct forwarder {
	struct client *client;
	struct event *listeners[LISTENERS_MAX];
	int fds[LISTENERS_MAX];
	unsigned count;
	unsigned ports[FORWARDS_MAX];
	unsigned listening; /* of the settings' forwards, so many listen */
	struct event *resume;
	struct event *trim;
	struct event *signals[END_SIGNALS];
	LIST_HEAD(, forward) open;
	unsigned numbers;
	bool ending;
};

static void ended(void *ctx, struct relay *relay, const struct atls_error *err)
{
	struct forward *forward = ctx;
	struct forwarder *owner = forward->owner;
	uint64_t up, down;
	relay_bytes(relay, &up, &down);
	int64_t ms = atls_now_ms() - forward->since;
	const char *why = err->code ? err->text : "closed by both sides";
	const struct atls_log_about about = {.event = "connection_end",
		.facts = json_pack("{s:i, s:I, s:I, s:I, s:s, s:o}", "connection",
			(int)forward->number, "duration_ms", (json_int_t)ms, "bytes_up",
			(json_int_t)up, "bytes_down", (json_int_t)down, "code",
			atls_code_word(err->code), "reason", atls_out_string(why))};
	if (err->hint[0])
		json_object_set_new(about.facts, "hint", atls_out_string(err->hint));
	atls_log_event(&forward->client->log, err->code ? ATLS_LOG_ERROR : ATLS_LOG_NOTICE, &about,
		"connection %u: ended after %.1f s, %llu bytes up, %llu down: %s", forward->number,
		(double)ms / 1000, (unsigned long long)up, (unsigned long long)down, why);
	if (err->hint[0] && !forward->client->log.json)
		atls_log(&forward->client->log, ATLS_LOG_ERROR, "hint: %s", err->hint);
	LIST_REMOVE(forward, entry);
	relay_free(relay);
	free(forward);
	if (!event_pending(owner->trim, EV_TIMEOUT, NULL))
		atls_timer_set(owner->trim, TRIM_MS);
	if (owner->ending && LIST_EMPTY(&owner->open))
		event_base_loopbreak(owner->client->base);
}

/* The heap keeps what is freed amid it: after a rush, for good. */
static void on_trim(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	(void)ctx;
	malloc_trim(0);
}

static void take(struct forwarder *forwarder, int fd, const struct sockaddr *from)
{
	struct atls_error err = {0};
	char peer[64];
	struct forward *forward = calloc(1, sizeof *forward);
	if (!forward) {
		close(fd);
		return;
	}
	forward->client = forwarder->client;
	forward->owner = forwarder;
	forward->number = ++forwarder->numbers;
	forward->since = atls_now_ms();
	atls_address_text(from, peer, sizeof peer);
	const struct atls_log_about about = {.event = "connection_open",
		.facts = json_pack("{s:i, s:o}", "connection", (int)forward->number, "peer",
			atls_out_string(peer))};
	atls_log_event(&forwarder->client->log, ATLS_LOG_NOTICE, &about, "connection %u: from %s",
		forward->number, peer);
	forward->relay = relay_new(forwarder->client, fd, fd, ended, forward, &err);
	if (!forward->relay) {
		atls_log_error(&forwarder->client->log, &err);
		free(forward);
		return;
	}
	LIST_INSERT_HEAD(&forwarder->open, forward, entry);
}

static void set_listening(struct forwarder *forwarder, bool on)
{
	for (unsigned i = 0; i < forwarder->count; i++) {
		if (on)
			event_add(forwarder->listeners[i], NULL);
		else
			event_del(forwarder->listeners[i]);
	}
}

static void on_connection(evutil_socket_t listener, short what, void *ctx)
{
	(void)what;
	struct forwarder *forwarder = ctx;
	struct sockaddr_storage from;
	socklen_t len = sizeof from;
	int fd = accept4(listener, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0) {
		take(forwarder, fd, (struct sockaddr *)&from);
	} else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
		const struct timeval pause = {.tv_usec = PAUSE_MS * 1000};
		atls_log(&forwarder->client->log, ATLS_LOG_ERROR, "cannot accept a connection: %s",
			strerror(errno));
		set_listening(forwarder, false);
		event_add(forwarder->resume, &pause);
	}
}

static void on_resume(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	set_listening(ctx, true);
}

/* The first signal ends the sessions in order, a second one at once. */
static void on_signal(evutil_socket_t signal, short what, void *ctx)
{
	(void)signal;
	(void)what;
	struct forwarder *forwarder = ctx;
	if (forwarder->ending || LIST_EMPTY(&forwarder->open)) {
		event_base_loopbreak(forwarder->client->base);
		return;
	}
	forwarder->ending = true;
	event_del(forwarder->resume);
	set_listening(forwarder, false);
	struct forward *forward;
	LIST_FOREACH(forward, &forwarder->open, entry) relay_stop(forward->relay);
}

static void tell_listening(const struct client *client, const char *where, unsigned port)
{
	const struct atls_log_about about = {.event = "listening",
		.facts = json_pack(
			"{s:o, s:i}", "where", atls_out_string(where), "port", (int)port)};
	atls_log_event(
		&client->log, ATLS_LOG_NOTICE, &about, "listening on %s, port %u", where, port);
}

/* A port without an address means this machine only, as ssh has it. */
static int listen_at(struct forwarder *forwarder, unsigned index, struct atls_error *err)
{
	struct client *client = forwarder->client;
	const char *where = client->settings.forwards[index];
	int fds[ATLS_LISTEN_MAX] = {0};
	if (!atls_listen_form(where))
		return atls_error_set(
			err, ATLS_E_USAGE, "-L '%s' is not [ADDR:]PORT or unix:PATH", where);
	int count = atls_listen(where, "localhost", fds, &forwarder->ports[index], err);
	if (count > 0)
		forwarder->listening++;
	for (int i = 0; i < count; i++) {
		struct event *event = event_new(
			client->base, fds[i], EV_READ | EV_PERSIST, on_connection, forwarder);
		forwarder->fds[forwarder->count] = fds[i];
		forwarder->listeners[forwarder->count++] = event;
		if (!event || event_add(event, NULL))
			return atls_error_set(err, ATLS_E_MEMORY, "out of memory for a listener");
	}
	if (count > 0)
		tell_listening(client, where, forwarder->ports[index]);
	return count < 0 ? count : ATLS_OK;
}

static int start(struct forwarder *forwarder, struct atls_error *err)
{
	struct client *client = forwarder->client;
	int rc = ATLS_OK;
	if (!end_signals_catch(client->base, forwarder->signals, on_signal, forwarder))
		rc = ATLS_E_MEMORY;
	forwarder->resume = event_new(client->base, -1, 0, on_resume, forwarder);
	forwarder->trim = event_new(client->base, -1, 0, on_trim, NULL);
	if (rc || !forwarder->resume || !forwarder->trim)
		return atls_error_set(err, ATLS_E_MEMORY, "out of memory for events");
	for (unsigned i = 0; i < client->settings.forward_count && !rc; i++)
		rc = listen_at(forwarder, i, err);
	if (!rc && client->settings.port_file)
		rc = atls_port_file(client->settings.port_file, forwarder->ports,
			client->settings.forward_count, err);
	return rc;
}

static void stop(struct forwarder *forwarder)
{
	while (!LIST_EMPTY(&forwarder->open)) {
		struct forward *forward = LIST_FIRST(&forwarder->open);
		LIST_REMOVE(forward, entry);
		relay_free(forward->relay);
		free(forward);
	}
	for (unsigned i = 0; i < forwarder->count; i++) {
		atls_event_free(forwarder->listeners[i]);
		close(forwarder->fds[i]);
	}
	for (unsigned i = 0; i < forwarder->listening; i++)
		atls_unlisten(forwarder->client->settings.forwards[i]);
	end_signals_free(forwarder->signals);
	atls_event_free(forwarder->resume);
	atls_event_free(forwarder->trim);
	free(forwarder);
}

int forward_run(struct client *client)
{
	struct atls_error err = {0};
	struct forwarder *forwarder = calloc(1, sizeof *forwarder);
	if (!forwarder)
		return ATLS_EXIT_LOCAL;
	forwarder->client = client;
	LIST_INIT(&forwarder->open);
	int code = ATLS_EXIT_OK;
	if (start(forwarder, &err)) {
		code = client_fail(client, &err);
	} else {
		event_base_dispatch(client->base);
	}
	stop(forwarder);
	return code;
}
