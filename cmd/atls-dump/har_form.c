/* HAR 1.2, an entry at a time. */
#include "clock.h"
#include "dialog.h"
#include "form.h"
#include "json_split.h"
#include "parts.h"
#include "text.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* {"log": {"entries": [ENTRY]}} */
#define ENTRY_DEPTH 3u

struct har {
	const struct piece_sink *sink;
	struct json_split split;
	struct dialogs dialogs;
};

static const char *text_of(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

static int take_fields(struct parts *parts, const json_t *headers)
{
	size_t i;
	json_t *field;
	json_array_foreach(headers, i, field)
	{
		const char *name = text_of(field, "name");
		const json_t *value = json_object_get(field, "value");
		int rc = ATLS_OK;
		if (name && json_is_string(value))
			rc = parts_field(
				parts, name, json_string_value(value), json_string_length(value));
		if (rc)
			return rc;
	}
	parts->head.message.coding = NULL; /* a HAR has what was unzipped */
	return ATLS_OK;
}

/* Bytes that were taken for Latin-1 text, as programs write what is no UTF-8: each a character.
 * False if there is a character that no byte stands for. */
static bool narrow(uint8_t *to, const char *text, size_t len, size_t *count)
{
	*count = 0;
	for (size_t i = 0; i < len; i++) {
		uint8_t byte = (uint8_t)text[i];
		if (byte >= 0x80) {
			if ((byte & 0xfc) != 0xc0 || i + 1 == len)
				return false;
			byte = (uint8_t)(byte << 6 | ((uint8_t)text[++i] & 0x3f));
		}
		to[(*count)++] = byte;
	}
	return true;
}

/* The body in a "postData" or "content", whose text is as it was, in base64, or Latin-1. */
static int take_body(struct har *har, struct parts *parts, const json_t *content)
{
	struct http_message *message = &parts->head.message;
	json_t *text = json_object_get(content, "text");
	const char *encoding = text_of(content, "encoding");
	const char *string = json_string_value(text);
	size_t len = json_string_length(text);
	if (!message->content_type)
		message->content_type = text_of(content, "mimeType");
	message->body = (const uint8_t *)"";
	if (!string)
		return ATLS_OK;
	char *copy = parts->count < PARTS_MAX ? parts_text(parts, string, len) : NULL;
	if (!copy)
		return ATLS_E_MEMORY;
	uint8_t *body = (uint8_t *)copy;
	message->body = body;
	if (encoding && strcasecmp(encoding, "base64") == 0) {
		message->body_len = text_base64_decode(body, string, len);
	} else if (atls_encoding_by_type(message->content_type) == ATLS_JSON ||
		   atls_body_is_json((const uint8_t *)string, len)) {
		memcpy(body, string, len);
		message->body_len = len;
	} else if (!narrow(body, string, len, &message->body_len)) {
		message->cut = true;
		sink_malformed(har->sink, message->body_offset, "bytes, or base64",
			"text in which bytes are lost");
	}
	return ATLS_OK;
}

static int take_message(struct har *har, struct dialog *dialog, const json_t *message,
	const char *content, struct parts *parts)
{
	int rc = take_fields(parts, json_object_get(message, "headers"));
	if (!rc)
		rc = take_body(har, parts, json_object_get(message, content));
	return rc ? rc : dialog_message(dialog, &parts->head.message);
}

/* The path of a URL. */
static const char *path_of(const char *url)
{
	const char *host = url ? strstr(url, "://") : NULL;
	const char *path = host ? strchr(host + 3, '/') : NULL;
	return path ? path : url;
}

static int take_request(struct har *har, struct dialog *dialog, const json_t *entry,
	uint64_t offset, int64_t time_us)
{
	const json_t *request = json_object_get(entry, "request");
	struct parts parts = {0};
	parts.head.message = (struct http_message){.method = text_of(request, "method"),
		.path = path_of(text_of(request, "url")),
		.time_us = time_us,
		.head_offset = offset,
		.body_offset = offset};
	int rc = take_message(har, dialog, request, "postData", &parts);
	parts_free(&parts);
	return rc;
}

static int take_answer(struct har *har, struct dialog *dialog, const json_t *entry, uint64_t offset,
	int64_t time_us)
{
	const json_t *response = json_object_get(entry, "response");
	double took = json_number_value(json_object_get(entry, "time")); /* milliseconds */
	struct parts parts = {0};
	parts.head.message = (struct http_message){.answer = true,
		.status = (long)json_integer_value(json_object_get(response, "status")),
		.time_us = time_us,
		.head_offset = offset,
		.body_offset = offset};
	if (time_us >= 0 && took > 0 && took < 1e12)
		parts.head.message.time_us += (int64_t)(took * 1000);
	int rc = take_message(har, dialog, response, "content", &parts);
	parts_free(&parts);
	return rc;
}

/* Chromium's "_webSocketMessages": text, or bytes in base64. */
static int take_frames(struct dialog *dialog, const json_t *frames, uint64_t offset)
{
	size_t i;
	json_t *each;
	int rc = ATLS_OK;
	json_array_foreach(frames, i, each)
	{
		const char *data = text_of(each, "data"), *type = text_of(each, "type");
		size_t len = json_string_length(json_object_get(each, "data"));
		struct dialog_frame frame = {.offset = offset};
		uint8_t *bytes = data && type ? malloc(len + 1) : NULL;
		if (!bytes || rc || !dialog_is_websocket(dialog)) {
			free(bytes);
			continue;
		}
		frame.down = strcmp(type, "receive") == 0;
		frame.text = json_integer_value(json_object_get(each, "opcode")) == 1;
		frame.time_us =
			clock_from_seconds(json_number_value(json_object_get(each, "time")));
		frame.len = frame.text ? len : text_base64_decode(bytes, data, len);
		if (frame.text)
			memcpy(bytes, data, len + 1);
		frame.bytes = bytes;
		rc = dialog_frame(dialog, &frame);
		free(bytes);
	}
	return rc;
}

static int take_entry(struct har *har, const json_t *entry, uint64_t offset)
{
	const char *connection = text_of(entry, "connection");
	int64_t time_us = clock_parse(text_of(entry, "startedDateTime"));
	struct dialog *dialog = dialog_new(&har->dialogs, connection ? connection : "");
	if (!dialog)
		return ATLS_E_MEMORY;
	int rc = take_request(har, dialog, entry, offset, time_us);
	if (!rc && json_integer_value(
			   json_object_get(json_object_get(entry, "response"), "status")) > 0)
		rc = take_answer(har, dialog, entry, offset, time_us);
	if (!rc)
		rc = take_frames(dialog, json_object_get(entry, "_webSocketMessages"), offset);
	if (!rc)
		rc = dialog_end(dialog);
	dialog_free(dialog);
	return rc;
}

static int on_entry(void *ctx, const uint8_t *object, size_t len, uint64_t offset)
{
	struct har *har = ctx;
	json_error_t error;
	json_t *entry = json_loadb((const char *)object, len, JSON_ALLOW_NUL, &error);
	int rc = ATLS_OK;
	if (!entry)
		sink_malformed(
			har->sink, offset + (uint64_t)error.position, "JSON", "%s", error.text);
	else if (json_is_object(json_object_get(entry, "request")))
		rc = take_entry(har, entry, offset);
	json_decref(entry);
	return rc;
}

static void *har_open(const struct piece_sink *sink)
{
	struct har *har = calloc(1, sizeof *har);
	if (har) {
		har->sink = har->dialogs.sink = sink;
		json_split_init(&har->split, sink, ENTRY_DEPTH, on_entry, har);
	}
	return har;
}

static int har_feed(void *state, const uint8_t *bytes, size_t len)
{
	struct har *har = state;
	return json_split_feed(&har->split, bytes, len);
}

static int har_end(void *state)
{
	struct har *har = state;
	json_split_end(&har->split);
	return ATLS_OK;
}

static void har_close(void *state)
{
	struct har *har = state;
	if (har)
		json_split_free(&har->split);
	free(har);
}

const struct form form_har = {"har", har_open, har_feed, har_end, har_close};
