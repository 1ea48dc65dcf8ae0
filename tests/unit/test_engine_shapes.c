/*
 * Handshakes of every shape that TLS allows, and those that come to nothing: cut and joined in any
 * way, messages over several records, large chains, HelloRetryRequest, renegotiation, nothing in
 * common, client certificates that will not do.
 */
#include "forge.h"
#include "pair.h"
#include "tap.h"

#define V12 "NORMAL:-VERS-ALL:+VERS-TLS1.2"
#define V13 "NORMAL:-VERS-ALL:+VERS-TLS1.3"

static const char *const versions[] = {V12, V13};

static bool has(const struct atls_engine *engine, unsigned bits)
{
	return (atls_engine_state(engine) & bits) == bits;
}

static bool says(const struct atls_engine *engine, const char *words)
{
	return strstr(atls_engine_error(engine)->text, words) != NULL;
}

/* Both stand, and a word goes each way. */
static void both_stand(struct pair *pair)
{
	char data[8];
	ok(has(pair->client, ATLS_ESTABLISHED) && has(pair->server, ATLS_ESTABLISHED));
	eq_int(atls_engine_write(pair->client, "up", 2), 2);
	eq_int(atls_engine_write(pair->server, "down", 4), 4);
	pair_settle(pair, 0);
	eq_int(atls_engine_read(pair->server, data, sizeof data), 2);
	eq_int(atls_engine_read(pair->client, data, sizeof data), 4);
}

/* ---- cut and joined ----------------------------------------------------------------------------
 */

/* Handshake, data and end with the next cut as this function gives it. */
static void session(const char *priorities, size_t (*cut)(unsigned *state), unsigned state)
{
	struct pair pair;
	char data[64];
	pair_new(&pair, &(struct pair_spec){.priorities = priorities});
	for (unsigned idle = 0, said = 0; idle < 3; idle++) {
		if (!said && has(pair.client, ATLS_CAN_WRITE)) {
			eq_int(atls_engine_write(pair.client, "up", 2), 2);
			eq_int(atls_engine_close(pair.client), ATLS_OK);
			said = 1;
		}
		if (pair_move(pair.client, pair.server, cut(&state)) +
			pair_move(pair.server, pair.client, cut(&state)))
			idle = 0;
	}
	eq_int(atls_engine_read(pair.server, data, sizeof data), 2);
	eq_int(atls_engine_read(pair.server, data, sizeof data), 0);
	eq_int(atls_engine_write(pair.server, "down", 4), 4);
	eq_int(atls_engine_close(pair.server), ATLS_OK);
	while (pair_move(pair.server, pair.client, cut(&state)))
		continue;
	eq_int(atls_engine_read(pair.client, data, sizeof data), 4);
	eq_int(atls_engine_read(pair.client, data, sizeof data), 0);
	ok(!has(pair.client, ATLS_FAILED) && !has(pair.server, ATLS_FAILED));
	pair_free(&pair);
}

static size_t same_cut(unsigned *state)
{
	return *state;
}

/* Of all sizes, small ones more often. */
static size_t random_cut(unsigned *state)
{
	*state = *state * 1103515245u + 12345u;
	return 1 + ((*state >> 16) & 1023) % (1 + ((*state >> 4) & 511));
}

static void sessions_in_pieces_of_one_size(void)
{
	for (unsigned size = 1; size <= 60; size++)
		session(versions[size & 1], same_cut, size);
	for (unsigned size = 61; size <= 1500; size += 53)
		session(versions[size & 1], same_cut, size);
}

static void sessions_in_random_pieces(void)
{
	for (unsigned seed = 1; seed <= 60; seed++)
		session(versions[seed & 1], random_cut, seed);
}

/* Each body holds all that there is to say: Finished, data and close_notify are one. */
static void sessions_in_whole_flights(void)
{
	for (unsigned i = 0; i < 2; i++)
		session(versions[i], same_cut, 1u << 20);
}

/* ---- messages over several records -------------------------------------------------------------
 */

/* Moves from's output with each handshake record in clear cut into records of at most max. */
static size_t move_fragments(struct atls_engine *from, struct atls_engine *to, size_t max)
{
	static uint8_t pieces[6 * 65536];
	const uint8_t *bytes;
	size_t len = atls_engine_output(from, &bytes);
	(void)atls_engine_feed(to, pieces, forge_refragment(bytes, len, max, pieces));
	atls_engine_output_done(from, len);
	return len;
}

