/* Transport reports: what is compared, what it proves, and its JSON. */
#include "cli/report.h"
#include "tests/unit/pair.h"
#include "tests/unit/tap.h"
#include "trust/report.h"

#include <stdlib.h>

/* ---- ALPN ----------------------------------------------------------------------------------- */

static void test_protocol(void)
{
	static const char *const report[] = {ATLS_REPORT_PROTOCOL};
	static const char *const both[] = {"other/1", ATLS_REPORT_PROTOCOL};
	static const char *const others[] = {"other/1", "atls-report/10"};
	static const struct {
		const char *const *client;
		unsigned client_count;
		const char *const *server;
		unsigned server_count;
		bool selected;
	} cases[] = {
		{report, 1, report, 1, true},
		{both, 2, report, 1, true},
		{report, 1, both, 2, true},
		{others, 2, report, 1, false},
		{NULL, 0, report, 1, false},
		{report, 1, NULL, 0, false},
		{NULL, 0, NULL, 0, false},
	};
	static const char *const versions[] = {"NORMAL:-VERS-ALL:+VERS-TLS1.2", "NORMAL"};

	for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
		struct pair pair;
		const struct pair_spec spec = {.priorities = versions[i % 2],
			.client_protocols = cases[i / 2].client,
			.client_protocol_count = cases[i / 2].client_count,
			.server_protocols = cases[i / 2].server,
			.server_protocol_count = cases[i / 2].server_count};
		pair_new(&pair, &spec);
		pair_settle(&pair, 0);
		ok(atls_engine_state(pair.client) & ATLS_ESTABLISHED);
		ok(atls_engine_state(pair.server) & ATLS_ESTABLISHED);
		eq_int(atls_report_selected(pair.client), cases[i / 2].selected);
		eq_int(atls_report_selected(pair.server), cases[i / 2].selected);
		pair_free(&pair);
	}
}

static void test_too_many_protocols(void)
{
	static const char *const names[ATLS_PROTOCOLS_MAX + 1] = {
		"a", "b", "c", "d", "e", "f", "g", "h", "i"};
	struct atls_error err = {0};
	gnutls_certificate_credentials_t credentials;
	CERT_OK(gnutls_certificate_allocate_credentials(&credentials));
	struct atls_engine_config config = {.role = ATLS_CLIENT,
		.credentials = credentials,
		.protocols = names,
		.protocol_count = ATLS_PROTOCOLS_MAX + 1};
	ok(!atls_engine_new(&config, &err));
	ok(err.code != ATLS_OK);
	config.protocol_count = ATLS_PROTOCOLS_MAX;
	struct atls_engine *engine = atls_engine_new(&config, NULL);
	ok(engine != NULL);
	atls_engine_free(engine);
	gnutls_certificate_free_credentials(credentials);
}

/* Both ends of a connection have the same binding, and two connections never. */
static void test_binding(void)
{
	static const struct {
		const char *priorities;
		bool bound;
	} cases[] = {
		{"NORMAL", true},
		{"NORMAL:-VERS-ALL:+VERS-TLS1.2", true},
		{"NORMAL:-VERS-ALL:+VERS-TLS1.2:%NO_SESSION_HASH", false},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct pair one, two;
		struct atls_report_connection client, server, other;
		const struct pair_spec spec = {.priorities = cases[i].priorities};
		pair_new(&one, &spec);
		pair_new(&two, &spec);
		pair_settle(&one, 0);
		pair_settle(&two, 0);
		atls_report_connection_read(&client, atls_engine_session(one.client));
		atls_report_connection_read(&server, atls_engine_session(one.server));
		atls_report_connection_read(&other, atls_engine_session(two.server));
		ok(client.tls && server.tls);
		eq_str(client.version, i ? "TLS1.2" : "TLS1.3");
		eq_int(client.bound, cases[i].bound);
		eq_int(server.bound, cases[i].bound);
		eq_int(atls_report_same_binding(&client, &server), cases[i].bound);
		ok(!atls_report_same_binding(&client, &other));
		pair_free(&one);
		pair_free(&two);
	}
}

