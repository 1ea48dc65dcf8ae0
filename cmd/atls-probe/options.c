#include "options.h"

#include "core/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum option {
	OPT_FILE = 1,
	OPT_PARALLEL,
	OPT_DEPTH,
	OPT_ATLS,
	OPT_CACERT,
	OPT_CANARY,
	OPT_FETCH,
	OPT_EXPLAIN,
	OPT_JSON,
	OPT_TAP,
	OPT_IGNORE_FAULTS,
	OPT_WATCH,
	OPT_STATE,
	OPT_CAPTURE,
	OPT_EXPECT_CA,
	OPT_EXPECT_PIN,
	OPT_EXPECT_ISSUER,
	OPT_BASELINE,
	OPT_SAVE,
	OPT_KNOWN_KEYS,
	OPT_ISSUERS,
	OPT_STORE,
	OPT_PUBLIC_ROOTS,
	OPT_SERVERNAME,
	OPT_TLS_MAX,
	OPT_PROXY,
	OPT_PROXY_USER,
	OPT_PROXY_ANYAUTH,
	OPT_RESOLVE,
	OPT_CONNECT_TO,
	OPT_INTERFACE,
	OPT_IPV4,
	OPT_IPV6,
	OPT_CONNECT_TIMEOUT,
	OPT_MAX_TIME,
	OPT_LOG_FORMAT,
	OPT_QUIET,
	OPT_VERBOSE,
};

