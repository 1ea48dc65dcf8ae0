#include "service.h"

#include "cli/creds.h"
#include "cli/exit.h"
#include "cli/out.h"
#include "cli/portfile.h"
#include "core/err.h"
#include "net/address.h"
#include "net/listen.h"
#include "net/timer.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define EXPIRE_MS 500
/* After close_notify went out, for clients to fetch it. */
#define CLOSE_MS 2000
/* Descriptors that are neither a session's nor a connection's. */
#define OTHER_DESCRIPTORS 64

struct server {
	struct service service;
	struct event *expire;
	struct event *signals[2];
	struct event *grace;
	bool closing;
	int signal;
};

static void on_expire(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	service_expire(ctx);
}

/* Grace is over: first close_notify, and then, whoever fetched it or not, the end. */
static void on_grace(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	struct server *server = ctx;
	if (server->closing) {
		event_base_loopbreak(server->service.base);
		return;
	}
	server->closing = true;
	atls_timer_set(server->grace, CLOSE_MS);
	service_close_all(&server->service);
}

static void on_signal(evutil_socket_t number, short what, void *ctx)
{
	(void)what;
	struct server *server = ctx;
	struct service *service = &server->service;
	if (server->signal) {
		event_base_loopbreak(service->base);
		return;
	}
	server->signal = (int)number;
	unsigned sessions = atls_sessions_count(service->sessions);
	const struct atls_log_about about = {.event = "going_down",
		.facts = json_pack("{s:i, s:I}", "sessions", (int)sessions, "grace_ms",
			(json_int_t)service->settings.grace_ms)};
	atls_log_event(&service->log, ATLS_LOG_NOTICE, &about, "going down: %u sessions get %.1f s",
		sessions, (double)service->settings.grace_ms / 1000);
	atls_timer_set(server->grace, (int64_t)service->settings.grace_ms);
	service_drain(service);
}

/* The last answers still have to leave. */
static void on_idle(struct service *service)
{
	const struct timeval moment = {.tv_usec = 100000};
	event_base_loopexit(service->base, &moment);
}

static char *read_pem(const char *name, struct atls_error *err)
{
	gnutls_datum_t text = {NULL, 0};
	int rc = gnutls_load_file(name, &text);
	if (rc < 0) {
		atls_error_set(
			err, ATLS_E_LOCAL, "cannot read '%s' (%s)", name, gnutls_strerror(rc));
		return NULL;
	}
	return (char *)text.data;
}

/* The part behind "http://" or "https://". */
static const char *without_scheme(const char *spec)
{
	const char *end = strstr(spec, "://");
	return end ? end + 3 : spec;
}

/* The port may have been 0. */
static void tell_listening(
	const struct service *service, const char *scheme, const char *where, unsigned port)
{
	const char *colon = strrchr(where, ':');
	int host_len = colon ? (int)(colon - where) : 0;
	const struct atls_log_about about = {.event = "listening",
		.facts = json_pack("{s:s, s:o, s:i}", "scheme", scheme, "where",
			atls_out_string(where), "port", (int)port)};
	if (port == 0)
		atls_log_event(&service->log, ATLS_LOG_NOTICE, &about, "listening on %s at %s",
			scheme, where);
	else
		atls_log_event(&service->log, ATLS_LOG_NOTICE, &about, "listening on %s://%.*s:%u",
			scheme, host_len ? host_len : 1, host_len ? where : "*", port);
}

