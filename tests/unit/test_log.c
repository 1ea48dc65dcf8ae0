/* Lines on standard error, results on standard output, exit codes. */
#include "cli/exit.h"
#include "cli/log.h"
#include "cli/out.h"
#include "core/err.h"
#include "tests/unit/capture.h"
#include "tests/unit/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/socket.h>

static const struct atls_log plain_log = {.tool = "atls-test", .level = ATLS_LOG_NOTICE};

static const struct escape_case {
	const char *text, *want;
} escape_cases[] = {
	{"", ""},
	{"plain 'text' with \\ backslash ~", "plain 'text' with \\ backslash ~"},
	{"a\nb", "a\\x0ab"},
	{"\r\t\a\b\x1b[31m", "\\x0d\\x09\\x07\\x08\\x1b[31m"},
	{"\x01\x1f \x7e\x7f", "\\x01\\x1f ~\\x7f"},
	{"gr\u00fc\u00dfe \u4f60\u597d \U0001f512", "gr\u00fc\u00dfe \u4f60\u597d \U0001f512"},
	{"\xc2\x80|\xc2\x9b|\xc2\x9f|\u00a0", "\\xc2\\x80|\\xc2\\x9b|\\xc2\\x9f|\u00a0"},
	{"\u202a\u202e", "\\xe2\\x80\\xaa\\xe2\\x80\\xae"},
	{"\u2066\u2069", "\\xe2\\x81\\xa6\\xe2\\x81\\xa9"},
	{"\u2065|\u206a", "\u2065|\u206a"},
	{"\u2028\u2029", "\\xe2\\x80\\xa8\\xe2\\x80\\xa9"},
	{"\u200e\u200f\u061c", "\\xe2\\x80\\x8e\\xe2\\x80\\x8f\\xd8\\x9c"},
	{"\u200d|\u2010|\u2027|\u202f", "\u200d|\u2010|\u2027|\u202f"},
	{"\xff\xfe", "\\xff\\xfe"},
	{"\x80z\xbfz", "\\x80z\\xbfz"},
	{"\xc0\x80|\xc1\xbf", "\\xc0\\x80|\\xc1\\xbf"},
	{"\xe0\x80\x80", "\\xe0\\x80\\x80"},
	{"\xe0\x9f\xbf|\u0800", "\\xe0\\x9f\\xbf|\u0800"},
	{"\xf0\x8f\xbf\xbf|\U00010000", "\\xf0\\x8f\\xbf\\xbf|\U00010000"},
	{"\xed\xa0\x80|\xed\xbf\xbf", "\\xed\\xa0\\x80|\\xed\\xbf\\xbf"},
	{"\xed\x9f\xbf|\xee\x80\x80", "\xed\x9f\xbf|\xee\x80\x80"},
	{"\xf4\x8f\xbf\xbf|\xf4\x90\x80\x80", "\xf4\x8f\xbf\xbf|\\xf4\\x90\\x80\\x80"},
	{"\xf8\x88\x80\x80\x80", "\\xf8\\x88\\x80\\x80\\x80"},
	{"cut \xe4\xbd", "cut \\xe4\\xbd"},
	{"cut \xf0\x9f\x94", "cut \\xf0\\x9f\\x94"},
	{"\xe4\xbd\xc3\xbc", "\\xe4\\xbd\u00fc"},
};

static void test_escape_table(void)
{
	char out[256];

	for (size_t i = 0; i < sizeof escape_cases / sizeof *escape_cases; i++) {
		ok(atls_log_escape(escape_cases[i].text, out, sizeof out) == out);
		eq_str(out, escape_cases[i].want);
	}
}

static void test_escape_cuts_between_characters(void)
{
	char out[8] = "untouch";

	atls_log_escape("abc", out, 0);
	eq_str(out, "untouch");
	eq_str(atls_log_escape("abc", out, 1), "");
	eq_str(atls_log_escape("abc", out, 3), "ab");
	eq_str(atls_log_escape("a\nb", out, 5), "a");
	eq_str(atls_log_escape("a\nb", out, 6), "a\\x0a");
	eq_str(atls_log_escape("\u4f60\u597d", out, 6), "\u4f60");
	eq_str(atls_log_escape("\u4f60\u597d", out, 7), "\u4f60\u597d");
}

static void test_levels(void)
{
	struct atls_log log = plain_log;
	static const char *const want[] = {
		"atls-test: 0\n",
		"atls-test: 0\natls-test: 1\n",
		"atls-test: 0\natls-test: 1\natls-test: 2\n",
		"atls-test: 0\natls-test: 1\natls-test: 2\natls-test: 3\n",
	};

	for (int level = ATLS_LOG_ERROR; level <= ATLS_LOG_DEBUG; level++) {
		log.level = (enum atls_log_level)level;
		capture_begin();
		for (int i = ATLS_LOG_ERROR; i <= ATLS_LOG_DEBUG; i++)
			atls_log(&log, (enum atls_log_level)i, "%d", i);
		capture_end();
		eq_str(captured[2].text, want[level]);
		eq_str(captured[1].text, "");
	}
}

