/* A client's course: what HTTP answers do to a session of base carriage. */
#include "pair.h"
#include "tap.h"

#include "core/course.h"

static const struct atls_base_limits limits = {
	.body_max = 4096, .idle_ms = 1000, .resume_ms = 60000, .seed = 1};

/* A course, and the service that answers it. */
struct party {
	struct pair pair;
	struct atls_course course;
	struct atls_error err;
	int64_t now;
	uint8_t body[8192];
	char heard[64]; /* by the service, all of it */
	size_t heard_len;
};

static void begin(struct party *party)
{
	atls_engine_free(party->pair.server);
	pair_engines(&party->pair, &(struct pair_spec){0});
	atls_course_begin(&party->course, party->pair.client, &limits, party->now);
	party->pair.client = NULL;
}

static void party_new(struct party *party, int encoding)
{
	memset(party, 0, sizeof *party);
	pair_new(&party->pair, &(struct pair_spec){0});
	atls_engine_free(party->pair.client);
	atls_course_init(&party->course, encoding);
	begin(party);
}

static void party_free(struct party *party)
{
	atls_course_free(&party->course);
	pair_free(&party->pair);
}

static enum atls_course_turn take(struct party *party, struct atls_http_answer *answer)
{
	memset(&party->err, 0, sizeof party->err);
	return atls_course_answered(&party->course, answer, party->now, &party->err);
}

/* The next request goes out; returns what is in it. */
static size_t request(struct party *party, const uint8_t **bytes)
{
	int64_t at;
	size_t len = 0;
	enum atls_base_step step =
		atls_base_next(&party->course.base, party->now, bytes, &len, &at);
	if (step == ATLS_BASE_WAIT) {
		party->now = at;
		step = atls_base_next(&party->course.base, party->now, bytes, &len, &at);
	}
	eq_int(step, ATLS_BASE_SEND);
	return len;
}

/* It is answered with a status, and nothing else comes of it. */
static enum atls_course_turn refused(struct party *party, long status)
{
	const uint8_t *bytes;
	struct atls_http_answer answer = {.status = status};
	(void)request(party, &bytes);
	return take(party, &answer);
}

/* It reaches the service, which answers as it should, with a cookie or the session's name. */
static enum atls_course_turn honest(struct party *party, const char *name)
{
	const struct atls_body_codec *codec = party->course.codec;
	const uint8_t *bytes;
	struct atls_http_answer answer = {.status = 200, .cookies = true, .body = party->body};
	size_t len = request(party, &bytes);
	(void)atls_engine_feed(party->pair.server, bytes, len);
	ssize_t got = atls_engine_read(party->pair.server, party->heard + party->heard_len,
		sizeof party->heard - party->heard_len);
	if (got > 0)
		party->heard_len += (size_t)got;
	len = atls_engine_output(party->pair.server, &bytes);
	answer.len = codec->encode(name, NULL, bytes, len, party->body);
	atls_engine_output_done(party->pair.server, len);
	snprintf(answer.content_type, sizeof answer.content_type, "%s", codec->content_type);
	enum atls_course_turn turn = take(party, &answer);
	char data[64];
	(void)atls_engine_read(party->course.engine, data, sizeof data);
	return turn;
}

static void establish(struct party *party)
{
	for (int i = 0; i < 3; i++)
		eq_int(honest(party, "S"), ATLS_COURSE_ON);
	ok(atls_engine_state(party->pair.server) & ATLS_ESTABLISHED);
}

static void each_encoding_carries_a_session(void)
{
	for (int encoding = -1; encoding < ATLS_ENCODINGS; encoding++) {
		struct party party;
		party_new(&party, encoding);
		establish(&party);
		eq_int(atls_course_write(&party.course, "hello", 5), 5);
		eq_int(honest(&party, "S"), ATLS_COURSE_ON);
		eq_mem(party.heard, party.heard_len, "hello", 5);
		ok(!party.course.may_change);
		eq_int(party.course.id != NULL, encoding == ATLS_JSON);
		party_free(&party);
	}
}

