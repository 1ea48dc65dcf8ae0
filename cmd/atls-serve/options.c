#include "options.h"

#include "core/err.h"

#include <microhttpd.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#define THREADS_MAX         256
#define THREADS_DEFAULT_MAX 32

enum option {
	OPT_LISTEN = 1,
	OPT_PORT_FILE,
	OPT_OUTER_CERT,
	OPT_OUTER_KEY,
	OPT_OUTER_CHAIN,
	OPT_CERT,
	OPT_KEY,
	OPT_CACERT,
	OPT_CAPATH,
	OPT_TLS_MAX,
	OPT_RAW,
	OPT_BACKEND,
	OPT_THREADS,
	OPT_MAX_SESSIONS,
	OPT_MAX_PER_ADDRESS,
	OPT_MAX_BODY,
	OPT_MAX_BUFFERED,
	OPT_HANDSHAKE_TIMEOUT,
	OPT_IDLE_TIMEOUT,
	OPT_REQUEST_TIMEOUT,
	OPT_CONNECT_TIMEOUT,
	OPT_HOLD,
	OPT_GRACE,
	OPT_CAPTURE,
	OPT_LOG_FORMAT,
	OPT_QUIET,
	OPT_VERBOSE,
};

static const struct atls_opt options[] = {
	{OPT_LISTEN, 'l', "listen", "[SCHEME://][ADDR:]PORT|unix:PATH", ATLS_OPT_HOST, NULL,
		"listen there; http or https, which is the default with --outer-cert", true},
	{OPT_PORT_FILE, 0, "port-file", "FILE", ATLS_OPT_FILE, NULL,
		"write the ports to FILE, a line each, once they listen", false},
	{OPT_OUTER_CERT, 0, "outer-cert", "FILE", ATLS_OPT_FILE, NULL,
		"certificate chain of the https listeners, PEM", false},
	{OPT_OUTER_KEY, 0, "outer-key", "FILE", ATLS_OPT_FILE, NULL,
		"its private key, PEM (default: in the file of --outer-cert)", false},
	{OPT_OUTER_CHAIN, 0, "outer-chain", "FILE", ATLS_OPT_FILE, NULL,
		"chain that the TLS terminator in front shows, PEM: the answer to clients' reports",
		true},
	{OPT_CERT, 0, "cert", "FILE", ATLS_OPT_FILE, NULL,
		"certificate chain of the service, PEM; of several, the name asked for chooses",
		true},
	{OPT_KEY, 0, "key", "FILE", ATLS_OPT_FILE, NULL,
		"its private key, PEM (default: in the file of --cert); in the order of --cert",
		true},
	{OPT_CACERT, 0, "cacert", "FILE", ATLS_OPT_FILE, NULL,
		"require a client certificate that leads to these anchors", false},
	{OPT_CAPATH, 0, "capath", "DIR", ATLS_OPT_DIR, NULL,
		"the same, with anchors in the PEM files of a directory", false},
	{OPT_TLS_MAX, 0, "tls-max", "VERSION", ATLS_OPT_CHOICE, "1.2|1.3",
		"highest TLS version of the inner sessions", false},
	{OPT_RAW, 0, "raw", "TYPE", ATLS_OPT_TEXT, NULL,
		"take streams that protect themselves (ssh, ...), without the inner TLS", false},
	{OPT_BACKEND, 'b', "backend", "HOST:PORT|unix:PATH", ATLS_OPT_HOST, NULL,
		"the application endpoint that every session is connected to", false},
	{OPT_THREADS, 0, "threads", "N", ATLS_OPT_TEXT, NULL,
		"divide the sessions among N threads (default: one for each processor, at most 32)",
		false},
	{OPT_MAX_SESSIONS, 0, "max-sessions", "N", ATLS_OPT_TEXT, NULL,
		"sessions at once; more get 503 (default: 1000)", false},
	{OPT_MAX_PER_ADDRESS, 0, "max-sessions-per-address", "N", ATLS_OPT_TEXT, NULL,
		"the same of one client address; more get 429 (default: 0, no limit)", false},
	{OPT_MAX_BODY, 0, "max-body", "SIZE", ATLS_OPT_TEXT, NULL,
		"longest HTTP body; longer ones get 413 (default: 1400k)", false},
	{OPT_MAX_BUFFERED, 0, "max-buffered", "SIZE", ATLS_OPT_TEXT, NULL,
		"bytes buffered for all sessions; beyond: 503 (default: 256M)", false},
	{OPT_HANDSHAKE_TIMEOUT, 0, "handshake-timeout", "SECONDS", ATLS_OPT_TEXT, NULL,
		"time for an inner handshake (default: 90)", false},
	{OPT_IDLE_TIMEOUT, 0, "idle-timeout", "SECONDS", ATLS_OPT_TEXT, NULL,
		"a session without a request for so long is dropped (default: 330)", false},
	{OPT_REQUEST_TIMEOUT, 0, "request-timeout", "SECONDS", ATLS_OPT_TEXT, NULL,
		"time for a request to come in, and for an answer to go out (default: 60)", false},
	{OPT_CONNECT_TIMEOUT, 0, "connect-timeout", "SECONDS", ATLS_OPT_TEXT, NULL,
		"time for the connection to the backend (default: 10)", false},
	{OPT_HOLD, 0, "hold", "SECONDS", ATLS_OPT_TEXT, NULL,
		"hold an answer so long while there is nothing to say, to a poll a tenth (default: "
		"0.2)",
		false},
	{OPT_GRACE, 0, "grace", "SECONDS", ATLS_OPT_TEXT, NULL,
		"time that sessions get at SIGTERM before they are closed (default: 10)", false},
	{OPT_CAPTURE, 0, "capture", "DIR", ATLS_OPT_DIR, NULL,
		"write every HTTP body and WebSocket message, with an index, to DIR", false},
	{OPT_LOG_FORMAT, ATLS_LOG_FORMAT_OPTION},
	{OPT_QUIET, 'q', "quiet", NULL, ATLS_OPT_NONE, NULL, "say nothing but errors", false},
	{OPT_VERBOSE, 'v', "verbose", NULL, ATLS_OPT_NONE, NULL,
		"say more; twice: each HTTP exchange", true},
};

