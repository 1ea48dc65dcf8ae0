/* Writes the shells' completions of each tool into a directory, from the tools' option tables. */
#include "cli/exit.h"
#include "cli/opt.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

extern const struct atls_tool atls_client_tool, atls_dump_tool, atls_probe_tool, atls_serve_tool;

static const struct atls_tool *const tools[] = {
	&atls_client_tool, &atls_dump_tool, &atls_probe_tool, &atls_serve_tool};

/* Writes "a|b|c" as "a b c". */
static void put_choices(FILE *out, const char *choices)
{
	for (; choices && *choices; choices++)
		putc(*choices == '|' ? ' ' : *choices, out);
}

/* ---- bash ----------------------------------------------------------------------------------- */

/* Writes the command that offers values of a kind. */
static void bash_values(FILE *out, enum atls_opt_value kind, const char *choices)
{
	switch (kind) {
	case ATLS_OPT_FILE:
		fputs("compopt -o default\n", out);
		break;
	case ATLS_OPT_DIR:
		fputs("compopt -o dirnames\n", out);
		break;
	case ATLS_OPT_HOST:
		fputs("mapfile -t COMPREPLY < <(compgen -A hostname -- \"$cur\")\n", out);
		break;
	case ATLS_OPT_CHOICE:
		fputs("words=(", out);
		put_choices(out, choices);
		fputs(")\n", out);
		break;
	case ATLS_OPT_NONE:
	case ATLS_OPT_TEXT:
		fputs(":\n", out);
		break;
	}
}

/* A function's name may hold no "-". */
static void bash_function(FILE *out, const char *tool)
{
	for (putc('_', out); *tool; tool++)
		putc(*tool == '-' ? '_' : *tool, out);
}

static void bash_cases(FILE *out, const struct atls_tool *tool)
{
	const struct atls_opt *opt;

	fputs("    case $prev in\n", out);
	for (size_t i = 0; (opt = atls_opt_at(tool, i)); i++) {
		if (!opt->value)
			continue;
		fputs("    ", out);
		if (opt->letter)
			fprintf(out, "-%c | ", opt->letter);
		fprintf(out, "--%s)\n        ", opt->name);
		bash_values(out, opt->kind, opt->choices);
		fputs("        ;;\n", out);
	}
	fputs("    *)\n"
	      "        if [[ $cur == -* ]]; then\n"
	      "            words=(\"${options[@]}\")\n"
	      "        else\n"
	      "            ",
		out);
	bash_values(out, tool->operands_max ? tool->operand_kind : ATLS_OPT_NONE, NULL);
	fputs("        fi\n"
	      "        ;;\n"
	      "    esac\n",
		out);
}

static void write_bash(FILE *out, const struct atls_tool *tool)
{
	const struct atls_opt *opt;

	fprintf(out, "# bash completion for %s, written by `make completions`\n\n", tool->name);
	bash_function(out, tool->name);
	fputs("() {\n"
	      "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} word\n"
	      "    local words=() options=(\n",
		out);
	for (size_t i = 0; (opt = atls_opt_at(tool, i)); i++) {
		fputs("        ", out);
		if (opt->letter)
			fprintf(out, "-%c ", opt->letter);
		fprintf(out, "--%s\n", opt->name);
	}
	fputs("    )\n"
	      "    COMPREPLY=()\n"
	      "    # bash takes --option=value apart.\n"
	      "    if [[ $cur == = ]]; then\n"
	      "        cur=''\n"
	      "    elif [[ $prev == = ]]; then\n"
	      "        prev=${COMP_WORDS[COMP_CWORD - 2]}\n"
	      "    fi\n",
		out);
	bash_cases(out, tool);
	fputs("    for word in \"${words[@]}\"; do\n"
	      "        [[ $word != \"$cur\"* ]] || COMPREPLY+=(\"$word\")\n"
	      "    done\n"
	      "}\n\n"
	      "complete -F ",
		out);
	bash_function(out, tool->name);
	fprintf(out, " %s\n", tool->name);
}

/* ---- zsh ------------------------------------------------------------------------------------ */

/* Writes what follows the value's name in a specification of _arguments, in single quotes. */
static void zsh_values(FILE *out, enum atls_opt_value kind, const char *choices)
{
	static const char *const actions[] = {
		[ATLS_OPT_NONE] = " ",
		[ATLS_OPT_TEXT] = " ",
		[ATLS_OPT_FILE] = "_files",
		[ATLS_OPT_DIR] = "_files -/",
		[ATLS_OPT_HOST] = "_hosts",
	};

	if (kind != ATLS_OPT_CHOICE) {
		fputs(actions[kind], out);
		return;
	}
	putc('(', out);
	put_choices(out, choices);
	putc(')', out);
}

/* Writes text for the inside of single quotes, with a backslash before specials. */
static void zsh_text(FILE *out, const char *text, const char *specials)
{
	for (; *text; text++) {
		if (strchr(specials, *text))
			putc('\\', out);
		if (*text == '\'')
			fputs("'\\''", out);
		else
			putc(*text, out);
	}
}