static void auto_goes_over_to_json_once(void)
{
	static const long statuses[] = {400, 403, 404, 405, 415, 422};
	for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
		struct party party;
		party_new(&party, -1);
		eq_int(refused(&party, statuses[i]), ATLS_COURSE_ANEW);
		ok(party.err.code && party.err.text[0]);
		eq_str(party.course.codec->name, "json");
		begin(&party);
		eq_int(refused(&party, statuses[i]), ATLS_COURSE_OVER);
		ok(party.err.code);
		party_free(&party);
	}
}

static void an_encoding_that_was_asked_for_stays(void)
{
	struct party party;
	party_new(&party, ATLS_ATLS);
	eq_int(refused(&party, 415), ATLS_COURSE_OVER);
	eq_int(party.err.code, ATLS_E_PROTOCOL);
	eq_str(party.course.codec->name, "atls");
	party_free(&party);
}

static void no_encoding_changes_after_data(void)
{
	struct party party;
	party_new(&party, -1);
	establish(&party);
	eq_int(refused(&party, 415), ATLS_COURSE_OVER);
	party_free(&party);
}

/* The handshake is done for the client after one exchange: what it said by then is said again. */
static void early_data_is_said_again_and_once(void)
{
	struct party party;
	party_new(&party, -1);
	eq_int(honest(&party, "S"), ATLS_COURSE_ON);
	eq_int(atls_course_write(&party.course, "hello", 5), 5);
	eq_int(refused(&party, 415), ATLS_COURSE_ANEW);
	begin(&party);
	eq_int(atls_course_write(&party.course, " there", 6), ATLS_E_AGAIN);
	establish(&party);
	eq_int(atls_course_write(&party.course, " there", 6), 6);
	eq_int(honest(&party, "S"), ATLS_COURSE_ON);
	eq_mem(party.heard, party.heard_len, "hello there", 11);
	party_free(&party);
}

static void unknown_counts_in_a_row(void)
{
	struct party party;
	party_new(&party, ATLS_ATLS);
	establish(&party);
	for (int i = 0; i < 2; i++) {
		eq_int(refused(&party, 422), ATLS_COURSE_ON);
		eq_int(refused(&party, 422), ATLS_COURSE_ON);
		eq_int(party.err.code, ATLS_E_PROTOCOL);
		eq_int(honest(&party, "S"), ATLS_COURSE_ON);
	}
	eq_int(refused(&party, 422), ATLS_COURSE_ON);
	eq_int(refused(&party, 422), ATLS_COURSE_ON);
	eq_int(refused(&party, 422), ATLS_COURSE_OVER);
	eq_int(party.err.code, ATLS_E_PROTOCOL);
	party_free(&party);
}

static void lost_answers_are_waited_out(void)
{
	struct party party;
	party_new(&party, ATLS_ATLS);
	eq_int(refused(&party, 503), ATLS_COURSE_OVER); /* nobody was there yet */
	begin(&party);
	establish(&party);
	int64_t since = party.now;
	enum atls_course_turn turn;
	while ((turn = refused(&party, 503)) == ATLS_COURSE_ON)
		eq_int(party.err.code, ATLS_E_NETWORK);
	eq_int(turn, ATLS_COURSE_OVER);
	eq_int(party.err.code, ATLS_E_NETWORK);
	ok(party.now - since >= limits.resume_ms);
	party_free(&party);
}

static void bodies_shrink_until_they_fit(void)
{
	static const char data[6000];
	struct party party;
	const uint8_t *bytes;
	party_new(&party, ATLS_ATLS);
	establish(&party);
	eq_int(atls_course_write(&party.course, data, sizeof data), sizeof data);
	eq_int(refused(&party, 413), ATLS_COURSE_ON);
	eq_int(party.err.code, ATLS_OK);
	eq_int(request(&party, &bytes), 2048);
	eq_int(take(&party, &(struct atls_http_answer){.status = 413}), ATLS_COURSE_ON);
	eq_int(refused(&party, 413), ATLS_COURSE_OVER);
	eq_int(party.err.code, ATLS_E_NETWORK);
	party_free(&party);
}

