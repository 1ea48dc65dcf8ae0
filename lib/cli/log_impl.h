/* What log.c (text, and writing) and log_json.c share. */
#ifndef ATLS_CLI_LOG_IMPL_H
#define ATLS_CLI_LOG_IMPL_H

#include "cli/log.h"

#include <limits.h>

/* Lines for one write. A pipe takes this much whole, so that processes do not interleave. */
struct atls_log_lines {
	char text[PIPE_BUF];
	size_t len;
};

void atls_log_write(const struct atls_log *log, const struct atls_log_lines *lines);

/* A line as an object: a message that does not fit is cut, facts that do not are left out. */
void atls_log_json_line(struct atls_log_lines *lines, const struct atls_log *log,
	enum atls_log_level level, const struct atls_log_about *about, char *message);
void atls_log_json_error(
	struct atls_log_lines *lines, const struct atls_log *log, const struct atls_error *err);

#endif
