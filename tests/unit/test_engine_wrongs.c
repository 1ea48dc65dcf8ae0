/*
 * What a peer must not send, to either side of a session: records, alerts and handshake messages
 * that are out of place, malformed or too many. The engine ends the session by a sentence, the peer
 * learns it by the right alert; or it goes on where TLS says so.
 */
#include "forge.h"
#include "pair.h"
#include "tap.h"

#define V12 "NORMAL:-VERS-ALL:+VERS-TLS1.2"
#define V13 "NORMAL:-VERS-ALL:+VERS-TLS1.3"

static uint8_t record[FORGE_MAX];
static uint8_t zeros[65536];

static bool has(const struct atls_engine *engine, unsigned bits)
{
	return (atls_engine_state(engine) & bits) == bits;
}

/* The alert's name in the words of whoever got it. */
static bool told(const struct atls_engine *engine, const char *alert)
{
	char text[80];
	snprintf(text, sizeof text, "the peer ended the session with alert %s (", alert);
	return strstr(atls_engine_error(engine)->text, text) != NULL;
}

/* ---- after the handshake -----------------------------------------------------------------------
 */

enum versions { ANY, ONLY12, ONLY13 };

/* One forged record, and what comes of it: without an alert the session goes on. */
struct wrong {
	const char *what;
	enum versions versions;
	uint8_t type; /* 0: content is the inner plaintext */
	const char *content;
	size_t len;
	const char *alert;
	const char *says;
};

static const struct wrong wrongs[] = {
	{"unknown content type", ANY, 99, "x", 1, "unexpected_message", "not TLS"},
	{"heartbeat", ANY, 24, "\1\0\1x", 4, "unexpected_message", "not TLS"},
	{"empty data", ANY, 23, "", 0, NULL, NULL},
	{"empty handshake", ONLY12, 22, "", 0, NULL, NULL}, /* GnuTLS lets it pass, */
	{"empty alert", ONLY12, 21, "", 0, NULL, NULL},     /* and this */
	{"empty handshake", ONLY13, 22, "", 0, "unexpected_message", NULL},
	{"empty alert", ONLY13, 21, "", 0, "unexpected_message", NULL},
	{"half an alert", ANY, 21, "\1", 1, "unexpected_message", NULL},
	{"padding alone", ONLY13, 0, "\0\0\0\0", 4, "bad_record_mac", NULL},
	{"data and padding", ONLY13, 0, "\27\0\0\0", 4, NULL, NULL},
	{"change_cipher_spec", ANY, 20, "\1", 1, "unexpected_message", "not TLS"},
	{"data, 16385 bytes", ANY, 23, NULL, 16385, "record_overflow", NULL},
	{"data, 20000 bytes", ANY, 23, NULL, 20000, "record_overflow", NULL},
	{"data, 65000 bytes", ANY, 23, NULL, 65000, "record_overflow", NULL},
	{"warning: user_canceled", ONLY12, 21, "\1\132", 2, NULL, NULL},
	{"user_canceled", ONLY13, 21, "\1\132", 2, NULL, "alert user_canceled (90)"},
	{"warning: unknown", ONLY12, 21, "\1\310", 2, NULL, NULL},
	{"fatal: internal_error", ANY, 21, "\2\120", 2, NULL, "alert internal_error (80)"},
	{"fatal: unknown", ANY, 21, "\2\310", 2, NULL, "(200)"},
	{"an unknown handshake message", ANY, 22, "\143\0\0\1x", 5, "unexpected_message", NULL},
	{"Finished again", ANY, 22, "\24\0\0\14............", 16, "unexpected_message", NULL},
	{"HelloRequest", ONLY13, 22, "\0\0\0\0", 4, "unexpected_message", NULL},
	{"KeyUpdate", ONLY12, 22, "\30\0\0\1\0", 5, "unexpected_message", NULL},
	{"KeyUpdate, neither 0 nor 1", ONLY13, 22, "\30\0\0\1\2", 5, "illegal_parameter", NULL},
	{"KeyUpdate, too long", ONLY13, 22, "\30\0\0\2\0\0", 6, "decode_error", NULL},
};

