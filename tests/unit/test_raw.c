/* Byte streams that protect themselves: the names of their bodies, and engines without TLS. */
#include "tap.h"

#include "core/answer.h"
#include "core/raw.h"

#include <stdlib.h>

#define LIMIT (512u << 10)

static void a_type_makes_the_names(void)
{
	struct atls_raw raw;
	struct atls_error err = {0};
	eq_int(atls_raw_init(&raw, "SSH", &err), ATLS_OK);
	eq_str(raw.codec.content_type, "application/ssh+octet-stream");
	eq_str(raw.protocol, "ssh+octet-stream");
	eq_str(raw.codec.name, "raw");
	ok(!raw.codec.session_in_body);
	eq_int(atls_raw_init(&raw, "vnd.example-2_x", &err), ATLS_OK);
	eq_str(raw.content_type, "application/vnd.example-2_x+octet-stream");
}

static void what_is_no_type_is_refused(void)
{
	static const char *const types[] = {"", "-x", ".x", "a/b", "a+b", "a b", "a;b", "a\r\nb",
		"\xc3\xa4", "atls", "ATLS",
		"0123456789012345678901234567890123456789012345678901234567890123x"};
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		struct atls_raw raw;
		struct atls_error err = {0};
		if (atls_raw_init(&raw, types[i], &err) != ATLS_E_USAGE || !err.text[0])
			TAP_FAIL("'%s' is taken for a type", types[i]);
	}
}

static void the_longest_type_has_room(void)
{
	char type[ATLS_RAW_TYPE_MAX + 1];
	struct atls_raw raw;
	memset(type, 'x', sizeof type - 1);
	type[sizeof type - 1] = '\0';
	eq_int(atls_raw_init(&raw, type, NULL), ATLS_OK);
	eq_int(strlen(raw.content_type), sizeof raw.content_type - 1);
}

static enum atls_answer_means judge(const struct atls_raw *raw, long status, const char *type)
{
	uint8_t bytes[] = "{x";
	struct atls_http_answer answer = {.status = status, .body = bytes, .len = 2};
	struct atls_body body;
	struct atls_error err = {0};
	snprintf(answer.content_type, sizeof answer.content_type, "%s", type);
	enum atls_answer_means means = atls_answer_judge(&answer, &raw->codec, false, &body, &err);
	if (means == ATLS_ANSWER_VALID)
		ok(body.len == 2 && memcmp(body.records, "{x", 2) == 0);
	return means;
}

static void an_answer_has_to_be_of_the_type(void)
{
	struct atls_raw raw;
	eq_int(atls_raw_init(&raw, "ssh", NULL), ATLS_OK);
	eq_int(judge(&raw, 200, "Application/SSH+octet-stream; q=1"), ATLS_ANSWER_VALID);
	eq_int(judge(&raw, 200, "application/atls"), ATLS_ANSWER_END);
	eq_int(judge(&raw, 200, "application/ssh+octet-streams"), ATLS_ANSWER_END);
	eq_int(judge(&raw, 200, "application/noise+octet-stream"), ATLS_ANSWER_END);
	eq_int(judge(&raw, 415, ""), ATLS_ANSWER_OTHER_ENCODING);
}

/* ---- Engines ---- */

static bool has(const struct atls_engine *engine, unsigned bits)
{
	return (atls_engine_state(engine) & bits) == bits;
}

static struct atls_engine *engine_new(void)
{
	struct atls_error err = {0};
	struct atls_engine *engine = atls_raw_engine_new(0, LIMIT, &err);
	if (!engine) {
		printf("Bail out! no engine: %s\n", err.text);
		abort();
	}
	return engine;
}

static void it_stands_at_once_and_says_nothing_of_itself(void)
{
	struct atls_engine *engine = engine_new();
	const uint8_t *bytes;
	char data[8];
	ok(has(engine, ATLS_ESTABLISHED | ATLS_CAN_WRITE | ATLS_WANT_INPUT));
	ok(!has(engine, ATLS_HAVE_DATA) && !has(engine, ATLS_HAVE_OUTPUT));
	eq_int(atls_engine_output(engine, &bytes), 0);
	eq_int(atls_engine_read(engine, data, sizeof data), ATLS_E_AGAIN);
	ok(!atls_engine_session(engine));
	atls_engine_free(engine);
}

static void bytes_pass_as_they_are_in_pieces_of_any_size(void)
{
	struct atls_engine *from = engine_new(), *to = engine_new();
	static uint8_t sent[100000], got[sizeof sent];
	const uint8_t *bytes;
	size_t done = 0, len;
	for (size_t i = 0; i < sizeof sent; i++)
		sent[i] = (uint8_t)(i * 31 + (i >> 8));
	eq_int(atls_engine_write(from, sent, sizeof sent), sizeof sent);
	for (size_t cut = 1; (len = atls_engine_output(from, &bytes)) > 0; cut = cut * 3 + 1) {
		if (len > cut)
			len = cut;
		eq_int(atls_engine_feed(to, bytes, len), 0);
		atls_engine_output_done(from, len);
		ok(has(to, ATLS_HAVE_DATA));
		ssize_t count;
		while ((count = atls_engine_read(to, got + done, 1 + cut / 2)) > 0)
			done += (size_t)count;
		eq_int(count, ATLS_E_AGAIN);
	}
	ok(done == sizeof sent && memcmp(sent, got, done) == 0);
	eq_int(atls_engine_input_pending(to), 0);
	atls_engine_free(from);
	atls_engine_free(to);
}

