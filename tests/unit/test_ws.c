/* WebSockets over memory: messages both ways whatever the cuts, and peers that break the rules. */
#include "tap.h"

#include "core/ws.h"

#include <stdlib.h>

/* What an end heard. */
struct heard {
	uint8_t bytes[4096];
	size_t len;
	char text[2 * ATLS_WS_TEXT_MAX];
	unsigned texts;
	int fail; /* to be returned */
};

static int on_bytes(void *ctx, const uint8_t *bytes, size_t len)
{
	struct heard *heard = ctx;
	if (heard->len + len <= sizeof heard->bytes)
		memcpy(heard->bytes + heard->len, bytes, len);
	heard->len += len;
	return heard->fail;
}

static int on_text(void *ctx, const char *text, size_t len)
{
	struct heard *heard = ctx;
	snprintf(heard->text, sizeof heard->text, "%.*s", (int)len, text);
	heard->texts++;
	return heard->fail;
}

static const struct atls_ws_events events = {on_bytes, on_text};

struct pair {
	struct atls_ws *client, *server;
	struct heard by_client, by_server;
};

static void pair_init(struct pair *pair)
{
	memset(pair, 0, sizeof *pair);
	pair->client = atls_ws_new(ATLS_CLIENT, &events, &pair->by_client);
	pair->server = atls_ws_new(ATLS_SERVER, &events, &pair->by_server);
	ok(pair->client && pair->server);
}

static void pair_free(struct pair *pair)
{
	atls_ws_free(pair->client);
	atls_ws_free(pair->server);
}

/* Carries what there is, step bytes at a time; step 0: all at once. */
static int carry(struct atls_ws *from, struct atls_ws *to, size_t step)
{
	const uint8_t *bytes;
	size_t len;
	int rc = 0;
	while (!rc && (len = atls_ws_output(from, &bytes))) {
		if (step && step < len)
			len = step;
		rc = atls_ws_feed(to, bytes, len, NULL);
		atls_ws_output_done(from, len);
	}
	return rc;
}

static void messages_arrive_whatever_the_cuts(void)
{
	static const char speech[] = "client speaks, at length enough for a longer header: "
				     "0123456789 0123456789 0123456789 0123456789 0123456789 "
				     "0123456789 0123456789";
	for (size_t step = 0; step < 200; step++) {
		struct pair pair;
		pair_init(&pair);
		eq_int(atls_ws_bytes(pair.client, speech, 5), 0);
		eq_int(atls_ws_text(pair.client, "ack=1", 5), 0);
		eq_int(atls_ws_bytes(pair.client, speech + 5, sizeof speech - 5), 0);
		eq_int(carry(pair.client, pair.server, step), 0);
		eq_mem(pair.by_server.bytes, pair.by_server.len, speech, sizeof speech);
		eq_str(pair.by_server.text, "ack=1");
		eq_int(atls_ws_text(pair.server, "down=0", 6), 0);
		eq_int(atls_ws_bytes(pair.server, speech, sizeof speech), 0);
		eq_int(carry(pair.server, pair.client, step), 0);
		eq_mem(pair.by_client.bytes, pair.by_client.len, speech, sizeof speech);
		eq_str(pair.by_client.text, "down=0");
		pair_free(&pair);
	}
}

static void a_clients_bytes_are_masked_and_never_the_same_way(void)
{
	const uint8_t *first, *again;
	struct pair pair, other;
	pair_init(&pair);
	pair_init(&other);
	eq_int(atls_ws_bytes(pair.client, "aaaaaaaaaaaaaaaa", 16), 0);
	eq_int(atls_ws_bytes(other.client, "aaaaaaaaaaaaaaaa", 16), 0);
	size_t len = atls_ws_output(pair.client, &first);
	eq_int(len, 2 + 4 + 16);
	eq_int(atls_ws_output(other.client, &again), len);
	ok((first[1] & 0x80) && memcmp(first + 2, again + 2, len - 2) != 0);
	pair_free(&other);
	pair_free(&pair);
}

static void a_ping_is_answered(void)
{
	const uint8_t *bytes;
	struct pair pair;
	pair_init(&pair);
	eq_int(atls_ws_ping(pair.client), 0);
	eq_int(carry(pair.client, pair.server, 1), 0);
	ok(atls_ws_output(pair.server, &bytes) == 2 && bytes[0] == 0x8a);
	eq_int(carry(pair.server, pair.client, 0), 0);
	pair_free(&pair);
}

static void a_close_is_told_with_its_code_and_answered(void)
{
	unsigned status = 0;
	struct pair pair;
	pair_init(&pair);
	ok(!atls_ws_closed(pair.server, &status));
	eq_int(atls_ws_close(pair.client, 1001), 0);
	eq_int(atls_ws_bytes(pair.client, "x", 1), ATLS_E_USAGE);
	eq_int(carry(pair.client, pair.server, 0), 0);
	ok(atls_ws_closed(pair.server, &status));
	eq_int(status, 1001);
	eq_int(atls_ws_text(pair.server, "x", 1), ATLS_E_USAGE);
	eq_int(carry(pair.server, pair.client, 0), 0);
	ok(atls_ws_closed(pair.client, &status));
	eq_int(status, 1001);
	eq_int(pair.by_server.len, 0);
	pair_free(&pair);
}

