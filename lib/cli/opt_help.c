#include "cli/opt_help.h"

#include <stdio.h>
#include <string.h>

#define WIDTH      99 /* of the whole text */
#define LEFT_WIDTH 32 /* of the options, at most, if their help is to stand beside them */

/* Prints text word by word between the columns indent and WIDTH, from column on. */
static void print_wrapped(const char *text, size_t column, size_t indent)
{
	for (bool first = true; *text; first = false) {
		size_t len = strcspn(text, " \n");
		if (!first && column + 1 + len > WIDTH) {
			printf("\n%*s", (int)indent, "");
			column = indent;
		} else if (!first) {
			putchar(' ');
			column++;
		}
		printf("%.*s", (int)len, text);
		column += len;
		text += len + strspn(text + len, " \n");
	}
	putchar('\n');
}

char *atls_opt_join_choices(const char *choices, char *out, size_t cap)
{
	size_t used = 0;

	for (; *choices && used + 3 < cap; choices++) {
		out[used++] = *choices == '|' ? ',' : *choices;
		if (*choices == '|')
			out[used++] = ' ';
	}
	out[used] = '\0';
	return out;
}

/* Writes "  -x, --proxy URL" and returns its length. */
static size_t option_head(const struct atls_opt *opt, char *out, size_t cap)
{
	char letter[8] = "    ";

	if (opt->letter)
		snprintf(letter, sizeof letter, "-%c, ", opt->letter);
	snprintf(out, cap, "  %s--%s%s%s", letter, opt->name, opt->value ? " " : "",
		opt->value ? opt->value : "");
	return strlen(out);
}

static void print_option(const struct atls_opt *opt, size_t indent)
{
	char head[128], choices[512] = "", text[1536];
	size_t column = option_head(opt, head, sizeof head);

	if (opt->choices)
		atls_opt_join_choices(opt->choices, choices, sizeof choices);
	snprintf(text, sizeof text, "%s%s%s%s%s", opt->help, *choices ? " (one of " : "", choices,
		*choices ? ")" : "", opt->repeatable && opt->value ? " (repeatable)" : "");
	if (column + 2 > indent)
		printf("%s\n%*s", head, (int)indent, "");
	else
		printf("%-*s", (int)indent, head);
	print_wrapped(text, indent, indent);
}

static void print_usage(const struct atls_tool *tool)
{
	const char *way = tool->synopsis;

	for (bool first = true; first || *way; first = false) {
		size_t len = strcspn(way, "\n");
		printf("%s %s%s%.*s\n", first ? "Usage:" : "      ", tool->name, len ? " " : "",
			(int)len, way);
		way += len + (way[len] == '\n');
	}
}

void atls_opt_print_help(const struct atls_tool *tool)
{
	const struct atls_opt *opt;
	char head[128];
	size_t indent = 0;

	print_usage(tool);
	print_wrapped(tool->purpose, 0, 0);
	for (size_t i = 0; (opt = atls_opt_at(tool, i)); i++) {
		size_t len = option_head(opt, head, sizeof head);
		if (len > indent && len <= LEFT_WIDTH)
			indent = len;
	}
	printf("\nOptions:\n");
	for (size_t i = 0; (opt = atls_opt_at(tool, i)); i++)
		print_option(opt, indent + 2);
	if (tool->epilogue && *tool->epilogue)
		printf("\n%s%s", tool->epilogue,
			tool->epilogue[strlen(tool->epilogue) - 1] == '\n' ? "" : "\n");
}

void atls_opt_print_version(const struct atls_tool *tool)
{
	char text[256] = "";
	const char *others = tool->libraries ? tool->libraries(text, sizeof text) : NULL;
	bool any = others && *others;

	printf("%s %s (GnuTLS %s%s%s)\n", tool->name, ATLS_VERSION, gnutls_check_version(NULL),
		any ? ", " : "", any ? others : "");
}
