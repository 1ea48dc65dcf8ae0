#include "options.h"

#include "options_id.h"

#include "core/base.h"
#include "core/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS 86400000u

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
	case OPT_DIRECT:
		s->direct = value;
		return ATLS_OK;
	case OPT_DIRECT_TIMEOUT:
		return atls_opt_seconds(value, 10, DAY_MS, &s->direct_ms, err);
	case OPT_OUTER_VERIFY:
		s->outer_verify = true;
		return ATLS_OK;
	case OPT_REPORT_OUTER:
		s->report_outer = true;
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

static enum carriage carriage_named(const char *name)
{
	static const char *const names[] = {[CARRIAGE_AUTO] = "auto",
		[CARRIAGE_WS] = "ws",
		[CARRIAGE_STREAM] = "stream",
		[CARRIAGE_BASE] = "base"};
	unsigned i = CARRIAGE_BASE;
	while (i != CARRIAGE_AUTO && strcmp(name, names[i]) != 0)
		i--;
	return (enum carriage)i;
}

static int apply_carriage(struct settings *s, int id, const char *value, struct atls_error *err)
{
	switch (id) {
	case OPT_CARRIAGE:
		s->carriage = carriage_named(value);
		return ATLS_OK;
	case OPT_ENCODING:
		s->encoding = atls_encoding_by_name(value);
		return ATLS_OK;
	case OPT_RAW:
		s->raw = value;
		return atls_raw_init(&s->raw_names, value, err);
	case OPT_BODY_SIZE:
		s->body_given = true;
		return atls_opt_size(value, ATLS_BODY_MIN, ATLS_BODY_MAX, &s->body_size, err);
	case OPT_IDLE_POLL:
		return atls_opt_seconds(value, 10, 300000, &s->idle_poll_ms, err);
	case OPT_CONNECT_TIMEOUT:
		return atls_opt_seconds(value, 10, DAY_MS, &s->connect_ms, err);
	case OPT_MAX_TIME:
		return atls_opt_seconds(value, 10, 365ull * DAY_MS, &s->max_ms, err);
	default:
		return atls_opt_seconds(value, 0, DAY_MS, &s->resume_ms, err);
	}
}

static int apply(void *ctx, const struct atls_opt *opt, const char *value, struct atls_error *err)
{
	struct settings *s = ctx;
	s->given |= UINT64_C(1) << opt->id;
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
	case OPT_PATH_CACHE:
		s->path_cache = value;
		return ATLS_OK;
	case OPT_PROGRESS:
		s->progress_meter = true;
		return ATLS_OK;
	case OPT_NO_PROGRESS:
		s->no_progress_meter = true;
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
	if (s->progress_meter && s->no_progress_meter)
		return "--progress-meter and --no-progress-meter exclude each other";
	if (s->direct && s->unix_socket)
		return "--direct and --unix-socket exclude each other";
	if (s->direct && s->policy.chain_unchecked && !s->policy.pin_count)
		return "--direct with --insecure-inner needs --pinnedpubkey: it is used if the "
		       "service is verified";
	if (s->raw && s->carriage == CARRIAGE_BASE)
		return "--raw and --carriage base exclude each other: without TLS, what base "
		       "carriage repeats would count twice";
	if (s->key && !s->cert)
		return "--key goes with --cert";
	return NULL;
}

/* Options of the inner TLS, and of what only it can do. */
static const enum option of_tls[] = {OPT_CACERT, OPT_CAPATH, OPT_CERT, OPT_KEY, OPT_SERVERNAME,
	OPT_PINS, OPT_INSECURE_INNER, OPT_TLS_MAX, OPT_DIRECT, OPT_DIRECT_TIMEOUT, OPT_REPORT_OUTER,
	OPT_ENCODING, OPT_IDLE_POLL};

/* The name of one that was given although there is no inner TLS, or null. */
static const char *needs_tls(const struct settings *s)
{
	for (size_t i = 0; s->raw && i < sizeof of_tls / sizeof *of_tls; i++)
		for (size_t k = 0; k < atls_client_tool.opt_count; k++)
			if (atls_client_tool.opts[k].id == (int)of_tls[i] &&
				(s->given & UINT64_C(1) << of_tls[i]))
				return atls_client_tool.opts[k].name;
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
	settings->direct_ms = 5000;
	settings->resume_ms = ATLS_RESUME_MS;
	int first = atls_opt_parse(&atls_client_tool, argc, argv, apply, settings, exit_code);
	if (first < 0)
		return first;
	settings->url = argv[first];
	const char *wrong = needs_tls(settings);
	if (wrong) {
		*exit_code = atls_opt_usage(&atls_client_tool,
			"--raw and --%s exclude each other: there is no inner TLS", wrong);
		return ATLS_E_USAGE;
	}
	wrong = conflict(settings);
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