static void zsh_option(FILE *out, const struct atls_opt *opt)
{
	bool last = opt->id == ATLS_OPT_HELP || opt->id == ATLS_OPT_VERSION;
	const char *sign = opt->value ? "=" : "";

	fputs(" \\\n    '", out);
	if (last)
		fputs("(- *)", out);
	else if (opt->repeatable)
		putc('*', out);
	else if (opt->letter)
		fprintf(out, "(-%c --%s)", opt->letter, opt->name);
	if (opt->letter)
		fprintf(out, "'{-%c%s,--%s%s}'", opt->letter, opt->value ? "+" : "", opt->name,
			sign);
	else
		fprintf(out, "--%s%s", opt->name, sign);
	putc('[', out);
	zsh_text(out, opt->help, "[]\\");
	putc(']', out);
	if (opt->value) {
		putc(':', out);
		zsh_text(out, opt->value, ":\\");
		putc(':', out);
		zsh_values(out, opt->kind, opt->choices);
	}
	putc('\'', out);
}

static void write_zsh(FILE *out, const struct atls_tool *tool)
{
	const struct atls_opt *opt;

	fprintf(out,
		"#compdef %s\n# written by `make completions`\n\n_arguments -s -S :", tool->name);
	for (size_t i = 0; (opt = atls_opt_at(tool, i)); i++)
		zsh_option(out, opt);
	if (tool->operands_max) {
		fprintf(out, " \\\n    '%soperand:", tool->operands_max > 1 ? "*:" : ":");
		zsh_values(out, tool->operand_kind, NULL);
		putc('\'', out);
	}
	putc('\n', out);
}

/* ---- fish ----------------------------------------------------------------------------------- */

/* Writes what offers values of a kind, for "complete". */
static void fish_values(FILE *out, enum atls_opt_value kind, const char *choices)
{
	switch (kind) {
	case ATLS_OPT_FILE:
		fputs(" -r -F", out);
		break;
	case ATLS_OPT_DIR:
		fputs(" -x -a '(__fish_complete_directories)'", out);
		break;
	case ATLS_OPT_HOST:
		fputs(" -x -a '(__fish_print_hostnames)'", out);
		break;
	case ATLS_OPT_CHOICE:
		fputs(" -x -a '", out);
		put_choices(out, choices);
		putc('\'', out);
		break;
	case ATLS_OPT_NONE:
	case ATLS_OPT_TEXT:
		fputs(" -x", out);
		break;
	}
}

static void write_fish(FILE *out, const struct atls_tool *tool)
{
	const struct atls_opt *opt;

	fprintf(out, "# fish completion for %s, written by `make completions`\n\n", tool->name);
	if (!tool->operands_max || tool->operand_kind != ATLS_OPT_FILE)
		fprintf(out, "complete -c %s -f\n", tool->name);
	if (tool->operands_max && tool->operand_kind == ATLS_OPT_HOST)
		fprintf(out, "complete -c %s -a '(__fish_print_hostnames)'\n", tool->name);
	for (size_t i = 0; (opt = atls_opt_at(tool, i)); i++) {
		fprintf(out, "complete -c %s", tool->name);
		if (opt->letter)
			fprintf(out, " -s %c", opt->letter);
		fprintf(out, " -l %s", opt->name);
		if (opt->value)
			fish_values(out, opt->kind, opt->choices);
		fputs(" -d '", out);
		for (const char *at = opt->help; *at; at++) {
			if (*at == '\'' || *at == '\\')
				putc('\\', out);
			putc(*at, out);
		}
		fputs("'\n", out);
	}
}

/* ---- Files ---------------------------------------------------------------------------------- */

static const struct shell {
	const char *before, *after; /* around the tool's name, for the file's */
	void (*write)(FILE *out, const struct atls_tool *tool);
} shells[] = {
	{"", ".bash", write_bash},
	{"_", "", write_zsh},
	{"", ".fish", write_fish},
};

/* Choices go into the scripts as they are. */
static bool choices_are_plain(const struct atls_tool *tool)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_|";

	for (size_t i = 0; i < tool->opt_count; i++) {
		const char *choices = tool->opts[i].choices;
		if (choices && choices[strspn(choices, plain)]) {
			fprintf(stderr, "generate: %s: no plain words: %s\n", tool->name, choices);
			return false;
		}
	}
	return true;
}

static bool write_file(const char *dir, const struct shell *shell, const struct atls_tool *tool)
{
	char path[4096];
	int len = snprintf(
		path, sizeof path, "%s/%s%s%s", dir, shell->before, tool->name, shell->after);
	bool fits = len > 0 && (size_t)len < sizeof path;
	FILE *out = fits ? fopen(path, "w") : NULL;
	bool good = false;

	if (!fits)
		errno = ENAMETOOLONG;
	if (out) {
		shell->write(out, tool);
		good = !ferror(out);
		good = fclose(out) == 0 && good;
	}
	if (!good)
		fprintf(stderr, "generate: cannot write '%s': %s\n", path, strerror(errno));
	return good;
}

int main(int argc, char **argv)
{
	bool good = true;

	if (argc != 2) {
		fprintf(stderr, "usage: generate DIR\n");
		return ATLS_EXIT_USAGE;
	}
	for (size_t i = 0; i < sizeof tools / sizeof *tools && good; i++) {
		good = choices_are_plain(tools[i]);
		for (size_t k = 0; k < sizeof shells / sizeof *shells && good; k++)
			good = write_file(argv[1], &shells[k], tools[i]);
	}
	return good ? ATLS_EXIT_OK : ATLS_EXIT_LOCAL;
}
