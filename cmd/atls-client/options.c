#include "options.h"

#include "core/base.h"
#include "core/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum option {
	OPT_FORWARD = 1,
	OPT_PORT_FILE,
	OPT_CHECK,
	OPT_JSON,
	OPT_REPORT,
	OPT_CAPTURE,
	OPT_CACERT,
	OPT_CAPATH,
	OPT_CERT,
	OPT_KEY,
	OPT_SERVERNAME,
	OPT_PINS,
	OPT_INSECURE_INNER,
	OPT_TLS_MAX,
	OPT_OUTER_VERIFY,
	OPT_OUTER_CACERT,
	OPT_OUTER_PINS,
	OPT_PROXY,
	OPT_PROXY_USER,
	OPT_PROXY_ANYAUTH,
	OPT_HEADER,
	OPT_RESOLVE,
	OPT_CONNECT_TO,
	OPT_UNIX_SOCKET,
	OPT_INTERFACE,
	OPT_IPV4,
	OPT_IPV6,
	OPT_ENCODING,
	OPT_BODY_SIZE,
	OPT_IDLE_POLL,
	OPT_CONNECT_TIMEOUT,
	OPT_MAX_TIME,
	OPT_RESUME_TIMEOUT,
	OPT_QUIET,
	OPT_VERBOSE,
};