static void forged(struct pair *pair, bool from_client, const struct wrong *wrong)
{
	struct atls_engine *from = from_client ? pair->client : pair->server;
	struct atls_engine *to = from_client ? pair->server : pair->client;
	char data[16];
	const uint8_t *bytes;
	size_t len = forge_record(from, wrong->type,
		wrong->content ? wrong->content : (char *)zeros, wrong->len, record);
	eq_int(atls_engine_feed(to, record, len), ATLS_OK);
	ssize_t rc = atls_engine_read(to, data, sizeof data);
	if (rc == ATLS_E_AGAIN) {
		eq_int(atls_engine_write(from, "on", 2), 2);
		pair_settle(pair, 0);
		rc = atls_engine_read(to, data, sizeof data);
	}
	if (!wrong->alert && !wrong->says) {
		eq_int(rc, 2);
		return;
	}
	eq_int(rc, ATLS_E_TLS);
	ok(has(to, ATLS_FAILED));
	ok(strncmp(atls_engine_error(to)->text, "inner TLS: ", 11) == 0);
	if (wrong->says)
		ok(strstr(atls_engine_error(to)->text, wrong->says) != NULL);
	eq_int(atls_engine_output(to, &bytes) > 0, wrong->alert != NULL);
	pair_settle(pair, 0);
	if (wrong->alert) {
		eq_int(atls_engine_read(from, data, sizeof data), ATLS_E_TLS);
		ok(told(from, wrong->alert));
	}
}

static void records_after_the_handshake(void)
{
	for (size_t i = 0; i < 4 * sizeof wrongs / sizeof *wrongs; i++) {
		const struct wrong *wrong = &wrongs[i / 4];
		bool tls13 = i & 1, from_client = i & 2, before = tap_test_failed;
		struct pair pair;
		if (wrong->versions == (tls13 ? ONLY12 : ONLY13))
			continue;
		pair_new(&pair, &(struct pair_spec){
					.priorities = tls13 ? V13 FORGE_SUITE : V12 FORGE_SUITE});
		pair_settle(&pair, 0);
		tap_test_failed = false;
		forged(&pair, from_client, wrong);
		if (tap_test_failed)
			printf("# that was: %s, TLS 1.%d, from the %s\n", wrong->what, 2 + tls13,
				from_client ? "client" : "server");
		tap_test_failed |= before;
		pair_free(&pair);
	}
}

/* A box on the way can put these in: none is believed, a close_notify least of all. */
static void records_in_clear_after_the_handshake(void)
{
	static const struct wrong clear[] = {
		{.type = 23, .content = "data", .len = 4},
		{.type = 21, .content = "\1\0", .len = 2},   /* close_notify */
		{.type = 21, .content = "\2\120", .len = 2}, /* internal_error */
		{.type = 22, .content = "\0\0\0\0", .len = 4},
		{.type = 20, .content = "\1", .len = 1},
		{.type = 99, .content = "x", .len = 1},
		{.type = 23, .content = "", .len = 0},
	};
	for (size_t i = 0; i < 4 * sizeof clear / sizeof *clear; i++) {
		const struct wrong *wrong = &clear[i / 4];
		struct pair pair;
		const uint8_t *bytes;
		char data[16];
		pair_new(&pair, &(struct pair_spec){.priorities = i & 1 ? V13 : V12});
		pair_settle(&pair, 0);
		struct atls_engine *to = i & 2 ? pair.client : pair.server;
		size_t len = forge_clear(wrong->type, wrong->content, wrong->len, record);
		eq_int(atls_engine_feed(to, record, len), ATLS_OK);
		eq_int(atls_engine_read(to, data, sizeof data), ATLS_E_TLS);
		ok(has(to, ATLS_FAILED) && !has(to, ATLS_PEER_CLOSED));
		ok(strncmp(atls_engine_error(to)->text, "inner TLS: ", 11) == 0);
		ok(atls_engine_output(to, &bytes) > 0);
		pair_free(&pair);
	}
}

/* ---- instead of the handshake ------------------------------------------------------------------
 */

struct opening {
	const char *bytes;
	size_t len;
	int alert; /* -1: none, the peer said one */
	bool client, server;
};

#define BYTES(text) text, sizeof text - 1

