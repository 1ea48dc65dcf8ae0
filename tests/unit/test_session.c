#include "pair.h"
#include "tap.h"

#include "core/session.h"

static const struct atls_session_limits limits = {
	.sessions_max = 3, .opening_ms = 90, .idle_ms = 300, .linger_ms = 60};

static struct atls_session *open_one(
	struct atls_sessions *table, struct atls_engine *engine, const char *peer, int64_t now)
{
	struct atls_session *session = NULL;
	struct atls_error err = {0};
	eq_int(atls_session_open(table, engine, peer, now, &session, &err), ATLS_OK);
	return session;
}

static struct atls_session *find(struct atls_sessions *table, const char *id)
{
	return atls_session_find(table, id, strlen(id));
}

static void forget(void *ctx, struct atls_session *session)
{
	atls_session_remove(ctx, session);
}

static void table_free(struct atls_sessions *table)
{
	atls_sessions_each(table, forget, table);
	atls_sessions_expire(table, INT64_MAX, NULL, NULL);
	atls_sessions_free(table);
}

static void ids_are_random_and_found(void)
{
	struct atls_sessions *table = atls_sessions_new(&limits);
	struct atls_session *a = open_one(table, NULL, "p", 0), *b = open_one(table, NULL, "p", 0);
	eq_int(strlen(a->id), 22);
	eq_int(strspn(a->id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
		22);
	ok(strcmp(a->id, b->id) != 0);
	ok(find(table, a->id) == a && find(table, b->id) == b);
	char other[ATLS_ID_TEXT];
	memcpy(other, a->id, sizeof other);
	other[21] = other[21] == 'A' ? 'B' : 'A';
	ok(!find(table, other));
	ok(!atls_session_find(table, a->id, 21));
	ok(!find(table, ""));
	table_free(table);
}

static void sessions_are_limited(void)
{
	struct atls_session *session = NULL, *other = NULL;
	struct atls_error err = {0};
	struct atls_sessions *table = atls_sessions_new(&limits);
	open_one(table, NULL, "p", 0);
	open_one(table, NULL, "p", 0);
	other = open_one(table, NULL, "q", 0);
	eq_int(atls_session_open(table, NULL, "r", 0, &session, &err), ATLS_E_LIMIT);
	eq_int(atls_sessions_count(table), 3);
	/* A finished one makes room. */
	atls_session_finish(table, other, 0);
	eq_int(atls_sessions_count(table), 2);
	open_one(table, NULL, "r", 0);
	table_free(table);
}

/* Of several tables each knows whose an id is, and makes none that is not its own. */
static void tables_share_the_ids(void)
{
	enum { PARTS = 5, EACH = 20 };
	struct atls_id_keys keys;
	struct atls_session_limits parted = limits;
	eq_int(atls_id_keys_make(&keys), ATLS_OK);
	parted.sessions_max = EACH;
	parted.share = (struct atls_id_share){.keys = &keys, .parts = PARTS};
	for (; parted.share.part < PARTS; parted.share.part++) {
		struct atls_sessions *table = atls_sessions_new(&parted);
		unsigned own = 0;
		for (int i = 0; i < EACH; i++) {
			const struct atls_session *session = open_one(table, NULL, "p", 0);
			own += atls_id_part(&parted.share, session->id) == parted.share.part;
		}
		eq_int(own, EACH);
		table_free(table);
	}
	/* Clients' ids fall everywhere, also those that differ in one character. */
	unsigned fallen[PARTS] = {0};
	char id[ATLS_ID_TEXT] = "iiiiiiiiiiiiiiiiiiiiii";
	for (int i = 0; i < 26 * 26; i++) {
		id[0] = (char)('a' + i / 26);
		id[21] = (char)('a' + i % 26);
		fallen[atls_id_part(&parted.share, id)]++;
	}
	for (int i = 0; i < PARTS; i++)
		ok(fallen[i] > 0);
}

static int expired;
static char reason[64];

static void count(void *ctx, struct atls_session *session, const char *why)
{
	expired++;
	snprintf(reason, sizeof reason, "%s", why);
	atls_session_remove(ctx, session);
}

static void what_is_overdue_ends(void)
{
	struct atls_sessions *table = atls_sessions_new(&limits);
	struct atls_session *slow = open_one(table, NULL, "p", 0);
	struct atls_session *idle = open_one(table, NULL, "p", 0);
	struct atls_session *done = open_one(table, NULL, "p", 0);
	char id[3][ATLS_ID_TEXT];
	memcpy(id[0], slow->id, sizeof id[0]);
	memcpy(id[1], idle->id, sizeof id[1]);
	memcpy(id[2], done->id, sizeof id[2]);
	idle->phase = ATLS_SESSION_OPEN;
	atls_session_finish(table, done, 10);
	expired = 0;
	atls_sessions_expire(table, 69, count, table);
	eq_int(expired, 0);
	ok(find(table, id[2]) != NULL);
	atls_sessions_expire(table, 70, count, table);
	ok(!find(table, id[2]));
	eq_int(expired, 0);
	atls_sessions_expire(table, 90, count, table);
	eq_int(expired, 1);
	ok(strstr(reason, "handshake") != NULL);
	ok(!find(table, id[0]));
	atls_sessions_expire(table, 299, count, table);
	eq_int(expired, 1);
	atls_sessions_expire(table, 300, count, table);
	eq_int(expired, 2);
	ok(strstr(reason, "silent") != NULL);
	table_free(table);
}

static void finished_ones_are_bounded(void)
{
	struct atls_sessions *table = atls_sessions_new(&limits);
	char first[ATLS_ID_TEXT];
	for (int i = 0; i < 20; i++) {
		struct atls_session *session = open_one(table, NULL, "p", i);
		if (i == 0)
			memcpy(first, session->id, sizeof first);
		atls_session_finish(table, session, i);
	}
	ok(!find(table, first));
	eq_int(atls_sessions_count(table), 0);
	table_free(table);
}

/* A session whose engine is the pair's server. */
struct served {
	struct pair pair;
	struct atls_sessions *table;
	struct atls_session *session;
};

static size_t client_says(struct served *served, uint8_t *body)
{
	const uint8_t *bytes;
	size_t len = atls_engine_output(served->pair.client, &bytes);
	memcpy(body, bytes, len);
	atls_engine_output_done(served->pair.client, len);
	return len;
}

static void server_answers(struct served *served, bool final)
{
	const uint8_t *bytes;
	size_t len = atls_engine_output(served->session->engine, &bytes);
	(void)atls_engine_feed(served->pair.client, bytes, len);
	atls_session_answered(served->session, len, final);
}

static void serve(struct served *served)
{
	uint8_t body[8192];
	pair_new(&served->pair, &(struct pair_spec){0});
	served->table = atls_sessions_new(&limits);
	served->session = open_one(served->table, served->pair.server, "p", 0);
	served->pair.server = NULL;
	for (int i = 0; i < 2; i++) {
		size_t len = client_says(served, body);
		eq_int(atls_session_offer(served->session, body, len, 0), ATLS_OFFER_TAKEN);
		server_answers(served, false);
	}
	served->session->phase = ATLS_SESSION_OPEN;
	ok(atls_engine_state(served->session->engine) & ATLS_ESTABLISHED);
}

static void serve_free(struct served *served)
{
	table_free(served->table);
	pair_free(&served->pair);
}

static void a_repeated_body_is_fed_once_and_answered_alike(void)
{
	struct served s;
	uint8_t body[4096];
	char data[64];
	serve(&s);
	(void)atls_engine_write(s.pair.client, "hello", 5);
	size_t len = client_says(&s, body);
	eq_int(atls_session_offer(s.session, body, len, 1), ATLS_OFFER_TAKEN);
	eq_int(atls_session_offer(s.session, body, len, 1), ATLS_OFFER_PENDING);
	eq_int(atls_engine_read(s.session->engine, data, sizeof data), 5);
	(void)atls_engine_write(s.session->engine, "world", 5);
	const uint8_t *out;
	uint8_t answer[256];
	size_t answer_len = atls_engine_output(s.session->engine, &out);
	memcpy(answer, out, answer_len);
	server_answers(&s, false);
	for (int i = 0; i < 2; i++) {
		eq_int(atls_session_offer(s.session, body, len, 1), ATLS_OFFER_REPEAT);
		eq_mem(atls_buf_bytes(&s.session->answer), s.session->answer.len, answer,
			answer_len);
	}
	eq_int(atls_engine_read(s.session->engine, data, sizeof data), ATLS_E_AGAIN);
	/* Once the client polls, it has the answer; the body is still not fed again. */
	eq_int(atls_session_offer(s.session, NULL, 0, 1), ATLS_OFFER_POLL);
	eq_int(s.session->answer.len, 0);
	eq_int(atls_session_offer(s.session, body, len, 1), ATLS_OFFER_REPEAT);
	ok(!(atls_engine_state(s.session->engine) & ATLS_FAILED));
	serve_free(&s);
}

static void short_bodies_may_repeat(void)
{
	struct served s;
	serve(&s);
	/* 22 bytes of a record, then the same again: no repeat, but the stream going on. */
	uint8_t piece[ATLS_REPEAT_MIN - 1] = {23, 3, 3, 0x40, 0};
	eq_int(atls_session_offer(s.session, piece, sizeof piece, 1), ATLS_OFFER_TAKEN);
	eq_int(atls_session_offer(s.session, piece, sizeof piece, 1), ATLS_OFFER_TAKEN);
	eq_int(atls_engine_input_pending(s.session->engine), 2 * sizeof piece);
	serve_free(&s);
}

static void a_finished_session_keeps_its_last_word(void)
{
	struct served s;
	uint8_t body[4096];
	char data[64];
	serve(&s);
	(void)atls_engine_close(s.pair.client);
	size_t len = client_says(&s, body);
	eq_int(atls_session_offer(s.session, body, len, 1), ATLS_OFFER_TAKEN);
	eq_int(atls_engine_read(s.session->engine, data, sizeof data), 0);
	server_answers(&s, false);
	(void)atls_engine_close(s.session->engine);
	eq_int(atls_session_offer(s.session, NULL, 0, 1), ATLS_OFFER_POLL);
	server_answers(&s, true);
	size_t last = s.session->answer.len;
	ok(last > 0);
	atls_session_finish(s.table, s.session, 2);
	eq_int(atls_session_offer(s.session, NULL, 0, 3), ATLS_OFFER_REPEAT);
	eq_int(s.session->answer.len, last);
	uint8_t other[40] = {23, 3, 3};
	eq_int(atls_session_offer(s.session, other, sizeof other, 3), ATLS_OFFER_UNKNOWN);
	serve_free(&s);
}

static void a_full_engine_takes_nothing(void)
{
	struct pair pair;
	struct atls_sessions *table = atls_sessions_new(&limits);
	static uint8_t data[5000] = {22, 3, 3, 0x40, 0, 1};
	pair_new(&pair, &(struct pair_spec){.input_max = 4096});
	struct atls_session *session = open_one(table, pair.server, "p", 0);
	pair.server = NULL;
	eq_int(atls_session_offer(session, data, sizeof data, 0), ATLS_OFFER_FULL);
	eq_int(session->digest_len, 0);
	table_free(table);
	pair_free(&pair);
}

static void it_is_known_that_a_body_ends_amid_a_record(void)
{
	struct served s;
	uint8_t body[4096] = {0};
	serve(&s);
	ok(!atls_session_mid_record(s.session));
	(void)atls_engine_write(s.pair.client, body, 1000);
	size_t len = client_says(&s, body);
	static const size_t cuts[] = {1, 4, 5, 30, 600};
	size_t at = 0;
	for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
		(void)atls_session_offer(s.session, body + at, cuts[i] - at, 1);
		ok(atls_session_mid_record(s.session));
		at = cuts[i];
	}
	eq_int(atls_session_offer(s.session, body + at, len - at, 1), ATLS_OFFER_TAKEN);
	ok(!atls_session_mid_record(s.session));
	char data[1100];
	eq_int(atls_engine_read(s.session->engine, data, sizeof data), 1000);
	serve_free(&s);
}

