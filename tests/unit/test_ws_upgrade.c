/* The HTTP text in front of a WebSocket, both sides. */
#include "tap.h"

#include "core/ws_upgrade.h"

#include <stdlib.h>

/* Of RFC 6455 section 1.3. */
#define KEY    "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

#define GOOD                                                                                       \
	"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"        \
	"Sec-WebSocket-Accept: " ACCEPT "\r\nSec-WebSocket-Protocol: atls\r\n\r\n"

static void an_accept_is_the_rfcs(void)
{
	char accept[ATLS_WS_ACCEPT];
	eq_int(atls_ws_accept(KEY, accept), 0);
	eq_str(accept, ACCEPT);
	eq_int(atls_ws_accept(KEY "=", accept), ATLS_E_USAGE);
}

static void keys_are_new_each_time(void)
{
	char one[ATLS_WS_KEY], two[ATLS_WS_KEY];
	eq_int(atls_ws_key(one), 0);
	eq_int(atls_ws_key(two), 0);
	ok(strlen(one) == 24 && strcmp(one, two) != 0);
	const struct atls_ws_request request = {"websocket", "Upgrade", "13", one, "atls"};
	eq_int(atls_ws_judge_request(&request, ATLS_WS_PROTOCOL, NULL), 101);
}

static void a_request_is_judged(void)
{
	static const struct {
		unsigned status;
		struct atls_ws_request request;
	} cases[] = {
		{101, {"websocket", "Upgrade", "13", KEY, "atls"}},
		{101, {"h2c, WebSocket", "keep-alive , upgrade", "13", KEY, "chat, atls"}},
		{426, {NULL, NULL, NULL, NULL, NULL}},
		{426, {"websocket", "keep-alive", "13", KEY, "atls"}},
		{426, {"websockets", "Upgrade", "13", KEY, "atls"}},
		{426, {"websocket", "Upgrade", "8", KEY, "atls"}},
		{426, {"websocket", "Upgrade", NULL, KEY, "atls"}},
		{400, {"websocket", "Upgrade", "13", NULL, "atls"}},
		{400, {"websocket", "Upgrade", "13", "", "atls"}},
		{400, {"websocket", "Upgrade", "13", "dGhlIHNhbXBsZSBub25jZR==", "atls"}},
		{400, {"websocket", "Upgrade", "13", "dGhlIHNhbXBsZSBub25jZSEh", "atls"}},
		{400, {"websocket", "Upgrade", "13", KEY, NULL}},
		{400, {"websocket", "Upgrade", "13", KEY, "atls2, at ls"}},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct atls_error err = {0};
		unsigned status = atls_ws_judge_request(&cases[i].request, ATLS_WS_PROTOCOL, &err);
		if (status != cases[i].status)
			TAP_FAIL("request %zu: %u, expected %u", i, status, cases[i].status);
		eq_int(err.code, status == 101 ? ATLS_OK : ATLS_E_PROTOCOL);
	}
}

static void an_answer_is_taken_when_it_is_whole(void)
{
	static const char *const heads[] = {GOOD,
		"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" GOOD,
		"HTTP/1.1 101\nupgrade:WebSocket\nconnection: close, upgrade \n"
		"sec-websocket-accept:\t" ACCEPT "\nSEC-WEBSOCKET-PROTOCOL: atls\n\n"};
	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
		char text[512];
		unsigned status;
		size_t len = strlen(heads[i]);
		snprintf(text, sizeof text, "%s\x82\x01x", heads[i]);
		eq_int(atls_ws_read_answer(text, len + 3, KEY, ATLS_WS_PROTOCOL, &status, NULL),
			len);
		eq_int(status, 101);
		for (size_t cut = 0; cut < len; cut++)
			eq_int(atls_ws_read_answer(text, cut, KEY, ATLS_WS_PROTOCOL, &status, NULL),
				ATLS_E_AGAIN);
	}
}