static const struct opening openings[] = {
	{BYTES("\143\3\3\0\1x"), GNUTLS_A_UNEXPECTED_MESSAGE, true, true}, /* unknown type */
	{BYTES("\27\3\3\0\4data"), GNUTLS_A_UNEXPECTED_MESSAGE, true, true},
	{BYTES("\26\3\3\110\1"), GNUTLS_A_RECORD_OVERFLOW, true, true}, /* 18433 bytes */
	{BYTES("\26\3\3\377\377"), GNUTLS_A_RECORD_OVERFLOW, true, true},
	{BYTES("\26\11\11\0\4\1\0\0\0"), GNUTLS_A_PROTOCOL_VERSION, true, true},  /* version 9.9 */
	{BYTES("\26\3\3\0\4\24\0\0\0"), GNUTLS_A_UNEXPECTED_MESSAGE, true, true}, /* Finished */
	{BYTES("\26\3\3\0\4\143\0\0\0"), GNUTLS_A_UNEXPECTED_MESSAGE, true, true},
	{BYTES("\26\3\1\0\4\1\0\0\0"), GNUTLS_A_DECODE_ERROR, false, true}, /* empty hellos */
	{BYTES("\26\3\3\0\4\2\0\0\0"), GNUTLS_A_DECODE_ERROR, true, false},
	{BYTES("\25\3\3\0\2\2\50"), -1, true, false}, /* handshake_failure */
	{BYTES("\25\3\3\0\2\2\50"), GNUTLS_A_UNEXPECTED_MESSAGE, false, true},
	{BYTES("\25\3\3\0\1\2"), GNUTLS_A_UNEXPECTED_MESSAGE, true, true}, /* half an alert */
	{BYTES("\200\14\1\0\2\0\3\0\0\0\0\1\0\200"), GNUTLS_A_PROTOCOL_VERSION, false,
		true}, /* SSL 2 */
	{BYTES("HTTP/1.1 200 OK\r\n\r\n"), GNUTLS_A_UNEXPECTED_MESSAGE, true, true},
	{BYTES("\0\0\0\0\0\0\0\0\0\0"), GNUTLS_A_UNEXPECTED_MESSAGE, true, true},
};

static void opened(struct atls_engine *engine, const struct opening *opening)
{
	const uint8_t *bytes;
	(void)atls_engine_output(engine, &bytes);
	atls_engine_output_done(engine, atls_engine_output(engine, &bytes));
	eq_int(atls_engine_feed(engine, opening->bytes, opening->len), ATLS_E_TLS);
	ok(strncmp(atls_engine_error(engine)->text, "inner TLS: ", 11) == 0);
	size_t len = atls_engine_output(engine, &bytes);
	if (opening->alert < 0) {
		eq_int(len, 0);
		return;
	}
	eq_int(len, 7);
	if (len == 7 && (bytes[0] != 21 || bytes[5] != 2 || bytes[6] != opening->alert))
		TAP_FAIL("alert %d.%d instead of 2.%d", bytes[5], bytes[6], opening->alert);
}

static void records_instead_of_the_handshake(void)
{
	for (size_t i = 0; i < 2 * sizeof openings / sizeof *openings; i++) {
		const struct opening *opening = &openings[i / 2];
		bool client = i & 1, before = tap_test_failed;
		struct pair pair;
		if (!(client ? opening->client : opening->server))
			continue;
		pair_new(&pair, &(struct pair_spec){0});
		tap_test_failed = false;
		opened(client ? pair.client : pair.server, opening);
		if (tap_test_failed)
			printf("# that was opening %zu, to the %s: %s\n", i / 2,
				client ? "client" : "server",
				atls_engine_error(client ? pair.client : pair.server)->text);
		tap_test_failed |= before;
		pair_free(&pair);
	}
}

/* ---- too many ----------------------------------------------------------------------------------
 */

