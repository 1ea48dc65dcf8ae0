/* The end of sessions: one after the other in their time, or all of them with the service. */
#include "service.h"

#include "core/err.h"
#include "net/clock.h"

#include <malloc.h>

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

void service_expire(struct service *service)
{
	int64_t now = atls_now_ms();
	atls_sessions_expire(service->sessions, now, expire, service);
	give_back(service, now);
}

void service_drain(struct service *service)
{
	service->draining = true;
	if (atls_sessions_count(service->sessions) == 0)
		service->idle(service);
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

void service_free(struct service *service)
{
	if (service->sessions)
		atls_sessions_each(service->sessions, forget, NULL);
	atls_http_server_free(service->http);
	if (service->sessions)
		atls_sessions_expire(service->sessions, INT64_MAX, expire, service);
	atls_sessions_free(service->sessions);
}
