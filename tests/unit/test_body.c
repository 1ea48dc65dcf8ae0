#include "body_cases.h"
#include "tap.h"

#include "atls.h"

#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* A copy of exactly len bytes, so that the sanitizers see a read past its end. */
static uint8_t *exact_copy(const void *bytes, size_t len)
{
	uint8_t *copy = malloc(len);
	if (!copy)
		abort();
	if (len)
		memcpy(copy, bytes, len);
	return copy;
}

static uint8_t *random_bytes(size_t len)
{
	static uint32_t state = 20171010;
	uint8_t *bytes = malloc(len);
	if (!bytes)
		abort();
	for (size_t i = 0; i < len; i++) {
		state ^= state << 13;
		state ^= state >> 17;
		state ^= state << 5;
		bytes[i] = (uint8_t)(state >> 11);
	}
	return bytes;
}

/* ---- The decoder of json ---- */

static void check_text(const char *got, size_t len, const char *want, size_t want_len)
{
	ok((got != NULL) == (want != NULL));
	if (got && want)
		eq_mem(got, len, want, want_len);
}

static void json_takes_good_bodies(void)
{
	for (size_t i = 0; i < COUNT(good_bodies); i++) {
		const struct good *good = &good_bodies[i];
		uint8_t *copy = exact_copy(good->body, good->len);
		struct atls_error err = {0};
		struct atls_body body;
		int rc = atls_body_codec(ATLS_JSON)->decode(copy, good->len, &body, &err);
		if (rc)
			TAP_FAIL("%s: %s", good->body, err.text);
		eq_int(err.code, ATLS_OK);
		check_text(body.session, body.session_len, good->session,
			good->session ? strlen(good->session) : 0);
		check_text((const char *)body.records, body.len, good->records, good->records_len);
		free(copy);
	}
}

static void json_refuses_good_bodies_cut_anywhere(void)
{
	for (size_t i = 0; i < COUNT(good_bodies); i++) {
		const struct good *good = &good_bodies[i];
		size_t whole = good->len;
		while (good->body[whole - 1] != '}')
			whole--;
		for (size_t len = 0; len < whole; len++) {
			uint8_t *copy = exact_copy(good->body, len);
			struct atls_body body;
			int rc = atls_body_codec(ATLS_JSON)->decode(copy, len, &body, NULL);
			if (rc != ATLS_E_PROTOCOL)
				TAP_FAIL("%s: cut to %zu bytes: %d", good->body, len, rc);
			free(copy);
		}
	}
}

static void json_refuses_bad_bodies(void)
{
	for (size_t i = 0; i < COUNT(bad_bodies); i++) {
		const struct bad *bad = &bad_bodies[i];
		uint8_t *copy = exact_copy(bad->body, bad->len);
		struct atls_error err = {0};
		struct atls_body body;
		int rc = atls_body_codec(ATLS_JSON)->decode(copy, bad->len, &body, &err);
		if (rc != ATLS_E_PROTOCOL || err.code != rc || !strstr(err.text, bad->complaint) ||
			strncmp(err.text, "protocol: JSON body: ", 21) != 0)
			TAP_FAIL("%s: %d '%s', expected '%s'", bad->body, rc, err.text,
				bad->complaint);
		ok(!body.records && !body.session && body.len == 0 && body.session_len == 0);
		free(copy);
	}
}

/* ---- There and back ---- */

static void check_round_trip(int encoding, const char *session, const uint8_t *records, size_t len)
{
	const struct atls_body_codec *codec = atls_body_codec((enum atls_encoding)encoding);
	size_t size = codec->encoded_size(session, NULL, len);
	uint8_t *encoded = malloc(size);
	struct atls_error err = {0};
	struct atls_body body;
	eq_int(codec->encode(session, NULL, records, len, encoded), size);
	eq_int(atls_body_is_json(encoded, size), encoding == ATLS_JSON);
	eq_int(codec->decode(encoded, size, &body, &err), ATLS_OK);
	ok(body.records);
	eq_mem(body.records, body.len, records, len);
	check_text(body.session, body.session_len, codec->session_in_body ? session : NULL,
		session ? strlen(session) : 0);
	free(encoded);
}

static void bodies_survive_a_round_trip(void)
{
	static const char *const sessions[] = {
		NULL, "S", "node1.AbCdEfGhIjKlMnOpQrStUv-_", "\"\\/{}", "\xc3\xa9\xf0\x9f\x98\x80"};
	for (size_t len = 0; len < 1100; len = len < 300 ? len + 1 : len + 97) {
		uint8_t *records = random_bytes(len);
		if (len)
			records[0] = 0x16;
		for (int encoding = 0; encoding < ATLS_ENCODINGS; encoding++)
			for (size_t i = 0; i < COUNT(sessions); i++)
				if (encoding == ATLS_JSON || len)
					check_round_trip(encoding, sessions[i], records, len);
		free(records);
	}
	static const size_t large[] = {16384 + 22, 65535, 65536, 65537, (1 << 20) + 1};
	for (size_t i = 0; i < COUNT(large); i++) {
		uint8_t *records = random_bytes(large[i]);
		records[0] = 0x16;
		for (int encoding = 0; encoding < ATLS_ENCODINGS; encoding++)
			check_round_trip(encoding, "S", records, large[i]);
		free(records);
	}
}

static void json_writes_session_first_and_escaped(void)
{
	const struct atls_body_codec *codec = atls_body_codec(ATLS_JSON);
	uint8_t out[100];
	size_t len = codec->encode("a \"\\\n\x1f/", NULL, "\0\1\2\3", 4, out);
	static const char want[] =
		"{\"session\": \"a \\\"\\\\\\u000a\\u001f/\", \"records\": \"AAECAw==\"}";
	eq_mem(out, len, want, sizeof want - 1);
	eq_int(codec->encoded_size("a \"\\\n\x1f/", NULL, 4), sizeof want - 1);
	len = codec->encode(NULL, NULL, "", 0, out);
	eq_mem(out, len, "{\"records\": \"\"}", 15);
}

