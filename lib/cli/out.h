#ifndef ATLS_CLI_OUT_H
#define ATLS_CLI_OUT_H

#include "atls.h"

#include <jansson.h>
#include <sys/stat.h>
#include <time.h>

/* Prints to standard output with the escaping of atls_log_escape(), for text results. A newline
 * that ends the format is printed as one, any other is escaped. */
void atls_out_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints one JSON value as a line on standard output, in ASCII, keys in the order they were set,
 * and flushes it. Takes over the reference. 0 or ATLS_E_LOCAL / ATLS_E_MEMORY (a null value) with
 * err filled. */
int atls_out_json(json_t *value, struct atls_error *err);

/* Writes a JSON value, for people too, to a file by atls_file_replace(). 0 or an errno: ENOMEM for
 * a null value. */
int atls_out_replace(const char *name, const json_t *value, mode_t mode);

/* A JSON string of text whose bytes a peer may have chosen: what is not UTF-8 becomes \xNN. Null if
 * memory is short. */
json_t *atls_out_string(const char *text);

/* Flushes standard output: a full disk or a closed pipe is an error like any other. 0 or
 * ATLS_E_LOCAL, err "standard output: ...". */
int atls_out_flush(struct atls_error *err);

/* RFC 3339 in UTC, "2026-11-23T16:00:00Z"; needs 21 bytes. Empty for a year that has not
 * four digits. */
#define ATLS_TIME_TEXT 21u
void atls_out_time(time_t when, char text[ATLS_TIME_TEXT]);

#endif