/* "[SCHEME://][ADDR:]PORT" or "[SCHEME://]unix:PATH" */
static int listen_at(struct service *service, const char *spec, const char *cert, const char *key,
	unsigned *port, struct atls_error *err)
{
	bool https = strncmp(spec, "https://", 8) == 0;
	bool http = strncmp(spec, "http://", 7) == 0;
	const char *rest = without_scheme(spec);
	const struct atls_http_listen where = {
		.where = rest, .cert = http ? NULL : cert, .key = key};
	if (https && !cert)
		return atls_error_set(err, ATLS_E_USAGE, "--listen '%s' needs --outer-cert", spec);
	if (rest != spec && !http && !https)
		return atls_error_set(
			err, ATLS_E_USAGE, "--listen '%s' is neither http nor https", spec);
	if (!atls_listen_form(rest))
		return atls_error_set(err, ATLS_E_USAGE,
			"--listen '%s' is not [SCHEME://][ADDR:]PORT or unix:PATH", spec);
	int rc = atls_http_server_listen(service->http, &where, port, err);
	if (!rc)
		tell_listening(service, where.cert ? "https" : "http", rest, *port);
	return rc;
}

static int listen_all(struct service *service, struct atls_error *err)
{
	const struct settings *settings = &service->settings;
	unsigned ports[LISTEN_SPECS_MAX];
	char *cert = NULL, *key = NULL;
	int rc = ATLS_OK;
	if (settings->outer_cert) {
		cert = read_pem(settings->outer_cert, err);
		key = read_pem(
			settings->outer_key ? settings->outer_key : settings->outer_cert, err);
		rc = err->code;
	}
	if (!rc)
		rc = fronts_load(&service->fronts, settings, cert, err);
	for (unsigned i = 0; i < settings->listen_count && !rc; i++) {
		rc = listen_at(service, settings->listen[i], cert, key, &ports[i], err);
		service->listening += !rc;
	}
	if (key)
		explicit_bzero(key, strlen(key));
	gnutls_free(cert);
	gnutls_free(key);
	if (!rc && settings->port_file)
		rc = atls_port_file(settings->port_file, ports, settings->listen_count, err);
	return rc;
}

/* Descriptors: one of each session, the rest for connections. */
static unsigned connections_max(const struct service *service, struct atls_error *err)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	if (getrlimit(RLIMIT_NOFILE, &limit))
		limit.rlim_cur = 1024;
	uint64_t reserved = service->settings.max_sessions + OTHER_DESCRIPTORS;
	if (limit.rlim_cur < reserved + reserved / 4) {
		atls_error_set(err, ATLS_E_LOCAL,
			"%llu descriptors are too few for %llu sessions and their connections",
			(unsigned long long)limit.rlim_cur,
			(unsigned long long)service->settings.max_sessions);
		atls_error_hint(err, "raise the limit (ulimit -n) or lower --max-sessions");
		return 0;
	}
	uint64_t rest = (limit.rlim_cur - reserved) / service->settings.listen_count;
	return rest > 100000 ? 100000 : (unsigned)rest;
}

static int make_http(struct service *service, struct atls_error *err)
{
	const struct settings *settings = &service->settings;
	const struct atls_session_limits limits = {
		.sessions_max = (unsigned)settings->max_sessions,
		.per_peer_max = (unsigned)settings->max_sessions_per_address,
		.opening_ms = (int64_t)settings->handshake_ms,
		.idle_ms = (int64_t)settings->idle_ms,
		.linger_ms = LINGER_MS,
	};
	const struct atls_http_server_config config = {
		.base = service->base,
		.body_max = (size_t)settings->max_body,
		.upgrades = true,
		.bodies_max = (size_t)(settings->max_buffered / 4),
		.connections_max = connections_max(service, err),
		.request_ms = (int64_t)settings->request_ms,
		.admit = service_admit,
		.refused = service_refused,
		.ready = service_ready,
		.done = service_done,
		.ctx = service,
	};
	if (config.connections_max == 0)
		return err->code;
	service->sessions = atls_sessions_new(&limits);
	if (!service->sessions)
		return atls_error_set(err, ATLS_E_MEMORY, "out of memory for sessions");
	service->http = atls_http_server_new(&config, err);
	return service->http ? ATLS_OK : err->code;
}

