/* The rules of stream carriage one by one (STREAM CARRIAGE in atls(7)): each a script of what one
 * half is told and what it has to say then. Whole sessions under faults: test_stream_random. */
#include "tap.h"

#include "core/stream.h"

#include <stdlib.h>

#define WINDOW 4096u
#define BODY   1024u
#define SERVER 3u /* requests at once that the server takes */

static const char id[] = "0123456789012345678901";

static struct atls_stream_client *client_new(void)
{
	struct atls_stream_limits limits = {.window = WINDOW,
		.body_max = 2 * BODY,
		.inflight = 2,
		.inflight_max = 2,
		.poll_ms = 25000,
		.resume_ms = 60000,
		.seed = 1};
	memcpy(limits.id, id, sizeof limits.id);
	return atls_stream_client_new(&limits, 0);
}

static struct atls_stream_server *server_new(void)
{
	const struct atls_stream_server_limits limits = {.body_max = BODY,
		.window = WINDOW,
		.keep_max = 4 * BODY,
		.inflight = SERVER,
		.hold_max_ms = 30000,
		.keep_ms = 330000};
	return atls_stream_server_new(&limits);
}

/* What a client says: nothing lost so far, all credit. */
static struct atls_stream_dict asks(uint64_t up, uint64_t ack)
{
	struct atls_stream_dict dict = {
		.has = ATLS_DICT_REQUEST, .gen = 1, .up = up, .ack = ack, .max = 1u << 20};
	memcpy(dict.id, id, sizeof dict.id);
	return dict;
}

static struct atls_stream_dict polls(uint64_t up, uint64_t ack)
{
	struct atls_stream_dict dict = asks(up, ack);
	dict.has |= ATLS_DICT_POLL;
	dict.poll = 25;
	return dict;
}

static struct atls_stream_dict answers(uint64_t down, uint64_t ack)
{
	return (struct atls_stream_dict){.has = ATLS_DICT_ANSWER,
		.down = down,
		.ack = ack,
		.max = 1u << 20,
		.inflight = 4,
		.keep = 330};
}

static struct atls_stream_dict with_fin(struct atls_stream_dict dict)
{
	dict.has |= ATLS_DICT_FIN;
	return dict;
}

/* ---- The server, asked ---- */

static char names[8]; /* of requests */

static int request(struct atls_stream_server *server, int name, struct atls_stream_dict dict,
	const char *bytes, int64_t now)
{
	struct atls_error err = {0};
	return atls_stream_server_request(
		server, &names[name], &dict, bytes, strlen(bytes), now, &err);
}

/* Which request is answered now, or -1. */
static int answered(struct atls_stream_server *server, int64_t now, struct atls_stream_dict *dict,
	char body[BODY + 1])
{
	struct atls_stream_answer answer;
	int64_t at;
	*dict = (struct atls_stream_dict){.has = 0};
	body[0] = '\0';
	if (!atls_stream_server_next(server, now, &answer, &at))
		return -1;
	*dict = answer.dict;
	if (answer.piece.len)
		memcpy(body, answer.piece.bytes, answer.piece.len);
	body[answer.piece.len] = '\0';
	atls_block_release(answer.piece.block);
	return (int)((char *)answer.request - names);
}

static void server_takes(struct atls_stream_server *server, char *text)
{
	const uint8_t *bytes;
	size_t len, all = 0;
	while ((len = atls_stream_server_take(server, &bytes)) > 0) {
		memcpy(text + all, bytes, len);
		all += len;
	}
	text[all] = '\0';
}

static void what_comes_twice_or_early_is_put_in_order(void)
{
	struct atls_stream_server *server = server_new();
	struct atls_stream_dict dict;
	char text[64], body[BODY + 1];
	eq_int(request(server, 0, asks(3, 0), "def", 0), 0);
	server_takes(server, text);
	eq_str(text, "");
	eq_int(answered(server, 0, &dict, body), 0);
	eq_int(dict.ack, 0); /* what is ahead of a gap is kept, and not acknowledged */
	eq_int(request(server, 1, asks(0, 0), "abcd", 0), 0);
	server_takes(server, text);
	eq_str(text, "abcdef");
	eq_int(answered(server, 0, &dict, body), 1);
	eq_int(dict.ack, 6);
	eq_int(request(server, 2, asks(0, 0), "abcdefg", 0), 0);
	server_takes(server, text);
	eq_str(text, "g");
	atls_stream_server_free(server);
}