static void other_answers_are_refused_with_their_reason(void)
{
	static const struct {
		const char *head;
		int code;
		const char *words;
	} cases[] = {
		{"HTTP/1.1 200 OK\r\n\r\n", ATLS_E_NETWORK, "status 200"},
		{"HTTP/1.1 426 Upgrade Required\r\n", ATLS_E_NETWORK, "status 426"},
		{"HTTP/1.0 502\r\n", ATLS_E_NETWORK, "status 502"},
		{"HTTP/2 200\r\n", ATLS_E_PROTOCOL, "HTTP/1"},
		{"HTTP/1.1 99 x\r\n", ATLS_E_PROTOCOL, "HTTP/1"},
		{"HTTP/1.1 1013\r\n", ATLS_E_PROTOCOL, "HTTP/1"},
		{"\r\n", ATLS_E_PROTOCOL, "HTTP/1"},
		{"SSH-2.0-OpenSSH\r\n", ATLS_E_PROTOCOL, "HTTP/1"},
		{"HTTP/1.1 101 x\r\nno colon\r\n", ATLS_E_PROTOCOL, "malformed"},
		{"HTTP/1.1 101 x\r\n: x\r\n", ATLS_E_PROTOCOL, "malformed"},
		{"HTTP/1.1 101 x\r\n\r\n", ATLS_E_PROTOCOL, "does not upgrade"},
		{"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
			ATLS_E_PROTOCOL, "Accept"},
		{"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		 "Sec-WebSocket-Accept: " ACCEPT "x\r\n\r\n",
			ATLS_E_PROTOCOL, "Accept"},
		{"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		 "Sec-WebSocket-Accept: " ACCEPT "\r\n\r\n",
			ATLS_E_PROTOCOL, "Protocol"},
		{"HTTP/1.1 101 x\r\nSec-WebSocket-Extensions: x\r\nUpgrade: websocket\r\n"
		 "Connection: Upgrade\r\nSec-WebSocket-Accept: " ACCEPT
		 "\r\nSec-WebSocket-Protocol: atls\r\n\r\n",
			ATLS_E_PROTOCOL, "extensions"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct atls_error err = {0};
		unsigned status;
		ssize_t rc = atls_ws_read_answer(
			cases[i].head, strlen(cases[i].head), KEY, ATLS_WS_PROTOCOL, &status, &err);
		if (rc != cases[i].code || !strstr(err.text, cases[i].words))
			TAP_FAIL("answer %zu: %zd, '%s'", i, rc, err.text);
	}
}

/* A protocol of another name, both sides: only that one will do. */
static void a_protocol_is_the_callers(void)
{
	static const char raw[] = "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
				  "Sec-WebSocket-Accept: " ACCEPT
				  "\r\nSec-WebSocket-Protocol: ssh+octet-stream\r\n\r\n";
	const struct atls_ws_request request = {
		"websocket", "Upgrade", "13", KEY, "atls, ssh+octet-stream"};
	unsigned status;
	eq_int(atls_ws_judge_request(&request, "ssh+octet-stream", NULL), 101);
	eq_int(atls_ws_judge_request(&request, "atls", NULL), 101);
	eq_int(atls_ws_judge_request(&request, "noise+octet-stream", NULL), 400);
	eq_int(atls_ws_read_answer(raw, strlen(raw), KEY, "ssh+octet-stream", &status, NULL),
		(ssize_t)strlen(raw));
	eq_int(atls_ws_read_answer(raw, strlen(raw), KEY, "atls", &status, NULL), ATLS_E_PROTOCOL);
	eq_int(atls_ws_read_answer(GOOD, strlen(GOOD), KEY, "ssh+octet-stream", &status, NULL),
		ATLS_E_PROTOCOL);
}

static void a_head_has_a_limit(void)
{
	struct atls_error err = {0};
	unsigned status;
	char *head = malloc(ATLS_WS_HEAD_MAX);
	memset(head, 'a', ATLS_WS_HEAD_MAX);
	memcpy(head, "HTTP/1.1 101 x\r\nx:", 18);
	eq_int(atls_ws_read_answer(
		       head, ATLS_WS_HEAD_MAX - 1, KEY, ATLS_WS_PROTOCOL, &status, &err),
		ATLS_E_AGAIN);
	eq_int(atls_ws_read_answer(head, ATLS_WS_HEAD_MAX, KEY, ATLS_WS_PROTOCOL, &status, &err),
		ATLS_E_PROTOCOL);
	ok(strstr(err.text, "longer than") != NULL);
	free(head);
}

int main(void)
{
	run(an_accept_is_the_rfcs);
	run(keys_are_new_each_time);
	run(a_request_is_judged);
	run(an_answer_is_taken_when_it_is_whole);
	run(other_answers_are_refused_with_their_reason);
	run(a_protocol_is_the_callers);
	run(a_head_has_a_limit);
	return tap_done();
}
