#include "pair.h"
#include "tap.h"

#include "core/base.h"

static const struct atls_base_limits limits = {
	.body_max = ATLS_BODY_DEFAULT, .idle_ms = 1000, .resume_ms = 60000, .seed = 7};

/* Asks for the next step, and hands a body that is sent to the server's engine. */
static enum atls_base_step step(
	struct atls_base *base, struct atls_engine *server, int64_t now, size_t *len, int64_t *at)
{
	const uint8_t *body;
	enum atls_base_step what = atls_base_next(base, now, &body, len, at);
	if (what == ATLS_BASE_SEND && *len)
		(void)atls_engine_feed(server, body, *len);
	return what;
}

static void reply(struct atls_base *base, struct atls_engine *server, int64_t now)
{
	const uint8_t *bytes;
	size_t len = atls_engine_output(server, &bytes);
	(void)atls_base_answered(base, bytes, len, now);
	atls_engine_output_done(server, len);
}

static void establish(struct pair *pair, struct atls_base *base)
{
	size_t len;
	int64_t at;
	for (int i = 0; i < 2; i++) {
		eq_int(step(base, pair->server, 0, &len, &at), ATLS_BASE_SEND);
		ok(len > 0);
		reply(base, pair->server, 0);
	}
	ok(atls_engine_state(pair->server) & ATLS_ESTABLISHED);
	char byte;
	eq_int(atls_engine_read(pair->client, &byte, 1), ATLS_E_AGAIN);
}

static void begin(struct pair *pair, struct atls_base *base)
{
	pair_new(pair, &(struct pair_spec){0});
	atls_base_init(base, pair->client, &limits, 0);
}

static void one_request_is_outstanding(void)
{
	struct pair pair;
	struct atls_base base;
	size_t len;
	int64_t at;
	begin(&pair, &base);
	eq_int(step(&base, pair.server, 0, &len, &at), ATLS_BASE_SEND);
	eq_int(step(&base, pair.server, 0, &len, &at), ATLS_BASE_WAIT);
	eq_int(at, INT64_MAX);
	reply(&base, pair.server, 0);
	eq_int(step(&base, pair.server, 0, &len, &at), ATLS_BASE_SEND);
	eq_int(base.exchanges, 1);
	pair_free(&pair);
}

static void polls_slow_down_when_idle(void)
{
	static const int64_t pauses[] = {5, 10, 20, 40, 80, 160, 320, 640, 1000, 1000};
	struct pair pair;
	struct atls_base base;
	size_t len;
	int64_t at, now = 0;
	begin(&pair, &base);
	establish(&pair, &base);
	char byte;
	for (size_t i = 0; i < sizeof pauses / sizeof pauses[0]; i++) {
		if (pauses[i]) {
			eq_int(step(&base, pair.server, now, &len, &at), ATLS_BASE_WAIT);
			eq_int(at - now, pauses[i]);
			now = at;
		}
		eq_int(step(&base, pair.server, now, &len, &at), ATLS_BASE_SEND);
		eq_int(len, 0);
		reply(&base, pair.server, now);
		(void)atls_engine_read(pair.client, &byte, 1);
	}
	/* What is to be said does not wait for the next poll, and makes polls quick again. */
	(void)atls_engine_write(pair.client, "x", 1);
	eq_int(step(&base, pair.server, now, &len, &at), ATLS_BASE_SEND);
	ok(len > 0);
	reply(&base, pair.server, now);
	(void)atls_engine_read(pair.client, &byte, 1);
	eq_int(step(&base, pair.server, now, &len, &at), ATLS_BASE_WAIT);
	eq_int(at - now, ATLS_POLL_SOON_MS);
	pair_free(&pair);
}

static void more_is_asked_for_before_a_large_answer_is_read(void)
{
	struct pair pair;
	struct atls_base base;
	static uint8_t data[100000];
	size_t len;
	int64_t at;
	begin(&pair, &base);
	establish(&pair, &base);
	int64_t now = ATLS_POLL_SOON_MS;
	for (size_t asked = 0; asked < 12; asked++) {
		eq_int(step(&base, pair.server, now, &len, &at), ATLS_BASE_SEND);
		eq_int(len, 0);
		(void)atls_engine_write(pair.server, data, sizeof data);
		reply(&base, pair.server, now);
		if (atls_engine_input_pending(pair.client) > ATLS_AHEAD_MAX)
			break;
	}
	/* Unread input has a limit all the same. */
	ok(atls_engine_input_pending(pair.client) > ATLS_AHEAD_MAX);
	eq_int(step(&base, pair.server, now, &len, &at), ATLS_BASE_WAIT);
	eq_int(at, now + ATLS_ALIVE_MS);
	pair_free(&pair);
}