/* So many at once end the session, and these words say why. */
static void flood(
	bool tls13, uint8_t type, const char *content, size_t len, unsigned count, const char *says)
{
	struct pair pair;
	char data[16];
	pair_new(&pair,
		&(struct pair_spec){.priorities = tls13 ? V13 FORGE_SUITE : V12 FORGE_SUITE});
	pair_settle(&pair, 0);
	for (unsigned i = 0; i < count; i++) {
		size_t size = forge_record(pair.client, type, content, len, record);
		eq_int(atls_engine_feed(pair.server, record, size), ATLS_OK);
	}
	eq_int(atls_engine_read(pair.server, data, sizeof data), ATLS_E_TLS);
	ok(strstr(atls_engine_error(pair.server)->text, says) != NULL);
	pair_settle(&pair, 0);
	eq_int(atls_engine_read(pair.client, data, sizeof data), ATLS_E_TLS);
	ok(strstr(atls_engine_error(pair.client)->text, "ended the session with alert") != NULL);
	pair_free(&pair);
}

static void floods_end(void)
{
	flood(false, 21, "\1\132", 2, 100, "floods");
	flood(false, 23, "", 0, 1000, "floods");
	flood(false, 22, "", 0, 1000, "floods");
	flood(true, 23, "", 0, 15000, "carry no data");
}

static void key_update_floods_end(void)
{
	for (int from_client = 0; from_client < 2; from_client++) {
		struct pair pair;
		char data[16];
		pair_new(&pair, &(struct pair_spec){.priorities = V13});
		pair_settle(&pair, 0);
		struct atls_engine *from = from_client ? pair.client : pair.server;
		struct atls_engine *to = from_client ? pair.server : pair.client;
		for (int i = 0; i < 100; i++)
			CERT_OK(gnutls_session_key_update(atls_engine_session(from), 0));
		pair_settle(&pair, 0);
		eq_int(atls_engine_read(to, data, sizeof data), ATLS_E_TLS);
		ok(strstr(atls_engine_error(to)->text, "floods") != NULL);
		pair_settle(&pair, 0);
		eq_int(atls_engine_read(from, data, sizeof data), ATLS_E_TLS);
		ok(strstr(atls_engine_error(from)->text, "ended the session with alert") != NULL);
		pair_free(&pair);
	}
}

/* A handshake message whose length is 16 MiB, and which comes: memory for it is not to be had. */
static void an_endless_handshake_message_ends(void)
{
	for (int i = 0; i < 6; i++) {
		bool client = i & 1, established = i / 2 > 0, tls13 = i / 2 == 1;
		struct pair pair;
		const uint8_t *bytes;
		char data[16];
		uint8_t head[] = {!established ? 1 + client : tls13 ? 4 : !client, 255, 255, 255};
		size_t fed = 0;
		pair_new(&pair, &(struct pair_spec){
					.priorities = tls13 ? V13 FORGE_SUITE : V12 FORGE_SUITE});
		struct atls_engine *from = client ? pair.server : pair.client;
		struct atls_engine *to = client ? pair.client : pair.server;
		if (established)
			pair_settle(&pair, 0);
		else
			atls_engine_output_done(to, atls_engine_output(to, &bytes));
		for (; fed < (1 << 20) && !has(to, ATLS_FAILED); fed += 16384) {
			const uint8_t *piece = fed ? zeros : head;
			size_t len = fed ? 16384 : sizeof head;
			len = established ? forge_record(from, 22, piece, len, record)
					  : forge_clear(22, piece, len, record);
			(void)atls_engine_feed(to, record, len);
			(void)atls_engine_read(to, data, sizeof data);
		}
		ok(fed < 300000);
		if (i == 4) { /* a ClientHello after the handshake of TLS 1.2 */
			ok(strstr(atls_engine_error(to)->text, "renegotiate") != NULL);
			pair_free(&pair);
			continue;
		}
		eq_str(atls_engine_error(to)->text,
			"inner TLS: the peer sent 262144 bytes that carry no data");
		pair_settle(&pair, 0);
		(void)atls_engine_read(from, data, sizeof data);
		ok(established ? told(from, "illegal_parameter") : has(from, ATLS_FAILED));
		pair_free(&pair);
	}
}

int main(void)
{
	run(records_after_the_handshake);
	run(records_in_clear_after_the_handshake);
	run(records_instead_of_the_handshake);
	run(floods_end);
	run(key_update_floods_end);
	run(an_endless_handshake_message_ends);
	return tap_done();
}