static void bodies_from_the_last_to_the_first_are_kept_as_one(void)
{
	struct atls_stream_server *server = server_new();
	struct atls_stream_dict dict;
	const uint8_t *bytes;
	char body[BODY + 1];
	for (unsigned i = 1000; i > 0; i--) {
		eq_int(request(server, 0, asks(i, 0), "x", 0), 0);
		eq_int(answered(server, 0, &dict, body), 0);
	}
	eq_int(atls_stream_server_facts(server).kept, 1000);
	eq_int(request(server, 0, asks(0, 0), "x", 0), 0);
	eq_int(atls_stream_server_take(server, &bytes), 1);
	eq_int(atls_stream_server_take(server, &bytes), 1000);
	eq_int(atls_stream_server_take(server, &bytes), 0);
	atls_stream_server_free(server);
}

static void too_many_gaps_and_too_many_bytes_are_dropped(void)
{
	struct atls_stream_server *server = server_new();
	for (unsigned i = 0; i < 2 * SERVER; i++)
		eq_int(request(server, 0, asks(2 + 2 * i, 0), "x", 0), 0);
	eq_int(request(server, 0, asks(100, 0), "x", 0), ATLS_E_LIMIT);
	eq_int(request(server, 0, asks(WINDOW, 0), "x", 0), ATLS_E_LIMIT);
	eq_int(atls_stream_server_facts(server).kept, 2 * SERVER);
	atls_stream_server_free(server);
}

static void nothing_goes_beyond_the_credit(void)
{
	struct atls_stream_server *server = server_new();
	struct atls_stream_dict dict, poor = asks(0, 0);
	char body[BODY + 1];
	poor.max = 4;
	eq_int(atls_stream_server_say(server, "abcdef", 6), 0);
	eq_int(request(server, 0, poor, "", 0), 0);
	eq_int(answered(server, 0, &dict, body), 0);
	eq_str(body, "abcd");
	poor.max = 3; /* older news: it never falls */
	eq_int(request(server, 1, poor, "", 0), 0);
	eq_int(answered(server, 0, &dict, body), 1);
	eq_str(body, "abcd"); /* an opening request again: the same answer */
	eq_int(request(server, 2, asks(0, 4), "", 0), 0);
	eq_int(answered(server, 0, &dict, body), 2);
	eq_str(body, "ef");
	eq_int(dict.down, 4);
	atls_stream_server_free(server);
}

static void what_was_never_sent_is_not_acknowledged(void)
{
	struct atls_stream_server *server = server_new();
	eq_int(atls_stream_server_say(server, "abc", 3), 0);
	eq_int(request(server, 0, asks(0, 1), "", 0), ATLS_E_PROTOCOL);
	atls_stream_server_free(server);
}

static void the_end_does_not_move(void)
{
	struct atls_stream_server *server = server_new();
	char text[64];
	eq_int(request(server, 0, with_fin(asks(0, 0)), "abc", 0), 0);
	server_takes(server, text);
	ok(atls_stream_server_facts(server).complete);
	eq_int(request(server, 1, asks(3, 0), "d", 0), ATLS_E_PROTOCOL);
	eq_int(request(server, 1, with_fin(asks(0, 0)), "ab", 0), ATLS_E_PROTOCOL);
	eq_int(request(server, 1, with_fin(asks(0, 0)), "abc", 0), 0); /* said again */
	atls_stream_server_free(server);
}

static void a_larger_gen_rewinds_once_and_empties_what_is_older(void)
{
	struct atls_stream_server *server = server_new();
	struct atls_stream_dict dict, later = polls(1, 2);
	char body[BODY + 1], text[64];
	eq_int(request(server, 0, asks(0, 0), "x", 0), 0);
	server_takes(server, text);
	eq_int(atls_stream_server_say(server, "abcd", 4), 0);
	eq_int(answered(server, 0, &dict, body), 0);
	eq_str(body, "abcd"); /* of which two are lost, let us say */
	eq_int(request(server, 1, polls(1, 4), "", 0), 0);
	eq_int(answered(server, 0, &dict, body), -1);
	later.gen = 2;
	eq_int(request(server, 2, later, "", 0), 0);
	eq_int(answered(server, 0, &dict, body), 1); /* the held one, empty */
	eq_str(body, "");
	eq_int(answered(server, 0, &dict, body), 2);
	eq_str(body, ""); /* four are acknowledged: that counts more */
	eq_int(dict.down, 4);
	eq_int(request(server, 3, asks(1, 4), "y", 0), 0);
	server_takes(server, text);
	eq_str(text, "y"); /* of an older gen, and its body counts */
	eq_int(atls_stream_server_say(server, "ef", 2), 0);
	eq_int(answered(server, 0, &dict, body), 3);
	eq_str(body, ""); /* but no bytes go on it */
	later.ack = 4;
	eq_int(request(server, 4, later, "", 0), 0);
	eq_int(answered(server, 0, &dict, body), 4);
	eq_str(body, "ef");
	later.gen = 3;
	eq_int(request(server, 5, later, "", 0), 0);
	eq_int(answered(server, 0, &dict, body), 5);
	eq_str(body, "ef"); /* lost, and said again */
	eq_int(dict.down, 4);
	atls_stream_server_free(server);
}