static void output_has_a_limit(void)
{
	struct pair pair;
	pair_init(&pair);
	size_t len = 256u << 10;
	void *bytes = calloc(1, len);
	int rc = 0;
	unsigned count = 0;
	for (; !rc && count < 100; count++)
		rc = atls_ws_bytes(pair.client, bytes, len);
	eq_int(rc, ATLS_E_LIMIT);
	eq_int(count, 4);
	eq_int(carry(pair.client, pair.server, 0), 0);
	eq_int(pair.by_server.len, 3 * len);
	eq_int(atls_ws_bytes(pair.client, bytes, len), 0);
	free(bytes);
	pair_free(&pair);
}

static void an_events_failure_ends_the_feeding(void)
{
	struct pair pair;
	pair_init(&pair);
	pair.by_server.fail = ATLS_E_PROTOCOL;
	eq_int(atls_ws_bytes(pair.client, "a", 1), 0);
	eq_int(atls_ws_text(pair.client, "b", 1), 0);
	eq_int(carry(pair.client, pair.server, 0), ATLS_E_PROTOCOL);
	eq_int(pair.by_server.len, 1);
	eq_int(pair.by_server.texts, 0);
	pair_free(&pair);
}

/* wslay names a status for some of them; 1005 stands for none. */
static void what_breaks_the_rules_is_refused_with_a_close(void)
{
	static const struct {
		const char *bytes;
		size_t len;
		unsigned status;
	} wrongs[] = {
		{"\xf2\x01x", 3, 1002},          /* reserved bits */
		{"\x83\x01x", 3, 1002},          /* an opcode that is none */
		{"\x80\x01x", 3, 1002},          /* a continuation of nothing */
		{"\x89\x7e\x00\x80", 4, 1005},   /* a control frame of 128 bytes */
		{"\x09\x01x", 3, 1005},          /* a control frame in parts */
		{"\x82\x7e\x00\x01x", 5, 1005},  /* a length in a longer form than it needs */
		{"\x02\x01x\x82\x01y", 6, 1002}, /* a message amid another */
		{"\x81\x02\xc3\x28", 4, 1007},   /* a text that is not UTF-8 */
		{"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff", 10, 1005},
	};
	for (size_t i = 0; i < sizeof wrongs / sizeof *wrongs; i++) {
		for (size_t step = 1; step <= wrongs[i].len; step++) {
			struct pair pair;
			struct atls_error err = {0};
			const uint8_t *out;
			int rc = 0;
			pair_init(&pair);
			for (size_t at = 0; at < wrongs[i].len && !rc; at += step) {
				size_t left = wrongs[i].len - at;
				rc = atls_ws_feed(pair.client, wrongs[i].bytes + at,
					step < left ? step : left, &err);
			}
			size_t len = atls_ws_output(pair.client, &out);
			if (rc != ATLS_E_PROTOCOL || len < 6 || out[0] != 0x88)
				TAP_FAIL("wrong %zu by %zu: %d, %zu bytes", i, step, rc, len);
			else
				eq_int(len == 6 ? 1005 : (out[6] ^ out[2]) << 8 | (out[7] ^ out[3]),
					wrongs[i].status);
			ok(strncmp(err.text, "protocol: WebSocket: ", 21) == 0);
			pair_free(&pair);
		}
	}
}

static void a_text_has_a_limit(void)
{
	char text[ATLS_WS_TEXT_MAX + 1];
	struct atls_error err = {0};
	const uint8_t *bytes;
	struct pair pair;
	memset(text, 'a', sizeof text);
	pair_init(&pair);
	eq_int(atls_ws_text(pair.server, text, ATLS_WS_TEXT_MAX), 0);
	eq_int(carry(pair.server, pair.client, 0), 0);
	eq_int(strlen(pair.by_client.text), ATLS_WS_TEXT_MAX);
	eq_int(atls_ws_text(pair.server, text, sizeof text), 0);
	size_t len = atls_ws_output(pair.server, &bytes);
	eq_int(atls_ws_feed(pair.client, bytes, len, &err), ATLS_E_PROTOCOL);
	ok(strstr(err.text, "text message") != NULL);
	eq_int(pair.by_client.texts, 1);
	pair_free(&pair);
}

int main(void)
{
	run(messages_arrive_whatever_the_cuts);
	run(a_clients_bytes_are_masked_and_never_the_same_way);
	run(a_ping_is_answered);
	run(a_close_is_told_with_its_code_and_answered);
	run(output_has_a_limit);
	run(an_events_failure_ends_the_feeding);
	run(what_breaks_the_rules_is_refused_with_a_close);
	run(a_text_has_a_limit);
	return tap_done();
}
