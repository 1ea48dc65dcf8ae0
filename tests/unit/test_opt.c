/* Command lines: what is taken, what is refused in which words, help and version. */
#include "cli/opt.h"

#include "core/err.h"
#include "tests/unit/capture.h"
#include "tests/unit/tap.h"

#include <fcntl.h>
#include <stdlib.h>

/* Ids that are also '?' and ':', which getopt_long() returns for errors. */
enum {
	OPT_PROXY = 1,
	OPT_CERT,
	OPT_ENCODING,
	OPT_HOLD,
	OPT_HEADER,
	OPT_VERBOSE = '?',
	OPT_V4 = ':'
};

static const struct atls_opt opts[] = {
	{OPT_PROXY, 'x', "proxy", "URL", ATLS_OPT_HOST, NULL, "go through this proxy", false},
	{OPT_CERT, 0, "cert", "FILE", ATLS_OPT_FILE, NULL, "own certificate", false},
	{OPT_ENCODING, 0, "encoding", "NAME", ATLS_OPT_CHOICE, "auto|json|octet-stream",
		"form of the bodies", false},
	{OPT_HOLD, 0, "hold", "SECONDS", ATLS_OPT_TEXT, NULL,
		"how long an answer may wait for something to say before it is given without any "
		"of it, and the client asks anew",
		false},
	{OPT_HEADER, 'H', "header", "LINE", ATLS_OPT_TEXT, NULL, "add a header", true},
	{OPT_VERBOSE, 'v', "verbose", NULL, ATLS_OPT_NONE, NULL, "say more", true},
	{OPT_V4, '4', "ipv4", NULL, ATLS_OPT_NONE, NULL, "IPv4 only", false},
	{7, 0, "a-very-long-option-of-this-tool", "SOMETHING", ATLS_OPT_TEXT, NULL, "odd", false},
};

static const char *libraries(char *text, size_t cap)
{
	snprintf(text, cap, "libfoo 1.2");
	return text;
}

static const struct atls_tool tool = {
	.name = "atls-test",
	.synopsis = "[OPTION]... URL",
	.purpose = "Test things.",
	.opts = opts,
	.opt_count = sizeof opts / sizeof *opts,
	.epilogue = "Exit codes: 0 done.\n",
	.operands_min = 1,
	.operands_max = 2,
	.libraries = libraries,
};

/* What apply() was given, "id=value;...". */
static char applied[256];

static int apply(void *ctx, const struct atls_opt *opt, const char *value, struct atls_error *err)
{
	uint64_t ms;
	size_t used = strlen(applied);

	eq_str((const char *)ctx, "ctx");
	snprintf(applied + used, sizeof applied - used, "%s=%s;", opt->name, value ? value : "-");
	if (!value)
		return ATLS_OK;
	if (opt->id == OPT_HOLD)
		return atls_opt_seconds(value, 200, 60000, &ms, err);
	if (opt->id == OPT_CERT && strcmp(value, "absent") == 0) {
		atls_error_set(err, ATLS_E_LOCAL, "cannot read '%s'", value);
		return atls_error_hint(err, "make it");
	}
	if (opt->id == OPT_PROXY && strcmp(value, "bad") == 0)
		return ATLS_E_USAGE;
	return ATLS_OK;
}

static int exit_code;

/* Parses words, the tool's name aside, with both outputs captured. */
static int parse(const char *const *words, char **argv)
{
	static char ctx[] = "ctx", name[] = "argv0";
	int argc = 1;

	argv[0] = name;
	for (; words[argc - 1]; argc++)
		argv[argc] = strdup(words[argc - 1]);
	argv[argc] = NULL;
	applied[0] = '\0';
	exit_code = -1;
	capture_begin();
	int first = atls_opt_parse(&tool, argc, argv, apply, ctx, &exit_code);
	capture_end();
	return first;
}

static void free_words(char **argv)
{
	while (*++argv)
		free(*argv);
}

#define TRY "Try 'atls-test --help' for more information.\n"