static void handshake_messages_over_several_records(void)
{
	static const size_t sizes[] = {1, 2, 3, 4, 5, 7, 50, 200};
	for (size_t i = 0; i < 2 * sizeof sizes / sizeof *sizes; i++) {
		struct pair pair;
		pair_new(&pair, &(struct pair_spec){.priorities = versions[i & 1]});
		/* What goes in clear: TLS 1.3, the two hellos; TLS 1.2, a flight each. */
		move_fragments(pair.client, pair.server, sizes[i / 2]);
		move_fragments(pair.server, pair.client, sizes[i / 2]);
		pair_settle(&pair, 0);
		both_stand(&pair);
		pair_free(&pair);
	}
}

static void large_chains_are_taken(void)
{
	static const size_t sizes[] = {16000, 30000, 60000};
	for (unsigned i = 0; i < 6; i++) {
		const struct cert_spec large = {
			.cn = "large", .names = "a.example", .bulk = sizes[i / 2]};
		struct pair pair;
		pair_new(&pair, &(struct pair_spec){.priorities = versions[i & 1],
					.leaf = &large,
					.user = &large,
					.client_certificate = true,
					.require = true});
		pair_settle(&pair, i & 1 ? 1000 : 0);
		both_stand(&pair);
		pair_free(&pair);
	}
}

/* GnuTLS makes no handshake of more than 128 KiB. */
static void chains_too_large_are_told_to_both(void)
{
	for (unsigned i = 0; i < 4; i++) {
		const struct cert_spec large = {
			.cn = "large", .names = "a.example", .bulk = 160000};
		bool client = i & 2;
		struct pair pair;
		pair_new(&pair, &(struct pair_spec){.priorities = versions[i & 1],
					.leaf = client ? NULL : &large,
					.user = client ? &large : NULL,
					.client_certificate = client,
					.require = client});
		pair_settle(&pair, 0);
		ok(says(client ? pair.client : pair.server,
			"inner TLS: the handshake, most likely its certificates, takes more than "
			"128 KiB"));
		ok(says(client ? pair.server : pair.client,
			"inner TLS: the peer ended the session with alert decode_error (50)"));
		pair_free(&pair);
	}
}

/* ---- HelloRetryRequest -------------------------------------------------------------------------
 */

static void hello_retry_request(void)
{
	for (size_t cut = 0; cut < 4; cut++) {
		struct pair pair;
		pair_new(&pair, &(struct pair_spec){.priorities = V13,
					.server_priorities = V13 ":-GROUP-ALL:+GROUP-SECP384R1"});
		pair_settle(&pair, cut);
		both_stand(&pair);
		eq_int(gnutls_group_get(atls_engine_session(pair.server)), GNUTLS_GROUP_SECP384R1);
		pair_free(&pair);
	}
}

static void a_second_hello_retry_request_is_refused(void)
{
	struct pair pair;
	static uint8_t retry[4096];
	const uint8_t *bytes;
	pair_new(&pair, &(struct pair_spec){.priorities = V13,
				.server_priorities = V13 ":-GROUP-ALL:+GROUP-SECP384R1"});
	pair_move(pair.client, pair.server, SIZE_MAX);
	size_t len = atls_engine_output(pair.server, &bytes);
	ok(len > 5 && len < sizeof retry);
	memcpy(retry, bytes, len);
	eq_int(atls_engine_feed(pair.client, retry, len), ATLS_OK);
	atls_engine_output_done(pair.client, atls_engine_output(pair.client, &bytes));
	eq_int(atls_engine_feed(pair.client, retry, len), ATLS_E_TLS);
	eq_int(atls_engine_output(pair.client, &bytes), 7);
	eq_int(bytes[6], GNUTLS_A_UNEXPECTED_MESSAGE);
	pair_free(&pair);
}

/* ---- renegotiation -----------------------------------------------------------------------------
 */

static void renegotiation_by_the_client_ends_the_session(void)
{
	for (int data_too = 0; data_too < 2; data_too++) {
		struct pair pair;
		char data[16];
		pair_new(&pair, &(struct pair_spec){.priorities = V12});
		pair_settle(&pair, 0);
		eq_int(gnutls_handshake(atls_engine_session(pair.client)), GNUTLS_E_AGAIN);
		if (data_too)
			eq_int(atls_engine_write(pair.client, "data", 4), 4);
		pair_settle(&pair, 0);
		eq_int(atls_engine_read(pair.server, data, sizeof data), ATLS_E_TLS);
		ok(says(pair.server, "inner TLS: the peer wants to renegotiate, which is refused"));
		pair_settle(&pair, 0);
		while (atls_engine_read(pair.client, data, sizeof data) >= 0)
			continue;
		ok(says(pair.client, "alert handshake_failure (40)"));
		pair_free(&pair);
	}
}

/* ---- nothing in common -------------------------------------------------------------------------
 */

