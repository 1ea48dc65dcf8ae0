#include "entrance.h"

#include "service.h"

#include "cli/out.h"
#include "cli/portfile.h"
#include "core/err.h"
#include "net/listen.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Descriptors that are neither a session's nor a connection's: of the process, of a thread, and of
 * a listener in a thread. */
#define OTHER_DESCRIPTORS    64u
#define THREAD_DESCRIPTORS   4u
#define LISTENER_DESCRIPTORS 3u
#define CONNECTIONS_MAX      100000u

unsigned entrance_connections(const struct settings *settings, struct atls_error *err)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	if (getrlimit(RLIMIT_NOFILE, &limit))
		limit.rlim_cur = 1024;
	uint64_t daemons = settings->threads * settings->listen_count;
	uint64_t reserved = settings->max_sessions + OTHER_DESCRIPTORS +
			    settings->threads * THREAD_DESCRIPTORS + daemons * LISTENER_DESCRIPTORS;
	if (limit.rlim_cur < reserved + reserved / 4) {
		atls_error_set(err, ATLS_E_LOCAL,
			"%llu descriptors are too few for %llu sessions and their connections",
			(unsigned long long)limit.rlim_cur,
			(unsigned long long)settings->max_sessions);
		atls_error_hint(err, "raise the limit (ulimit -n) or lower --max-sessions");
		return 0;
	}
	uint64_t rest = (limit.rlim_cur - reserved) / daemons;
	return rest > CONNECTIONS_MAX ? CONNECTIONS_MAX : rest ? (unsigned)rest : 1;
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
	const struct atls_log *log, const char *scheme, const char *where, unsigned port)
{
	const char *colon = strrchr(where, ':');
	int host_len = colon ? (int)(colon - where) : 0;
	const struct atls_log_about about = {.event = "listening",
		.facts = json_pack("{s:s, s:o, s:i}", "scheme", scheme, "where",
			atls_out_string(where), "port", (int)port)};
	if (port == 0)
		atls_log_event(
			log, ATLS_LOG_NOTICE, &about, "listening on %s at %s", scheme, where);
	else
		atls_log_event(log, ATLS_LOG_NOTICE, &about, "listening on %s://%.*s:%u", scheme,
			host_len ? host_len : 1, host_len ? where : "*", port);
}

/* All threads take connections from fd, which is closed here. */
static int share(
	struct house *house, int fd, const struct atls_http_outer *outer, struct atls_error *err)
{
	int rc = ATLS_OK;
	for (uint64_t i = 0; i < house->settings.threads && !rc; i++)
		rc = atls_http_server_listen(house->services[i].http, fd, outer, err);
	close(fd);
	return rc;
}

static int listen_there(struct house *house, const char *where, const struct atls_http_outer *outer,
	unsigned *port, struct atls_error *err)
{
	int fds[ATLS_LISTEN_MAX];
	int count = atls_listen(where, NULL, fds, port, err);
	int rc = count < 0 ? count : ATLS_OK;
	for (int i = 0; i < count; i++) {
		if (rc)
			close(fds[i]);
		else
			rc = share(house, fds[i], outer, err);
	}
	return rc;
}

/* "[SCHEME://][ADDR:]PORT" or "[SCHEME://]unix:PATH" */
static int listen_at(struct house *house, const char *spec, const struct atls_http_outer *given,
	unsigned *port, struct atls_error *err)
{
	bool https = strncmp(spec, "https://", 8) == 0;
	bool http = strncmp(spec, "http://", 7) == 0;
	const char *rest = without_scheme(spec);
	static const struct atls_http_outer none;
	const struct atls_http_outer *outer = http ? &none : given;
	if (https && !given->cert)
		return atls_error_set(err, ATLS_E_USAGE, "--listen '%s' needs --outer-cert", spec);
	if (rest != spec && !http && !https)
		return atls_error_set(
			err, ATLS_E_USAGE, "--listen '%s' is neither http nor https", spec);
	if (!atls_listen_form(rest))
		return atls_error_set(err, ATLS_E_USAGE,
			"--listen '%s' is not [SCHEME://][ADDR:]PORT or unix:PATH", spec);
	int rc = listen_there(house, rest, outer, port, err);
	if (!rc)
		tell_listening(&house->log, outer->cert ? "https" : "http", rest, *port);
	return rc;
}

int entrance_open(struct house *house, struct atls_error *err)
{
	const struct settings *settings = &house->settings;
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
		rc = fronts_load(&house->fronts, settings, cert, err);
	const struct atls_http_outer outer = {cert, key};
	for (unsigned i = 0; i < settings->listen_count && !rc; i++) {
		rc = listen_at(house, settings->listen[i], &outer, &ports[i], err);
		house->listening += !rc;
	}
	if (key)
		explicit_bzero(key, strlen(key));
	gnutls_free(cert);
	gnutls_free(key);
	if (!rc && settings->port_file)
		rc = atls_port_file(settings->port_file, ports, settings->listen_count, err);
	return rc;
}

void entrance_close(const struct house *house)
{
	for (unsigned i = 0; i < house->listening; i++)
		atls_unlisten(without_scheme(house->settings.listen[i]));
}
