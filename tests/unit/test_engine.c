#include "pair.h"
#include "tap.h"

static const char TLS12[] = "NORMAL:-VERS-ALL:+VERS-TLS1.2";
static const char TLS13[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3";
static const char *const versions[] = {TLS12, TLS13};

#define EACH_VERSION(v) for (const char *const *v = versions; v < versions + 2; v++)

static bool has(const struct atls_engine *engine, unsigned bits)
{
	return (atls_engine_state(engine) & bits) == bits;
}

static void fill(uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)(i * 31 + (i >> 8));
}

/* Sends len bytes one way in pieces of cut; returns whether they arrived as they were. */
static bool carries(
	struct pair *pair, struct atls_engine *from, struct atls_engine *to, size_t len, size_t cut)
{
	uint8_t *sent = malloc(len), *got = malloc(len + 1);
	size_t at = 0, have = 0;
	fill(sent, len);
	for (int idle = 0; have < len && idle < 3; idle++) {
		ssize_t rc = atls_engine_write(from, sent + at, len - at);
		if (rc > 0) {
			at += (size_t)rc;
			idle = 0;
		}
		pair_settle(pair, cut);
		while ((rc = atls_engine_read(to, got + have, len + 1 - have)) > 0) {
			have += (size_t)rc;
			idle = 0;
		}
	}
	bool same = have == len && memcmp(sent, got, len) == 0;
	free(sent);
	free(got);
	return same;
}

static void handshake_and_data_however_cut(void)
{
	static const size_t cuts[] = {0, 1, 2, 5, 100, 1000};
	EACH_VERSION(version)
	{
		for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
			struct pair pair;
			pair_new(&pair, &(struct pair_spec){.priorities = *version});
			ok(has(pair.client, ATLS_HAVE_OUTPUT | ATLS_WANT_INPUT));
			ok(!has(pair.server, ATLS_HAVE_OUTPUT));
			pair_settle(&pair, cuts[i]);
			ok(has(pair.client, ATLS_ESTABLISHED | ATLS_CAN_WRITE));
			ok(has(pair.server, ATLS_ESTABLISHED | ATLS_CAN_WRITE));
			size_t len = cuts[i] == 1 ? 5000 : 100000;
			ok(carries(&pair, pair.client, pair.server, len, cuts[i]));
			ok(carries(&pair, pair.server, pair.client, len, cuts[i]));
			pair_free(&pair);
		}
	}
}

static void flights(void)
{
	/* TLS 1.3: the client is done after one answer, and its data goes with its Finished. */
	struct pair pair;
	pair_new(&pair, &(struct pair_spec){.priorities = TLS13});
	pair_move(pair.client, pair.server, SIZE_MAX);
	pair_move(pair.server, pair.client, SIZE_MAX);
	ok(has(pair.client, ATLS_ESTABLISHED));
	eq_int(atls_engine_write(pair.client, "x", 1), 1);
	pair_move(pair.client, pair.server, SIZE_MAX);
	char c = 0;
	eq_int(atls_engine_read(pair.server, &c, 1), 1);
	eq_int(c, 'x');
	pair_free(&pair);
	/* TLS 1.2: two answers. */
	pair_new(&pair, &(struct pair_spec){.priorities = TLS12});
	for (int i = 0; i < 2; i++) {
		ok(!has(pair.client, ATLS_ESTABLISHED));
		eq_int(atls_engine_write(pair.client, "x", 1), ATLS_E_AGAIN);
		pair_move(pair.client, pair.server, SIZE_MAX);
		pair_move(pair.server, pair.client, SIZE_MAX);
	}
	ok(has(pair.client, ATLS_ESTABLISHED));
	pair_free(&pair);
}

