/* A service from its beginning to its end, and the end of sessions: one after the other in their
 * time, or all of them with the service. */
#include "service.h"

#include "core/err.h"
#include "net/clock.h"
#include "net/timer.h"

#include <malloc.h>

#define EXPIRE_MS 500
/* Whose request waits here is not silent; longer than this no client waits, and a connection that
 * vanished without a word does not tell. */
#define WAIT_MAX_MS 60000

static void expire(void *ctx, struct atls_session *session, const char *why)
{
	(void)ctx;
	if (session->phase == ATLS_SESSION_OPEN && service_waits(session->user) &&
		atls_now_ms() - session->heard < WAIT_MAX_MS)
		return;
	tunnel_drop(session->user, why);
}

/* The heap keeps what is freed amid it: after a rush, for good. */
static void give_back(struct service *service, int64_t now)
{
	if (now < service->trim_at || now > service->trim_until)
		return;
	service->trim_at = now + TRIM_MS;
	malloc_trim(0);
}

static void on_expire(evutil_socket_t fd, short what, void *ctx)
{
	struct service *service = ctx;
	int64_t now = atls_now_ms();
	(void)fd;
	(void)what;
	atls_sessions_expire(service->sessions, now, expire, service);
	give_back(service, now);
}

static int make_http(struct service *service, unsigned connections, struct atls_error *err)
{
	const struct settings *settings = &service->house->settings;
	const struct atls_http_server_config config = {
		.base = service->base,
		.mailbox = service->mailbox,
		.body_max = (size_t)settings->max_body,
		.upgrades = true,
		.bodies = &service->house->bodies,
		.connections_max = connections,
		.request_ms = (int64_t)settings->request_ms,
		.admit = service_admit,
		.refused = service_refused,
		.ready = service_ready,
		.done = service_done,
		.ctx = service,
	};
	service->http = atls_http_server_new(&config, err);
	return service->http ? ATLS_OK : err->code;
}

int service_init(struct service *service, struct house *house, unsigned part, unsigned connections,
	struct atls_error *err)
{
	const struct timeval interval = atls_timeval(EXPIRE_MS);
	const struct settings *settings = &house->settings;
	const struct atls_session_limits limits = {
		.sessions_max = (unsigned)settings->max_sessions,
		.opening_ms = (int64_t)settings->handshake_ms,
		.idle_ms = (int64_t)settings->idle_ms,
		.linger_ms = LINGER_MS,
		.share = {.keys = &house->keys, .part = part, .parts = (unsigned)settings->threads},
	};
	service->house = house;
	service->share = limits.share;
	service->base = event_base_new();
	service->sessions = atls_sessions_new(&limits);
	if (service->base) {
		service->mailbox = atls_mailbox_new(service->base);
		service->expire = event_new(service->base, -1, EV_PERSIST, on_expire, service);
	}
	if (!service->sessions || !service->mailbox || !service->expire ||
		event_add(service->expire, &interval))
		return atls_error_set(err, ATLS_E_MEMORY, "out of memory for a thread");
	return make_http(service, connections, err);
}

struct service *service_of(const struct service *service, const char *id)
{
	return &service->house->services[atls_id_part(&service->share, id)];
}

static void close_one(void *ctx, struct atls_session *session)
{
	(void)ctx;
	struct tunnel *tunnel = session->user;
	atls_error_set(&tunnel->error, ATLS_E_LOCAL, "the service is going down");
	tunnel->backend_eof = tunnel->up_dead = true;
	if (atls_engine_close(session->engine) == ATLS_OK)
		tunnel_pump(tunnel);
	else
		tunnel_drop(tunnel, "the service is going down");
}

void service_close_all(struct service *service)
{
	atls_sessions_each(service->sessions, close_one, NULL);
}

static void forget(void *ctx, struct atls_session *session)
{
	(void)ctx;
	tunnel_drop(session->user, "the service went down");
}

void service_drop_all(struct service *service)
{
	if (service->sessions)
		atls_sessions_each(service->sessions, forget, NULL);
}

void service_stop(struct service *service)
{
	atls_http_server_free(service->http);
	service->http = NULL;
}

void service_free(struct service *service)
{
	if (service->sessions)
		atls_sessions_expire(service->sessions, INT64_MAX, expire, service);
	atls_sessions_free(service->sessions);
	atls_mailbox_free(service->mailbox);
	atls_event_free(service->expire);
	if (service->base)
		event_base_free(service->base);
}