static void test_line_is_escaped(void)
{
	capture_begin();
	errno = ENOTTY;
	atls_log(&plain_log, ATLS_LOG_NOTICE, "%s says %s\n", "peer", "a\r\nb\xff\x1b[2J");
	int after = errno;
	capture_end();
	eq_str(captured[2].text, "atls-test: peer says a\\x0d\\x0ab\\xff\\x1b[2J\\x0a\n");
	eq_int(after, ENOTTY);
}

/* A socket keeps each write apart. */
static void test_one_write_a_line(void)
{
	struct atls_error err = {.code = ATLS_OK};
	static char text[3 * PIPE_BUF], got[4 * PIPE_BUF];
	int pair[2];

	atls_error_set(&err, ATLS_E_TLS, "inner TLS: a");
	atls_error_hint(&err, "b");
	memset(text, 'x', sizeof text - 1);
	eq_int(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	capture_replace(2, pair[1]);
	atls_log(&plain_log, ATLS_LOG_ERROR, "%s", "short");
	atls_log(&plain_log, ATLS_LOG_ERROR, "%s", text);
	memset(text, '\n', sizeof text - 1);
	atls_log(&plain_log, ATLS_LOG_ERROR, "%s", text);
	atls_log_error(&plain_log, &err);
	capture_restore(2);
	eq_int(recv(pair[0], got, sizeof got, 0), strlen("atls-test: short\n"));
	eq_int(recv(pair[0], got, sizeof got, 0), PIPE_BUF - 1);
	eq_int(got[PIPE_BUF - 2], '\n');
	ssize_t len = recv(pair[0], got, sizeof got, 0);
	ok(len > PIPE_BUF - 6 && len <= PIPE_BUF);
	eq_mem(got + len - 5, 5, "\\x0a\n", 5);
	len = recv(pair[0], got, sizeof got, 0);
	eq_mem(got, (size_t)len, "atls-test: inner TLS: a\nhint: b\n", 32);
	close(pair[0]);
}

static void test_error_with_and_without_hint(void)
{
	struct atls_log quiet = {.tool = "atls-test", .level = ATLS_LOG_ERROR};
	struct atls_error err = {.code = ATLS_OK};

	atls_error_set(&err, ATLS_E_NETWORK, "proxy: refused by \x1b]0;x\a");
	capture_begin();
	atls_log_error(&quiet, &err);
	capture_end();
	eq_str(captured[2].text, "atls-test: proxy: refused by \\x1b]0;x\\x07\n");

	atls_error_hint(&err, "try\n--proxy");
	capture_begin();
	atls_log_error(&quiet, &err);
	capture_end();
	eq_str(captured[2].text,
		"atls-test: proxy: refused by \\x1b]0;x\\x07\nhint: try\\x0a--proxy\n");
}

/* The longest error there is, of the worst bytes, is printed whole. */
static void test_error_is_never_cut(void)
{
	struct atls_error err = {.code = ATLS_E_PROTOCOL};

	memset(err.text, '\n', sizeof err.text - 1);
	memset(err.hint, '\n', sizeof err.hint - 1);
	capture_begin();
	atls_log_error(&plain_log, &err);
	capture_end();
	eq_int(strlen(captured[2].text),
		strlen("atls-test: \nhint: \n") + 4 * (sizeof err.text - 1 + sizeof err.hint - 1));
}

static void test_timestamps(void)
{
	struct atls_log log = {.tool = "t", .level = ATLS_LOG_NOTICE, .timestamps = true};
	struct atls_error err = {.code = ATLS_E_LOCAL, .text = "a", .hint = "b"};

	capture_begin();
	atls_log(&log, ATLS_LOG_NOTICE, "up");
	atls_log_error(&log, &err);
	capture_end();
	for (char *at = captured[2].text; *at; at++)
		if (*at >= '0' && *at <= '9')
			*at = '9';
	eq_str(captured[2].text, "9999-99-99T99:99:99Z t: up\n9999-99-99T99:99:99Z t: a\n"
				 "9999-99-99T99:99:99Z hint: b\n");
}

static void test_closed_stderr_is_survived(void)
{
	capture_begin();
	close(2);
	atls_log(&plain_log, ATLS_LOG_ERROR, "nobody hears");
	eq_int(dup2(captured[2].file, 2), 2);
	capture_end();
	eq_str(captured[2].text, "");
}

/* A line that does not fit into a full pipe is given up; the next one finds room again. */
static void test_nonblocking_stderr(void)
{
	static char fill[1 << 16], got[1 << 17];
	int fds[2];

	eq_int(pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
	while (write(fds[1], fill, sizeof fill) > 0) {
	}
	while (write(fds[1], fill, 1) > 0) {
	}
	capture_replace(2, fds[1]);
	atls_log(&plain_log, ATLS_LOG_ERROR, "lost");
	while (read(fds[0], got, sizeof got) > 0) {
	}
	atls_log(&plain_log, ATLS_LOG_ERROR, "heard");
	capture_restore(2);
	ssize_t len = read(fds[0], got, sizeof got);
	eq_mem(got, len < 0 ? 0 : (size_t)len, "atls-test: heard\n", 17);
	close(fds[0]);
}

static void test_out_text(void)
{
	static char text[5000];

	memset(text, 'y', sizeof text - 1);
	capture_begin();
	atls_out_text("subject: %s\n", "CN=a\nb\x1b");
	atls_out_text("%s", "no end\n");
	atls_out_text("\n");
	atls_out_text("%s", "");
	atls_out_text("%s\n", text);
	capture_end();
	eq_mem(captured[1].text, 41, "subject: CN=a\\x0ab\\x1b\nno end\\x0a\nyyyyyyyyy", 41);
	eq_int(strlen(captured[1].text), 34 + sizeof text);
	eq_str(captured[2].text, "");
}

static void test_out_json(void)
{
	struct atls_error err = {.code = ATLS_OK};

	capture_begin();
	int rc = atls_out_json(json_pack("{s:s,s:i,s:[b,n],s:o}", "schema", "atls-test/1", "a", 1,
				       "list", 1, "name", atls_out_string("\u00fc\n\xff")),
		&err);
	int null_rc = atls_out_json(NULL, &err);
	capture_end();
	eq_int(rc, ATLS_OK);
	eq_int(null_rc, ATLS_E_MEMORY);
	eq_str(captured[1].text, "{\"schema\":\"atls-test/1\",\"a\":1,\"list\":[true,null],"
				 "\"name\":\"\\u00FC\\n\\\\xff\"}\n");
}

static void test_out_string(void)
{
	json_t *string = atls_out_string("\xc3\xbc \xc3 \xed\xa0\x80 \x1b \u202e");
	eq_str(json_string_value(string), "\xc3\xbc \\xc3 \\xed\\xa0\\x80 \x1b \u202e");
	json_decref(string);
	string = atls_out_string("");
	eq_str(json_string_value(string), "");
	json_decref(string);
}

static void test_out_flush_on_a_full_disk(void)
{
	struct atls_error err = {.code = ATLS_OK}, again = {.code = ATLS_OK};

	capture_replace(1, open("/dev/full", O_WRONLY | O_CLOEXEC));
	printf("lost");
	int rc = atls_out_flush(&err);
	__fpurge(stdout);
	int later = atls_out_flush(&again);
	capture_restore(1);
	eq_int(rc, ATLS_E_LOCAL);
	eq_str(err.text, "standard output: No space left on device");
	eq_int(later, ATLS_E_LOCAL);
	eq_str(again.text, "standard output: an earlier write failed");
	eq_int(atls_out_flush(&err), ATLS_OK);
}

static void test_out_time(void)
{
	char text[ATLS_TIME_TEXT];
	static const struct time_case {
		time_t when;
		const char *want;
	} cases[] = {
		{0, "1970-01-01T00:00:00Z"},
		{1795449600, "2026-11-23T16:00:00Z"},
		{-1, "1969-12-31T23:59:59Z"},
		{253402300799, "9999-12-31T23:59:59Z"},
		{253402300800, ""},
		{-99999999999, ""},
		{INT64_MAX, ""},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		atls_out_time(cases[i].when, text);
		eq_str(text, cases[i].want);
	}
}

static void test_exit_codes(void)
{
	eq_int(atls_exit_code(ATLS_OK), 0);
	eq_int(atls_exit_code(ATLS_E_USAGE), 2);
	eq_int(atls_exit_code(ATLS_E_NETWORK), 3);
	eq_int(atls_exit_code(ATLS_E_TLS), 4);
	eq_int(atls_exit_code(ATLS_E_PROTOCOL), 5);
	eq_int(atls_exit_code(ATLS_E_LOCAL), 6);
	eq_int(atls_exit_code(ATLS_E_MEMORY), 6);
	eq_int(atls_exit_code(ATLS_E_LIMIT), 6);
}

int main(void)
{
	run(test_escape_table);
	run(test_escape_cuts_between_characters);
	run(test_levels);
	run(test_line_is_escaped);
	run(test_one_write_a_line);
	run(test_error_with_and_without_hint);
	run(test_error_is_never_cut);
	run(test_timestamps);
	run(test_closed_stderr_is_survived);
	run(test_nonblocking_stderr);
	run(test_out_text);
	run(test_out_json);
	run(test_out_string);
	run(test_out_flush_on_a_full_disk);
	run(test_out_time);
	run(test_exit_codes);
	return tap_done();
}
