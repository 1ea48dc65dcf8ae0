#include "cli/log_impl.h"

#include "cli/out.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 1000

/* Code points that move the cursor, end a line or turn the direction of what follows. */
static const struct range {
	uint32_t first, last;
} escaped[] = {
	{0x0, 0x1f},
	{0x7f, 0x9f},
	{0x61c, 0x61c},
	{0x200e, 0x200f},
	{0x2028, 0x202e},
	{0x2066, 0x2069},
};

static bool is_printable(uint32_t point)
{
	for (size_t i = 0; i < sizeof escaped / sizeof *escaped; i++)
		if (point >= escaped[i].first && point <= escaped[i].last)
			return false;
	return true;
}

size_t atls_log_utf8(const char *text, uint32_t *point)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *byte = (const unsigned char *)text;
	size_t len = *byte < 0x80   ? 1
		     : *byte < 0xc0 ? 0
		     : *byte < 0xe0 ? 2
		     : *byte < 0xf0 ? 3
		     : *byte < 0xf8 ? 4
				    : 0;
	uint32_t value = len < 2 ? *byte : *byte & (0x7fu >> len);

	for (size_t i = 1; i < len; i++) {
		if ((byte[i] & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (byte[i] & 0x3f);
	}
	if (!len || value < least[len] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
		return 0;
	*point = value;
	return len;
}

size_t atls_log_escape_char(const char **text, char out[ATLS_LOG_CHAR])
{
	static const char digits[] = "0123456789abcdef";
	uint32_t point = 0;
	size_t len = atls_log_utf8(*text, &point), used = 0;
	bool plain = len && is_printable(point);

	if (!**text)
		return 0;
	if (!len)
		len = 1;
	for (size_t i = 0; i < len; i++) {
		unsigned char byte = (unsigned char)*(*text)++;
		if (plain) {
			out[used++] = (char)byte;
			continue;
		}
		out[used++] = '\\';
		out[used++] = 'x';
		out[used++] = digits[byte >> 4];
		out[used++] = digits[byte & 15];
	}
	return used;
}

char *atls_log_escape(const char *text, char *out, size_t cap)
{
	char one[ATLS_LOG_CHAR];
	size_t used = 0, width;

	if (!cap)
		return out;
	while ((width = atls_log_escape_char(&text, one)) > 0 && width < cap - used) {
		memcpy(out + used, one, width);
		used += width;
	}
	out[used] = '\0';
	return out;
}

/* Adds "STAMP HEAD: TEXT" as a line, cut to what has room. */
static void add_line(struct atls_log_lines *lines, const struct atls_log *log, const char *head,
	const char *text)
{
	char *at = lines->text + lines->len;
	size_t room = sizeof lines->text - lines->len - 1;
	char stamp[ATLS_TIME_TEXT] = "";
	int used;

	if (log->timestamps)
		atls_out_time(time(NULL), stamp);
	used = snprintf(at, room, "%s%s%s: ", stamp, *stamp ? " " : "", head);
	if (used > 0 && (size_t)used < room)
		atls_log_escape(text, at + used, room - (size_t)used);
	lines->len += strlen(at);
	lines->text[lines->len++] = '\n';
}

/* Standard error may be one that another process, as ssh does, made non-blocking. */
static bool wait_writable(void)
{
	struct pollfd stderr_fd = {.fd = STDERR_FILENO, .events = POLLOUT};

	return poll(&stderr_fd, 1, PATIENCE_MS) > 0;
}

static void put(const char *text, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = write(STDERR_FILENO, text + done, len - done);
		if (n > 0)
			done += (size_t)n;
		else if (errno != EINTR && !(errno == EAGAIN && wait_writable()))
			return; /* there is nobody left to tell */
	}
}

void atls_log_write(const struct atls_log *log, const struct atls_log_lines *lines)
{
	static const char erase[] = "\r\x1b[K";

	if (log->unfinished && *log->unfinished) {
		*log->unfinished = false;
		put(erase, sizeof erase - 1);
	}
	put(lines->text, lines->len);
}

static void log_line(const struct atls_log *log, enum atls_log_level level,
	const struct atls_log_about *about, const char *format, va_list args)
	__attribute__((format(printf, 4, 0)));

static void log_line(const struct atls_log *log, enum atls_log_level level,
	const struct atls_log_about *about, const char *format, va_list args)
{
	struct atls_log_lines lines = {.len = 0};
	char message[sizeof lines.text] = "";
	int before = errno;

	vsnprintf(message, sizeof message, format, args);
	if (log->json)
		atls_log_json_line(&lines, log, level, about, message);
	else
		add_line(&lines, log, log->tool, message);
	atls_log_write(log, &lines);
	errno = before;
}

void atls_log(const struct atls_log *log, enum atls_log_level level, const char *format, ...)
{
	static const struct atls_log_about nothing;
	va_list args;

	if (level > log->level)
		return;
	va_start(args, format);
	log_line(log, level, &nothing, format, args);
	va_end(args);
}

void atls_log_event(const struct atls_log *log, enum atls_log_level level,
	const struct atls_log_about *about, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (level <= log->level)
		log_line(log, level, about, format, args);
	va_end(args);
	json_decref(about->facts);
}

void atls_log_error(const struct atls_log *log, const struct atls_error *err)
{
	struct atls_log_lines lines = {.len = 0};

	if (log->json) {
		atls_log_json_error(&lines, log, err);
	} else {
		add_line(&lines, log, log->tool, err->text);
		if (err->hint[0])
			add_line(&lines, log, "hint", err->hint);
	}
	atls_log_write(log, &lines);
}