static const struct atls_opt options[] = {
	{OPT_FILE, 'f', "file", "FILE", ATLS_OPT_FILE, NULL,
		"read targets from FILE, one a line (-: standard input)", true},
	{OPT_PARALLEL, 0, "parallel", "NUMBER", ATLS_OPT_TEXT, NULL,
		"targets that are under way at once (default: 64)", false},
	{OPT_DEPTH, 0, "depth", "WORD", ATLS_OPT_CHOICE, "quick|auto|full",
		"ask one handshake, more in doubt, or all (default: auto)", false},
	{OPT_ATLS, 0, "atls", "URL", ATLS_OPT_HOST, NULL,
		"prove it with the ATLS service there, a target as well", false},
	{OPT_CACERT, 0, "cacert", "FILE", ATLS_OPT_FILE, NULL,
		"with --atls: trust anchors of the inner session, PEM", false},
	{OPT_CANARY, 0, "canary", "HOST[:PORT]", ATLS_OPT_HOST, NULL,
		"unrelated public host: who vouches for that one here?", true},
	{OPT_FETCH, 0, "fetch", NULL, ATLS_OPT_NONE, NULL,
		"fetch missing issuers, OCSP responses and revocation lists", false},
	{OPT_EXPLAIN, 0, "explain", NULL, ATLS_OPT_NONE, NULL,
		"show the handshake and the chain as well", false},
	{OPT_JSON, 0, "json", NULL, ATLS_OPT_NONE, NULL, "a JSON object a line for each target",
		false},
	{OPT_TAP, 0, "tap", NULL, ATLS_OPT_NONE, NULL, "a TAP test point for each target", false},
	{OPT_IGNORE_FAULTS, 0, "ignore-faults", NULL, ATLS_OPT_NONE, NULL,
		"end with 0 for faults of the certificate alone", false},
	{OPT_WATCH, 0, "watch", "SECONDS", ATLS_OPT_TEXT, NULL,
		"go on probing, so long apart, and print changes as JSON", false},
	{OPT_STATE, 0, "state", "FILE", ATLS_OPT_FILE, NULL,
		"with --watch: what was found last, kept over restarts", false},
	{OPT_CAPTURE, 0, "capture", "DIR", ATLS_OPT_DIR, NULL,
		"write every TLS flight, and an index of them, to DIR", false},
	{OPT_EXPECT_CA, 0, "expect-ca", "FILE", ATLS_OPT_FILE, NULL,
		"the chain must lead to one of these CAs, PEM", false},
	{OPT_EXPECT_PIN, 0, "expect-pin", "PINS", ATLS_OPT_TEXT, NULL,
		"the key must be one of these: sha256//BASE64[;...]", true},
	{OPT_EXPECT_ISSUER, 0, "expect-issuer", "TEXT", ATLS_OPT_TEXT, NULL,
		"the issuer's name must hold TEXT", false},
	{OPT_BASELINE, 0, "baseline", "FILE", ATLS_OPT_FILE, NULL,
		"expect what --save wrote on a good network", false},
	{OPT_SAVE, 0, "save", "FILE", ATLS_OPT_FILE, NULL,
		"write what each target shows to FILE, for --baseline", false},
	{OPT_KNOWN_KEYS, 0, "known-keys", "FILE", ATLS_OPT_FILE, NULL,
		"expect the key that was seen first, kept in FILE", false},
	{OPT_ISSUERS, 0, "issuers", "FILE", ATLS_OPT_FILE, NULL,
		"more issuers of products that intercept", false},
	{OPT_STORE, 0, "store", "FILE|DIR", ATLS_OPT_FILE, NULL,
		"the machine's trust store, PEM (default: the system's)", false},
	{OPT_PUBLIC_ROOTS, 0, "public-roots", "FILE|DIR", ATLS_OPT_FILE, NULL,
		"what of it is public, not added here (default: the package's)", false},
	{OPT_SERVERNAME, 0, "servername", "NAME", ATLS_OPT_HOST, NULL,
		"name to ask for and to expect (default: the target's host)", false},
	{OPT_TLS_MAX, 0, "tls-max", "VERSION", ATLS_OPT_CHOICE, "1.2|1.3",
		"highest TLS version to offer", false},
	{OPT_PROXY, 'x', "proxy", "URL", ATLS_OPT_HOST, NULL,
		"proxy to use: [http|https|socks5|...://]HOST[:PORT]", false},
	{OPT_PROXY_USER, 'U', "proxy-user", "USER:PASSWORD|@FILE", ATLS_OPT_TEXT, NULL,
		"credentials for the proxy, or the file that holds them", false},
	{OPT_PROXY_ANYAUTH, 0, "proxy-anyauth", NULL, ATLS_OPT_NONE, NULL,
		"ask the proxy which authentication it wants (default: Basic)", false},
	{OPT_RESOLVE, 0, "resolve", "HOST:PORT:ADDR", ATLS_OPT_HOST, NULL, "use ADDR for HOST:PORT",
		true},
	{OPT_CONNECT_TO, 0, "connect-to", "H1:P1:H2:P2", ATLS_OPT_HOST, NULL,
		"connect to H2:P2 instead of H1:P1", true},
	{OPT_INTERFACE, 0, "interface", "NAME", ATLS_OPT_TEXT, NULL,
		"network interface or local address to use", false},
	{OPT_IPV4, '4', "ipv4", NULL, ATLS_OPT_NONE, NULL, "use IPv4 only", false},
	{OPT_IPV6, '6', "ipv6", NULL, ATLS_OPT_NONE, NULL, "use IPv6 only", false},
	{OPT_CONNECT_TIMEOUT, 0, "connect-timeout", "SECONDS", ATLS_OPT_TEXT, NULL,
		"time for a connection, and for a handshake (default: 10)", false},
	{OPT_MAX_TIME, 'm', "max-time", "SECONDS", ATLS_OPT_TEXT, NULL,
		"time for each target (default: 60)", false},
	{OPT_LOG_FORMAT, ATLS_LOG_FORMAT_OPTION},
	{OPT_QUIET, 'q', "quiet", NULL, ATLS_OPT_NONE, NULL,
		"a line for each target, and nothing but errors besides", false},
	{OPT_VERBOSE, 'v', "verbose", NULL, ATLS_OPT_NONE, NULL,
		"say more; the evidence of every target", true},
};

static const char *libraries(char *text, size_t cap)
{
	snprintf(text, cap, "libcurl %s", curl_version_info(CURLVERSION_NOW)->version);
	return text;
}

