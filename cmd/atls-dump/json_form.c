/* JSON bodies: one, or many in a log, a line each or concatenated, with anything in between. */
#include "body.h"
#include "form.h"
#include "json_split.h"
#include "limits.h"

#include <stdlib.h>
#include <string.h>

/* First requests, which name no session, that wait for the body behind them that does. */
#define WAITING 16u

struct waiting {
	uint8_t *json;
	size_t len;
	uint64_t offset;
};

struct json {
	const struct piece_sink *sink;
	struct json_split split;
	struct waiting waiting[WAITING];
	size_t waiting_count;
};

static int give(const struct json *json, const struct body *body, const char *session,
	enum piece_direction direction, uint64_t offset, size_t size)
{
	const struct piece_http http = {.encoding = ATLS_JSON,
		.session_member = body->session,
		.stream = body->stream,
		.body = body->plain,
		.body_len = size};
	struct piece piece = {.session = session,
		.direction = direction,
		.time_us = -1,
		.bytes = body->records,
		.len = body->len,
		.source_offset = offset,
		.http = &http};
	if (direction == PIECE_UP && body->dict.has & ATLS_DICT_UP) {
		piece.positioned = true;
		piece.position = body->dict.up;
	} else if (direction == PIECE_DOWN && body->dict.has & ATLS_DICT_DOWN) {
		piece.positioned = true;
		piece.position = body->dict.down;
	}
	return json->sink->piece(json->sink->ctx, &piece);
}

/* Gives the first request that waits longest. */
static int give_waiting(struct json *json, const char *session)
{
	struct waiting first = json->waiting[0];
	struct body body = {.plain = first.json};
	json->waiting_count--;
	memmove(json->waiting, json->waiting + 1, json->waiting_count * sizeof first);
	int rc = body_read_json(&body, first.json, first.len, first.offset, NULL);
	if (!rc)
		rc = give(json, &body, session, PIECE_UP, first.offset, first.len);
	body_free(&body);
	free(first.json);
	return rc;
}

static int wait(struct json *json, const uint8_t *object, size_t len, uint64_t offset)
{
	int rc = json->waiting_count == WAITING ? give_waiting(json, "") : ATLS_OK;
	struct waiting *last = &json->waiting[json->waiting_count];
	if (rc)
		return rc;
	*last = (struct waiting){malloc(len), len, offset};
	if (!last->json)
		return ATLS_E_MEMORY;
	memcpy(last->json, object, len);
	json->waiting_count++;
	return ATLS_OK;
}

/* What a body says of its direction: by the stream's keys, or the first handshake message. */
static enum piece_direction direction_of(const struct body *body)
{
	if (body->dict.has & ATLS_DICT_UP)
		return PIECE_UP;
	if (body->dict.has & ATLS_DICT_DOWN)
		return PIECE_DOWN;
	if (!body->has_records)
		return PIECE_DOWN; /* only answers leave the member out */
	if (body->len > 5 && body->records[0] == 0x16 && body->records[5] <= 2)
		return body->records[5] == 2 ? PIECE_DOWN : PIECE_UP;
	return PIECE_UNKNOWN;
}

static int on_object(void *ctx, const uint8_t *object, size_t len, uint64_t offset)
{
	struct json *json = ctx;
	struct body body = {.plain = object};
	int rc = body_read_json(&body, object, len, offset, json->sink);
	if (rc || (!body.session && !body.has_records)) {
		body_free(&body); /* another line of the log */
		return rc;
	}
	enum piece_direction direction = direction_of(&body);
	if (!body.session && len <= HTTP_HELD_MAX)
		rc = wait(json, object, len, offset);
	else if (direction != PIECE_UP && json->waiting_count)
		rc = give_waiting(json, body.session ? body.session : "");
	if (!rc && (body.session || len > HTTP_HELD_MAX))
		rc = give(json, &body, body.session ? body.session : "", direction, offset, len);
	body_free(&body);
	return rc;
}

static void *json_open(const struct piece_sink *sink)
{
	struct json *json = calloc(1, sizeof *json);
	if (json) {
		json->sink = sink;
		json_split_init(&json->split, sink, 0, on_object, json);
	}
	return json;
}

static int json_feed(void *state, const uint8_t *bytes, size_t len)
{
	struct json *json = state;
	return json_split_feed(&json->split, bytes, len);
}

static int json_end(void *state)
{
	struct json *json = state;
	int rc = ATLS_OK;
	json_split_end(&json->split);
	while (json->waiting_count && !rc)
		rc = give_waiting(json, "");
	return rc;
}

static void json_close(void *state)
{
	struct json *json = state;
	if (!json)
		return;
	for (size_t i = 0; i < json->waiting_count; i++)
		free(json->waiting[i].json);
	json_split_free(&json->split);
	free(json);
}

const struct form form_json = {"json", json_open, json_feed, json_end, json_close};