static void half_close_both_ways(void)
{
	EACH_VERSION(version)
	{
		struct pair pair;
		char byte;
		pair_new(&pair, &(struct pair_spec){.priorities = *version});
		eq_int(atls_engine_close(pair.client), ATLS_E_AGAIN);
		pair_settle(&pair, 0);
		eq_int(atls_engine_close(pair.client), ATLS_OK);
		eq_int(atls_engine_close(pair.client), ATLS_OK);
		ok(atls_engine_closed(pair.client));
		ok(!has(pair.client, ATLS_CAN_WRITE));
		eq_int(atls_engine_write(pair.client, "x", 1), ATLS_E_USAGE);
		pair_settle(&pair, 0);
		eq_int(atls_engine_read(pair.server, &byte, 1), 0);
		ok(has(pair.server, ATLS_PEER_CLOSED | ATLS_CAN_WRITE));
		ok(carries(&pair, pair.server, pair.client, 50000, 0));
		eq_int(atls_engine_close(pair.server), ATLS_OK);
		pair_settle(&pair, 0);
		eq_int(atls_engine_read(pair.client, &byte, 1), 0);
		eq_int(atls_engine_read(pair.client, &byte, 1), 0);
		ok(!has(pair.client, ATLS_FAILED) && !has(pair.server, ATLS_FAILED));
		/* What follows close_notify does not count. */
		eq_int(atls_engine_feed(pair.client, "garbage", 7), ATLS_OK);
		ok(!has(pair.client, ATLS_FAILED));
		pair_free(&pair);
	}
}

static void truncation_is_an_error(void)
{
	EACH_VERSION(version)
	{
		struct pair pair;
		char byte;
		pair_new(&pair, &(struct pair_spec){.priorities = *version});
		pair_settle(&pair, 0);
		eq_int(atls_engine_read(pair.client, &byte, 1), ATLS_E_AGAIN);
		atls_engine_end_input(pair.client);
		eq_int(atls_engine_read(pair.client, &byte, 1), ATLS_E_TLS);
		ok(has(pair.client, ATLS_FAILED));
		ok(strstr(atls_engine_error(pair.client)->text, "truncated") != NULL);
		/* In the handshake, too. */
		atls_engine_end_input(pair.server);
		atls_engine_free(pair.client);
		atls_engine_free(pair.server);
		pair_engines(&pair, &(struct pair_spec){0});
		atls_engine_end_input(pair.client);
		ok(has(pair.client, ATLS_FAILED));
		pair_free(&pair);
	}
}

static void a_failed_engine_still_has_its_alert(void)
{
	struct pair pair;
	pair_new(&pair, &(struct pair_spec){.untrusted = true});
	pair_settle(&pair, 0);
	ok(has(pair.client, ATLS_FAILED));
	eq_int(atls_engine_error(pair.client)->code, ATLS_E_TLS);
	ok(strstr(atls_engine_error(pair.client)->text, "Test CA") != NULL);
	ok(has(pair.server, ATLS_FAILED));
	ok(strstr(atls_engine_error(pair.server)->text, "alert unknown_ca (48)") != NULL);
	pair_free(&pair);
	pair_new(&pair, &(struct pair_spec){.expect = "b.example"});
	pair_settle(&pair, 0);
	ok(strstr(atls_engine_error(pair.client)->text, "not for 'b.example'") != NULL);
	pair_free(&pair);
}

static void garbage_is_answered_by_an_alert(void)
{
	struct pair pair;
	const uint8_t *bytes;
	pair_new(&pair, &(struct pair_spec){0});
	ok(atls_engine_feed(pair.server, "GET / HTTP/1.1\r\n\r\n", 18) < 0);
	ok(has(pair.server, ATLS_FAILED | ATLS_HAVE_OUTPUT));
	eq_int(atls_engine_output(pair.server, &bytes), 7);
	eq_int(bytes[0], 21);
	eq_int(atls_engine_feed(pair.server, "more", 4), ATLS_E_TLS);
	pair_free(&pair);
}