/* ---- Polls ---- */

static void the_newest_poll_is_answered_first_and_the_oldest_given_up(void)
{
	struct atls_stream_server *server = server_new();
	struct atls_stream_dict dict;
	char body[BODY + 1];
	for (int i = 0; i < 2; i++)
		eq_int(request(server, i, polls(0, 0), "", 0), 0);
	eq_int(answered(server, 0, &dict, body), -1);
	eq_int(request(server, 2, polls(0, 0), "", 0), 0);
	eq_int(answered(server, 0, &dict, body), 0); /* inflight - 1 may wait */
	eq_int(answered(server, 0, &dict, body), -1);
	eq_int(atls_stream_server_say(server, "abc", 3), 0);
	eq_int(answered(server, 0, &dict, body), 2);
	eq_str(body, "abc");
	eq_int(answered(server, 24999, &dict, body), -1);
	eq_int(answered(server, 25000, &dict, body), 1); /* as long as it asked for */
	atls_stream_server_free(server);
}

static void a_poll_that_is_behind_does_not_wait(void)
{
	struct atls_stream_server *server = server_new();
	struct atls_stream_dict dict;
	char body[BODY + 1];
	eq_int(atls_stream_server_say(server, "abc", 3), 0);
	eq_int(request(server, 0, asks(0, 0), "", 0), 0);
	eq_int(answered(server, 0, &dict, body), 0);
	eq_int(request(server, 1, polls(1, 0), "", 0), 0);
	eq_int(answered(server, 0, &dict, body), 1);
	eq_str(body, "");
	eq_int(request(server, 2, polls(1, 3), "", 0), 0);
	eq_int(answered(server, 0, &dict, body), -1);
	atls_stream_server_free(server);
}

static void credit_that_grew_wakes_a_poll(void)
{
	struct atls_stream_server *server = server_new();
	struct atls_stream_dict dict;
	char text[WINDOW], body[BODY + 1], half[WINDOW / 2 + 1];
	memset(half, 'x', WINDOW / 2);
	half[WINDOW / 2] = '\0';
	eq_int(request(server, 0, polls(0, 0), half, 0), 0);
	server_takes(server, text);
	atls_stream_server_credit(server, WINDOW, WINDOW, WINDOW / 2);
	eq_int(answered(server, 0, &dict, body), -1); /* the owner has not read them yet */
	atls_stream_server_credit(server, WINDOW, WINDOW, 0);
	eq_int(answered(server, 0, &dict, body), 0);
	eq_int(dict.max, WINDOW + WINDOW / 2);
	atls_stream_server_free(server);
}

/* Both directions end; what is left answers with the numbers as they stand, without waiting. */
static void a_tombstone_repeats_the_numbers(void)
{
	struct atls_stream_server *server = server_new();
	struct atls_stream_dict dict;
	char text[64], body[BODY + 1];
	eq_int(request(server, 0, with_fin(polls(0, 0)), "abc", 0), 0);
	server_takes(server, text);
	eq_int(atls_stream_server_say(server, "de", 2), 0);
	atls_stream_server_end(server);
	eq_int(answered(server, 0, &dict, body), 0);
	ok(dict.has & ATLS_DICT_FIN);
	eq_int(dict.ack, 4);
	ok(!atls_stream_server_facts(server).gone);
	for (int i = 1; i < 4; i++) {
		eq_int(request(server, i, polls(3, 3), "", 0), 0);
		ok(atls_stream_server_facts(server).gone);
		eq_int(answered(server, 0, &dict, body), i);
		eq_str(body, "");
		ok(dict.down == 2 && dict.ack == 4 && (dict.has & ATLS_DICT_FIN));
	}
	atls_stream_server_free(server);
}

