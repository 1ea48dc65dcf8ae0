/* Which session a request is for, and which thread has it. */
#include "pending.h"

#include "core/body.h"
#include "core/err.h"
#include "net/clock.h"

#include <string.h>

/* ---- New ones ---- */

/* The one place where the inner TLS is, or is none. */
static struct atls_engine *make_engine(struct service *service, bool stream, struct atls_error *err)
{
	static const char *const protocols[] = {ATLS_REPORT_PROTOCOL};
	const struct atls_engine_config config = {
		.role = ATLS_SERVER,
		.credentials = service->house->creds.credentials,
		.priorities = service->house->priorities,
		.require_certificate = service->house->policy.anchors != NULL,
		.verify = service->house->policy.anchors ? atls_policy_verify : NULL,
		.verify_ctx = &service->house->policy,
		.protocols = protocols,
		.protocol_count = 1,
		.input_max = stream ? ATLS_STREAM_WINDOW_MAX + ATLS_INPUT_MAX : 0,
	};
	if (service->house->settings.raw)
		return atls_raw_engine_new(config.input_max, 0, err);
	return atls_engine_new(&config, err);
}

static struct atls_session *make_session(struct service *service,
	const struct atls_http_request *request, const char *stream_id, struct atls_error *err)
{
	struct atls_session *session = NULL;
	struct atls_engine *engine = make_engine(service, stream_id, err);
	if (!engine)
		return NULL;
	if (atls_session_open(service->sessions, engine, atls_http_request_peer(request),
		    atls_now_ms(), &session, err)) {
		atls_engine_free(engine);
		return NULL;
	}
	if ((stream_id && stream_begin(service, session, stream_id)) ||
		!tunnel_new(service, session)) {
		atls_session_remove(service->sessions, session);
		atls_error_set(err, ATLS_E_MEMORY, "out of memory for a session");
		return NULL;
	}
	return session;
}

struct atls_session *service_open(struct service *service, const struct atls_http_request *request,
	const char *stream_id, struct refusal *no)
{
	struct house *house = service->house;
	const char *peer = atls_http_request_peer(request);
	*no = (struct refusal){.status = 503};
	int rc = house_enter(house, peer, &no->err);
	if (rc) {
		bool down = rc == ATLS_E_LOCAL;
		no->status = rc == ATLS_E_AGAIN ? 429 : 503;
		no->retry_after = down ? "10" : "5";
		if (!down)
			atls_log_event(&house->log, ATLS_LOG_NOTICE,
				&(struct atls_log_about){.event = "session_refused"},
				"refused a session: %s", no->err.text);
		return NULL;
	}
	struct atls_session *session = make_session(service, request, stream_id, &no->err);
	if (!session) {
		house_leave(house, peer);
		no->retry_after = "1";
	}
	return session;
}

static void refuse(struct pending *pending, unsigned status, const char *why)
{
	pending_refuse(pending, status, NULL, NULL, why);
}

/* A new session, if the request may begin one; null after a refusal. */
static struct atls_session *begin_session(
	struct pending *pending, const struct atls_body *body, const char *stream_id)
{
	bool raw = pending->service->house->settings.raw;
	if (raw && !stream_id) {
		refuse(pending, 409,
			"raw streams have stream carriage alone, but the request has no "
			"ATLS-Stream");
		return NULL;
	}
	if (!raw && !atls_session_may_begin(body->records, body->len)) {
		refuse(pending, 422,
			"the request names no session, and its body does not begin one");
		return NULL;
	}
	struct refusal no;
	struct atls_session *session =
		service_open(pending->service, pending->request, stream_id, &no);
	if (!session)
		pending_refuse(pending, no.status, no.retry_after, NULL, no.err.text);
	return session;
}

/* ---- Those that there are ---- */

/* Whether what an id names is this thread's. If not, the request goes there. */
static bool is_here(struct pending *pending, const char *id)
{
	struct service *home = service_of(pending->service, id);
	if (home == pending->service)
		return true;
	pending->service = home;
	atls_http_lend(pending->request, home->mailbox, service_serve, pending);
	return false;
}

bool route_by_head(struct pending *pending)
{
	struct atls_stream_dict dict;
	struct atls_error err = {0};
	const char *text = atls_http_request_header(pending->request, ATLS_STREAM_HEADER);
	const char *cookie = atls_http_request_cookie(pending->request, COOKIE);
	if (text && atls_stream_dict_read(&dict, text, strlen(text), &err) == ATLS_OK && dict.id[0])
		return is_here(pending, dict.id);
	return text || !cookie || strlen(cookie) != ATLS_ID_TEXT - 1 || is_here(pending, cookie);
}

/* The client's id comes first: it names the session before any cookie does. In a base session it
 * means nothing. */
struct atls_session *route_to_session(struct pending *pending)
{
	struct asked *asked = &pending->asked;
	struct atls_session *session;
	if (asked->has_dict && !asked->sought_stream) {
		if (!is_here(pending, asked->dict.id))
			return NULL;
		session = atls_session_find_stream(pending->service->sessions, asked->dict.id);
		if (session)
			return session;
		asked->sought_stream = true;
	}
	if (asked->id_len == ATLS_ID_TEXT - 1 && !asked->sought_id) {
		if (!is_here(pending, asked->id))
			return NULL;
		session = atls_session_find(pending->service->sessions, asked->id, asked->id_len);
		if (session && !session->stream)
			asked->has_dict = false;
		if (session && !asked->has_dict)
			return session;
		asked->sought_id = true;
	}
	if (asked->has_dict ? asked->dict.up || asked->dict.ack : asked->id != NULL) {
		refuse(pending, 422, "this session is not known here");
		return NULL;
	}
	if (asked->has_dict && !is_here(pending, asked->dict.id))
		return NULL;
	return begin_session(pending, &asked->body, asked->has_dict ? asked->dict.id : NULL);
}
