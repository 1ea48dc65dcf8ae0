#include "service.h"

#include "cli/out.h"
#include "net/clock.h"

#define SESSION_NAME (ATLS_ID_SHORT + 1)

/* The name that the client asked for, or nothing. */
static const char *asked_for(gnutls_session_t tls, char *name, size_t cap)
{
	unsigned type;
	if (gnutls_server_name_get(tls, name, &cap, &type, 0) < 0)
		name[0] = '\0';
	return name;
}

/* A member that is left out where there is nothing to say. */
static void add_text(json_t *facts, const char *key, const char *text)
{
	if (text && *text)
		json_object_set_new(facts, key, atls_out_string(text));
}

/* What TLS negotiated, or that there is none. */
static void add_negotiated(json_t *facts, const struct tunnel *tunnel)
{
	char name[256];
	gnutls_session_t tls = atls_engine_session(tunnel->session->engine);
	add_text(facts, "raw", tunnel->service->house->settings.raw);
	if (!tls)
		return;
	add_text(facts, "version", gnutls_protocol_get_name(gnutls_protocol_get_version(tls)));
	add_text(facts, "suite", gnutls_ciphersuite_get(tls));
	add_text(facts, "name", asked_for(tls, name, sizeof name));
}

static json_t *facts_of(const struct tunnel *tunnel)
{
	const struct atls_session *session = tunnel->session;
	return json_pack("{s:o, s:I, s:I}", "peer", atls_out_string(session->peer), "exchanges",
		(json_int_t)session->exchanges, "thread",
		(json_int_t)tunnel->service->share.part + 1);
}

static json_t *facts_of_open(const struct tunnel *tunnel)
{
	json_t *facts = facts_of(tunnel);
	add_negotiated(facts, tunnel);
	return facts;
}

static void tell_open_raw(const struct tunnel *tunnel)
{
	const struct atls_session *session = tunnel->session;
	char id[SESSION_NAME];
	const struct atls_log_about about = {.event = "session_open",
		.session = atls_id_short(session->id, id),
		.facts = facts_of_open(tunnel)};
	json_object_set_new(about.facts, "encrypted", json_false());
	atls_log_event(&tunnel->service->house->log, ATLS_LOG_NOTICE, &about,
		"session %s: open from %s, raw %s, NOT encrypted here", id, session->peer,
		tunnel->service->house->settings.raw);
}

void tell_open(const struct tunnel *tunnel)
{
	const struct atls_session *session = tunnel->session;
	if (tunnel->service->house->settings.raw) {
		tell_open_raw(tunnel);
		return;
	}
	gnutls_session_t tls = atls_engine_session(session->engine);
	char *suite = gnutls_session_get_desc(tls);
	char name[256], id[SESSION_NAME];
	const struct atls_log_about about = {.event = "session_open",
		.session = atls_id_short(session->id, id),
		.facts = facts_of_open(tunnel)};
	asked_for(tls, name, sizeof name);
	atls_log_event(&tunnel->service->house->log, ATLS_LOG_NOTICE, &about,
		"session %s: open from %s, %s%s%s, %llu exchanges", id, session->peer,
		suite ? suite : "?", name[0] ? ", name " : "", name,
		(unsigned long long)session->exchanges);
	gnutls_free(suite);
}

void tell_end(const struct tunnel *tunnel)
{
	const struct atls_session *session = tunnel->session;
	const struct atls_error *err = &tunnel->error;
	if (!err->code && session->engine)
		err = atls_engine_error(session->engine);
	const char *why = err->code         ? err->text
			  : tunnel->up_dead ? "the backend closed before the client did"
					    : "closed by both sides";
	int64_t ms = atls_now_ms() - session->opened;
	char id[SESSION_NAME];
	const struct atls_log_about about = {.event = "session_end",
		.session = atls_id_short(session->id, id),
		.facts = facts_of(tunnel)};
	json_object_set_new(about.facts, "opened", json_boolean(tunnel->told));
	json_object_set_new(about.facts, "duration_ms", json_integer(ms));
	json_object_set_new(about.facts, "bytes_up", json_integer((json_int_t)tunnel->up));
	json_object_set_new(about.facts, "bytes_down", json_integer((json_int_t)tunnel->down));
	json_object_set_new(about.facts, "code", json_string(atls_code_word(err->code)));
	add_text(about.facts, "reason", why);
	if (tunnel->told && session->engine)
		add_negotiated(about.facts, tunnel);
	atls_log_event(&tunnel->service->house->log, ATLS_LOG_NOTICE, &about,
		"session %s: %s after %.1f s, %llu exchanges, %llu bytes up, %llu down: %s", id,
		tunnel->told ? "ended" : "never opened, ended", (double)ms / 1000,
		(unsigned long long)session->exchanges, (unsigned long long)tunnel->up,
		(unsigned long long)tunnel->down, why);
}

void tell_refusal(const struct service *service, const struct atls_http_request *request,
	unsigned status, const char *why)
{
	const char *peer = atls_http_request_peer(request);
	const char *method = atls_http_request_method(request);
	const char *path = atls_http_request_path(request);
	const struct atls_log_about about = {.event = "request_refused",
		.facts = json_pack("{s:i, s:o, s:o, s:o}", "status", (int)status, "peer",
			atls_out_string(peer), "method", atls_out_string(method), "path",
			atls_out_string(path))};
	atls_log_event(&service->house->log, ATLS_LOG_VERBOSE, &about, "status %u for %s: %s%s%s",
		status, peer, why ? why : method, why ? "" : " ", why ? "" : path);
}

void tell_websocket(const struct tunnel *tunnel)
{
	char name[SESSION_NAME];
	const struct atls_log_about about = {
		.event = "websocket", .session = atls_id_short(tunnel->session->id, name)};
	atls_log_event(&tunnel->service->house->log, ATLS_LOG_VERBOSE, &about,
		"session %s: on a WebSocket", name);
}

void tell_websocket_end(
	const struct service *service, const struct tunnel *tunnel, const struct atls_error *err)
{
	char name[SESSION_NAME] = "?";
	const struct atls_log_about about = {
		.event = "websocket_end",
		.session = tunnel ? atls_id_short(tunnel->session->id, name) : NULL,
	};
	atls_log_event(&service->house->log, ATLS_LOG_VERBOSE, &about,
		"session %s: its WebSocket ended: %s", name, err->text);
}

void tell_answer(const struct service *service, const char *id, size_t len)
{
	char name[SESSION_NAME];
	const struct atls_log_about about = {"answer", atls_id_short(id, name), NULL};
	atls_log_event(&service->house->log, ATLS_LOG_DEBUG, &about,
		"session %s: answer of %zu TLS bytes", name, len);
}