const struct atls_tool atls_probe_tool = {
	.name = "atls-probe",
	.synopsis = "[OPTION]... TARGET...\n[OPTION]... -f FILE|--atls URL [TARGET]...",
	.purpose =
		"Find out whether somebody reads TLS on the way to a host, who, and how sure that "
		"is.\nA TARGET is a URL, a host or HOST:PORT.",
	.opts = options,
	.opt_count = sizeof options / sizeof options[0],
	.epilogue = "Examples:\n"
		    "  atls-probe www.example.org\n"
		    "  atls-probe --expect-ca device-roots.pem --canary www.example.net "
		    "update.example\n"
		    "  atls-probe --json -f hosts.txt\n"
		    "\n"
		    "Exit codes: 0 direct; 1 intercepted; 2 usage; 3 unreachable; 4 faults of the\n"
		    "  certificate alone, or no handshake; 5 no TLS there; 6 this machine;\n"
		    "  7 undecided; 130, 143 ended by a signal.\n",
	.operands_min = 0,
	.operands_max = 1000000,
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

/* USER:PASSWORD, or the first line of a file. */
static int take_proxy_user(struct settings *s, const char *value, struct atls_error *err)
{
	char *line = NULL;
	size_t cap = 0;

	if (value[0] != '@') {
		s->proxy_user = strdup(value);
	} else {
		FILE *file = strcmp(value, "@-") == 0 ? stdin : fopen(value + 1, "re");
		if (!file)
			return atls_error_set(err, ATLS_E_LOCAL, "cannot read '%s': %s", value + 1,
				strerror(errno));
		if (getline(&line, &cap, file) > 0) {
			line[strcspn(line, "\r\n")] = '\0';
			s->proxy_user = strdup(line);
		}
		if (line)
			explicit_bzero(line, cap);
		free(line);
		if (file != stdin)
			fclose(file);
	}
	return s->proxy_user ? ATLS_OK : atls_error_set(err, ATLS_E_LOCAL, "no credentials there");
}

static int push(
	const char **list, unsigned *count, unsigned max, const char *value, struct atls_error *err)
{
	if (*count == max)
		return atls_error_set(err, ATLS_E_USAGE, "more than %u are too many", max);
	list[(*count)++] = value;
	return ATLS_OK;
}

static int apply_expectation(struct settings *s, int id, const char *value, struct atls_error *err)
{
	switch (id) {
	case OPT_EXPECT_CA:
		s->expect_ca = value;
		return ATLS_OK;
	case OPT_EXPECT_PIN:
		return atls_policy_add_pins(&s->pins, value, err);
	case OPT_EXPECT_ISSUER:
		s->expect_issuer = value;
		return ATLS_OK;
	case OPT_BASELINE:
		s->baseline = value;
		return ATLS_OK;
	case OPT_SAVE:
		s->save = value;
		return ATLS_OK;
	case OPT_KNOWN_KEYS:
		s->known_keys = value;
		return ATLS_OK;
	case OPT_ISSUERS:
		s->issuers = value;
		return ATLS_OK;
	case OPT_STORE:
		s->store = value;
		return ATLS_OK;
	default:
		s->public_roots = value;
		return ATLS_OK;
	}
}

static int apply_way(struct settings *s, int id, const char *value, struct atls_error *err)
{
	switch (id) {
	case OPT_SERVERNAME:
		s->servername = value;
		return ATLS_OK;
	case OPT_TLS_MAX:
		s->tls_max = value;
		return ATLS_OK;
	case OPT_PROXY:
		s->proxy = value;
		return ATLS_OK;
	case OPT_PROXY_USER:
		return take_proxy_user(s, value, err);
	case OPT_PROXY_ANYAUTH:
		s->proxy_anyauth = true;
		return ATLS_OK;
	case OPT_RESOLVE:
		return add(&s->resolve, value, err);
	case OPT_CONNECT_TO:
		return add(&s->connect_to, value, err);
	case OPT_INTERFACE:
		s->interface = value;
		return ATLS_OK;
	case OPT_IPV4:
		s->ip_version = CURL_IPRESOLVE_V4;
		return ATLS_OK;
	case OPT_IPV6:
		s->ip_version = CURL_IPRESOLVE_V6;
		return ATLS_OK;
	case OPT_CONNECT_TIMEOUT:
		return atls_opt_seconds(value, 10, 86400000, &s->connect_ms, err);
	default:
		return atls_opt_seconds(value, 10, 86400000, &s->max_ms, err);
	}
}

static int apply_work(struct settings *s, int id, const char *value, struct atls_error *err)
{
	switch (id) {
	case OPT_FILE:
		return push(s->files, &s->file_count, FILES_MAX, value, err);
	case OPT_PARALLEL:
		return atls_opt_number(value, 1, 4096, &s->parallel, err);
	case OPT_DEPTH:
		s->depth = value[0] == 'q'   ? DEPTH_QUICK
			   : value[0] == 'a' ? DEPTH_AUTO
					     : DEPTH_FULL;
		return ATLS_OK;
	case OPT_ATLS:
		s->atls = value;
		return ATLS_OK;
	case OPT_CACERT:
		s->cacert = value;
		return ATLS_OK;
	case OPT_CANARY:
		return push(s->canaries, &s->canary_count, CANARIES_MAX, value, err);
	case OPT_FETCH:
		s->fetch = true;
		return ATLS_OK;
	case OPT_EXPLAIN:
		s->explain = true;
		return ATLS_OK;
	case OPT_JSON:
		s->json = true;
		return ATLS_OK;
	case OPT_TAP:
		s->tap = true;
		return ATLS_OK;
	case OPT_IGNORE_FAULTS:
		s->ignore_faults = true;
		return ATLS_OK;
	case OPT_WATCH:
		return atls_opt_seconds(value, 100, 31 * (uint64_t)86400000, &s->watch_ms, err);
	case OPT_STATE:
		s->state = value;
		return ATLS_OK;
	default:
		s->capture = value;
		return ATLS_OK;
	}
}

static int apply(void *ctx, const struct atls_opt *opt, const char *value, struct atls_error *err)
{
	struct settings *s = ctx;

	if (opt->id == OPT_LOG_FORMAT)
		s->log_json = atls_log_is_json(value);
	else if (opt->id == OPT_QUIET)
		s->level = ATLS_LOG_ERROR;
	else if (opt->id == OPT_VERBOSE)
		s->level = s->level < ATLS_LOG_VERBOSE ? ATLS_LOG_VERBOSE : ATLS_LOG_DEBUG;
	else if (opt->id <= OPT_CAPTURE)
		return apply_work(s, opt->id, value, err);
	else if (opt->id <= OPT_PUBLIC_ROOTS)
		return apply_expectation(s, opt->id, value, err);
	else
		return apply_way(s, opt->id, value, err);
	return ATLS_OK;
}

/* What does not go together. */
static const char *conflict(const struct settings *s)
{
	if (s->json && s->tap)
		return "--json and --tap exclude each other";
	if (s->tap && s->watch_ms)
		return "--tap and --watch exclude each other";
	if (s->state && !s->watch_ms)
		return "--state goes with --watch";
	if (s->save && s->watch_ms)
		return "--save and --watch exclude each other";
	if (s->cacert && !s->atls)
		return "--cacert goes with --atls";
	if (!s->target_count && !s->file_count && !s->atls)
		return "missing operand";
	return NULL;
}

int probe_settings_read(struct settings *settings, int argc, char **argv, int *exit_code)
{
	memset(settings, 0, sizeof *settings);
	settings->level = ATLS_LOG_NOTICE;
	settings->ip_version = CURL_IPRESOLVE_WHATEVER;
	settings->depth = DEPTH_AUTO;
	settings->parallel = 64;
	settings->connect_ms = 10000;
	settings->max_ms = 60000;
	int first = atls_opt_parse(&atls_probe_tool, argc, argv, apply, settings, exit_code);
	if (first < 0)
		return first;
	settings->targets = argv + first;
	settings->target_count = argc > first ? (unsigned)(argc - first) : 0;
	const char *wrong = conflict(settings);
	if (wrong) {
		*exit_code = atls_opt_usage(&atls_probe_tool, "%s", wrong);
		return ATLS_E_USAGE;
	}
	return ATLS_OK;
}

void probe_settings_free(struct settings *settings)
{
	if (settings->proxy_user)
		explicit_bzero(settings->proxy_user, strlen(settings->proxy_user));
	free(settings->proxy_user);
	curl_slist_free_all(settings->resolve);
	curl_slist_free_all(settings->connect_to);
}