/* An end that is none is a part of what was said: it is delivered when it is acknowledged. */
static void an_abort_is_repeated_until_it_is_acknowledged(void)
{
	struct atls_stream_server *server = server_new();
	struct atls_stream_dict dict;
	char text[64], body[BODY + 1];
	eq_int(request(server, 0, asks(0, 0), "abc", 0), 0);
	server_takes(server, text);
	eq_int(atls_stream_server_say(server, "de", 2), 0);
	atls_stream_server_abort(server);
	eq_int(answered(server, 0, &dict, body), 0);
	ok((dict.has & ATLS_DICT_FIN) && (dict.has & ATLS_DICT_ABORT));
	eq_int(request(server, 1, asks(3, 2), "", 0), 0);
	ok(!atls_stream_server_facts(server).delivered);
	eq_int(answered(server, 0, &dict, body), 1);
	ok((dict.has & ATLS_DICT_FIN) && (dict.has & ATLS_DICT_ABORT));
	eq_int(request(server, 2, asks(3, 3), "", 0), 0);
	ok(atls_stream_server_facts(server).delivered);
	ok(!atls_stream_server_facts(server).aborted);
	atls_stream_server_free(server);
}

static void an_end_that_was_said_is_not_taken_back(void)
{
	struct atls_stream_server *server = server_new();
	struct atls_stream_dict dict;
	char text[64], body[BODY + 1];
	eq_int(request(server, 0, asks(0, 0), "abc", 0), 0);
	server_takes(server, text);
	atls_stream_server_end(server);
	atls_stream_server_abort(server);
	eq_int(answered(server, 0, &dict, body), 0);
	ok((dict.has & ATLS_DICT_FIN) && !(dict.has & ATLS_DICT_ABORT));
	atls_stream_server_free(server);
}

/* ---- The client, answered ---- */

static struct atls_stream_post posted;
static int64_t next_at;

/* The next step, with the body as text. */
static enum atls_stream_step next(struct atls_stream_client *client, int64_t now, char *body)
{
	enum atls_stream_step step = atls_stream_client_next(client, now, &posted, &next_at);
	if (posted.piece.len)
		memcpy(body, posted.piece.bytes, posted.piece.len);
	body[posted.piece.len] = '\0';
	atls_block_release(posted.piece.block);
	return step;
}

static int answer(struct atls_stream_client *client, unsigned slot, struct atls_stream_dict dict,
	const char *bytes, int64_t now)
{
	struct atls_error err = {0};
	const uint8_t *taken;
	int rc = atls_stream_client_answered(client, slot, &dict, bytes, strlen(bytes), now, &err);
	while (atls_stream_client_take(client, &taken) > 0)
		;
	return rc;
}

/* A session with three bytes each way behind it, at time 0. */
static struct atls_stream_client *client_open(void)
{
	struct atls_stream_client *client = client_new();
	char body[2 * BODY + 1];
	eq_int(atls_stream_client_say(client, "abc", 3), 0);
	eq_int(next(client, 0, body), ATLS_STREAM_SEND);
	eq_int(answer(client, posted.slot, answers(0, 3), "ABC", 0), 0);
	return client;
}

static void one_request_opens_a_session_and_is_repeated_as_it_was(void)
{
	struct atls_stream_client *client = client_new();
	char body[2 * BODY + 1];
	eq_int(next(client, 0, body), ATLS_STREAM_WAIT); /* without a word there is no session */
	eq_int(atls_stream_client_say(client, "abc", 3), 0);
	eq_int(next(client, 0, body), ATLS_STREAM_SEND);
	eq_str(body, "abc");
	eq_int(posted.dict.up, 0);
	ok(!(posted.dict.has & ATLS_DICT_POLL));
	eq_int(next(client, 0, body), ATLS_STREAM_WAIT);
	eq_int(atls_stream_client_lost(client, posted.slot, false, 0, 0), 0);
	eq_int(next(client, 0, body), ATLS_STREAM_WAIT); /* a pause first */
	eq_int(next(client, 200, body), ATLS_STREAM_SEND);
	eq_str(body, "abc");
	ok(posted.dict.up == 0 && posted.dict.ack == 0 && posted.dict.gen == 2);
	atls_stream_client_free(client);
}

static void a_silent_session_opens_without_a_word(void)
{
	struct atls_stream_limits limits = {
		.window = WINDOW, .body_max = BODY, .inflight = 2, .silent = true};
	struct atls_stream_client *client = atls_stream_client_new(&limits, 0);
	char body[2 * BODY + 1];
	eq_int(next(client, 0, body), ATLS_STREAM_SEND);
	ok(posted.dict.up == 0 && posted.piece.len == 0 && !(posted.dict.has & ATLS_DICT_POLL));
	eq_int(answer(client, posted.slot, answers(0, 0), "hello", 0), 0);
	eq_int(atls_stream_client_facts(client).received, 5);
	atls_stream_client_free(client);
}

