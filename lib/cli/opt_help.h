#ifndef ATLS_CLI_OPT_HELP_H
#define ATLS_CLI_OPT_HELP_H

#include "cli/opt.h"

/* Print what --help and --version ask for on standard output, which the caller flushes. */
void atls_opt_print_help(const struct atls_tool *tool);
void atls_opt_print_version(const struct atls_tool *tool);

/* Writes "a|b|c" as "a, b, c", cut to cap with its NUL. Returns out. */
char *atls_opt_join_choices(const char *choices, char *out, size_t cap);

#endif
