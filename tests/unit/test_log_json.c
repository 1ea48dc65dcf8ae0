/* --log-format json: one valid object a line, whatever bytes a peer chose. */
#include "cli/log.h"
#include "cli/out.h"
#include "core/err.h"
#include "tests/unit/capture.h"
#include "tests/unit/tap.h"

#include <limits.h>
#include <sys/socket.h>

static const struct atls_log json_log = {
	.tool = "atls-test", .level = ATLS_LOG_NOTICE, .json = true};

/* The one line that was captured, as an object; null if it is not exactly that. */
static json_t *captured_object(void)
{
	json_error_t error;
	size_t len = strlen(captured[2].text);

	ok(len > 0 && len <= PIPE_BUF);
	ok(strchr(captured[2].text, '\n') == captured[2].text + len - 1);
	for (size_t i = 0; i + 1 < len; i++)
		if (captured[2].text[i] < ' ')
			TAP_FAIL("byte %zu is 0x%02x", i, (unsigned char)captured[2].text[i]);
	return json_loads(captured[2].text, JSON_REJECT_DUPLICATES, &error);
}

static const char *member(const json_t *line, const char *key)
{
	return json_string_value(json_object_get(line, key));
}

/* "2026-11-25T07:00:00.000Z" */
static bool is_time(const char *text)
{
	const char *form = "9999-99-99T99:99:99.999Z";

	for (; text && *text && *form; text++, form++)
		if (*form == '9' ? *text < '0' || *text > '9' : *text != *form)
			return false;
	return text && !*text && !*form;
}

static void test_line(void)
{
	capture_begin();
	atls_log(&json_log, ATLS_LOG_NOTICE, "listening on %s", "x");
	capture_end();
	json_t *line = captured_object();
	eq_int(json_object_size(line), 5);
	eq_str(member(line, "schema"), "atls-log/1");
	ok(is_time(member(line, "time")));
	eq_str(member(line, "level"), "notice");
	eq_str(member(line, "tool"), "atls-test");
	eq_str(member(line, "message"), "listening on x");
	json_decref(line);
}

static void test_levels(void)
{
	static const char *const words[] = {"error", "notice", "verbose", "debug"};
	struct atls_log log = json_log;

	for (int i = ATLS_LOG_ERROR; i <= ATLS_LOG_DEBUG; i++) {
		log.level = (enum atls_log_level)i;
		capture_begin();
		atls_log(&log, (enum atls_log_level)i, "said");
		atls_log(&log, (enum atls_log_level)(i + 1), "unsaid");
		capture_end();
		json_t *line = captured_object();
		eq_str(member(line, "level"), words[i]);
		json_decref(line);
	}
}

static void test_event_and_facts(void)
{
	const struct atls_log_about about = {"session_end", "TqmU4r",
		json_pack("{s:i, s:s, s:s}", "bytes_up", 79, "reason", "closed", "tool", "forged")};

	capture_begin();
	atls_log_event(&json_log, ATLS_LOG_NOTICE, &about, "session %s: ended", "TqmU4r");
	capture_end();
	json_t *line = captured_object();
	eq_str(member(line, "event"), "session_end");
	eq_str(member(line, "session"), "TqmU4r");
	eq_str(member(line, "message"), "session TqmU4r: ended");
	eq_str(member(line, "reason"), "closed");
	eq_int(json_integer_value(json_object_get(line, "bytes_up")), 79);
	eq_str(member(line, "tool"), "atls-test"); /* a fact takes nothing's place */
	json_decref(line);
}

static void test_event_as_text(void)
{
	struct atls_log log = json_log;
	struct atls_log_about about = {"session_end", "TqmU4r", json_pack("{s:i}", "n", 1)};

	log.json = false;
	capture_begin();
	atls_log_event(&log, ATLS_LOG_NOTICE, &about, "session ended");
	about.facts = json_pack("{s:i}", "n", 1); /* freed although nothing is said */
	atls_log_event(&log, ATLS_LOG_DEBUG, &about, "unsaid");
	capture_end();
	eq_str(captured[2].text, "atls-test: session ended\n");
}

static void test_error(void)
{
	struct atls_error err = {.code = ATLS_OK};

	atls_error_set(&err, ATLS_E_NETWORK, "proxy: \"refused\" by \x1b]0;x\a\xff");
	capture_begin();
	atls_log_error(&json_log, &err);
	capture_end();
	json_t *line = captured_object();
	eq_str(member(line, "level"), "error");
	eq_str(member(line, "event"), "error");
	eq_str(member(line, "code"), "network");
	eq_str(member(line, "message"), "proxy: \"refused\" by \x1b]0;x\a\\xff");
	ok(!json_object_get(line, "hint"));
	json_decref(line);

	atls_error_hint(&err, "try --proxy");
	capture_begin();
	atls_log_error(&json_log, &err);
	capture_end();
	line = captured_object();
	eq_str(member(line, "hint"), "try --proxy");
	json_decref(line);
}