/* ---- Judgement ------------------------------------------------------------------------------ */

static void chain_of(struct atls_report_chain *chain, const char *leaf)
{
	if (!leaf)
		return;
	eq_int(atls_report_chain_add(chain, leaf, strlen(leaf)), ATLS_OK);
	eq_int(atls_report_chain_add(chain, "issuer", 6), ATLS_OK);
}

static void connection_of(struct atls_report_connection *connection, const char *binding)
{
	*connection = (struct atls_report_connection){
		.tls = binding != NULL, .bound = binding && *binding};
	if (connection->bound)
		memset(connection->binding, *binding, sizeof connection->binding);
}

/* A binding of null is no TLS, of "" is TLS without one. */
static const struct judge_case {
	const char *seen_binding, *seen_leaf;
	const char *shown_binding, *own_leaf, *front_leaf;
	bool steady;
	enum atls_report_finding want;
} judge_cases[] = {
	/* no TLS, or none that could be read */
	{NULL, NULL, "b", "own", "front", true, ATLS_REPORT_UNSEEN},
	{"", NULL, "b", "own", "front", true, ATLS_REPORT_UNSEEN},
	{NULL, "own", "b", "own", NULL, true, ATLS_REPORT_UNSEEN},
	/* a front that is not known */
	{"a", "x", NULL, NULL, NULL, true, ATLS_REPORT_UNKNOWN},
	{"a", "x", "b", NULL, NULL, true, ATLS_REPORT_UNKNOWN},
	{"a", "own", NULL, "own", NULL, true, ATLS_REPORT_UNKNOWN},
	/* behind a terminator */
	{"a", "front", NULL, NULL, "front", true, ATLS_REPORT_EQUAL},
	{"", "front", NULL, NULL, "front", false, ATLS_REPORT_EQUAL},
	{"a", "x", NULL, NULL, "front", true, ATLS_REPORT_OTHER_CHAIN},
	{"a", "x", NULL, NULL, "front", false, ATLS_REPORT_OTHER_CHAIN},
	/* one that goes on by TLS, even with the same certificate */
	{"a", "front", "b", "own", "front", true, ATLS_REPORT_EQUAL},
	{"a", "own", "b", "own", "own", true, ATLS_REPORT_EQUAL},
	{"a", "x", "b", "own", "front", true, ATLS_REPORT_OTHER_CHAIN},
	/* the service's own TLS */
	{"a", "own", "a", "own", NULL, true, ATLS_REPORT_BOUND},
	{"a", "own", "a", "own", NULL, false, ATLS_REPORT_BOUND},
	{"a", "own", "a", "own", "front", true, ATLS_REPORT_BOUND},
	{"a", "own", "b", "own", NULL, true, ATLS_REPORT_OTHER_BINDING},
	{"a", "own", "b", "own", "front", true, ATLS_REPORT_OTHER_BINDING},
	{"a", "own", "b", "own", NULL, false, ATLS_REPORT_EQUAL},
	{"", "own", "b", "own", NULL, true, ATLS_REPORT_EQUAL},
	{"a", "own", "", "own", NULL, true, ATLS_REPORT_EQUAL},
	{"a", "x", "b", "own", NULL, true, ATLS_REPORT_OTHER_CHAIN},
	{"", "x", "b", "own", NULL, false, ATLS_REPORT_OTHER_CHAIN},
};

static void test_judge(void)
{
	for (size_t i = 0; i < sizeof judge_cases / sizeof *judge_cases; i++) {
		const struct judge_case *c = &judge_cases[i];
		struct atls_report_seen seen = {.chain = {.count = 0}};
		struct atls_report_shown shown = {.front_count = c->front_leaf != NULL};
		connection_of(&seen.connection, c->seen_binding);
		chain_of(&seen.chain, c->seen_leaf);
		connection_of(&shown.connection, c->shown_binding);
		chain_of(&shown.own, c->own_leaf);
		chain_of(&shown.fronts[0], c->front_leaf);
		enum atls_report_finding found = atls_report_judge(&seen, &shown, c->steady);
		if (found != c->want)
			TAP_FAIL("case %zu: %s instead of %s", i, atls_report_word(found),
				atls_report_word(c->want));
		eq_int(atls_report_is_intercepted(found), found >= ATLS_REPORT_OTHER_CHAIN);
		atls_report_seen_free(&seen);
		atls_report_shown_free(&shown);
	}
}