static void writing_stops_at_the_limit_and_goes_on(void)
{
	struct atls_engine *engine = engine_new();
	static uint8_t much[2 * LIMIT];
	ssize_t taken = atls_engine_write(engine, much, sizeof much);
	ok(taken > 0 && (size_t)taken <= LIMIT);
	ok(!has(engine, ATLS_CAN_WRITE));
	eq_int(atls_engine_write(engine, much, 1), ATLS_E_AGAIN);
	atls_engine_output_done(engine, (size_t)taken);
	eq_int(atls_engine_write(engine, much, 1), 1);
	atls_engine_free(engine);
}

static void input_has_a_limit(void)
{
	struct atls_engine *engine = atls_raw_engine_new(4, 0, NULL);
	char data[8];
	eq_int(atls_engine_feed(engine, "abcde", 5), ATLS_E_LIMIT);
	eq_int(atls_engine_feed(engine, "abcd", 4), 0);
	eq_int(atls_engine_read(engine, data, sizeof data), 4);
	atls_engine_free(engine);
}

static void each_direction_ends_on_its_own(void)
{
	struct atls_engine *engine = engine_new();
	const uint8_t *bytes;
	char data[8];
	eq_int(atls_engine_close(engine), 0);
	ok(atls_engine_closed(engine));
	eq_int(atls_engine_close_len(engine), 0);
	eq_int(atls_engine_output(engine, &bytes), 0);
	eq_int(atls_engine_write(engine, "x", 1), ATLS_E_USAGE);
	eq_int(atls_engine_feed(engine, "ab", 2), 0);
	atls_engine_end_input(engine);
	eq_int(atls_engine_read(engine, data, 1), 1);
	eq_int(atls_engine_read(engine, data, sizeof data), 1);
	eq_int(atls_engine_read(engine, data, sizeof data), 0);
	ok(has(engine, ATLS_PEER_CLOSED) && !has(engine, ATLS_FAILED));
	ok(!atls_engine_broke_off(engine) && !atls_engine_peer_failed(engine));
	atls_engine_free(engine);
}

static void what_came_before_an_abort_is_read_and_then_it_fails(void)
{
	struct atls_engine *engine = engine_new();
	char data[8];
	eq_int(atls_engine_feed(engine, "ab", 2), 0);
	atls_engine_abort_input(engine);
	eq_int(atls_engine_read(engine, data, sizeof data), 2);
	eq_int(atls_engine_read(engine, data, sizeof data), ATLS_E_TLS);
	ok(has(engine, ATLS_FAILED) && !has(engine, ATLS_PEER_CLOSED));
	ok(strstr(atls_engine_error(engine)->text, "truncated") != NULL);
	ok(atls_engine_broke_off(engine) && atls_engine_peer_failed(engine));
	atls_engine_free(engine);
}

static void an_abort_behind_the_end_changes_nothing(void)
{
	struct atls_engine *engine = engine_new();
	char data[8];
	atls_engine_end_input(engine);
	atls_engine_abort_input(engine);
	eq_int(atls_engine_read(engine, data, sizeof data), 0);
	ok(!atls_engine_peer_failed(engine));
	atls_engine_free(engine);
}

static void one_that_is_aborted_leaves_its_output_and_breaks_off(void)
{
	static const struct atls_error why = {.code = ATLS_E_LOCAL, .text = "gone"};
	struct atls_engine *open = engine_new(), *closed = engine_new();
	const uint8_t *bytes;
	eq_int(atls_engine_write(open, "ab", 2), 2);
	atls_engine_abort(open, GNUTLS_A_INTERNAL_ERROR, &why);
	eq_int(atls_engine_output(open, &bytes), 2);
	ok(has(open, ATLS_FAILED | ATLS_HAVE_OUTPUT) && atls_engine_broke_off(open));
	ok(!atls_engine_peer_failed(open));
	eq_str(atls_engine_error(open)->text, "gone");
	/* Its end was said. */
	eq_int(atls_engine_close(closed), 0);
	atls_engine_abort(closed, GNUTLS_A_INTERNAL_ERROR, &why);
	ok(has(closed, ATLS_FAILED) && !atls_engine_broke_off(closed));
	atls_engine_free(open);
	atls_engine_free(closed);
}

int main(void)
{
	run(a_type_makes_the_names);
	run(what_is_no_type_is_refused);
	run(the_longest_type_has_room);
	run(an_answer_has_to_be_of_the_type);
	run(it_stands_at_once_and_says_nothing_of_itself);
	run(bytes_pass_as_they_are_in_pieces_of_any_size);
	run(writing_stops_at_the_limit_and_goes_on);
	run(input_has_a_limit);
	run(each_direction_ends_on_its_own);
	run(what_came_before_an_abort_is_read_and_then_it_fails);
	run(an_abort_behind_the_end_changes_nothing);
	run(one_that_is_aborted_leaves_its_output_and_breaks_off);
	return tap_done();
}