static const char *libraries(char *text, size_t cap)
{
	snprintf(text, cap, "libmicrohttpd %s", MHD_get_version());
	return text;
}

const struct atls_tool atls_serve_tool = {
	.name = "atls-serve",
	.synopsis = "[OPTION]... --listen [ADDR:]PORT --cert FILE --backend HOST:PORT",
	.purpose = "End Application-Layer TLS: answer HTTP requests that carry TLS records, and "
		   "relay\n"
		   "each session to one application endpoint.",
	.opts = options,
	.opt_count = sizeof options / sizeof options[0],
	.epilogue = "Examples:\n"
		    "  atls-serve -l 127.0.0.1:8080 --cert service.pem --key service.key -b "
		    "localhost:22\n"
		    "  atls-serve -l 443 --outer-cert front.pem --outer-key front.key \\\n"
		    "      --cert service.pem --key service.key -b unix:/run/app.sock\n"
		    "  atls-serve -l 127.0.0.1:8080 --raw ssh -b localhost:22\n"
		    "\n"
		    "Exit codes: 0 ended by SIGTERM; 2 usage; 6 this machine (a file, a port); 130 "
		    "ended by\n"
		    "  SIGINT.\n",
	.operands_min = 0,
	.operands_max = 0,
	.libraries = libraries,
};

/* Appends to a list that has room for max. */
static int take(
	const char **list, unsigned *count, unsigned max, const char *value, struct atls_error *err)
{
	if (*count == max)
		return atls_error_set(err, ATLS_E_USAGE, "more than %u are too many", max);
	list[(*count)++] = value;
	return ATLS_OK;
}

static int apply_number(struct settings *s, int id, const char *value, struct atls_error *err)
{
	const uint64_t day_ms = 86400000;
	switch (id) {
	case OPT_THREADS:
		return atls_opt_number(value, 1, THREADS_MAX, &s->threads, err);
	case OPT_MAX_SESSIONS:
		return atls_opt_number(value, 1, 1000000, &s->max_sessions, err);
	case OPT_MAX_PER_ADDRESS:
		return atls_opt_number(value, 0, 1000000, &s->max_sessions_per_address, err);
	case OPT_MAX_BODY:
		return atls_opt_size(value, 1024, 16u << 20, &s->max_body, err);
	case OPT_MAX_BUFFERED:
		return atls_opt_size(value, 1u << 20, 1ull << 40, &s->max_buffered, err);
	case OPT_HANDSHAKE_TIMEOUT:
		return atls_opt_seconds(value, 10, day_ms, &s->handshake_ms, err);
	case OPT_IDLE_TIMEOUT:
		return atls_opt_seconds(value, 10, 30 * day_ms, &s->idle_ms, err);
	case OPT_REQUEST_TIMEOUT:
		return atls_opt_seconds(value, 10, day_ms, &s->request_ms, err);
	case OPT_CONNECT_TIMEOUT:
		return atls_opt_seconds(value, 10, day_ms, &s->connect_ms, err);
	case OPT_HOLD:
		return atls_opt_seconds(value, 0, 25000, &s->hold_ms, err);
	default:
		return atls_opt_seconds(value, 0, day_ms, &s->grace_ms, err);
	}
}

