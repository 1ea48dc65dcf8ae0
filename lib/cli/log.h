#ifndef ATLS_CLI_LOG_H
#define ATLS_CLI_LOG_H

#include "atls.h"

enum atls_log_level { ATLS_LOG_ERROR, ATLS_LOG_NOTICE, ATLS_LOG_VERBOSE, ATLS_LOG_DEBUG };

/* Where a tool speaks about its work: standard error. */
struct atls_log {
	const char *tool;
	enum atls_log_level level; /* -q: ERROR, default: NOTICE, -v: VERBOSE, -vv: DEBUG */
	bool timestamps;           /* RFC 3339 UTC in front of each line, for a daemon */
};

/* Writes "TOOL: MESSAGE" as one line in one write, if level is wanted. Nothing of a peer reaches a
 * terminal as it is: control characters, DEL, C1, line separators, controls of the direction of
 * writing and bytes that are not UTF-8 come out as \xNN, byte by byte. errno stays as it was. */
void atls_log(const struct atls_log *log, enum atls_log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Prints an error, once: "TOOL: TEXT" and "hint: ..." below it if there is one. */
void atls_log_error(const struct atls_log *log, const struct atls_error *err);

/* Writes text to out with the same escaping, cut between characters to cap with its NUL. Returns
 * out. */
char *atls_log_escape(const char *text, char *out, size_t cap);

/* The same for the one character at *text, which moves behind it; nothing at the end of the text.
 * Returns how much was written, without a NUL. */
#define ATLS_LOG_CHAR 16u
size_t atls_log_escape_char(const char **text, char out[ATLS_LOG_CHAR]);

/* The length of the UTF-8 character (RFC 3629) that text begins with, its code point in *point; 0
 * if there is none. */
size_t atls_log_utf8(const char *text, uint32_t *point);

#endif