static const struct atls_opt options[] = {
	{OPT_FORWARD, 'L', "forward", "[ADDR:]PORT|unix:PATH", ATLS_OPT_HOST, NULL,
		"listen there and forward each connection in a session of its own", true},
	{OPT_PORT_FILE, 0, "port-file", "FILE", ATLS_OPT_FILE, NULL,
		"write the ports of -L to FILE, a line each, once they listen", false},
	{OPT_CHECK, 0, "check", NULL, ATLS_OPT_NONE, NULL,
		"make the handshake, say what was found, and exit", false},
	{OPT_JSON, 0, "json", NULL, ATLS_OPT_NONE, NULL, "with --check: the result as JSON", false},
	{OPT_REPORT, 0, "report", "FILE", ATLS_OPT_FILE, NULL,
		"write an account of each session to FILE, a JSON object a line", false},
	{OPT_CAPTURE, 0, "capture", "DIR", ATLS_OPT_DIR, NULL,
		"write every HTTP body, and an index of them, to DIR", false},
	{OPT_CACERT, 0, "cacert", "FILE", ATLS_OPT_FILE, NULL,
		"trust anchors of the service, PEM (default: the system's)", false},
	{OPT_CAPATH, 0, "capath", "DIR", ATLS_OPT_DIR, NULL,
		"trust anchors of the service, PEM files of a directory", false},
	{OPT_CERT, 0, "cert", "FILE", ATLS_OPT_FILE, NULL,
		"own certificate chain for the service, PEM", false},
	{OPT_KEY, 0, "key", "FILE", ATLS_OPT_FILE, NULL,
		"its private key, PEM (default: in the file of --cert)", false},
	{OPT_SERVERNAME, 0, "servername", "NAME", ATLS_OPT_HOST, NULL,
		"name to ask for and to expect (default: the URL's host)", false},
	{OPT_PINS, 0, "pinnedpubkey", "PINS", ATLS_OPT_TEXT, NULL,
		"expect one of these keys, too: sha256//BASE64[;...]", true},
	{OPT_INSECURE_INNER, 0, "insecure-inner", NULL, ATLS_OPT_NONE, NULL,
		"do NOT check who the service is (pins still count)", false},
	{OPT_TLS_MAX, 0, "tls-max", "VERSION", ATLS_OPT_CHOICE, "1.2|1.3",
		"highest TLS version of the inner session", false},
	{OPT_OUTER_VERIFY, 0, "outer-verify", NULL, ATLS_OPT_NONE, NULL,
		"check the network-layer certificate, too", false},
	{OPT_OUTER_CACERT, 0, "outer-cacert", "FILE", ATLS_OPT_FILE, NULL,
		"trust anchors of the network layer, PEM (default: the system's)", false},
	{OPT_OUTER_PINS, 0, "outer-pinnedpubkey", "PINS", ATLS_OPT_TEXT, NULL,
		"expect one of these keys of the network layer", false},
	{OPT_PROXY, 'x', "proxy", "URL", ATLS_OPT_HOST, NULL,
		"proxy to use: [http|https|socks5|...://]HOST[:PORT]", false},
	{OPT_PROXY_USER, 'U', "proxy-user", "USER:PASSWORD|@FILE", ATLS_OPT_TEXT, NULL,
		"credentials for the proxy, or the file that holds them", false},
	{OPT_PROXY_ANYAUTH, 0, "proxy-anyauth", NULL, ATLS_OPT_NONE, NULL,
		"ask the proxy which authentication it wants (default: Basic)", false},
	{OPT_HEADER, 'H', "header", "LINE|@FILE", ATLS_OPT_TEXT, NULL,
		"add a header to each request, or the lines of a file", true},
	{OPT_RESOLVE, 0, "resolve", "HOST:PORT:ADDR", ATLS_OPT_HOST, NULL, "use ADDR for HOST:PORT",
		true},
	{OPT_CONNECT_TO, 0, "connect-to", "H1:P1:H2:P2", ATLS_OPT_HOST, NULL,
		"connect to H2:P2 instead of H1:P1", true},
	{OPT_UNIX_SOCKET, 0, "unix-socket", "PATH", ATLS_OPT_FILE, NULL,
		"connect to this Unix socket instead of the URL's host", false},
	{OPT_INTERFACE, 0, "interface", "NAME", ATLS_OPT_TEXT, NULL,
		"network interface or local address to use", false},
	{OPT_IPV4, '4', "ipv4", NULL, ATLS_OPT_NONE, NULL, "use IPv4 only", false},
	{OPT_IPV6, '6', "ipv6", NULL, ATLS_OPT_NONE, NULL, "use IPv6 only", false},
	{OPT_ENCODING, 0, "encoding", "NAME", ATLS_OPT_CHOICE, "auto|json|octet-stream|atls",
		"form of the HTTP bodies (default: auto, atls and then json)", false},
	{OPT_BODY_SIZE, 0, "body-size", "SIZE", ATLS_OPT_TEXT, NULL,
		"most TLS bytes in one body, 1k to 1M (default: 256k)", false},
	{OPT_IDLE_POLL, 0, "idle-poll", "SECONDS", ATLS_OPT_TEXT, NULL,
		"longest pause between polls when idle (default: 1)", false},
	{OPT_CONNECT_TIMEOUT, 0, "connect-timeout", "SECONDS", ATLS_OPT_TEXT, NULL,
		"time until the inner session stands (default: 30)", false},
	{OPT_MAX_TIME, 'm', "max-time", "SECONDS", ATLS_OPT_TEXT, NULL,
		"time for everything (default: no limit)", false},
	{OPT_RESUME_TIMEOUT, 0, "resume-timeout", "SECONDS", ATLS_OPT_TEXT, NULL,
		"time to go on trying when the way is lost (default: 300)", false},
	{OPT_QUIET, 'q', "quiet", NULL, ATLS_OPT_NONE, NULL, "say nothing but errors", false},
	{OPT_VERBOSE, 'v', "verbose", NULL, ATLS_OPT_NONE, NULL,
		"say more; twice: each HTTP exchange", true},
};

static const char *libraries(char *text, size_t cap)
{
	snprintf(text, cap, "libcurl %s", curl_version_info(CURLVERSION_NOW)->version);
	return text;
}

const struct atls_tool atls_client_tool = {
	.name = "atls-client",
	.synopsis = "[OPTION]... URL",
	.purpose =
		"Carry standard input and output, or local ports, to an ATLS service through any\n"
		"proxy or middlebox: TLS end to end, inside HTTP bodies.",
	.opts = options,
	.opt_count = sizeof options / sizeof options[0],
	.epilogue =
		"Examples:\n"
		"  atls-client --check https://service.example/\n"
		"  ssh -o ProxyCommand='atls-client https://service.example/' "
		"user@service.example\n"
		"  atls-client -L 8080 https://service.example/\n"
		"\n"
		"Exit codes: 0 done; 2 usage; 3 network or HTTP; 4 end-to-end TLS; 5 protocol;\n"
		"  6 this machine; 130, 143 ended by a signal.\n",
	.operands_min = 1,
	.operands_max = 1,
	.operand_kind = ATLS_OPT_HOST,
	.libraries = libraries,
};