static void nothing_is_said_while_too_much_is_unread(void)
{
	struct pair pair;
	struct atls_base base;
	static uint8_t data[200000];
	size_t len, said = 0;
	int64_t at;
	begin(&pair, &base);
	establish(&pair, &base);
	/* The client has something to say all the time, and reads nothing. */
	for (int i = 0; i < 1000; i++) {
		(void)atls_engine_write(pair.client, data, 100);
		(void)atls_engine_write(pair.server, data, sizeof data);
		if (step(&base, pair.server, 0, &len, &at) != ATLS_BASE_SEND)
			break;
		said++;
		reply(&base, pair.server, 0);
		ok(!(atls_engine_state(pair.client) & ATLS_FAILED));
	}
	ok(said > 10 && said < 100);
	ok(atls_engine_input_pending(pair.client) > ATLS_UNREAD_MAX);
	eq_int(at, INT64_MAX);
	while (atls_engine_read(pair.client, data, sizeof data) > 0)
		;
	eq_int(step(&base, pair.server, 0, &len, &at), ATLS_BASE_SEND);
	pair_free(&pair);
}

static void no_poll_while_data_is_unread(void)
{
	struct pair pair;
	struct atls_base base;
	size_t len;
	int64_t at;
	char byte;
	begin(&pair, &base);
	establish(&pair, &base);
	(void)atls_engine_write(pair.server, "yz", 2);
	eq_int(step(&base, pair.server, 5, &len, &at), ATLS_BASE_SEND);
	reply(&base, pair.server, 5);
	eq_int(step(&base, pair.server, 9, &len, &at), ATLS_BASE_WAIT);
	eq_int(at, 5 + ATLS_ALIVE_MS);
	for (int i = 0; i < 3; i++)
		(void)atls_engine_read(pair.client, &byte, 1);
	eq_int(step(&base, pair.server, 10, &len, &at), ATLS_BASE_SEND);
	pair_free(&pair);
}

static void a_lost_request_is_repeated_byte_for_byte(void)
{
	struct pair pair;
	struct atls_base base;
	uint8_t first[4096];
	const uint8_t *body;
	size_t len, again;
	int64_t at, now = 100;
	begin(&pair, &base);
	establish(&pair, &base);
	(void)atls_engine_write(pair.client, "first", 5);
	eq_int(atls_base_next(&base, now, &body, &len, &at), ATLS_BASE_SEND);
	ok(len <= sizeof first);
	memcpy(first, body, len);
	/* More is written meanwhile: it must not become part of the repeated body. */
	(void)atls_engine_write(pair.client, "second", 6);
	eq_int(atls_base_lost(&base, 0, now), ATLS_OK);
	eq_int(atls_base_next(&base, now, &body, &again, &at), ATLS_BASE_WAIT);
	ok(at > now && at <= now + ATLS_BACKOFF_MIN_MS);
	eq_int(atls_base_next(&base, at, &body, &again, &at), ATLS_BASE_SEND);
	eq_mem(body, again, first, len);
	eq_int(atls_base_answered(&base, NULL, 0, now), ATLS_OK);
	eq_int(atls_base_next(&base, now, &body, &len, &at), ATLS_BASE_SEND);
	ok(len > 0);
	pair_free(&pair);
}

static void backoff_grows_and_ends(void)
{
	struct pair pair;
	struct atls_base base;
	size_t len;
	int64_t at = 0, now = ATLS_POLL_SOON_MS, longest = 0;
	begin(&pair, &base);
	establish(&pair, &base);
	int lost = 0, rc = ATLS_OK;
	while (rc == ATLS_OK && lost < 1000) {
		eq_int(step(&base, pair.server, now, &len, &at), ATLS_BASE_SEND);
		rc = atls_base_lost(&base, lost == 2 ? 9000 : 0, now);
		lost++;
		if (rc)
			break;
		eq_int(step(&base, pair.server, now, &len, &at), ATLS_BASE_WAIT);
		if (lost == 3)
			eq_int(at - now, 9000);
		else if (at - now > longest)
			longest = at - now;
		now = at;
	}
	eq_int(rc, ATLS_E_NETWORK);
	ok(now >= limits.resume_ms);
	ok(longest > ATLS_BACKOFF_MAX_MS / 2 && longest <= ATLS_BACKOFF_MAX_MS);
	ok(lost > 10 && lost < 100);
	pair_free(&pair);
}