static void a_changed_byte_is_noticed(void)
{
	EACH_VERSION(version)
	{
		struct pair pair;
		uint8_t copy[256];
		const uint8_t *bytes;
		char byte;
		pair_new(&pair, &(struct pair_spec){.priorities = *version});
		pair_settle(&pair, 0);
		eq_int(atls_engine_write(pair.client, "hello", 5), 5);
		size_t len = atls_engine_output(pair.client, &bytes);
		ok(len > 10 && len < sizeof copy);
		memcpy(copy, bytes, len);
		copy[len - 3] ^= 1;
		eq_int(atls_engine_feed(pair.server, copy, len), ATLS_OK);
		eq_int(atls_engine_read(pair.server, &byte, 1), ATLS_E_TLS);
		ok(has(pair.server, ATLS_HAVE_OUTPUT));
		pair_free(&pair);
	}
}

static void a_body_fed_twice_ends_the_session(void)
{
	struct pair pair;
	uint8_t copy[256];
	const uint8_t *bytes;
	char data[64];
	pair_new(&pair, &(struct pair_spec){.priorities = TLS13});
	pair_settle(&pair, 0);
	(void)atls_engine_write(pair.client, "hello", 5);
	size_t len = atls_engine_output(pair.client, &bytes);
	memcpy(copy, bytes, len);
	(void)atls_engine_feed(pair.server, copy, len);
	(void)atls_engine_feed(pair.server, copy, len);
	eq_int(atls_engine_read(pair.server, data, sizeof data), 5);
	eq_int(atls_engine_read(pair.server, data, sizeof data), ATLS_E_TLS);
	ok(strstr(atls_engine_error(pair.server)->text, "lost, repeated or altered") != NULL);
	pair_free(&pair);
}

static void limits_hold(void)
{
	struct pair pair;
	static uint8_t data[1 << 20];
	const uint8_t *bytes;
	pair_new(&pair, &(struct pair_spec){.input_max = 100000, .output_max = 65536});
	pair_settle(&pair, 0);
	ssize_t done = atls_engine_write(pair.client, data, sizeof data);
	ok(done > 0 && (size_t)done < 65536);
	ok(atls_engine_output(pair.client, &bytes) <= 65536);
	ok(!has(pair.client, ATLS_CAN_WRITE));
	eq_int(atls_engine_write(pair.client, data, 1), ATLS_E_AGAIN);
	/* More input than the limit: none of it is taken, and the session lives on. */
	size_t pending = pair_move(pair.client, pair.server, SIZE_MAX);
	eq_int(atls_engine_input_pending(pair.server), pending);
	eq_int(atls_engine_feed(pair.server, data, 100000), ATLS_E_LIMIT);
	ok(!has(pair.server, ATLS_FAILED));
	size_t got = 0;
	ssize_t rc;
	while ((rc = atls_engine_read(pair.server, data, sizeof data)) > 0)
		got += (size_t)rc;
	eq_int(got, done);
	pair_free(&pair);
}

static void key_update_from_both_sides(void)
{
	struct pair pair;
	pair_new(&pair, &(struct pair_spec){.priorities = TLS13});
	pair_settle(&pair, 0);
	for (int i = 0; i < 3; i++) {
		eq_int(gnutls_session_key_update(atls_engine_session(pair.client), GNUTLS_KU_PEER),
			0);
		ok(carries(&pair, pair.client, pair.server, 40000, 700));
		eq_int(gnutls_session_key_update(atls_engine_session(pair.server), 0), 0);
		ok(carries(&pair, pair.server, pair.client, 40000, 700));
	}
	pair_free(&pair);
}

static void renegotiation_is_refused(void)
{
	struct pair pair;
	char data[16];
	pair_new(&pair, &(struct pair_spec){.priorities = TLS12});
	pair_settle(&pair, 0);
	eq_int(gnutls_rehandshake(atls_engine_session(pair.server)), 0);
	pair_settle(&pair, 0);
	eq_int(atls_engine_read(pair.client, data, sizeof data), ATLS_E_AGAIN);
	ok(!has(pair.client, ATLS_FAILED));
	ok(has(pair.client, ATLS_HAVE_OUTPUT));
	ok(carries(&pair, pair.client, pair.server, 1000, 0));
	pair_free(&pair);
}