static int add(struct curl_slist **list, const char *value, struct atls_error *err)
{
	struct curl_slist *grown = curl_slist_append(*list, value);
	if (!grown)
		return atls_error_set(err, ATLS_E_MEMORY, "out of memory");
	*list = grown;
	return ATLS_OK;
}

static FILE *open_named(const char *name, struct atls_error *err)
{
	FILE *file = strcmp(name, "-") == 0 ? stdin : fopen(name, "re");
	if (!file)
		atls_error_set(err, ATLS_E_LOCAL, "cannot read '%s': %s", name, strerror(errno));
	return file;
}

/* Calls take for each line of a file, without its end. */
static int each_line(struct settings *settings, const char *name,
	int (*take)(struct settings *, const char *, struct atls_error *), struct atls_error *err)
{
	FILE *file = open_named(name, err);
	if (!file)
		return ATLS_E_LOCAL;
	char *line = NULL;
	size_t cap = 0;
	int rc = ATLS_OK;
	while (!rc && getline(&line, &cap, file) >= 0) {
		line[strcspn(line, "\r\n")] = '\0';
		if (line[0])
			rc = take(settings, line, err);
	}
	if (line)
		explicit_bzero(line, cap);
	free(line);
	if (file != stdin)
		fclose(file);
	return rc;
}

static int take_header(struct settings *settings, const char *line, struct atls_error *err)
{
	if (!strchr(line, ':') && !strchr(line, ';'))
		return atls_error_set(err, ATLS_E_USAGE, "'%s' is not a header line", line);
	return add(&settings->headers, line, err);
}

static int take_proxy_user(struct settings *settings, const char *line, struct atls_error *err)
{
	if (settings->proxy_user)
		return ATLS_OK;
	settings->proxy_user = strdup(line);
	return settings->proxy_user ? ATLS_OK : atls_error_set(err, ATLS_E_MEMORY, "out of memory");
}

static int take_forward(struct settings *settings, const char *value, struct atls_error *err)
{
	if (settings->forward_count == FORWARDS_MAX)
		return atls_error_set(err, ATLS_E_USAGE, "more than %d are too many", FORWARDS_MAX);
	char *copy = strdup(value);
	if (!copy)
		return atls_error_set(err, ATLS_E_MEMORY, "out of memory");
	settings->forwards[settings->forward_count++] = copy;
	return ATLS_OK;
}

static int apply_trust(struct settings *s, int id, const char *value, struct atls_error *err)
{
	switch (id) {
	case OPT_CACERT:
		s->cacert = value;
		return ATLS_OK;
	case OPT_CAPATH:
		s->capath = value;
		return ATLS_OK;
	case OPT_CERT:
		s->cert = value;
		return ATLS_OK;
	case OPT_KEY:
		s->key = value;
		return ATLS_OK;
	case OPT_SERVERNAME:
		s->servername = value;
		return ATLS_OK;
	case OPT_PINS:
		return atls_policy_add_pins(&s->policy, value, err);
	case OPT_INSECURE_INNER:
		s->policy.chain_unchecked = true;
		return ATLS_OK;
	case OPT_TLS_MAX:
		s->tls_max = value;
		return ATLS_OK;
	case OPT_OUTER_VERIFY:
		s->outer_verify = true;
		return ATLS_OK;
	case OPT_OUTER_CACERT:
		s->outer_cacert = value;
		return ATLS_OK;
	default:
		s->outer_pins = value;
		return ATLS_OK;
	}
}

static int apply_way(struct settings *s, int id, const char *value, struct atls_error *err)
{
	switch (id) {
	case OPT_PROXY:
		s->proxy = value;
		return ATLS_OK;
	case OPT_PROXY_USER:
		return value[0] == '@' ? each_line(s, value + 1, take_proxy_user, err)
				       : take_proxy_user(s, value, err);
	case OPT_PROXY_ANYAUTH:
		s->proxy_anyauth = true;
		return ATLS_OK;
	case OPT_HEADER:
		return value[0] == '@' ? each_line(s, value + 1, take_header, err)
				       : take_header(s, value, err);
	case OPT_RESOLVE:
		return add(&s->resolve, value, err);
	case OPT_CONNECT_TO:
		return add(&s->connect_to, value, err);
	case OPT_UNIX_SOCKET:
		s->unix_socket = value;
		return ATLS_OK;
	case OPT_INTERFACE:
		s->interface = value;
		return ATLS_OK;
	case OPT_IPV4:
		s->ip_version = CURL_IPRESOLVE_V4;
		return ATLS_OK;
	default:
		s->ip_version = CURL_IPRESOLVE_V6;
		return ATLS_OK;
	}
}