static void what_a_server_asks_for_does_not_outlast_the_limit(void)
{
	struct pair pair;
	struct atls_base base;
	size_t len;
	int64_t at;
	begin(&pair, &base);
	establish(&pair, &base);
	ok(atls_engine_write(pair.client, "x", 1) == 1);
	eq_int(step(&base, pair.server, 1000, &len, &at), ATLS_BASE_SEND);
	eq_int(atls_base_lost(&base, 86400000, 1000), ATLS_OK);
	eq_int(step(&base, pair.server, 1000, &len, &at), ATLS_BASE_WAIT);
	eq_int(at, limits.resume_ms);
	eq_int(step(&base, pair.server, at, &len, &at), ATLS_BASE_SEND);
	eq_int(atls_base_lost(&base, 86400000, limits.resume_ms), ATLS_E_NETWORK);
	pair_free(&pair);
}

static void too_large_halves_down_to_a_limit(void)
{
	struct pair pair;
	struct atls_base base;
	static uint8_t data[100000];
	size_t len;
	int64_t at;
	begin(&pair, &base);
	establish(&pair, &base);
	(void)atls_engine_write(pair.client, data, sizeof data);
	size_t last = SIZE_MAX;
	const uint8_t *body;
	for (;;) {
		eq_int(atls_base_next(&base, 0, &body, &len, &at), ATLS_BASE_SEND);
		ok(len < last);
		last = len;
		if (atls_base_too_large(&base))
			break;
	}
	ok(last >= ATLS_BODY_MIN && last / 2 < ATLS_BODY_MIN);
	pair_free(&pair);
}

static void done_when_both_closed(void)
{
	struct pair pair;
	struct atls_base base;
	size_t len;
	int64_t at;
	char byte;
	begin(&pair, &base);
	establish(&pair, &base);
	(void)atls_engine_close(pair.client);
	eq_int(step(&base, pair.server, 0, &len, &at), ATLS_BASE_SEND);
	eq_int(atls_engine_read(pair.server, &byte, 1), 0);
	(void)atls_engine_close(pair.server);
	reply(&base, pair.server, 0);
	/* The peer's end counts once it was read. */
	eq_int(step(&base, pair.server, 0, &len, &at), ATLS_BASE_WAIT);
	eq_int(atls_engine_read(pair.client, &byte, 1), 0);
	eq_int(step(&base, pair.server, 0, &len, &at), ATLS_BASE_DONE);
	pair_free(&pair);
}

static void an_alert_is_sent_once_and_that_is_all(void)
{
	struct pair pair;
	struct atls_base base;
	size_t len;
	int64_t at;
	for (int lost = 0; lost < 2; lost++) {
		begin(&pair, &base);
		pair.policy.name = "other.example";
		eq_int(step(&base, pair.server, 0, &len, &at), ATLS_BASE_SEND);
		reply(&base, pair.server, 0);
		ok(atls_engine_state(pair.client) & ATLS_FAILED);
		eq_int(step(&base, pair.server, 0, &len, &at), ATLS_BASE_SEND);
		ok(len > 0);
		if (lost)
			eq_int(atls_base_lost(&base, 0, 0), ATLS_OK);
		else
			reply(&base, pair.server, 0);
		eq_int(step(&base, pair.server, 0, &len, &at), ATLS_BASE_DONE);
		pair_free(&pair);
	}
}

int main(void)
{
	run(one_request_is_outstanding);
	run(polls_slow_down_when_idle);
	run(more_is_asked_for_before_a_large_answer_is_read);
	run(nothing_is_said_while_too_much_is_unread);
	run(no_poll_while_data_is_unread);
	run(a_lost_request_is_repeated_byte_for_byte);
	run(backoff_grows_and_ends);
	run(what_a_server_asks_for_does_not_outlast_the_limit);
	run(too_large_halves_down_to_a_limit);
	run(done_when_both_closed);
	run(an_alert_is_sent_once_and_that_is_all);
	return tap_done();
}
