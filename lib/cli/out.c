#include "cli/out.h"

#include "cli/file.h"
#include "cli/log.h"
#include "core/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void atls_out_text(const char *format, ...)
{
	char small[1024], one[ATLS_LOG_CHAR], *large = NULL;
	size_t format_len = strlen(format), width;
	bool line = format_len && format[format_len - 1] == '\n';
	va_list args, again;

	small[0] = '\0';
	va_start(args, format);
	va_copy(again, args);
	int len = vsnprintf(small, sizeof small, format, args);
	if (len >= (int)sizeof small && (large = malloc((size_t)len + 1)))
		vsnprintf(large, (size_t)len + 1, format, again);
	va_end(again);
	va_end(args);

	char *text = large ? large : small; /* without memory, cut */
	size_t text_len = strlen(text);
	if (line && text_len && text[text_len - 1] == '\n')
		text[text_len - 1] = '\0';
	for (const char *at = text; (width = atls_log_escape_char(&at, one)) > 0;)
		fwrite(one, 1, width, stdout);
	if (line)
		putchar('\n');
	free(large);
}

int atls_out_json(json_t *value, struct atls_error *err)
{
	char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_ENCODE_ANY)
			   : NULL;

	json_decref(value);
	if (!text)
		return atls_error_set(err, ATLS_E_MEMORY, "standard output: out of memory");
	errno = 0;
	bool wrote = fputs(text, stdout) >= 0 && putchar('\n') >= 0;
	int why = errno;
	free(text);
	if (!wrote && why)
		return atls_error_set(err, ATLS_E_LOCAL, "standard output: %s", strerror(why));
	return atls_out_flush(err);
}

int atls_out_replace(const char *name, const json_t *value, mode_t mode)
{
	char *text = json_dumps(value, JSON_INDENT(1) | JSON_ENSURE_ASCII | JSON_SORT_KEYS);
	char *lines = NULL;
	int len = text ? asprintf(&lines, "%s\n", text) : -1, why = ENOMEM;

	if (len >= 0) {
		why = atls_file_replace(name, lines, (size_t)len, mode);
		free(lines);
	}
	free(text);
	return why;
}

json_t *atls_out_string(const char *text)
{
	size_t cap = strlen(text) * 4 + 1, used = 0, len;
	char *clean = malloc(cap);
	uint32_t point;

	if (!clean)
		return NULL;
	while (*text) {
		if ((len = atls_log_utf8(text, &point)) > 0)
			memcpy(clean + used, text, len);
		else
			snprintf(clean + used, cap - used, "\\x%02x", (unsigned char)*text);
		used += len ? len : 4;
		text += len ? len : 1;
	}
	clean[used] = '\0';
	json_t *string = json_string(clean);
	free(clean);
	return string;
}

int atls_out_flush(struct atls_error *err)
{
	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return ATLS_OK;
	return atls_error_set(err, ATLS_E_LOCAL, "standard output: %s",
		errno ? strerror(errno) : "an earlier write failed");
}

void atls_out_time(time_t when, char text[ATLS_TIME_TEXT])
{
	struct tm tm;

	text[0] = '\0';
	if (gmtime_r(&when, &tm) && tm.tm_year >= 1000 - 1900 && tm.tm_year <= 9999 - 1900)
		strftime(text, ATLS_TIME_TEXT, "%Y-%m-%dT%H:%M:%SZ", &tm);
}
