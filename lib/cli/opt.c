#include "cli/opt.h"

#include "cli/exit.h"
#include "cli/log.h"
#include "cli/opt_help.h"
#include "cli/out.h"
#include "core/err.h"

#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONG_BASE 0x10000 /* getopt_long() returns this plus the index, away from any letter */

static const struct atls_opt builtins[] = {
	{.id = ATLS_OPT_HELP, .letter = 'h', .name = "help", .help = "print this help and exit"},
	{.id = ATLS_OPT_VERSION,
		.letter = 'V',
		.name = "version",
		.help = "print the versions of the tool and its libraries and exit"},
};

#define BUILTINS (sizeof builtins / sizeof *builtins)

const struct atls_opt *atls_opt_at(const struct atls_tool *tool, size_t i)
{
	if (i < tool->opt_count)
		return &tool->opts[i];
	return i < tool->opt_count + BUILTINS ? &builtins[i - tool->opt_count] : NULL;
}

static struct atls_log log_of(const struct atls_tool *tool)
{
	return (struct atls_log){.tool = tool->name, .level = ATLS_LOG_ERROR};
}

/* Prints what -h or -V asks for; returns the exit code. */
static int print_builtin(const struct atls_tool *tool, int id)
{
	static char buffer[16384]; /* all of it is one write, so that its failure has a cause */
	struct atls_error err = {.code = ATLS_OK};
	struct atls_log log = log_of(tool);

	setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
	/* A closed pipe shall be an error of its own, not a signal; the tool ends here anyway. */
	signal(SIGPIPE, SIG_IGN);
	if (id == ATLS_OPT_HELP)
		atls_opt_print_help(tool);
	else
		atls_opt_print_version(tool);
	if (atls_out_flush(&err))
		atls_log_error(&log, &err);
	return atls_exit_code(err.code);
}

/* What getopt_long() needs, made from the table. */
struct parser {
	const struct atls_tool *tool;
	struct option *longs;
	char *shorts;
	bool *seen;
};

static void parser_free(struct parser *p)
{
	free(p->longs);
	free(p->shorts);
	free(p->seen);
}

static bool parser_init(struct parser *p, const struct atls_tool *tool)
{
	const struct atls_opt *opt;
	size_t count = tool->opt_count + BUILTINS;
	char *at;

	p->tool = tool;
	p->longs = calloc(count + 1, sizeof *p->longs);
	p->shorts = at = calloc(2 * count + 2, 1);
	p->seen = calloc(count, sizeof *p->seen);
	if (!p->longs || !p->shorts || !p->seen)
		return false;
	*at++ = ':'; /* tell a missing value from an unknown option */
	for (size_t i = 0; (opt = atls_opt_at(tool, i)); i++) {
		p->longs[i] = (struct option){
			.name = opt->name,
			.has_arg = opt->value ? required_argument : no_argument,
			.val = LONG_BASE + (int)i,
		};
		if (!opt->letter)
			continue;
		*at++ = opt->letter;
		if (opt->value)
			*at++ = ':';
	}
	return true;
}

/* The index of the option that getopt_long() means by found. */
static size_t index_of(const struct parser *p, int found)
{
	const struct atls_opt *opt;
	size_t i = 0;

	if (found >= LONG_BASE)
		return (size_t)(found - LONG_BASE);
	while ((opt = atls_opt_at(p->tool, i)) && opt->letter != found)
		i++;
	return i;
}

static int print_try(const struct atls_tool *tool)
{
	fprintf(stderr, "Try '%s --help' for more information.\n", tool->name);
	return ATLS_EXIT_USAGE;
}

int atls_opt_usage(const struct atls_tool *tool, const char *format, ...)
{
	struct atls_log log = log_of(tool);
	char message[2048] = "";
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof message, format, args);
	va_end(args);
	atls_log(&log, ATLS_LOG_ERROR, "%s", message);
	return print_try(tool);
}

/* Names a long option that is none, or an abbreviation of several. */
static int wrong_name(const struct atls_tool *tool, const char *arg)
{
	const struct atls_opt *opt;
	char names[1024] = "";
	size_t len = strcspn(arg + 2, "="), used = 0, count = 0;

	for (size_t i = 0; len && (opt = atls_opt_at(tool, i)); i++) {
		if (strncmp(opt->name, arg + 2, len) != 0)
			continue;
		snprintf(names + used, sizeof names - used, "%s--%s", count++ ? ", " : "",
			opt->name);
		used = strlen(names);
	}
	if (count > 1)
		return atls_opt_usage(
			tool, "option '%.*s' is ambiguous: %s", (int)len + 2, arg, names);
	return atls_opt_usage(tool, "unknown option '%.*s'", (int)len + 2, arg);
}