static void json_writes_the_stream_behind_the_session(void)
{
	const struct atls_body_codec *codec = atls_body_codec(ATLS_JSON);
	static const char all[] =
		"{\"session\": \"s\", \"stream\": \"id=\\\"x\\\"\", \"records\": \"AA==\"}";
	static const char first[] = "{\"stream\": \"gen=1\", \"records\": \"\"}";
	uint8_t out[100];
	struct atls_body body;
	size_t len = codec->encode("s", "id=\"x\"", "", 1, out);
	eq_mem(out, len, all, sizeof all - 1);
	eq_int(codec->encoded_size("s", "id=\"x\"", 1), len);
	eq_int(codec->decode(out, len, &body, NULL), ATLS_OK);
	eq_mem(body.stream, body.stream_len, "id=\"x\"", 6);
	len = codec->encode(NULL, "gen=1", "", 0, out);
	eq_mem(out, len, first, sizeof first - 1);
	eq_int(codec->encoded_size(NULL, "gen=1", 0), len);
}

static void an_answer_may_lack_records(void)
{
	static const char want[] = "{\"session\": \"s\"}";
	uint8_t out[64];
	const struct atls_body_codec *json = atls_body_codec(ATLS_JSON);
	ok(json->encoded_size("s", NULL, 0) <= sizeof out);
	eq_mem(out, json->encode("s", NULL, NULL, 0, out), want, sizeof want - 1);
	eq_mem(out, json->encode(NULL, NULL, NULL, 0, out), "{}", 2);
}

static void encoded_size_tells_overflow(void)
{
	const struct atls_body_codec *json = atls_body_codec(ATLS_JSON);
	const size_t largest = SIZE_MAX / 4 * 3; /* whose base64 just fits */
	ok(json->encoded_size(NULL, NULL, largest) == SIZE_MAX);
	ok(json->encoded_size(NULL, NULL, largest - 12) < SIZE_MAX);
	ok(json->encoded_size("S", NULL, largest - 12) == SIZE_MAX);
	ok(json->encoded_size("S", NULL, SIZE_MAX) == SIZE_MAX);
	ok(atls_body_codec(ATLS_ATLS)->encoded_size("S", NULL, SIZE_MAX) == SIZE_MAX);
}

/* ---- Names ---- */

static void codecs_are_found_by_name_and_type(void)
{
	static const struct {
		const char *type;
		int encoding;
	} types[] = {
		{"application/atls+json", ATLS_JSON},
		{"application/atls+octet-stream", ATLS_OCTET_STREAM},
		{"application/atls", ATLS_ATLS},
		{"Application/ATLS+JSON", ATLS_JSON},
		{" \tapplication/atls\t ", ATLS_ATLS},
		{"application/atls; charset=utf-8", ATLS_ATLS},
		{"application/atls+json ;q", ATLS_JSON},
		{"application/atls;", ATLS_ATLS},
		{"application/json", -1},
		{"application/atlsx", -1},
		{"application/atls+", -1},
		{"application/atl", -1},
		{"application/atls, application/atls", -1},
		{"application/atls x", -1},
		{"application /atls", -1},
		{"", -1},
		{";", -1},
		{NULL, -1},
	};
	for (size_t i = 0; i < COUNT(types); i++)
		eq_int(atls_encoding_by_type(types[i].type), types[i].encoding);
	for (int i = 0; i < ATLS_ENCODINGS; i++) {
		const struct atls_body_codec *codec = atls_body_codec((enum atls_encoding)i);
		eq_int(atls_encoding_by_name(codec->name), i);
		eq_int(atls_encoding_by_type(codec->content_type), i);
		eq_str(codec->path, i == ATLS_ATLS ? "/.well-known/atls" : "/atls");
		eq_int(codec->session_in_body, i == ATLS_JSON);
	}
	ok(!atls_body_codec(ATLS_ENCODINGS));
	eq_int(atls_encoding_by_name("JSON"), -1);
	eq_int(atls_encoding_by_name(""), -1);
	eq_int(atls_encoding_by_name(NULL), -1);
}

static void json_is_known_by_its_first_byte(void)
{
	for (int byte = 0; byte < 256; byte++) {
		uint8_t first = (uint8_t)byte;
		eq_int(atls_body_is_json(&first, 1), byte && strchr("{ \t\n\r", byte) != NULL);
	}
	ok(!atls_body_is_json(NULL, 0));
}

static void binary_takes_an_empty_body(void)
{
	struct atls_body body;
	eq_int(atls_body_codec(ATLS_ATLS)->decode(NULL, 0, &body, NULL), ATLS_OK);
	ok(body.records && body.len == 0 && !body.session);
	eq_int(atls_body_codec(ATLS_ATLS)->encode(NULL, NULL, NULL, 0, NULL), 0);
	eq_int(atls_body_codec(ATLS_JSON)->decode(NULL, 0, &body, NULL), ATLS_E_PROTOCOL);
}

int main(void)
{
	run(json_takes_good_bodies);
	run(json_refuses_good_bodies_cut_anywhere);
	run(json_refuses_bad_bodies);
	run(bodies_survive_a_round_trip);
	run(json_writes_session_first_and_escaped);
	run(json_writes_the_stream_behind_the_session);
	run(an_answer_may_lack_records);
	run(encoded_size_tells_overflow);
	run(codecs_are_found_by_name_and_type);
	run(json_is_known_by_its_first_byte);
	run(binary_takes_an_empty_body);
	return tap_done();
}
