#ifndef ATLS_CLI_LOG_H
#define ATLS_CLI_LOG_H

#include "atls.h"

#include <jansson.h>

enum atls_log_level { ATLS_LOG_ERROR, ATLS_LOG_NOTICE, ATLS_LOG_VERBOSE, ATLS_LOG_DEBUG };

/* Where a tool speaks about its work: standard error. */
struct atls_log {
	const char *tool;
	enum atls_log_level level; /* -q: ERROR, default: NOTICE, -v: VERBOSE, -vv: DEBUG */
	bool timestamps;           /* RFC 3339 UTC in front of each line, for a daemon */
	bool json;                 /* --log-format json: each line an object, schema atls-log/1 */
	bool *unfinished; /* a line without its end stands on the terminal, see cli/progress.h; or
			     null */
};

/* --log-format, for a tool's option table: { ID, ATLS_LOG_FORMAT_OPTION }. */
#define ATLS_LOG_FORMAT_OPTION                                                                     \
	0, "log-format", "FORMAT", ATLS_OPT_CHOICE, "text|json",                                   \
		"form of the lines on standard error (default: text)", false
/* Whether its value asks for JSON. */
bool atls_log_is_json(const char *value);

/* Writes "TOOL: MESSAGE" as one line in one write, if level is wanted. Nothing of a peer reaches a
 * terminal as it is: control characters, DEL, C1, line separators, controls of the direction of
 * writing and bytes that are not UTF-8 come out as \xNN, byte by byte. errno stays as it was. */
void atls_log(const struct atls_log *log, enum atls_log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* What a line is about, for machines; a text line is its message alone. */
struct atls_log_about {
	const char *event;   /* a word, or null */
	const char *session; /* a name for it, or null */
	json_t *facts;       /* an object of further members, or null */
};

/* The same as atls_log(), with more to say as JSON. Takes over about's facts, also where nothing is
 * written. */
void atls_log_event(const struct atls_log *log, enum atls_log_level level,
	const struct atls_log_about *about, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Prints an error, once: "TOOL: TEXT" and "hint: ..." below it if there is one; as JSON one object
 * with atls_code_word() in "code". */
void atls_log_error(const struct atls_log *log, const struct atls_error *err);

/* One word for an enum atls_code: ok, again, memory, limit, usage, local, network, protocol or tls.
 */
const char *atls_code_word(int code);

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