static void what_may_begin_a_session(void)
{
	static const struct {
		uint8_t bytes[6];
		size_t len;
		bool may;
	} cases[] = {
		{{22, 3, 1, 2, 0, 1}, 6, true},   /* ClientHello */
		{{22, 3, 1, 2, 0, 16}, 6, false}, /* ClientKeyExchange */
		{{22, 3, 1}, 3, true},            /* cut early */
		{{20, 3, 3, 0, 1, 1}, 6, false},  /* ChangeCipherSpec */
		{{21, 3, 3, 0, 2, 1}, 6, false}, {{23, 3, 3, 0, 9, 1}, 6, false}, {{0}, 0, false},
		{{'G', 'E', 'T', ' ', '/', ' '}, 6, true}, /* garbage: TLS says so */
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		eq_int(atls_session_may_begin(cases[i].bytes, cases[i].len), cases[i].may);
}

int main(void)
{
	run(ids_are_random_and_found);
	run(sessions_are_limited);
	run(tables_share_the_ids);
	run(what_is_overdue_ends);
	run(finished_ones_are_bounded);
	run(a_repeated_body_is_fed_once_and_answered_alike);
	run(short_bodies_may_repeat);
	run(a_finished_session_keeps_its_last_word);
	run(a_full_engine_takes_nothing);
	run(it_is_known_that_a_body_ends_amid_a_record);
	run(what_may_begin_a_session);
	return tap_done();
}