/* Of several fronts any may be the one; issuers sent beside the leaf do not count. */
static void test_several_fronts(void)
{
	struct atls_report_seen seen = {.connection = {.tls = true}};
	struct atls_report_shown shown = {.front_count = 3};
	eq_int(atls_report_chain_add(&seen.chain, "two", 3), ATLS_OK);
	chain_of(&shown.fronts[0], "one");
	chain_of(&shown.fronts[1], "two");
	eq_int(atls_report_judge(&seen, &shown, true), ATLS_REPORT_EQUAL);
	seen.chain.der[0].size = 2;
	eq_int(atls_report_judge(&seen, &shown, true), ATLS_REPORT_OTHER_CHAIN);
	atls_report_seen_free(&seen);
	atls_report_shown_free(&shown);
}

static void test_pem(void)
{
	struct cert ca, leaf;
	gnutls_datum_t one, two;
	char text[16384];
	struct atls_report_chain chain = {.count = 0};
	cert_set_clock(CERT_NOW);
	cert_make(&ca, &(struct cert_spec){.cn = "CA", .ca = true}, NULL);
	cert_make(&leaf, &(struct cert_spec){.cn = "leaf", .names = "a.example"}, &ca);
	cert_pem(&leaf, &one);
	cert_pem(&ca, &two);
	int len = snprintf(text, sizeof text, "words\n%.*s\nmore\n%.*s", (int)one.size, one.data,
		(int)two.size, two.data);
	eq_int(atls_report_chain_add_pem(&chain, text, (size_t)len), ATLS_OK);
	eq_int(chain.count, 2);
	gnutls_datum_t der;
	CERT_OK(gnutls_x509_crt_export2(leaf.crt, GNUTLS_X509_FMT_DER, &der));
	eq_mem(chain.der[0].data, chain.der[0].size, der.data, der.size);
	gnutls_free(der.data);
	atls_report_chain_free(&chain);
	eq_int(atls_report_chain_add_pem(&chain, "nothing", 7), ATLS_E_TLS);
	eq_int(atls_report_chain_add_pem(&chain, text, 60), ATLS_E_TLS);
	eq_int(atls_report_chain_add_pem(&chain, text, 0), ATLS_E_TLS);
	for (unsigned i = 0; i < ATLS_CHAIN_MAX; i++)
		eq_int(atls_report_chain_add(&chain, "x", 1), ATLS_OK);
	eq_int(atls_report_chain_add(&chain, "x", 1), ATLS_E_LIMIT);
	eq_int(atls_report_chain_add_pem(&chain, text, (size_t)len), ATLS_E_LIMIT);
	atls_report_chain_free(&chain);
	gnutls_free(one.data);
	gnutls_free(two.data);
	cert_free(&leaf);
	cert_free(&ca);
}