static int apply_carriage(struct settings *s, int id, const char *value, struct atls_error *err)
{
	const uint64_t day_ms = 86400000;
	switch (id) {
	case OPT_ENCODING:
		s->encoding = atls_encoding_by_name(value);
		return ATLS_OK;
	case OPT_BODY_SIZE:
		return atls_opt_size(value, ATLS_BODY_MIN, ATLS_BODY_MAX, &s->body_size, err);
	case OPT_IDLE_POLL:
		return atls_opt_seconds(value, 10, 300000, &s->idle_poll_ms, err);
	case OPT_CONNECT_TIMEOUT:
		return atls_opt_seconds(value, 10, day_ms, &s->connect_ms, err);
	case OPT_MAX_TIME:
		return atls_opt_seconds(value, 10, 365 * day_ms, &s->max_ms, err);
	default:
		return atls_opt_seconds(value, 0, day_ms, &s->resume_ms, err);
	}
}

static int apply(void *ctx, const struct atls_opt *opt, const char *value, struct atls_error *err)
{
	struct settings *s = ctx;
	switch (opt->id) {
	case OPT_FORWARD:
		return take_forward(s, value, err);
	case OPT_PORT_FILE:
		s->port_file = value;
		return ATLS_OK;
	case OPT_CHECK:
		s->check = true;
		return ATLS_OK;
	case OPT_JSON:
		s->json = true;
		return ATLS_OK;
	case OPT_REPORT:
		s->report = value;
		return ATLS_OK;
	case OPT_CAPTURE:
		s->capture = value;
		return ATLS_OK;
	case OPT_QUIET:
		s->level = ATLS_LOG_ERROR;
		return ATLS_OK;
	case OPT_VERBOSE:
		s->level = s->level < ATLS_LOG_VERBOSE ? ATLS_LOG_VERBOSE : ATLS_LOG_DEBUG;
		return ATLS_OK;
	default:
		break;
	}
	if (opt->id >= OPT_CACERT && opt->id <= OPT_OUTER_PINS)
		return apply_trust(s, opt->id, value, err);
	if (opt->id >= OPT_PROXY && opt->id <= OPT_IPV6)
		return apply_way(s, opt->id, value, err);
	return apply_carriage(s, opt->id, value, err);
}

/* What does not go together. */
static const char *conflict(const struct settings *s)
{
	if (s->check && s->forward_count)
		return "--check and -L exclude each other";
	if (s->json && !s->check)
		return "--json goes with --check";
	if (s->port_file && !s->forward_count)
		return "--port-file goes with -L";
	if (s->key && !s->cert)
		return "--key goes with --cert";
	return NULL;
}

int client_settings_read(struct settings *settings, int argc, char **argv, int *exit_code)
{
	memset(settings, 0, sizeof *settings);
	settings->level = ATLS_LOG_NOTICE;
	settings->encoding = -1;
	settings->ip_version = CURL_IPRESOLVE_WHATEVER;
	settings->body_size = ATLS_BODY_DEFAULT;
	settings->idle_poll_ms = ATLS_POLL_IDLE_MS;
	settings->connect_ms = 30000;
	settings->resume_ms = ATLS_RESUME_MS;
	int first = atls_opt_parse(&atls_client_tool, argc, argv, apply, settings, exit_code);
	if (first < 0)
		return first;
	settings->url = argv[first];
	const char *wrong = conflict(settings);
	if (wrong) {
		*exit_code = atls_opt_usage(&atls_client_tool, "%s", wrong);
		return ATLS_E_USAGE;
	}
	return ATLS_OK;
}

void client_settings_free(struct settings *settings)
{
	for (unsigned i = 0; i < settings->forward_count; i++)
		free(settings->forwards[i]);
	if (settings->proxy_user)
		explicit_bzero(settings->proxy_user, strlen(settings->proxy_user));
	free(settings->proxy_user);
	curl_slist_free_all(settings->headers);
	curl_slist_free_all(settings->resolve);
	curl_slist_free_all(settings->connect_to);
}