static void an_abort_is_told_and_heard(void)
{
	struct atls_stream_client *client = client_open();
	struct atls_stream_dict dict = with_fin(answers(3, 5));
	char body[2 * BODY + 1];
	eq_int(atls_stream_client_say(client, "d", 1), 0);
	atls_stream_client_abort(client);
	eq_int(next(client, 0, body), ATLS_STREAM_SEND);
	ok((posted.dict.has & ATLS_DICT_FIN) && (posted.dict.has & ATLS_DICT_ABORT));
	eq_str(body, "d");
	dict.has |= ATLS_DICT_ABORT;
	eq_int(answer(client, posted.slot, dict, "", 0), 0);
	const struct atls_stream_facts facts = atls_stream_client_facts(client);
	ok(facts.complete && facts.aborted && facts.fin_acked && facts.delivered);
	atls_stream_client_free(client);
}

/* Without an end there is none that could be none. */
static void an_abort_without_fin_says_nothing(void)
{
	struct atls_stream_client *client = client_open();
	struct atls_stream_dict dict = answers(3, 3);
	char body[2 * BODY + 1];
	dict.has |= ATLS_DICT_ABORT;
	eq_int(next(client, 0, body), ATLS_STREAM_SEND);
	eq_int(answer(client, posted.slot, dict, "", 0), 0);
	ok(!atls_stream_client_facts(client).aborted);
	atls_stream_client_free(client);
}

static void what_a_lost_request_carried_is_sent_again(void)
{
	struct atls_stream_client *client = client_open();
	char body[2 * BODY + 1];
	eq_int(atls_stream_client_say(client, "def", 3), 0);
	eq_int(next(client, 0, body), ATLS_STREAM_SEND);
	eq_str(body, "def");
	eq_int(posted.dict.ack, 3);
	eq_int(atls_stream_client_lost(client, posted.slot, false, 5000, 0), 0);
	eq_int(next(client, 4999, body), ATLS_STREAM_WAIT); /* what Retry-After said */
	eq_int(next(client, 5000, body), ATLS_STREAM_SEND);
	eq_str(body, "def");
	ok(posted.dict.up == 3 && posted.dict.gen == 2);
	atls_stream_client_free(client);
}

static void one_request_stays_free_of_polls(void)
{
	struct atls_stream_client *client = client_open();
	char body[2 * BODY + 1];
	eq_int(next(client, 0, body), ATLS_STREAM_SEND);
	ok(posted.dict.has & ATLS_DICT_POLL);
	eq_int(posted.dict.poll, 25);
	eq_int(next(client, 0, body), ATLS_STREAM_WAIT);
	eq_int(atls_stream_client_say(client, "def", 3), 0);
	eq_int(next(client, 0, body), ATLS_STREAM_SEND);
	eq_str(body, "def");
	ok(!(posted.dict.has & ATLS_DICT_POLL));
	atls_stream_client_free(client);
}

/* Says a full body at a time, each answered ms later, until more or fewer requests at once are
 * tried than before. */
static void upload_until_tuned(struct atls_stream_client *client, int64_t *now, int64_t ms)
{
	static char full[ATLS_STREAM_BULK + 1], body[ATLS_STREAM_BULK + 1];
	unsigned inflight = atls_stream_client_facts(client).inflight;
	memset(full, 'x', ATLS_STREAM_BULK);
	for (int i = 0; i < 1000 && atls_stream_client_facts(client).inflight == inflight; i++) {
		eq_int(atls_stream_client_say(client, full, ATLS_STREAM_BULK), 0);
		eq_int(next(client, *now, body), ATLS_STREAM_SEND);
		*now += ms;
		struct atls_stream_dict dict = answers(3, atls_stream_client_facts(client).said);
		dict.max = dict.ack + (1u << 20);
		eq_int(answer(client, posted.slot, dict, "", *now), 0);
	}
	ok(atls_stream_client_facts(client).inflight != inflight);
}

