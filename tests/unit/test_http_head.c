/* The heads of answers: what counts of them, and what is too much. */
#include "tap.h"

#include "net/http_head.h"

#include <stdlib.h>

struct fed {
	struct atls_http_head head;
	struct atls_http_answer answer;
};

static int feed_line(struct fed *fed, const char *line, size_t len)
{
	/* A copy of just its length: nothing behind it may be read. */
	char *copy = malloc(len);
	if (!copy)
		abort();
	memcpy(copy, line, len);
	int rc = atls_http_head_line(&fed->head, &fed->answer, copy, len);
	free(copy);
	return rc;
}

/* Lines that end in LF, one after the other, up to the first that is refused. */
static int feed(struct fed *fed, const char *lines)
{
	int rc = ATLS_OK;
	while (*lines && !rc) {
		size_t len = strcspn(lines, "\n") + 1;
		rc = feed_line(fed, lines, len);
		lines += len;
	}
	return rc;
}

static struct fed begin(void)
{
	struct fed fed = {0};
	atls_http_head_begin(&fed.head);
	return fed;
}

static void names_and_values_are_read(void)
{
	struct fed fed = begin();
	eq_int(feed(&fed,
		       "HTTP/1.1 200 OK\r\nCONTENT-type: \t application/atls \r\nset-cookie:a=b; "
		       "Path=/\r\nSet-Cookie: nothing\r\nSet-Cookie: c=d\r\nRetry-After: 7\r\n"
		       "Content-Length: 12\r\nContent-Encoding: IDENTITY\r\n"
		       "Accept: application/x\r\nAccepts: no\r\n"),
		ATLS_OK);
	ok(!fed.head.whole);
	eq_int(feed(&fed, "\r\n"), ATLS_OK);
	ok(fed.head.whole && fed.answer.cookies && !fed.answer.encoded);
	eq_str(fed.answer.content_type, "application/atls");
	eq_str(fed.answer.accept, "application/x");
	eq_str(fed.head.cookies, "a=b; c=d");
	eq_int(fed.answer.retry_after_s, 7);
	eq_int(fed.head.length, 12);
	atls_http_head_begin(&fed.head);
	eq_int(feed(&fed, "HTTP/1.1 200\r\nSet-Cookie: a=other\r\n\n"), ATLS_OK);
	ok(fed.head.whole);
	eq_str(fed.head.cookies, "a=b; c=d");
}

static void cookies_of_a_refusal_are_forgotten(void)
{
	struct fed fed = begin();
	eq_int(feed(&fed, "HTTP/1.1 413 Large\r\nSet-Cookie: box=1\r\n\r\n"), ATLS_OK);
	atls_http_head_begin(&fed.head);
	eq_int(feed(&fed, "HTTP/1.1 200 OK\r\nSet-Cookie: atls=2\r\n\r\n"), ATLS_OK);
	eq_str(fed.head.cookies, "atls=2");
	atls_http_head_begin(&fed.head);
	eq_int(feed(&fed, "HTTP/1.1 502 Bad\r\nSet-Cookie: box=1\r\n\r\n"), ATLS_OK);
	atls_http_head_begin(&fed.head);
	eq_str(fed.head.cookies, "atls=2");
}

static void a_cookie_that_is_not_kept_is_none(void)
{
	struct fed fed = begin();
	eq_int(feed(&fed, "HTTP/1.1 200 OK\r\nSet-Cookie: nothing\r\n\r\n"), ATLS_OK);
	ok(!fed.answer.cookies);
	eq_str(fed.head.cookies, "");
}

static void interim_heads_and_trailers_do_not_count(void)
{
	struct fed fed = begin();
	eq_int(feed(&fed, "HTTP/1.1 103 Early\r\nSet-Cookie: a=b\r\nContent-Type: text/html\r\n"
			  "Content-Encoding: gzip\r\nContent-Length: 5\r\nRetry-After: 9\r\n"
			  "Accept: text/html\r\n\r\n"
			  "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n"
			  "Set-Cookie: c=d\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\n"
			  "Content-Length: 7\r\nRetry-After: 9\r\n\r\n"),
		ATLS_OK);
	ok(fed.head.whole && !fed.answer.cookies && !fed.answer.encoded);
	eq_str(fed.head.cookies, "");
	eq_str(fed.answer.content_type, "");
	eq_str(fed.answer.accept, "");
	eq_int(fed.answer.retry_after_s, 0);
	eq_int(fed.head.length, 6);
}

