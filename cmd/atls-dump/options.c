#include "options.h"

#include "core/err.h"

enum option {
	OPT_FROM = 1,
	OPT_JSON,
	OPT_FIELDS,
	OPT_SESSIONS,
	OPT_LADDER,
	OPT_SVG,
	OPT_CHECK,
	OPT_KEYLOG,
	OPT_CERTS,
	OPT_PLAINTEXT,
	OPT_RECORDS,
	OPT_LOG_FORMAT,
	OPT_QUIET,
	OPT_VERBOSE,
};

static const struct atls_opt options[] = {
	{OPT_FROM, 'f', "from", "FORM", ATLS_OPT_CHOICE, INPUT_FORMS,
		"the form of the input (default: told by its content)", false},
	{OPT_JSON, 0, "json", NULL, ATLS_OPT_NONE, NULL, "print JSON, one object a record", false},
	{OPT_FIELDS, 0, "fields", "LIST", ATLS_OPT_TEXT, NULL,
		"print the fields of LIST, tab separated, a line a record", false},
	{OPT_SESSIONS, 0, "sessions", NULL, ATLS_OPT_NONE, NULL,
		"a line, or with --json an object, a session instead of a record", false},
	{OPT_LADDER, 0, "ladder", NULL, ATLS_OPT_NONE, NULL,
		"draw who said what when, in two columns", false},
	{OPT_SVG, 0, "svg", NULL, ATLS_OPT_NONE, NULL, "the same as an SVG picture", false},
	{OPT_CHECK, 0, "check", NULL, ATLS_OPT_NONE, NULL,
		"print what does not keep to the protocol; exit status 1 if there is any", false},
	{OPT_KEYLOG, 0, "keylog", "FILE", ATLS_OPT_FILE, NULL,
		"open records with the secrets of FILE, as SSLKEYLOGFILE gathers them", false},
	{OPT_CERTS, 0, "certs", "DIR", ATLS_OPT_DIR, NULL,
		"write each certificate to DIR, in PEM, named by its SHA-256", false},
	{OPT_PLAINTEXT, 0, "plaintext", "DIR", ATLS_OPT_DIR, NULL,
		"write what --keylog opens to DIR, a file a session and direction", false},
	{OPT_RECORDS, 0, "records", "DIR", ATLS_OPT_DIR, NULL,
		"write the TLS records to DIR, a file a session and direction", false},
	{OPT_LOG_FORMAT, ATLS_LOG_FORMAT_OPTION},
	{OPT_QUIET, 'q', "quiet", NULL, ATLS_OPT_NONE, NULL, "say nothing but errors", false},
	{OPT_VERBOSE, 'v', "verbose", NULL, ATLS_OPT_NONE, NULL,
		"print the whole tree down to each field; twice: all bytes of long values", true},
};

const struct atls_tool atls_dump_tool = {
	.name = "atls-dump",
	.synopsis = "[OPTION]... [FILE]...",
	.purpose = "Explain captured Application-Layer TLS: the TLS records of HTTP bodies.",
	.opts = options,
	.opt_count = sizeof options / sizeof options[0],
	.epilogue = "Without FILE, or where FILE is -, standard input is read.\n"
		    "\n"
		    "Examples:\n"
		    "  atls-dump capture.bin\n"
		    "  atls-dump -v --keylog keys.log capture.bin\n"
		    "  atls-dump --check --keylog keys.log capture/\n"
		    "  atls-dump --ladder capture.pcap\n"
		    "  atls-dump --fields name,ja4 capture.bin\n"
		    "  atls-dump --json capture.bin | jq 'select(.messages)'\n"
		    "\n"
		    "Exit codes: 0 done; 1 something in the input is malformed, or --check found "
		    "something; 2 usage; 6 this "
		    "machine (a file).\n",
	.operands_min = 0,
	.operands_max = 4096,
	.operand_kind = ATLS_OPT_FILE,
};

static int apply(void *ctx, const struct atls_opt *opt, const char *value, struct atls_error *err)
{
	struct settings *s = ctx;
	(void)err;
	switch (opt->id) {
	case OPT_FROM:
		s->input.from = value;
		return ATLS_OK;
	case OPT_JSON:
		s->json = true;
		return ATLS_OK;
	case OPT_SESSIONS:
		s->sessions = true;
		return ATLS_OK;
	case OPT_LADDER:
		s->ladder = true;
		return ATLS_OK;
	case OPT_CHECK:
		s->check = true;
		return ATLS_OK;
	case OPT_SVG:
		s->svg = true;
		return ATLS_OK;
	case OPT_FIELDS:
		s->fields = value;
		return ATLS_OK;
	case OPT_CERTS:
		s->certs = value;
		return ATLS_OK;
	case OPT_PLAINTEXT:
		s->plaintext = value;
		return ATLS_OK;
	case OPT_RECORDS:
		s->records = value;
		return ATLS_OK;
	case OPT_KEYLOG:
		s->keylog = value;
		return ATLS_OK;
	case OPT_VERBOSE:
		s->all_bytes = s->tree;
		s->tree = true;
		return ATLS_OK;
	case OPT_LOG_FORMAT:
		s->log_json = atls_log_is_json(value);
		return ATLS_OK;
	default:
		s->level = ATLS_LOG_ERROR;
		return ATLS_OK;
	}
}

/* What is missing, or does not go together. */
static const char *conflict(const struct settings *s)
{
	if (s->fields && (s->json || s->sessions || s->tree))
		return "--fields goes with none of --json, --sessions and --verbose";
	if (s->sessions && s->tree)
		return "--sessions and --verbose exclude each other";
	if (s->json && s->tree)
		return "--json has all that --verbose says: one of them is enough";
	if ((s->ladder || s->svg) && (s->fields || s->json || s->sessions || s->tree))
		return "--ladder and --svg go with no other view";
	if (s->check && (s->ladder || s->svg || s->fields || s->sessions || s->tree))
		return "--check goes with no other view";
	if (s->plaintext && !s->keylog)
		return "--plaintext needs --keylog: what else would open it?";
	return NULL;
}

int dump_settings_read(struct settings *settings, int argc, char **argv, int *exit_code)
{
	*settings = (struct settings){.level = ATLS_LOG_NOTICE};
	int first = atls_opt_parse(&atls_dump_tool, argc, argv, apply, settings, exit_code);
	if (first < 0)
		return first;
	const char *wrong = conflict(settings);
	if (wrong) {
		*exit_code = atls_opt_usage(&atls_dump_tool, "%s", wrong);
		return ATLS_E_USAGE;
	}
	settings->files = argv + first;
	settings->file_count = argc - first;
	return ATLS_OK;
}