static void polls_do_not_hold_up_what_is_said_when_fewer_requests_are_tried(void)
{
	struct atls_stream_limits limits = {.window = 1u << 20,
		.body_max = ATLS_STREAM_BULK,
		.inflight = 2,
		.inflight_max = 4,
		.poll_ms = 25000,
		.resume_ms = 60000,
		.seed = 1};
	struct atls_stream_client *client = atls_stream_client_new(&limits, 0);
	char body[ATLS_STREAM_BULK + 1];
	int64_t now = 0;
	eq_int(atls_stream_client_say(client, "abc", 3), 0);
	eq_int(next(client, 0, body), ATLS_STREAM_SEND);
	eq_int(answer(client, posted.slot, answers(0, 3), "ABC", 0), 0);
	upload_until_tuned(client, &now, 10);
	eq_int(atls_stream_client_facts(client).inflight, 3);
	for (int i = 0; i < 2; i++) { /* few bytes, which may wait for their answer */
		eq_int(atls_stream_client_say(client, "def", 3), 0);
		eq_int(next(client, now, body), ATLS_STREAM_SEND);
		ok(posted.dict.has & ATLS_DICT_POLL);
	}
	upload_until_tuned(client, &now, 1000);
	eq_int(atls_stream_client_facts(client).inflight, 2);
	eq_int(atls_stream_client_say(client, "ghi", 3), 0);
	eq_int(next(client, now, body), ATLS_STREAM_SEND);
	eq_str(body, "ghi");
	ok(!(posted.dict.has & ATLS_DICT_POLL));
	atls_stream_client_free(client);
}

static void a_gap_that_nothing_older_can_fill_counts_as_lost(void)
{
	struct atls_stream_client *client = client_open();
	char body[2 * BODY + 1];
	eq_int(next(client, 0, body), ATLS_STREAM_SEND);
	eq_int(answer(client, posted.slot, answers(5, 3), "FG", 0), 0);
	eq_int(next(client, 0, body), ATLS_STREAM_SEND);
	ok(posted.dict.gen == 2 && posted.dict.ack == 3);
	atls_stream_client_free(client);
}

static void a_gap_that_an_older_request_may_fill_has_a_second(void)
{
	struct atls_stream_client *client = client_open();
	char body[2 * BODY + 1];
	eq_int(next(client, 0, body), ATLS_STREAM_SEND); /* a poll, which may bring it */
	eq_int(atls_stream_client_say(client, "d", 1), 0);
	eq_int(next(client, 0, body), ATLS_STREAM_SEND);
	eq_int(answer(client, posted.slot, answers(5, 4), "FG", 0), 0);
	eq_int(atls_stream_client_say(client, "e", 1), 0);
	eq_int(next(client, 999, body), ATLS_STREAM_SEND);
	eq_int(posted.dict.gen, 1);
	eq_int(answer(client, posted.slot, answers(7, 5), "", 999), 0);
	eq_int(atls_stream_client_say(client, "f", 1), 0);
	eq_int(next(client, 1000, body), ATLS_STREAM_SEND);
	eq_int(posted.dict.gen, 2);
	atls_stream_client_free(client);
}

static void a_body_that_is_too_large_is_halved(void)
{
	struct atls_stream_client *client = client_open();
	char bytes[2 * BODY] = {0}, body[2 * BODY + 1];
	eq_int(atls_stream_client_say(client, bytes, sizeof bytes), 0);
	eq_int(next(client, 0, body), ATLS_STREAM_SEND);
	eq_int(posted.piece.len, 2 * BODY);
	eq_int(atls_stream_client_too_large(client, posted.slot), 0);
	eq_int(next(client, 0, body), ATLS_STREAM_SEND);
	ok(posted.piece.len == BODY && posted.dict.up == 3 && posted.dict.gen == 1);
	eq_int(atls_stream_client_too_large(client, posted.slot), ATLS_E_NETWORK);
	atls_stream_client_free(client);
}

/* One answer within the millisecond says that the path is short, however long others take. */
static void a_path_that_was_short_is_no_long_one(void)
{
	struct atls_stream_limits limits = {.window = WINDOW,
		.body_max = BODY,
		.body_long = 2 * BODY,
		.inflight = 2,
		.inflight_max = 2,
		.poll_ms = 25000,
		.resume_ms = 60000,
		.seed = 1};
	struct atls_stream_client *client = atls_stream_client_new(&limits, 0);
	char bytes[2 * BODY] = {0}, body[2 * BODY + 1];
	eq_int(atls_stream_client_say(client, "abc", 3), 0);
	eq_int(next(client, 0, body), ATLS_STREAM_SEND);
	eq_int(answer(client, posted.slot, answers(0, 3), "", 0), 0);
	eq_int(atls_stream_client_say(client, "def", 3), 0);
	eq_int(next(client, 0, body), ATLS_STREAM_SEND);
	eq_int(answer(client, posted.slot, answers(0, 6), "", ATLS_STREAM_LONG_MS), 0);
	eq_int(next(client, ATLS_STREAM_LONG_MS, body), ATLS_STREAM_SEND);
	ok(posted.dict.has & ATLS_DICT_POLL);
	eq_int(atls_stream_client_say(client, bytes, sizeof bytes), 0);
	eq_int(next(client, ATLS_STREAM_LONG_MS, body), ATLS_STREAM_SEND);
	eq_int(posted.piece.len, BODY);
	atls_stream_client_free(client);
}