static const struct error_case {
	const char *words[5];
	const char *text;
	int exit_code;
} error_cases[] = {
	{{"--foo"}, "atls-test: unknown option '--foo'\n" TRY, 2},
	{{"--foo=secret"}, "atls-test: unknown option '--foo'\n" TRY, 2},
	{{"x", "--foo", "y"}, "atls-test: unknown option '--foo'\n" TRY, 2},
	{{"--\x1b[2J\n"}, "atls-test: unknown option '--\\x1b[2J\\x0a'\n" TRY, 2},
	{{"--=x"}, "atls-test: unknown option '--'\n" TRY, 2},
	{{"-z"}, "atls-test: unknown option '-z'\n" TRY, 2},
	{{"-vz"}, "atls-test: unknown option '-z'\n" TRY, 2},
	{{"-\n"}, "atls-test: unknown option '-\\x0a'\n" TRY, 2},
	{{"-\xff"}, "atls-test: unknown option '-\\xff'\n" TRY, 2},
	{{"-?"}, "atls-test: unknown option '-?'\n" TRY, 2},
	{{"-:"}, "atls-test: unknown option '-:'\n" TRY, 2},
	{{"--he"}, "atls-test: option '--he' is ambiguous: --header, --help\n" TRY, 2},
	{{"--ver=1"}, "atls-test: option '--ver' is ambiguous: --verbose, --version\n" TRY, 2},
	{{"--cert"}, "atls-test: option '--cert' needs a value\n" TRY, 2},
	{{"x", "-x"}, "atls-test: option '--proxy' needs a value\n" TRY, 2},
	{{"--verbose=1"}, "atls-test: option '--verbose' takes no value\n" TRY, 2},
	{{"--verb=1"}, "atls-test: option '--verbose' takes no value\n" TRY, 2},
	{{"--help=x"}, "atls-test: option '--help' takes no value\n" TRY, 2},
	{{"--cert", "a", "--cert=a"}, "atls-test: option '--cert' given more than once\n" TRY, 2},
	{{"-44"}, "atls-test: option '--ipv4' given more than once\n" TRY, 2},
	{{"-xa", "--proxy", "b"}, "atls-test: option '--proxy' given more than once\n" TRY, 2},
	{{"--encoding", "x"},
		"atls-test: option '--encoding': 'x' is not one of auto, json, octet-stream\n" TRY,
		2},
	{{"--encoding="},
		"atls-test: option '--encoding': '' is not one of auto, json, octet-stream\n" TRY,
		2},
	{{"--encoding=jso"},
		"atls-test: option '--encoding': 'jso' is not one of auto, json, "
		"octet-stream\n" TRY,
		2},
	{{"--encoding=auto|json"},
		"atls-test: option '--encoding': 'auto|json' is not one of auto, json, "
		"octet-stream\n" TRY,
		2},
	{{"--hold", "abc\a"},
		"atls-test: option '--hold': 'abc\\x07' is not a number of seconds from 0.2 to "
		"60\n" TRY,
		2},
	{{"--hold", "-1"},
		"atls-test: option '--hold': '-1' is not a number of seconds from 0.2 to 60\n" TRY,
		2},
	{{"--cert", "absent"}, "atls-test: option '--cert': cannot read 'absent'\nhint: make it\n",
		6},
	{{"-xbad"}, "atls-test: option '--proxy': wrong value\n" TRY, 2},
	{{NULL}, "atls-test: missing operand\n" TRY, 2},
	{{"-v"}, "atls-test: missing operand\n" TRY, 2},
	{{"a", "b", "c\x7f", "-v"}, "atls-test: superfluous operand 'c\\x7f'\n" TRY, 2},
};

static void test_every_error(void)
{
	for (size_t i = 0; i < sizeof error_cases / sizeof *error_cases; i++) {
		char *argv[8];
		int first = parse(error_cases[i].words, argv);
		ok(first < 0);
		eq_int(exit_code, error_cases[i].exit_code);
		eq_str(captured[2].text, error_cases[i].text);
		eq_str(captured[1].text, "");
		free_words(argv);
	}
}

static const struct good_case {
	const char *words[7];
	const char *applied;
	int first;
	const char *operand;
} good_cases[] = {
	{{"u"}, "", 1, "u"},
	{{"-"}, "", 1, "-"},
	{{"u", "-v", "--verbose", "-vv"}, "verbose=-;verbose=-;verbose=-;verbose=-;", 4, "u"},
	{{"-4vxp", "u"}, "ipv4=-;verbose=-;proxy=p;", 2, "u"},
	{{"-x", "p", "u"}, "proxy=p;", 3, "u"},
	{{"--proxy=p=q", "u"}, "proxy=p=q;", 2, "u"},
	{{"--prox", "p", "u"}, "proxy=p;", 3, "u"},
	{{"--cert=", "u"}, "cert=;", 2, "u"},
	{{"--encoding", "octet-stream", "u"}, "encoding=octet-stream;", 3, "u"},
	{{"-H", "A: b", "--header", "-v", "u"}, "header=A: b;header=-v;", 5, "u"},
	{{"--hold", ".2", "u"}, "hold=.2;", 3, "u"},
	{{"-v", "--", "-x"}, "verbose=-;", 3, "-x"},
	{{"--", "--help"}, "", 2, "--help"},
};

static void test_good_command_lines(void)
{
	for (size_t i = 0; i < sizeof good_cases / sizeof *good_cases; i++) {
		char *argv[8];
		int first = parse(good_cases[i].words, argv);
		eq_int(first, good_cases[i].first);
		eq_int(exit_code, 0);
		eq_str(applied, good_cases[i].applied);
		if (first > 0)
			eq_str(argv[first], good_cases[i].operand);
		eq_str(captured[1].text, "");
		eq_str(captured[2].text, "");
		free_words(argv);
	}
}

