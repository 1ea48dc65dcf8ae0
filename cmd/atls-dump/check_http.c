/* The rules of bodies, sessions and carriage: atls(7). */
#include "check.h"

#include "core/stream_dict.h"
#include "explain/names.h"

#include <stdio.h>

#define SECRET_CHARS  22u  /* of base64url that hold 128 bits */
#define TIME_SLACK_US 2000 /* a HAR's times are rounded to milliseconds */

static void find(struct check *check, const struct flow *flow, const struct piece *piece,
	const char *rule, const char *text)
{
	check_finding(check, flow, (enum atls_trace_direction)piece->direction, flow->place.start,
		rule, text);
}

/* ---- who it is ------------------------------------------------------------------------------ */

/* A NODE. prefix may stand before the random part. */
static bool is_weak(const char *secret)
{
	const char *dot = strrchr(secret, '.');
	return strlen(dot ? dot + 1 : secret) < SECRET_CHARS;
}

/* Remembers a name, and says what is wrong with another or a weak one. */
static void note_name(struct check *check, const struct flow *flow, const struct piece *piece,
	char kept[CHECK_SECRET_MAX], const char *name, const char *rule, const char *what)
{
	char text[96];
	if (!name || !*name)
		return;
	if (!*kept) {
		if (is_weak(name)) {
			snprintf(text, sizeof text, "%s is too short for 128 random bits", what);
			find(check, flow, piece, "weak_secret", text);
		}
	} else if (strncmp(kept, name, CHECK_SECRET_MAX - 1) != 0) {
		snprintf(text, sizeof text, "%s is another one than before", what);
		find(check, flow, piece, rule, text);
	}
	strncpy(kept, name, CHECK_SECRET_MAX - 1);
}

static void names(struct check *check, const struct flow *flow, struct checked *checked,
	const struct piece *piece)
{
	const struct piece_http *http = piece->http;
	bool first_request = piece->direction == PIECE_UP && !checked->any_up;
	checked->heads |= http->method != NULL;
	/* A cookie can be missed only where headers were captured. */
	bool told = http->encoding == ATLS_JSON ? http->session_member != NULL
						: http->cookie != NULL || !checked->heads;
	if (first_request && http->session_member)
		find(check, flow, piece, "first_request_session",
			"a first request has a session member");
	else if (first_request && http->cookie && !http->stream && http->encoding != ATLS_JSON)
		find(check, flow, piece, "first_request_cookie",
			"a first request has a session's cookie");
	note_name(check, flow, piece, checked->session, http->session_member, "session_changed",
		"the session member");
	/* With json the member counts; the cookie is for balancers. */
	if (http->encoding != ATLS_JSON)
		note_name(check, flow, piece, checked->cookie, http->cookie, "cookie_changed",
			"the session's cookie");
	if (piece->direction == PIECE_DOWN && http->status == 200 && !checked->named &&
		!checked->streamed && !http->websocket) {
		checked->named = true;
		if (!told)
			find(check, flow, piece, "session_missing",
				"the first answer names no session");
	}
	if (piece->direction == PIECE_UP && checked->any_down && !checked->streamed &&
		!http->websocket && !told)
		find(check, flow, piece, "session_missing", "a later request names no session");
}

/* ---- the body ------------------------------------------------------------------------------- */

static bool has_member(const struct piece_http *http, const char *name)
{
	return memmem(http->body, http->body_len, name, strlen(name)) != NULL;
}

static void body(struct check *check, const struct flow *flow, const struct piece *piece)
{
	const struct piece_http *http = piece->http;
	bool down = piece->direction == PIECE_DOWN;
	int told = http->content_type ? atls_encoding_by_type(http->content_type) : -1;
	bool is_json = http->body_len && atls_body_is_json(http->body, http->body_len) &&
		       (told < 0 || http->encoding == ATLS_JSON);
	if (http->websocket || http->raw)
		return;
	if (http->body_len && told < 0)
		find(check, flow, piece, "content_type", "the content type is none of ATLS");
	else if (http->body_len && (told == ATLS_JSON) != is_json)
		find(check, flow, piece, "content_type",
			is_json ? "a json body has the content type of TLS bytes"
				: "TLS bytes have the content type of json");
	if (!down && is_json && !has_member(http, "\"records\""))
		find(check, flow, piece, "records_missing", "a request has no member records");
	if (is_json && http->session_member && has_member(http, "\"records\"") &&
		(const uint8_t *)memmem(http->body, http->body_len, "\"records\"", 9) <
			(const uint8_t *)memmem(http->body, http->body_len, "\"session\"", 9))
		find(check, flow, piece, "member_order",
			"session stands behind records: a balancer may not see it");
	if (!down && http->method && strcmp(http->method, "POST") != 0)
		find(check, flow, piece, "method", "TLS bytes are not in a POST");
	if (down && http->status && http->status != 200 && piece->len)
		find(check, flow, piece, "status", "TLS bytes are in an answer that is not 200");
}