static void two_answers_without_the_dictionary_move_it_into_bodies(void)
{
	struct atls_stream_client *client = client_open();
	char body[2 * BODY + 1];
	for (int i = 0; i < 2; i++) {
		ok(!atls_stream_client_facts(client).in_body);
		eq_int(next(client, 10000 * i, body), ATLS_STREAM_SEND);
		atls_stream_client_stripped(client, posted.slot, false, NULL, 10000 * i);
	}
	ok(atls_stream_client_facts(client).in_body);
	atls_stream_client_free(client);
}

static void one_conflict_moves_the_dictionary_into_bodies(void)
{
	struct atls_stream_client *client = client_open();
	const struct atls_stream_dict numbers = answers(3, 6);
	char body[2 * BODY + 1];
	eq_int(atls_stream_client_say(client, "def", 3), 0);
	eq_int(next(client, 0, body), ATLS_STREAM_SEND);
	atls_stream_client_stripped(client, posted.slot, true, &numbers, 0);
	ok(atls_stream_client_facts(client).in_body);
	eq_int(atls_stream_client_facts(client).acked, 6); /* the numbers with 409 count */
	atls_stream_client_free(client);
}

static void three_unknown_in_a_row_are_the_end(void)
{
	struct atls_stream_client *client = client_open();
	char body[2 * BODY + 1];
	for (int i = 0; i < 3; i++) {
		eq_int(next(client, 10000 * i, body), ATLS_STREAM_SEND);
		eq_int(atls_stream_client_lost(client, posted.slot, true, 0, 10000 * i),
			i < 2 ? ATLS_OK : ATLS_E_PROTOCOL);
	}
	atls_stream_client_free(client);
}

static void a_poll_that_is_cut_makes_the_next_ones_shorter(void)
{
	struct atls_stream_client *client = client_open();
	char body[2 * BODY + 1];
	eq_int(next(client, 0, body), ATLS_STREAM_SEND);
	eq_int(atls_stream_client_lost(client, posted.slot, false, 0, 20000), 0);
	eq_int(next(client, 30000, body), ATLS_STREAM_SEND);
	eq_int(posted.dict.poll, 15);
	eq_int(posted.timeout_ms, 15000 + ATLS_STREAM_REPLY_MS);
	atls_stream_client_free(client);
}

static void without_an_answer_it_gives_up_after_the_resume_time(void)
{
	struct atls_stream_client *client = client_open();
	char body[2 * BODY + 1];
	eq_int(next(client, 0, body), ATLS_STREAM_SEND);
	eq_int(atls_stream_client_lost(client, posted.slot, false, 0, 40000), 0);
	eq_int(next(client, 59999, body), ATLS_STREAM_SEND);
	eq_int(next(client, 60000, body), ATLS_STREAM_LOST);
	atls_stream_client_free(client);
}

static void a_silent_end_of_the_window_is_told_without_waiting(void)
{
	struct atls_stream_client *client = client_open();
	char body[2 * BODY + 1], bytes[WINDOW - 3 + 1];
	memset(bytes, 'x', WINDOW - 3);
	bytes[WINDOW - 3] = '\0';
	eq_int(next(client, 0, body), ATLS_STREAM_SEND); /* a poll */
	eq_int(answer(client, posted.slot, answers(3, 3), bytes, 0), 0);
	atls_stream_client_credit(client, WINDOW, WINDOW, 0);
	eq_int(next(client, 0, body), ATLS_STREAM_SEND);
	ok(!(posted.dict.has & ATLS_DICT_POLL));
	eq_int(posted.dict.max, 2 * WINDOW);
	atls_stream_client_free(client);
}

static void more_than_the_credit_is_the_servers_fault(void)
{
	struct atls_stream_client *client = client_open();
	char body[2 * BODY + 1];
	eq_int(next(client, 0, body), ATLS_STREAM_SEND);
	eq_int(answer(client, posted.slot, answers(WINDOW + 3, 3), "x", 0), ATLS_E_PROTOCOL);
	atls_stream_client_free(client);
}