static int apply(void *ctx, const struct atls_opt *opt, const char *value, struct atls_error *err)
{
	struct settings *s = ctx;
	switch (opt->id) {
	case OPT_LISTEN:
		return take(s->listen, &s->listen_count, LISTEN_SPECS_MAX, value, err);
	case OPT_PORT_FILE:
		s->port_file = value;
		return ATLS_OK;
	case OPT_OUTER_CERT:
		s->outer_cert = value;
		return ATLS_OK;
	case OPT_OUTER_KEY:
		s->outer_key = value;
		return ATLS_OK;
	case OPT_OUTER_CHAIN:
		return take(s->outer_chains, &s->outer_chain_count, ATLS_FRONTS_MAX, value, err);
	case OPT_CERT:
		return take(s->certs, &s->cert_count, CERTS_MAX, value, err);
	case OPT_KEY:
		return take(s->keys, &s->key_count, CERTS_MAX, value, err);
	case OPT_CAPATH:
		s->capath = value;
		return ATLS_OK;
	case OPT_CACERT:
		s->cacert = value;
		return ATLS_OK;
	case OPT_TLS_MAX:
		s->tls_max = value;
		return ATLS_OK;
	case OPT_RAW:
		s->raw = value;
		return atls_raw_init(&s->raw_names, value, err);
	case OPT_BACKEND:
		s->backend = value;
		return ATLS_OK;
	case OPT_CAPTURE:
		s->capture = value;
		return ATLS_OK;
	case OPT_LOG_FORMAT:
		s->log_json = atls_log_is_json(value);
		return ATLS_OK;
	case OPT_QUIET:
		s->level = ATLS_LOG_ERROR;
		return ATLS_OK;
	case OPT_VERBOSE:
		s->level = s->level < ATLS_LOG_VERBOSE ? ATLS_LOG_VERBOSE : ATLS_LOG_DEBUG;
		return ATLS_OK;
	default:
		return apply_number(s, opt->id, value, err);
	}
}

/* What is missing, or does not go together. */
static const char *conflict(const struct settings *s)
{
	if (s->listen_count == 0)
		return "no --listen: where are requests to come in?";
	if (s->raw && (s->cert_count || s->key_count || s->cacert || s->capath || s->tls_max ||
			      s->outer_chain_count))
		return "--raw excludes --cert, --key, --cacert, --capath, --tls-max and "
		       "--outer-chain: there is no inner TLS";
	if (s->cert_count == 0 && !s->raw)
		return "no --cert: who is the service?";
	if (s->key_count && s->key_count != s->cert_count)
		return "each --cert needs its --key, or none does";
	if (!s->backend)
		return "no --backend: where do sessions go?";
	if (s->outer_key && !s->outer_cert)
		return "--outer-key goes with --outer-cert";
	return NULL;
}

/* Those that this process may run on. */
static unsigned usable_processors(void)
{
	cpu_set_t set;
	int count = sched_getaffinity(0, sizeof set, &set) ? 1 : CPU_COUNT(&set);
	return count < 1 ? 1 : count > THREADS_DEFAULT_MAX ? THREADS_DEFAULT_MAX : (unsigned)count;
}

int serve_settings_read(struct settings *settings, int argc, char **argv, int *exit_code)
{
	*settings = (struct settings){
		.level = ATLS_LOG_NOTICE,
		.threads = usable_processors(),
		.max_sessions = 1000,
		.max_body = 1400u << 10,
		.max_buffered = 256u << 20,
		.handshake_ms = 90000,
		.idle_ms = 330000,
		.request_ms = 60000,
		.connect_ms = 10000,
		.hold_ms = 200,
		.grace_ms = 10000,
	};
	int first = atls_opt_parse(&atls_serve_tool, argc, argv, apply, settings, exit_code);
	if (first < 0)
		return first;
	const char *wrong = conflict(settings);
	if (wrong) {
		*exit_code = atls_opt_usage(&atls_serve_tool, "%s", wrong);
		return ATLS_E_USAGE;
	}
	return ATLS_OK;
}