static void the_first_name_stays(void)
{
	struct party party;
	party_new(&party, ATLS_JSON);
	eq_int(honest(&party, "first"), ATLS_COURSE_ON);
	eq_int(honest(&party, "second"), ATLS_COURSE_ON);
	eq_str(party.course.id, "first");
	party_free(&party);
}

/* A close_notify that nobody can take any more costs nothing; data does. */
static void after_the_services_last_word(void)
{
	char data[10];
	for (int left = 0; left < 2; left++) {
		struct party party;
		party_new(&party, ATLS_ATLS);
		establish(&party);
		eq_int(atls_engine_close(party.pair.server), ATLS_OK);
		eq_int(honest(&party, "S"), ATLS_COURSE_ON);
		eq_int(atls_engine_read(party.course.engine, data, sizeof data), 0);
		if (left)
			eq_int(atls_course_write(&party.course, "unheard", 7), 7);
		eq_int(atls_engine_close(party.course.engine), ATLS_OK);
		eq_int(refused(&party, left ? 422 : 503), ATLS_COURSE_OVER);
		eq_int(party.err.code, left ? ATLS_E_NETWORK : ATLS_OK);
		eq_int(strncmp(party.err.text, "backend: ", 9) == 0, left);
		party_free(&party);
	}
}

/* 409: the same encoding again, once, and what was said by then with it. */
static void a_conflict_begins_anew_once(void)
{
	struct party party;
	party_new(&party, ATLS_ATLS);
	eq_int(honest(&party, "S"), ATLS_COURSE_ON);
	eq_int(atls_course_write(&party.course, "hello", 5), 5);
	eq_int(refused(&party, 409), ATLS_COURSE_ANEW);
	eq_str(party.course.codec->name, "atls");
	begin(&party);
	establish(&party);
	eq_int(honest(&party, "S"), ATLS_COURSE_ON);
	eq_mem(party.heard, party.heard_len, "hello", 5);
	eq_int(refused(&party, 409), ATLS_COURSE_OVER);
	eq_int(party.err.code, ATLS_E_PROTOCOL);
	ok(strstr(party.err.hint, "took data already") != NULL);
	party_free(&party);
}

/* Of the last record some bytes are under way with close_notify: data is missing. */
static void a_rest_of_data_is_no_close(void)
{
	for (size_t rest = 0; rest < 8; rest++) {
		struct party party;
		const uint8_t *bytes;
		char data[4096] = {0};
		party_new(&party, ATLS_ATLS);
		establish(&party);
		eq_int(atls_engine_close(party.pair.server), ATLS_OK);
		eq_int(honest(&party, "S"), ATLS_COURSE_ON);
		eq_int(atls_engine_read(party.course.engine, data, sizeof data), 0);
		size_t len = limits.body_max - 22 + rest; /* a record adds 22 bytes */
		eq_int(atls_course_write(&party.course, data, len), len);
		eq_int(atls_engine_close(party.course.engine), ATLS_OK);
		eq_int(honest(&party, "S"), ATLS_COURSE_ON);
		eq_int(atls_engine_output(party.course.engine, &bytes), 24 + rest);
		enum atls_course_turn turn = refused(&party, 503);
		eq_int(turn, rest ? ATLS_COURSE_ON : ATLS_COURSE_OVER);
		eq_int(party.err.code, rest ? ATLS_E_NETWORK : ATLS_OK);
		party_free(&party);
	}
}

int main(void)
{
	run(a_conflict_begins_anew_once);
	run(a_rest_of_data_is_no_close);
	run(each_encoding_carries_a_session);
	run(auto_goes_over_to_json_once);
	run(an_encoding_that_was_asked_for_stays);
	run(no_encoding_changes_after_data);
	run(early_data_is_said_again_and_once);
	run(unknown_counts_in_a_row);
	run(lost_answers_are_waited_out);
	run(bodies_shrink_until_they_fit);
	run(the_first_name_stays);
	run(after_the_services_last_word);
	return tap_done();
}
