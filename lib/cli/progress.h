/* A line on the terminal that is rewritten in place while something takes long. */
#ifndef ATLS_CLI_PROGRESS_H
#define ATLS_CLI_PROGRESS_H

#include "cli/log.h"

/* Whether standard error can show one: a terminal that moves its cursor, and nobody asked for
 * quiet or for JSON. A tool that shows one sets log->unfinished. */
bool atls_progress_can(const struct atls_log *log);

/* Puts the line there in place of the one before, cut to the terminal's width; nothing while this
 * process is in the background, or the terminal is stopped. Lines of the log take its place. */
void atls_progress_draw(const struct atls_log *log, const char *text);

/* Takes it away. */
void atls_progress_clear(const struct atls_log *log);

#endif