static void test_words(void)
{
	for (int i = 0; i < ATLS_REPORT_FINDINGS; i++) {
		enum atls_report_finding finding = (enum atls_report_finding)i;
		ok(atls_report_word(finding) && *atls_report_word(finding));
		ok(strlen(atls_report_sentence(finding)) > 20);
	}
	char text[ATLS_FINGERPRINT_TEXT];
	const gnutls_datum_t abc = {(unsigned char[]){'a', 'b', 'c'}, 3};
	atls_report_fingerprint(&abc, text);
	eq_str(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static void test_seen_round_trip(void)
{
	struct atls_report_seen seen = {.connection = {.tls = true, .version = "TLS1.3"}}, again;
	struct atls_error err = {0};
	char host[ATLS_REPORT_HOST];
	connection_of(&seen.connection, "b");
	memcpy(seen.connection.version, "TLS1.3", 7);
	chain_of(&seen.chain, "leaf");
	char *text = atls_report_seen_text(&seen, "service.example\n\xff");
	ok(text && strchr(text, '\n') == text + strlen(text) - 1);
	eq_int(atls_report_seen_parse(text, strlen(text), &again, host, &err), ATLS_OK);
	eq_str(err.text, "");
	eq_str(host, "service.example\\x0a\\xff");
	eq_str(again.connection.version, "TLS1.3");
	ok(atls_report_same_binding(&seen.connection, &again.connection));
	eq_int(again.chain.count, 2);
	eq_mem(again.chain.der[0].data, again.chain.der[0].size, "leaf", 4);
	atls_report_seen_free(&again);
	/* Cut anywhere, it is none. */
	for (size_t len = 0; len + 1 < strlen(text); len++) {
		ok(atls_report_seen_parse(text, len, &again, host, &err) == ATLS_E_PROTOCOL);
		atls_report_seen_free(&again);
	}
	atls_report_seen_free(&seen);
	free(text);
}

static void test_shown_round_trip(void)
{
	struct atls_report_shown shown = {.front_count = 2}, again;
	struct atls_error err = {0};
	connection_of(&shown.connection, "b");
	chain_of(&shown.own, "own");
	chain_of(&shown.fronts[0], "one");
	chain_of(&shown.fronts[1], "two");
	char *text = atls_report_shown_text(&shown, ATLS_REPORT_BOUND);
	ok(text && strstr(text, "\"finding\":\"bound\""));
	eq_int(atls_report_shown_parse(text, strlen(text), &again, &err), ATLS_OK);
	ok(atls_report_same_binding(&shown.connection, &again.connection));
	eq_int(again.front_count, 2);
	eq_int(again.fronts[1].count, 2);
	eq_mem(again.fronts[1].der[0].data, again.fronts[1].der[0].size, "two", 3);
	eq_mem(again.own.der[0].data, again.own.der[0].size, "own", 3);
	atls_report_shown_free(&again);
	atls_report_shown_free(&shown);
	free(text);
}

#define SCHEMA     "{\"schema\":\"atls-report/1\","
#define CONNECTION "\"connection\":{\"tls\":true}"

static const struct {
	const char *text;
	bool good;
} seen_cases[] = {
	{SCHEMA CONNECTION ",\"chain\":[]}", true},
	{SCHEMA CONNECTION ",\"chain\":[{\"der\":\"AAAA\"}],\"other\":[1]}", true},
	{SCHEMA "\"connection\":{\"tls\":false},\"chain\":[]}", true},
	{SCHEMA "\"host\":1," CONNECTION ",\"chain\":[]}", false},
	{SCHEMA "\"connection\":{\"tls\":1},\"chain\":[]}", false},
	{SCHEMA "\"connection\":{},\"chain\":[]}", false},
	{SCHEMA "\"connection\":[],\"chain\":[]}", false},
	{SCHEMA "\"connection\":{\"tls\":true,\"version\":3},\"chain\":[]}", false},
	{SCHEMA "\"connection\":{\"tls\":true,\"version\":\"0123456789abcdef\"},\"chain\":[]}",
		false},
	{SCHEMA "\"connection\":{\"tls\":true,\"tls_exporter\":\"AAAA\"},\"chain\":[]}", false},
	{SCHEMA "\"connection\":{\"tls\":true,\"tls_exporter\":7},\"chain\":[]}", false},
	{SCHEMA CONNECTION "}", false},
	{SCHEMA CONNECTION ",\"chain\":{}}", false},
	{SCHEMA CONNECTION ",\"chain\":[1]}", false},
	{SCHEMA CONNECTION ",\"chain\":[{\"der\":\"\"}]}", false},
	{SCHEMA CONNECTION ",\"chain\":[{\"der\":\"AAA\"}]}", false},
	{SCHEMA CONNECTION ",\"chain\":[{\"der\":\"A A=\"}]}", false},
	{SCHEMA CONNECTION ",\"chain\":[]} ", true},
	{SCHEMA CONNECTION ",\"chain\":[]} {}", false},
	{SCHEMA CONNECTION ",\"chain\":[],\"chain\":[]}", false},
	{"{\"schema\":\"atls-report/2\"," CONNECTION ",\"chain\":[]}", false},
	{"{" CONNECTION ",\"chain\":[]}", false},
	{"[]", false},
	{"\"atls-report/1\"", false},
	{"", false},
};

static void test_seen_cases(void)
{
	for (size_t i = 0; i < sizeof seen_cases / sizeof *seen_cases; i++) {
		struct atls_report_seen seen;
		struct atls_error err = {0};
		char host[ATLS_REPORT_HOST];
		int rc = atls_report_seen_parse(
			seen_cases[i].text, strlen(seen_cases[i].text), &seen, host, &err);
		if (rc != (seen_cases[i].good ? ATLS_OK : ATLS_E_PROTOCOL))
			TAP_FAIL("case %zu: %d, %s", i, rc, err.text);
		eq_int(err.code, rc);
		ok(rc == ATLS_OK || strncmp(err.text, "transport report: ", 18) == 0);
		atls_report_seen_free(&seen);
	}
}

static void test_limits(void)
{
	static char text[ATLS_REPORT_MAX + 2];
	struct atls_report_seen seen;
	struct atls_report_shown shown;
	struct atls_error err = {0};
	char host[ATLS_REPORT_HOST];
	memset(text, ' ', sizeof text);
	memcpy(text, SCHEMA CONNECTION ",\"chain\":[]}",
		sizeof(SCHEMA CONNECTION ",\"chain\":[]}") - 1);
	eq_int(atls_report_seen_parse(text, ATLS_REPORT_MAX, &seen, host, &err), ATLS_OK);
	atls_report_seen_free(&seen);
	eq_int(atls_report_seen_parse(text, ATLS_REPORT_MAX + 1, &seen, host, &err),
		ATLS_E_PROTOCOL);
	int len = snprintf(text, sizeof text, SCHEMA CONNECTION ",\"chain\":[{\"der\":\"AAAA\"}");
	for (unsigned i = 1; i < ATLS_CHAIN_MAX + 1; i++)
		len += snprintf(text + len, sizeof text - (size_t)len, ",{\"der\":\"AAAA\"}");
	len += snprintf(text + len, sizeof text - (size_t)len, "]}");
	eq_int(atls_report_seen_parse(text, (size_t)len, &seen, host, &err), ATLS_E_PROTOCOL);
	atls_report_seen_free(&seen);
	len = snprintf(text, sizeof text, SCHEMA CONNECTION ",\"own\":[],\"fronts\":[[]");
	for (unsigned i = 1; i < ATLS_FRONTS_MAX; i++)
		len += snprintf(text + len, sizeof text - (size_t)len, ",[]");
	int full = snprintf(text + len, sizeof text - (size_t)len, "]}");
	eq_int(atls_report_shown_parse(text, (size_t)(len + full), &shown, &err), ATLS_OK);
	eq_int(shown.front_count, ATLS_FRONTS_MAX);
	atls_report_shown_free(&shown);
	len += snprintf(text + len, sizeof text - (size_t)len, ",[]]}");
	eq_int(atls_report_shown_parse(text, (size_t)len, &shown, &err), ATLS_E_PROTOCOL);
	atls_report_shown_free(&shown);
}

int main(void)
{
	run(test_protocol);
	run(test_too_many_protocols);
	run(test_binding);
	run(test_judge);
	run(test_several_fronts);
	run(test_pem);
	run(test_words);
	run(test_seen_round_trip);
	run(test_shown_round_trip);
	run(test_seen_cases);
	run(test_limits);
	return tap_done();
}