/* A body holds a whole flight: it ends with a record. */
static void whole(struct check *check, const struct flow *flow, const struct piece *piece)
{
	const uint8_t *at = piece->bytes;
	size_t left = piece->len;
	while (left >= ATLS_RECORD_HEADER) {
		size_t len = ATLS_RECORD_HEADER + ((size_t)at[3] << 8 | at[4]);
		if (len > left)
			break;
		at += len;
		left -= len;
	}
	if (left)
		find(check, flow, piece, "flight_cut", "a body ends amid a record");
}

/* ---- the carriage --------------------------------------------------------------------------- */

static void base(struct check *check, const struct flow *flow, struct checked *checked,
	const struct piece *piece)
{
	if (piece->direction == PIECE_DOWN) {
		checked->waiting = false;
		checked->answered_us = piece->time_us;
		return;
	}
	/* A form that has exchanges whole shows it by their times alone. */
	bool early = piece->time_us >= 0 && piece->time_us + TIME_SLACK_US < checked->answered_us;
	bool waits = checked->waiting && piece->exchange != checked->waiting_exchange;
	if ((waits || early) && !flow->repeated)
		find(check, flow, piece, "concurrent",
			"a request before the answer to the one before it");
	checked->waiting = piece->direction == PIECE_UP;
	checked->waiting_exchange = piece->exchange;
}

static void stream(struct check *check, const struct flow *flow, struct checked *checked,
	const struct piece *piece)
{
	struct atls_stream_dict dict;
	struct atls_error err = {0};
	const struct piece_http *http = piece->http;
	/* A raw stream's is in a header, which not all forms have. */
	if (http->raw && !http->stream)
		return;
	if (!http->stream ||
		atls_stream_dict_read(&dict, http->stream, strlen(http->stream), &err)) {
		if (!http->websocket && (piece->direction == PIECE_UP || http->status == 200))
			find(check, flow, piece, "dictionary",
				http->stream ? "the dictionary of stream carriage is malformed"
					     : "no dictionary, in a session of stream carriage");
		return;
	}
	if (piece->direction == PIECE_UP && !(dict.has & ATLS_DICT_ID))
		find(check, flow, piece, "dictionary", "a request's dictionary has no id");
	if (dict.has & ATLS_DICT_ID)
		note_name(check, flow, piece, checked->id, dict.id, "id_changed",
			"the id of the dictionary");
}

void check_piece(struct check *check, const struct flow *flow, struct checked *checked,
	const struct piece *piece)
{
	bool up = piece->direction == PIECE_UP;
	if (!piece->http)
		return;
	/* What opens a WebSocket; the session begins on it. */
	if (piece->http->websocket && (piece->http->method || piece->http->status)) {
		names(check, flow, checked, piece);
		return;
	}
	if (up && !checked->any_up) {
		checked->streamed = piece->http->stream || piece->http->raw;
		checked->opened = piece->len > ATLS_RECORD_HEADER &&
				  piece->bytes[0] == ATLS_RECORD_HANDSHAKE &&
				  piece->bytes[ATLS_RECORD_HEADER] == ATLS_CLIENT_HELLO;
		if (piece->len && !checked->opened && !flow->opaque)
			find(check, flow, piece, "no_opening",
				"a session's first request does not begin with a ClientHello");
	}
	names(check, flow, checked, piece);
	body(check, flow, piece);
	if (piece->len && !checked->streamed)
		whole(check, flow, piece);
	if (checked->streamed)
		stream(check, flow, checked, piece);
	else if (!piece->http->websocket)
		base(check, flow, checked, piece);
	checked->any_up |= up;
	checked->any_down |= piece->direction == PIECE_DOWN;
}
