#ifndef ATLS_DUMP_OPTIONS_H
#define ATLS_DUMP_OPTIONS_H

#include "cli/log.h"
#include "cli/opt.h"
#include "input.h"

extern const struct atls_tool atls_dump_tool;

/* What the command line said. */
struct settings {
	enum atls_log_level level;
	bool log_json;
	struct input_options input;
	bool json, tree, all_bytes;
	bool sessions, ladder, svg, check;
	const char *keylog, *fields;
	const char *certs, *plaintext, *records; /* directories to write to */
	char **files;                            /* operands; none: standard input */
	int file_count;
};

/* Reads the command line. 0, or negative with *exit_code set when the tool is to end. */
int dump_settings_read(struct settings *settings, int argc, char **argv, int *exit_code);

#endif