static int wrong_option(const struct parser *p, int found, const char *arg)
{
	const char *name = p->tool->name;

	if (found == ':' || optopt >= LONG_BASE)
		name = atls_opt_at(p->tool, index_of(p, optopt))->name;
	if (found == ':')
		return atls_opt_usage(p->tool, "option '--%s' needs a value", name);
	if (optopt >= LONG_BASE)
		return atls_opt_usage(p->tool, "option '--%s' takes no value", name);
	if (optopt)
		return atls_opt_usage(p->tool, "unknown option '-%c'", optopt);
	return wrong_name(p->tool, arg);
}

static bool is_choice(const char *choices, const char *value)
{
	size_t len;

	for (; *choices; choices += len + (choices[len] == '|')) {
		len = strcspn(choices, "|");
		if (strlen(value) == len && strncmp(choices, value, len) == 0)
			return true;
	}
	return false;
}

static int wrong_value(
	const struct atls_tool *tool, const struct atls_opt *opt, const struct atls_error *err)
{
	struct atls_log log = log_of(tool);
	struct atls_error shown = {.code = ATLS_OK};

	atls_error_set(&shown, err->code, "option '--%s': %s", opt->name, err->text);
	atls_error_hint(&shown, "%s", err->hint);
	atls_log_error(&log, &shown);
	if (err->code == ATLS_E_LOCAL || err->code == ATLS_E_MEMORY)
		return ATLS_EXIT_LOCAL;
	return print_try(tool);
}

/* Takes what getopt_long() found. True to go on, else *exit_code is set. */
static bool take(struct parser *p, int found, atls_opt_apply *apply, void *ctx, int *exit_code)
{
	size_t i = index_of(p, found);
	const struct atls_opt *opt = atls_opt_at(p->tool, i);
	struct atls_error err = {.code = ATLS_OK};
	char choices[512];
	int rc;

	if (opt->id == ATLS_OPT_HELP || opt->id == ATLS_OPT_VERSION) {
		*exit_code = print_builtin(p->tool, opt->id);
		return false;
	}
	if (p->seen[i] && !opt->repeatable) {
		*exit_code =
			atls_opt_usage(p->tool, "option '--%s' given more than once", opt->name);
		return false;
	}
	p->seen[i] = true;
	if (opt->choices && !is_choice(opt->choices, optarg)) {
		*exit_code = atls_opt_usage(p->tool, "option '--%s': '%s' is not one of %s",
			opt->name, optarg,
			atls_opt_join_choices(opt->choices, choices, sizeof choices));
		return false;
	}
	if ((rc = apply(ctx, opt, optarg, &err)) >= 0)
		return true;
	atls_error_set(&err, rc, "wrong value");
	*exit_code = wrong_value(p->tool, opt, &err);
	return false;
}

static bool count_operands(const struct atls_tool *tool, int argc, char **argv, int *exit_code)
{
	unsigned count = argc > optind ? (unsigned)(argc - optind) : 0;

	if (count < tool->operands_min)
		*exit_code = atls_opt_usage(tool, "missing operand");
	else if (count > tool->operands_max)
		*exit_code = atls_opt_usage(tool, "superfluous operand '%s'",
			argv[(unsigned)optind + tool->operands_max]);
	else
		return true;
	return false;
}

int atls_opt_parse(const struct atls_tool *tool, int argc, char **argv, atls_opt_apply *apply,
	void *ctx, int *exit_code)
{
	struct parser p;
	struct atls_log log = log_of(tool);
	bool good = parser_init(&p, tool);
	int found;

	*exit_code = ATLS_EXIT_OK;
	if (!good) {
		*exit_code = ATLS_EXIT_LOCAL;
		atls_log(&log, ATLS_LOG_ERROR, "out of memory");
	}
	optind = 0; /* begin anew, also in a second call */
	opterr = 0;
	while (good && (found = getopt_long(argc, argv, p.shorts, p.longs, NULL)) != -1) {
		if (found == '?' || found == ':') {
			*exit_code = wrong_option(&p, found, argv[optind - 1]);
			good = false;
		} else {
			good = take(&p, found, apply, ctx, exit_code);
		}
	}
	good = good && count_operands(tool, argc, argv, exit_code);
	parser_free(&p);
	return good ? optind : -1;
}