static void nothing_in_common(void)
{
	static const struct {
		const char *client, *server;
	} mismatches[] = {
		{V12, V13},
		{V13, V12},
		{V12 ":-CIPHER-ALL:+AES-128-GCM", V12 ":-CIPHER-ALL:+CHACHA20-POLY1305"},
		{V13 ":-CIPHER-ALL:+AES-128-GCM", V13 ":-CIPHER-ALL:+CHACHA20-POLY1305"},
		{V12 ":-KX-ALL:+ECDHE-RSA", V12},
		{V12 ":-KX-ALL:+ECDHE-ECDSA:-GROUP-ALL:+GROUP-X25519",
			V12 ":-GROUP-ALL:+GROUP-SECP384R1"},
		{V13 ":-GROUP-ALL:+GROUP-X25519", V13 ":-GROUP-ALL:+GROUP-SECP384R1"},
		{V13 ":-SIGN-ALL:+SIGN-RSA-PSS-SHA256", V13},
		{V12 ":-SIGN-ALL:+SIGN-RSA-SHA256", V12},
	};
	for (size_t i = 0; i < sizeof mismatches / sizeof *mismatches; i++) {
		struct pair pair;
		pair_new(&pair, &(struct pair_spec){.priorities = mismatches[i].client,
					.server_priorities = mismatches[i].server});
		pair_settle(&pair, 0);
		ok(says(pair.server, "inner TLS: the two sides have no TLS version, cipher suite "
				     "or group in common"));
		ok(says(pair.client, "inner TLS: the peer ended the session with alert "));
		pair_free(&pair);
	}
}

/* ---- client certificates -----------------------------------------------------------------------
 */

static void client_certificates_that_will_not_do(void)
{
	static const struct cert_spec expired = {.cn = "late", .not_after = CERT_NOW - CERT_DAY},
				      future = {.cn = "early", .not_before = CERT_NOW + CERT_DAY},
				      other = {.cn = "service",
					      .purpose = GNUTLS_KP_TLS_WWW_SERVER},
				      user = {.cn = "user"};
	static const struct {
		const struct cert_spec *user;
		bool stranger;
		const char *says, *alert12, *alert13;
	} cases[] = {
		{NULL, false, "the peer sent no certificate", "handshake_failure (40)",
			"certificate_required (116)"},
		{&expired, false, "has expired", "certificate_expired (45)",
			"certificate_expired (45)"},
		{&future, false, "not valid before", "certificate_expired (45)",
			"certificate_expired (45)"},
		{&other, false, "purpose", "unsupported_certificate (43)",
			"unsupported_certificate (43)"},
		{&user, true, "not trusted", "unknown_ca (48)", "unknown_ca (48)"},
	};
	for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
		struct pair pair;
		char data[8], alert[80];
		pair_new(&pair, &(struct pair_spec){.priorities = versions[i & 1],
					.user = cases[i / 2].user,
					.stranger = cases[i / 2].stranger,
					.client_certificate = cases[i / 2].user != NULL,
					.require = true});
		pair_settle(&pair, 0);
		(void)atls_engine_read(pair.client, data, sizeof data);
		snprintf(alert, sizeof alert, "the peer ended the session with alert %s",
			i & 1 ? cases[i / 2].alert13 : cases[i / 2].alert12);
		ok(says(pair.server, cases[i / 2].says));
		ok(says(pair.client, alert));
		pair_free(&pair);
	}
}

/* GnuTLS would have it that the client, which refused the service, had no certificate. */
static void an_alert_in_place_of_a_certificate_is_an_alert(void)
{
	for (int i = 0; i < 2; i++) {
		struct pair pair;
		const uint8_t *bytes;
		pair_new(&pair, &(struct pair_spec){.priorities = versions[i],
					.untrusted = true,
					.client_certificate = true,
					.require = true});
		pair_settle(&pair, 0);
		ok(says(pair.server,
			"inner TLS: the peer ended the session with alert unknown_ca (48)"));
		eq_int(atls_engine_output(pair.server, &bytes), 0);
		pair_free(&pair);
	}
}

int main(void)
{
	run(sessions_in_pieces_of_one_size);
	run(sessions_in_random_pieces);
	run(sessions_in_whole_flights);
	run(handshake_messages_over_several_records);
	run(large_chains_are_taken);
	run(chains_too_large_are_told_to_both);
	run(hello_retry_request);
	run(a_second_hello_retry_request_is_refused);
	run(renegotiation_by_the_client_ends_the_session);
	run(nothing_in_common);
	run(client_certificates_that_will_not_do);
	run(an_alert_in_place_of_a_certificate_is_an_alert);
	return tap_done();
}
