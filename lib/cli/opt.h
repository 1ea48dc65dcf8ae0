#ifndef ATLS_CLI_OPT_H
#define ATLS_CLI_OPT_H

#include "atls.h"

/* What a shell offers to complete an option's value with. */
enum atls_opt_value {
	ATLS_OPT_NONE,
	ATLS_OPT_TEXT,
	ATLS_OPT_FILE,
	ATLS_OPT_DIR,
	ATLS_OPT_HOST,
	ATLS_OPT_CHOICE
};

/* One option. A tool's options are one table; help, completions and the tests come from it. */
struct atls_opt {
	int id;      /* the tool's own number for it, above 0; not ATLS_OPT_HELP or ..._VERSION */
	char letter; /* short form, or 0 */
	const char *name;  /* long form, without dashes */
	const char *value; /* the value's name in the help, "FILE"; null: takes none */
	enum atls_opt_value kind;
	const char *choices; /* ATLS_OPT_CHOICE: "a|b|c", plain words */
	const char *help;    /* one line */
	bool repeatable;     /* may be given again */
};

#define ATLS_OPT_HELP    -1
#define ATLS_OPT_VERSION -2

struct atls_tool {
	const char *name;
	const char *synopsis; /* what follows the name, "[OPTION]... URL"; a line for each way */
	const char *purpose;  /* one sentence */
	const struct atls_opt *opts;
	size_t opt_count;
	const char *epilogue; /* printed below the options: examples, exit codes */
	unsigned operands_min;
	unsigned operands_max;
	enum atls_opt_value operand_kind; /* for the completions */

	/* Writes the versions of the libraries besides GnuTLS, "libcurl 7.88.1, ...", and returns
	 * text; null: none. */
	const char *(*libraries)(char *text, size_t cap);
};

/* The tool's i-th option, with -h/--help and -V/--version as the last two; null behind them. */
const struct atls_opt *atls_opt_at(const struct atls_tool *tool, size_t i);

/* Takes one option's value; value is null for an option without one, and lives as long as argv. */
typedef int atls_opt_apply(
	void *ctx, const struct atls_opt *opt, const char *value, struct atls_error *err);

/*
 * Reads argv by the tool's table; options and operands may be mixed, "--" ends options. Handles
 * -h/--help and -V/--version itself (on standard output). Checks the value of an ATLS_OPT_CHOICE
 * and that what is not repeatable comes once. Returns the index of the first operand (argv is
 * reordered as getopt_long does), or a negative number when the tool is to end at once with
 * *exit_code: after help or version, or after a wrong option, of which one line was printed that
 * names it and points to --help.
 */
int atls_opt_parse(const struct atls_tool *tool, int argc, char **argv, atls_opt_apply *apply,
	void *ctx, int *exit_code);

/* Prints the one line for wrong usage, "TOOL: MESSAGE" and the pointer to --help; returns the exit
 * code for it. */
int atls_opt_usage(const struct atls_tool *tool, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* A whole number between min and max. 0 or ATLS_E_USAGE, err says "'VALUE' is not a number from MIN
 * to MAX". */
int atls_opt_number(
	const char *value, uint64_t min, uint64_t max, uint64_t *out, struct atls_error *err);

/* A size in bytes, with an optional suffix k, M or G (1024), in either case. Errors say "'VALUE' is
 * not a size from MIN to MAX". */
int atls_opt_size(
	const char *value, uint64_t min, uint64_t max, uint64_t *out, struct atls_error *err);

/* Seconds, decimals allowed ("0.2"), as milliseconds, rounded up. Errors say "'VALUE' is
 * not a number of seconds from MIN to MAX". */
int atls_opt_seconds(const char *value, uint64_t min_ms, uint64_t max_ms, uint64_t *out_ms,
	struct atls_error *err);

#endif