static int make_events(struct server *server, struct atls_error *err)
{
	static const int numbers[2] = {SIGTERM, SIGINT};
	const struct timeval interval = {.tv_usec = EXPIRE_MS * 1000};
	struct event_base *base = server->service.base;
	server->expire = event_new(base, -1, EV_PERSIST, on_expire, &server->service);
	server->grace = event_new(base, -1, 0, on_grace, server);
	bool done = server->expire && server->grace && event_add(server->expire, &interval) == 0;
	for (int i = 0; i < 2 && done; i++) {
		server->signals[i] = evsignal_new(base, numbers[i], on_signal, server);
		done = server->signals[i] && event_add(server->signals[i], NULL) == 0;
	}
	return done ? ATLS_OK : atls_error_set(err, ATLS_E_MEMORY, "out of memory for events");
}

static int prepare(struct server *server, struct atls_creds *creds, struct atls_error *err)
{
	struct service *service = &server->service;
	const struct atls_creds_files files = {
		.certs = service->settings.certs,
		.keys = service->settings.keys,
		.cert_count = service->settings.cert_count,
		.key_count = service->settings.key_count,
		.cacert = service->settings.cacert,
		.capath = service->settings.capath,
	};
	int rc = service->settings.raw ? ATLS_OK : atls_creds_load(creds, &files, err);
	if (!rc)
		rc = atls_creds_priorities(&service->priorities, service->settings.tls_max, err);
	if (!rc)
		rc = atls_address_resolve(service->settings.backend, &service->backend, err);
	if (rc)
		return rc;
	service->credentials = creds->credentials;
	service->policy.anchors = creds->anchors;
	service->policy.purpose = GNUTLS_KP_TLS_WWW_CLIENT;
	service->idle = on_idle;
	service->base = event_base_new();
	if (!service->base)
		return atls_error_set(err, ATLS_E_MEMORY, "out of memory for events");
	if (service->settings.capture) {
		service->capture = atls_capture_open(service->settings.capture, &service->log, err);
		if (!service->capture)
			return err->code;
	}
	rc = make_events(server, err);
	if (!rc)
		rc = make_http(service, err);
	return rc ? rc : listen_all(service, err);
}

static void server_free(struct server *server)
{
	struct service *service = &server->service;
	service_free(service);
	for (unsigned i = 0; i < service->listening; i++)
		atls_unlisten(without_scheme(service->settings.listen[i]));
	if (server->expire)
		event_free(server->expire);
	if (server->grace)
		event_free(server->grace);
	for (int i = 0; i < 2; i++)
		if (server->signals[i])
			event_free(server->signals[i]);
	if (service->base)
		event_base_free(service->base);
	if (service->priorities)
		gnutls_priority_deinit(service->priorities);
	atls_address_free(service->backend);
	fronts_free(&service->fronts);
	atls_capture_close(service->capture);
}

int main(int argc, char **argv)
{
	struct server server = {0};
	struct service *service = &server.service;
	struct atls_creds creds = {0};
	struct atls_error err = {0};
	int code = ATLS_EXIT_OK;
	signal(SIGPIPE, SIG_IGN);
	if (serve_settings_read(&service->settings, argc, argv, &code))
		return code;
	service->log = (struct atls_log){.tool = atls_serve_tool.name,
		.level = service->settings.level,
		.timestamps = true,
		.json = service->settings.log_json};
	if (service->settings.raw)
		atls_log_event(&service->log, ATLS_LOG_NOTICE,
			&(struct atls_log_about){.event = "warning"},
			"warning: --raw %s: nothing here encrypts, or checks who the client is",
			service->settings.raw);
	if (prepare(&server, &creds, &err)) {
		service->log.timestamps = false;
		if (err.code == ATLS_E_USAGE)
			atls_error_hint(&err, "see '%s --help'", atls_serve_tool.name);
		atls_log_error(&service->log, &err);
		code = atls_exit_code(err.code);
	} else {
		event_base_dispatch(service->base);
		if (server.signal == SIGINT)
			code = ATLS_EXIT_SIGNAL + SIGINT;
	}
	server_free(&server);
	atls_creds_free(&creds);
	return code;
}