static void the_last_word_is_said_three_times_at_most(void)
{
	struct atls_stream_client *client = client_open();
	char body[2 * BODY + 1];
	atls_stream_client_end(client);
	eq_int(next(client, 0, body), ATLS_STREAM_SEND);
	ok(posted.dict.has & ATLS_DICT_FIN);
	eq_int(answer(client, posted.slot, with_fin(answers(3, 4)), "DE", 0), 0);
	for (int i = 0; i < 3; i++) {
		eq_int(next(client, 10000 * i, body), ATLS_STREAM_SEND);
		eq_int(posted.dict.ack, 6); /* five bytes and the end */
		eq_int(atls_stream_client_lost(client, posted.slot, false, 0, 10000 * i), 0);
	}
	eq_int(next(client, 30000, body), ATLS_STREAM_DONE); /* unheard: it decides nothing */
	atls_stream_client_free(client);
}

/* Both ends have ended and know it of each other, but for the last word, which is out. */
static struct atls_stream_client *client_at_last_word(void)
{
	struct atls_stream_client *client = client_open();
	char body[2 * BODY + 1];
	atls_stream_client_end(client);
	eq_int(next(client, 0, body), ATLS_STREAM_SEND);
	eq_int(answer(client, posted.slot, with_fin(answers(3, 4)), "", 0), 0);
	eq_int(next(client, 0, body), ATLS_STREAM_SEND);
	return client;
}

static void the_resume_time_says_nothing_to_the_last_word(void)
{
	struct atls_stream_client *client = client_at_last_word();
	char body[2 * BODY + 1];
	eq_int(atls_stream_client_lost(client, posted.slot, false, 0, 0), 0);
	eq_int(next(client, 59900, body), ATLS_STREAM_SEND);
	eq_int(next(client, 60500, body), ATLS_STREAM_WAIT);
	eq_int(next_at, INT64_MAX); /* the request's own end is what comes next */
	atls_stream_client_free(client);
}

static void the_last_word_that_is_heard_is_the_last(void)
{
	struct atls_stream_client *client = client_at_last_word();
	char body[2 * BODY + 1];
	eq_int(answer(client, posted.slot, with_fin(answers(3, 4)), "", 0), 0);
	eq_int(next(client, 0, body), ATLS_STREAM_DONE);
	atls_stream_client_free(client);
}

int main(void)
{
	run(what_comes_twice_or_early_is_put_in_order);
	run(bodies_from_the_last_to_the_first_are_kept_as_one);
	run(too_many_gaps_and_too_many_bytes_are_dropped);
	run(nothing_goes_beyond_the_credit);
	run(what_was_never_sent_is_not_acknowledged);
	run(the_end_does_not_move);
	run(a_larger_gen_rewinds_once_and_empties_what_is_older);
	run(the_newest_poll_is_answered_first_and_the_oldest_given_up);
	run(a_poll_that_is_behind_does_not_wait);
	run(credit_that_grew_wakes_a_poll);
	run(a_tombstone_repeats_the_numbers);
	run(an_abort_is_repeated_until_it_is_acknowledged);
	run(an_end_that_was_said_is_not_taken_back);
	run(one_request_opens_a_session_and_is_repeated_as_it_was);
	run(a_silent_session_opens_without_a_word);
	run(an_abort_is_told_and_heard);
	run(an_abort_without_fin_says_nothing);
	run(what_a_lost_request_carried_is_sent_again);
	run(one_request_stays_free_of_polls);
	run(polls_do_not_hold_up_what_is_said_when_fewer_requests_are_tried);
	run(a_gap_that_nothing_older_can_fill_counts_as_lost);
	run(a_gap_that_an_older_request_may_fill_has_a_second);
	run(a_body_that_is_too_large_is_halved);
	run(a_path_that_was_short_is_no_long_one);
	run(two_answers_without_the_dictionary_move_it_into_bodies);
	run(one_conflict_moves_the_dictionary_into_bodies);
	run(three_unknown_in_a_row_are_the_end);
	run(a_poll_that_is_cut_makes_the_next_ones_shorter);
	run(without_an_answer_it_gives_up_after_the_resume_time);
	run(a_silent_end_of_the_window_is_told_without_waiting);
	run(more_than_the_credit_is_the_servers_fault);
	run(the_last_word_is_said_three_times_at_most);
	run(the_resume_time_says_nothing_to_the_last_word);
	run(the_last_word_that_is_heard_is_the_last);
	return tap_done();
}