static void test_code_words(void)
{
	eq_str(atls_code_word(ATLS_OK), "ok");
	eq_str(atls_code_word(ATLS_E_MEMORY), "memory");
	eq_str(atls_code_word(ATLS_E_USAGE), "usage");
	eq_str(atls_code_word(ATLS_E_TLS), "tls");
	eq_str(atls_code_word(ATLS_E_TLS - 1), "other");
	eq_str(atls_code_word(1), "other");
	eq_str(atls_code_word(INT_MIN), "other");
}

/* Every byte in every place of a message, a name and a fact, at lengths around what fits. */
static void test_any_bytes(void)
{
	static char text[2 * PIPE_BUF];
	uint32_t random = 1;

	for (unsigned round = 0; round < 600; round++) {
		size_t len = round < 256 ? 40 : (round * 37) % (sizeof text - 1);
		for (size_t i = 0; i < len; i++) {
			random = random * 1664525 + 1013904223;
			text[i] = (char)(round < 256 ? (int)round : (int)(random >> 24));
			text[i] = (char)(text[i] ? text[i] : 'x');
		}
		text[len] = '\0';
		const struct atls_log_about about = {"event", round % 2 ? "session" : NULL,
			json_pack("{s:o}", "fact", atls_out_string(round % 3 ? "short" : text))};
		capture_begin();
		atls_log_event(&json_log, ATLS_LOG_NOTICE, &about, "%s", text);
		capture_end();
		json_t *line = captured_object();
		eq_str(member(line, "schema"), "atls-log/1");
		eq_str(member(line, "event"), "event");
		json_decref(line);
	}
}

/* As much of a long message as fits, and it ends between two characters. */
static void test_cut(void)
{
	static char text[4 * PIPE_BUF];
	struct atls_error err = {.code = ATLS_E_PROTOCOL};

	for (size_t i = 0; i + 2 < sizeof text; i += 2)
		memcpy(text + i, "\u00fc", 2);
	capture_begin();
	atls_log(&json_log, ATLS_LOG_ERROR, "%s", text);
	capture_end();
	json_t *line = captured_object();
	const char *message = member(line, "message");
	ok(message && strlen(captured[2].text) > PIPE_BUF - 40);
	ok(message && strlen(message) % 2 == 0 && !strchr(message, '\\'));
	json_decref(line);

	/* The longest error there is, of the worst bytes, is whole. */
	memset(err.text, '\n', sizeof err.text - 1);
	memset(err.hint, '\n', sizeof err.hint - 1);
	capture_begin();
	atls_log_error(&json_log, &err);
	capture_end();
	line = captured_object();
	eq_str(member(line, "message"), err.text);
	eq_str(member(line, "hint"), err.hint);
	json_decref(line);
}

static void test_one_write_a_line(void)
{
	static char got[2 * PIPE_BUF];
	int pair[2];

	eq_int(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	capture_replace(2, pair[1]);
	atls_log(&json_log, ATLS_LOG_ERROR, "%s", "short");
	capture_restore(2);
	ssize_t len = recv(pair[0], got, sizeof got - 1, 0);
	ok(len > 2 && got[0] == '{' && got[len - 2] == '}' && got[len - 1] == '\n');
	close(pair[0]);
}

/* A progress line that stands on the terminal goes before another line comes. */
static void test_unfinished_line(void)
{
	bool unfinished = true;
	struct atls_log log = json_log;

	log.json = false;
	log.unfinished = &unfinished;
	capture_begin();
	atls_log(&log, ATLS_LOG_DEBUG, "unsaid");
	ok(unfinished);
	atls_log(&log, ATLS_LOG_NOTICE, "one");
	ok(!unfinished);
	atls_log(&log, ATLS_LOG_NOTICE, "two");
	capture_end();
	eq_str(captured[2].text, "\r\x1b[Katls-test: one\natls-test: two\n");
}

int main(void)
{
	run(test_line);
	run(test_levels);
	run(test_event_and_facts);
	run(test_event_as_text);
	run(test_error);
	run(test_code_words);
	run(test_any_bytes);
	run(test_cut);
	run(test_one_write_a_line);
	run(test_unfinished_line);
	return tap_done();
}