static const char help[] =
	"Usage: atls-test [OPTION]... URL\n"
	"Test things.\n"
	"\n"
	"Options:\n"
	"  -x, --proxy URL      go through this proxy\n"
	"      --cert FILE      own certificate\n"
	"      --encoding NAME  form of the bodies (one of auto, json, octet-stream)\n"
	"      --hold SECONDS   how long an answer may wait for something to say before it is "
	"given without\n"
	"                       any of it, and the client asks anew\n"
	"  -H, --header LINE    add a header (repeatable)\n"
	"  -v, --verbose        say more\n"
	"  -4, --ipv4           IPv4 only\n"
	"      --a-very-long-option-of-this-tool SOMETHING\n"
	"                       odd\n"
	"  -h, --help           print this help and exit\n"
	"  -V, --version        print the versions of the tool and its libraries and exit\n"
	"\n"
	"Exit codes: 0 done.\n";

static void test_help(void)
{
	static const char *const lines[][5] = {{"-h"}, {"--help"}, {"--hel"}, {"-vh", "--foo"},
		{"--encoding", "json", "-h", "-z"}};
	char *argv[8];

	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		ok(parse(lines[i], argv) < 0);
		eq_int(exit_code, 0);
		eq_str(captured[1].text, help);
		eq_str(captured[2].text, "");
		free_words(argv);
	}
}

static void test_help_of_each_option(void)
{
	const struct atls_opt *opt;
	size_t count = 0;

	for (; (opt = atls_opt_at(&tool, count)); count++) {
		char name[64];
		snprintf(name, sizeof name, "%s--%s%s%s", opt->letter ? ", " : "      ", opt->name,
			opt->value ? " " : "", opt->value ? opt->value : "");
		ok(strstr(help, name) != NULL);
	}
	eq_int(count, tool.opt_count + 2);
}

static void test_help_with_little(void)
{
	const struct atls_tool bare = {
		.name = "bare", .synopsis = "-L PORT URL\nURL", .purpose = "Do\nlittle."};
	char name[] = "bare", option[] = "-h", version[] = "-V";
	char *argv[] = {name, option, NULL};

	capture_begin();
	int rc = atls_opt_parse(&bare, 2, argv, apply, NULL, &exit_code);
	capture_end();
	ok(rc < 0);
	eq_str(captured[1].text,
		"Usage: bare -L PORT URL\n       bare URL\nDo little.\n\nOptions:\n"
		"  -h, --help     print this help and exit\n"
		"  -V, --version  print the versions of the tool and its libraries and exit\n");
	argv[1] = version;
	capture_begin();
	rc = atls_opt_parse(&bare, 2, argv, apply, NULL, &exit_code);
	capture_end();
	ok(rc < 0);
	eq_int(exit_code, 0);
	ok(!strchr(captured[1].text, ','));
}

static void test_version(void)
{
	char want[128];
	char *argv[8];

	snprintf(want, sizeof want, "atls-test %s (GnuTLS %s, libfoo 1.2)\n", ATLS_VERSION,
		gnutls_check_version(NULL));
	ok(parse((const char *const[]){"-V", "--foo", NULL}, argv) < 0);
	eq_int(exit_code, 0);
	eq_str(captured[1].text, want);
	eq_str(captured[2].text, "");
	free_words(argv);
}

/* Asks for help with this as standard output. */
static void help_to(int file, const char *why)
{
	char name[] = "atls-test", option[] = "--help", want[128];
	char *argv[] = {name, option, NULL};

	snprintf(want, sizeof want, "atls-test: standard output: %s\n", why);
	capture_begin();
	if (file < 0)
		close(1);
	else
		dup2(file, 1);
	int first = atls_opt_parse(&tool, 2, argv, apply, NULL, &exit_code);
	__fpurge(stdout);
	capture_end();
	ok(first < 0);
	eq_int(exit_code, 6);
	eq_str(captured[2].text, want);
}

static void test_help_that_nobody_can_read(void)
{
	int fds[2];
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	help_to(full, "No space left on device");
	close(full);
	eq_int(pipe(fds), 0);
	close(fds[0]);
	help_to(fds[1], "Broken pipe");
	close(fds[1]);
	help_to(-1, "Bad file descriptor");
}

static void test_usage(void)
{
	capture_begin();
	int rc = atls_opt_usage(&tool, "%s and %s exclude each other", "--check", "-L\n");
	capture_end();
	eq_int(rc, 2);
	eq_str(captured[2].text, "atls-test: --check and -L\\x0a exclude each other\n" TRY);
}

int main(void)
{
	run(test_every_error);
	run(test_good_command_lines);
	run(test_help);
	run(test_help_of_each_option);
	run(test_help_with_little);
	run(test_version);
	run(test_help_that_nobody_can_read);
	run(test_usage);
	return tap_done();
}