static void a_flood_of_hello_requests_ends(void)
{
	struct pair pair;
	char data[16];
	pair_new(&pair, &(struct pair_spec){.priorities = TLS12});
	pair_settle(&pair, 0);
	for (int i = 0; i < 100; i++)
		(void)gnutls_rehandshake(atls_engine_session(pair.server));
	pair_settle(&pair, 0);
	ssize_t rc = ATLS_E_AGAIN;
	for (int i = 0; i < 100 && rc == ATLS_E_AGAIN; i++)
		rc = atls_engine_read(pair.client, data, sizeof data);
	eq_int(rc, ATLS_E_TLS);
	ok(strstr(atls_engine_error(pair.client)->text, "floods") != NULL);
	pair_free(&pair);
}

static void client_certificates(void)
{
	EACH_VERSION(version)
	{
		struct pair pair;
		char data[16];
		pair_new(&pair, &(struct pair_spec){.priorities = *version,
					.require = true,
					.client_certificate = true});
		pair_settle(&pair, 0);
		ok(has(pair.server, ATLS_ESTABLISHED));
		pair_free(&pair);
		pair_new(&pair, &(struct pair_spec){.priorities = *version, .require = true});
		pair_settle(&pair, 0);
		ok(has(pair.server, ATLS_FAILED));
		if (has(pair.client, ATLS_ESTABLISHED))
			eq_int(atls_engine_read(pair.client, data, sizeof data), ATLS_E_TLS);
		ok(has(pair.client, ATLS_FAILED));
		pair_free(&pair);
	}
}

static void abort_tells_the_peer(void)
{
	struct pair pair;
	char data[16];
	const struct atls_error why = {.code = ATLS_E_LOCAL, .text = "backend: it broke"};
	pair_new(&pair, &(struct pair_spec){0});
	pair_settle(&pair, 0);
	atls_engine_abort(pair.server, GNUTLS_A_INTERNAL_ERROR, &why);
	eq_str(atls_engine_error(pair.server)->text, why.text);
	pair_settle(&pair, 0);
	eq_int(atls_engine_write(pair.client, "too late", 8), 8);
	eq_int(atls_engine_read(pair.client, data, sizeof data), ATLS_E_TLS);
	ok(strstr(atls_engine_error(pair.client)->text, "alert internal_error (80)") != NULL);
	ok(!has(pair.client, ATLS_HAVE_OUTPUT));
	pair_free(&pair);
}

static void versions_without_overlap(void)
{
	struct pair pair;
	pair_new(&pair, &(struct pair_spec){.priorities = TLS12});
	gnutls_priority_t other;
	struct atls_error err = {0};
	CERT_OK(gnutls_priority_init(&other, TLS13, NULL));
	atls_engine_free(pair.server);
	pair.server = atls_engine_new(
		&(struct atls_engine_config){
			.role = ATLS_SERVER, .credentials = pair.server_cred, .priorities = other},
		&err);
	pair_settle(&pair, 0);
	ok(has(pair.server, ATLS_FAILED));
	ok(has(pair.client, ATLS_FAILED));
	ok(strstr(atls_engine_error(pair.client)->text, "alert") != NULL);
	pair_free(&pair);
	gnutls_priority_deinit(other);
}

int main(void)
{
	run(handshake_and_data_however_cut);
	run(flights);
	run(half_close_both_ways);
	run(truncation_is_an_error);
	run(a_failed_engine_still_has_its_alert);
	run(garbage_is_answered_by_an_alert);
	run(a_changed_byte_is_noticed);
	run(a_body_fed_twice_ends_the_session);
	run(limits_hold);
	run(key_update_from_both_sides);
	run(renegotiation_is_refused);
	run(a_flood_of_hello_requests_ends);
	run(client_certificates);
	run(abort_tells_the_peer);
	run(versions_without_overlap);
	return tap_done();
}
