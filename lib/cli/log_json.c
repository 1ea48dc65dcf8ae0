#include "cli/log_impl.h"

#include "cli/out.h"

#include <string.h>
#include <time.h>

#define SCHEMA    "atls-log/1"
#define EXPANSION 6 /* of a byte: \u001b */

bool atls_log_is_json(const char *value)
{
	return strcmp(value, "json") == 0;
}

const char *atls_code_word(int code)
{
	static const char *const words[] = {
		"ok", "again", "memory", "limit", "usage", "local", "network", "protocol", "tls"};
	size_t index = code > 0 ? SIZE_MAX : (size_t)(-(long)code);

	return index < sizeof words / sizeof *words ? words[index] : "other";
}

static void now_text(char text[static ATLS_TIME_TEXT + 4])
{
	struct timespec now;
	char second[ATLS_TIME_TEXT];

	clock_gettime(CLOCK_REALTIME, &now);
	atls_out_time(now.tv_sec, second);
	snprintf(text, ATLS_TIME_TEXT + 4, "%.19s.%03uZ", second,
		(unsigned)(now.tv_nsec / 1000000) % 1000);
}

static json_t *make_line(const struct atls_log *log, enum atls_log_level level,
	const struct atls_log_about *about, const char *message)
{
	static const char *const levels[] = {"error", "notice", "verbose", "debug"};
	char when[ATLS_TIME_TEXT + 4];

	now_text(when);
	json_t *line = json_pack("{s:s, s:s, s:s, s:s}", "schema", SCHEMA, "time", when, "level",
		levels[level], "tool", log->tool);
	if (about->event)
		json_object_set_new(line, "event", json_string(about->event));
	if (about->session)
		json_object_set_new(line, "session", atls_out_string(about->session));
	json_object_set_new(line, "message", atls_out_string(message));
	return line;
}

/* Writes line into what is left of lines, with its newline. Returns how many bytes too long it is,
 * or -1 if there is no memory for it. */
static int dump(struct atls_log_lines *lines, const json_t *line)
{
	size_t room = sizeof lines->text - lines->len - 1;
	size_t len =
		json_dumpb(line, lines->text + lines->len, room, JSON_COMPACT | JSON_ENSURE_ASCII);

	if (len == 0)
		return -1;
	if (len > room)
		return (int)(len - room);
	lines->len += len;
	lines->text[lines->len++] = '\n';
	return 0;
}

/* Takes cut bytes and the rest of a character off its end. */
static void shorten(char *text, size_t cut)
{
	size_t len = strlen(text);

	len -= cut < len ? cut : len;
	while (len && ((unsigned char)text[len] & 0xc0) == 0x80)
		len--;
	text[len] = '\0';
}

static void say_no_memory(struct atls_log_lines *lines)
{
	static const char text[] = "{\"schema\":\"" SCHEMA "\",\"level\":\"error\","
				   "\"message\":\"out of memory for a log line\"}\n";

	memcpy(lines->text + lines->len, text, sizeof text - 1);
	lines->len += sizeof text - 1;
}

void atls_log_json_line(struct atls_log_lines *lines, const struct atls_log *log,
	enum atls_log_level level, const struct atls_log_about *about, char *message)
{
	bool empty;
	int over;

	do {
		empty = !*message;
		json_t *line = make_line(log, level, about, message);
		if (about->facts && !empty)
			json_object_update_missing(line, about->facts);
		over = dump(lines, line);
		json_decref(line);
		/* A byte becomes six at most. */
		if (over > 0)
			shorten(message, (size_t)over / EXPANSION + 1);
	} while (over > 0 && !empty);
	if (over)
		say_no_memory(lines);
}

void atls_log_json_error(
	struct atls_log_lines *lines, const struct atls_log *log, const struct atls_error *err)
{
	char text[ATLS_ERROR_TEXT];
	struct atls_log_about about = {.event = "error"};

	snprintf(text, sizeof text, "%s", err->text);
	about.facts = json_pack("{s:s}", "code", atls_code_word(err->code));
	if (err->hint[0])
		json_object_set_new(about.facts, "hint", atls_out_string(err->hint));
	atls_log_json_line(lines, log, ATLS_LOG_ERROR, &about, text);
	json_decref(about.facts);
}