static void lengths_are_clear_or_refused(void)
{
	static const struct {
		const char *lines;
		const char *complaint; /* a part of it; null: taken */
	} cases[] = {
		{"Content-Length: 0\r\n", NULL},
		{"Content-Length: 4194304\r\n", NULL},
		{"Content-Length: 007\r\nContent-Length: 7\r\n", NULL},
		{"Content-Length: 7, 7 ,7\r\n", NULL},
		{"Content-Length: 7\r\nContent-Length: 8\r\n", "not clear"},
		{"Content-Length: 7, 8\r\n", "not clear"},
		{"Content-Length: 7,\r\n", "not clear"},
		{"Content-Length: ,7\r\n", "not clear"},
		{"Content-Length: \r\n", "not clear"},
		{"Content-Length: +7\r\n", "not clear"},
		{"Content-Length: -7\r\n", "not clear"},
		{"Content-Length: 0x7\r\n", "not clear"},
		{"Content-Length: 7 7\r\n", "not clear"},
		{"Content-Length: 7;\r\n", "not clear"},
		{"Content-Length: 4194305\r\n", "longer than 4194304"},
		{"Content-Length: 9223372036854775808\r\n", "longer than 4194304"},
		{"Content-Length: 18446744073709551616\r\n", "longer than 4194304"},
		{"Content-Length: 99999999999999999999999999999999999999\r\n", "longer than"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct fed fed = begin();
		(void)feed(&fed, "HTTP/1.1 200 OK\r\n");
		int rc = feed(&fed, cases[i].lines);
		if ((rc == ATLS_OK) != !cases[i].complaint)
			TAP_FAIL("%s: %d", cases[i].lines, rc);
		if (cases[i].complaint && !strstr(fed.answer.error.text, cases[i].complaint))
			TAP_FAIL("%s: %s", cases[i].lines, fed.answer.error.text);
	}
	struct fed fed = begin();
	eq_int(feed(&fed, "HTTP/1.1 304 Not Modified\r\nContent-Length: 99999999\r\n\r\n"),
		ATLS_OK);
}

static void what_is_too_much_is_refused(void)
{
	struct fed fed = begin();
	int rc = ATLS_OK;
	unsigned lines = 0;
	while (!rc && lines < 2 * ATLS_HEAD_MAX) {
		rc = feed(&fed, "HTTP/1.1 100 Continue\r\n\r\n");
		lines++;
	}
	eq_int(rc, ATLS_E_PROTOCOL);
	eq_int(lines, ATLS_HEAD_MAX / 25 + 1);
	atls_http_head_begin(&fed.head);
	fed.answer = (struct atls_http_answer){0};
	eq_int(feed(&fed, "HTTP/1.1 200 OK\r\n\r\n"), ATLS_OK);

	fed = begin();
	eq_int(feed(&fed, "HTTP/1.1 101 Switching Protocols\r\n"), ATLS_E_PROTOCOL);

	/* Cookies beyond the limit are not kept, and nothing is written past it. */
	char line[5000];
	fed = begin();
	(void)feed(&fed, "HTTP/1.1 200 OK\r\n");
	snprintf(line, sizeof line, "Set-Cookie: a=%04000d\r\n", 0);
	for (int i = 0; i < 4; i++)
		eq_int(feed(&fed, line), ATLS_OK);
	eq_int(strlen(fed.head.cookies), 2 * 4002 + 2);
}

static void times_to_wait_are_sane(void)
{
	static const struct {
		const char *line;
		long seconds;
	} cases[] = {
		{"Retry-After: 0\r\n", 0},
		{"Retry-After: 120\r\n", 120},
		{"Retry-After: 99999999999999999999\r\n", 86400},
		{"Retry-After: Wed, 21 Oct 2100 07:28:00 GMT\r\n", 0},
		{"Retry-After:\r\n", 0},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct fed fed = begin();
		eq_int(feed(&fed, cases[i].line), ATLS_OK);
		eq_int(fed.answer.retry_after_s, cases[i].seconds);
	}
	struct fed fed = begin();
	eq_int(feed(&fed, "Retry-After: -99999999999999999999\r\n"), ATLS_OK);
	ok(fed.answer.retry_after_s <= 0);
}

static void cut_anywhere_it_reads_no_further(void)
{
	static const char line[] = "Set-Cookie: atls=abc; Path=/\r\n";
	for (size_t len = 1; len < sizeof line; len++) {
		struct fed fed = begin();
		eq_int(feed_line(&fed, line, len), ATLS_OK);
	}
	for (size_t len = 1; len < 16; len++) {
		struct fed fed = begin();
		eq_int(feed_line(&fed, "HTTP/1.1 200 OK\r\n", len), ATLS_OK);
	}
}

int main(void)
{
	run(names_and_values_are_read);
	run(cookies_of_a_refusal_are_forgotten);
	run(a_cookie_that_is_not_kept_is_none);
	run(interim_heads_and_trailers_do_not_count);
	run(lengths_are_clear_or_refused);
	run(what_is_too_much_is_refused);
	run(times_to_wait_are_sane);
	run(cut_anywhere_it_reads_no_further);
	return tap_done();
}
