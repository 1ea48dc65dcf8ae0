#include "route.h"

#include "direct.h"
#include "told.h"

#include "core/err.h"
#include "net/clock.h"

#include <stdlib.h>

struct route {
	struct client *client;
	struct session_events events;
	void *ctx;
	struct direct *direct;   /* either this... */
	struct session *session; /* ...or this */
	struct direct_tried tried;
	bool told;
	bool stopping;
};

/* Judging takes the system's store, which takes as long as a handshake. */
static void note_direct(struct route *route, const struct atls_error *err)
{
	struct client *client = route->client;
	int64_t took_ms = direct_took_ms(route->direct);
	bool wanted =
		client->log.level >= ATLS_LOG_VERBOSE || client->report || client->settings.check;
	if (wanted)
		direct_way_judge(client->direct, atls_engine_session(direct_engine(route->direct)),
			err, &route->tried);
	route->tried.tried = true;
	route->tried.error = *err;
	route->tried.took_ms = took_ms;
}

static int go_atls(struct route *route, struct atls_error *err)
{
	tell_not_direct(route->client, &route->tried);
	route->session = session_new(route->client, &route->events, route->ctx, err);
	return route->session ? ATLS_OK : err->code;
}

static void on_progress(void *ctx, struct atls_engine *engine)
{
	static const struct atls_error none = {.code = ATLS_OK};
	struct route *route = ctx;
	if (!route->told) {
		route->told = true;
		note_direct(route, &none);
		tell_direct(route->client, engine, &route->tried, ++route->client->numbers);
	}
	route->events.progress(route->ctx, engine);
}

static void on_ended(void *ctx, const struct atls_error *err)
{
	struct route *route = ctx;
	struct client *client = route->client;
	bool stands = direct_stands(route->direct);
	struct atls_error failure = {0};
	if (route->stopping || err->code == ATLS_OK || (stands && direct_heard(route->direct))) {
		route->events.ended(route->ctx, err);
		return;
	}
	/* What was cut off at once may be of no use next time, either. */
	if (!stands)
		note_direct(route, err);
	direct_way_failed(client->direct, &route->tried, err, atls_now_ms());
	if (stands) {
		route->events.ended(route->ctx, err);
		return;
	}
	struct direct *direct = route->direct;
	if (go_atls(route, &failure)) {
		route->events.ended(route->ctx, &failure);
		return;
	}
	route->direct = NULL;
	direct_free(direct);
}

struct route *route_new(struct client *client, const struct session_events *events, void *ctx,
	struct atls_error *err)
{
	static const struct session_events direct_events = {on_progress, on_ended};
	struct route *route = calloc(1, sizeof *route);
	if (!route) {
		atls_error_set(err, ATLS_E_MEMORY, "out of memory for a session");
		return NULL;
	}
	route->client = client;
	route->events = *events;
	route->ctx = ctx;
	if (client->direct && !direct_way_barred(client->direct, atls_now_ms(), &route->tried))
		route->direct = direct_new(client, &direct_events, route, err);
	else
		(void)go_atls(route, err);
	if (route->direct || route->session)
		return route;
	route_free(route);
	return NULL;
}

void route_free(struct route *route)
{
	if (!route)
		return;
	direct_free(route->direct);
	session_free(route->session);
	direct_tried_free(&route->tried);
	free(route);
}

ssize_t route_write(struct route *route, const void *data, size_t len)
{
	return route->direct ? atls_engine_write(direct_engine(route->direct), data, len)
			     : session_write(route->session, data, len);
}

void route_kick(struct route *route)
{
	if (route->direct)
		direct_kick(route->direct);
	else
		session_kick(route->session);
}

void route_stop(struct route *route)
{
	route->stopping = true;
	if (route->direct)
		direct_stop(route->direct);
	else
		session_stop(route->session);
}

void route_abort(struct route *route, const struct atls_error *err)
{
	if (route->direct)
		atls_engine_abort(direct_engine(route->direct), GNUTLS_A_INTERNAL_ERROR, err);
	else
		session_abort(route->session, err);
}

bool route_heard(const struct route *route)
{
	if (route->direct)
		return direct_accepted(route->direct);
	return session_facts(route->session).heard;
}

const struct session *route_session(const struct route *route)
{
	return route->session;
}

const struct atls_engine *route_engine(const struct route *route)
{
	return route->direct ? direct_engine(route->direct) : session_facts(route->session).engine;
}

int64_t route_handshake_ms(const struct route *route)
{
	if (!route->direct)
		return session_facts(route->session).handshake_ms;
	return direct_stands(route->direct) ? direct_took_ms(route->direct) : -1;
}

const struct direct_tried *route_tried(const struct route *route)
{
	return &route->tried;
}
