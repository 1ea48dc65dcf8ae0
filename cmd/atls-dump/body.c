#include "body.h"

#include "form.h"
#include "inflate.h"
#include "limits.h"
#include "text.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int body_looks_like_tls(const uint8_t *bytes, size_t len)
{
	if (len >= 1 && (bytes[0] < 0x14 || bytes[0] > 0x18))
		return 0;
	if (len >= 2 && bytes[1] != 3)
		return 0;
	if (len >= 3)
		return bytes[2] <= 4;
	return -1;
}

bool body_is_raw(const char *name)
{
	static const char suffix[] = "+octet-stream";
	size_t len = strcspn(name, "; \t,"), end = sizeof suffix - 1;
	if (len <= end || strncasecmp(name + len - end, suffix, end) != 0)
		return false;
	return len - end != 4 || strncasecmp(name, "atls", 4) != 0;
}

/* Such a type is anybody's: what else is known has to be ours. */
static bool has_raw_type(const struct http_message *message)
{
	static const char application[] = "application/";
	const char *type = message->content_type;
	if (message->websocket && message->subprotocol)
		return body_is_raw(message->subprotocol);
	return type && (message->stream || message->number) &&
	       strncasecmp(type, application, sizeof application - 1) == 0 &&
	       body_is_raw(type + sizeof application - 1);
}

void body_free(struct body *body)
{
	atls_buf_free(&body->unzipped);
	free(body->copy);
	free(body->session);
	free(body->stream);
}

static int copy_text(char **to, const void *text, size_t len)
{
	*to = malloc(len + 1);
	if (!*to)
		return ATLS_E_MEMORY;
	memcpy(*to, text, len);
	(*to)[len] = '\0';
	for (char *nul = *to; (nul = memchr(nul, '\0', len - (size_t)(nul - *to)));)
		*nul = '?';
	return ATLS_OK;
}

/* ---- json ---- */

/* The records of a body that is not canonical: what can be made of the characters in order. */
static void decode_loosely(struct body *body, char *text, size_t len)
{
	body->has_records = true;
	body->records = (uint8_t *)text;
	body->len = text_base64_decode((uint8_t *)text, text, len);
}

/* A body that the codec refuses may still be json, with records that somebody wants to see. */
static int read_loosely(struct body *body, const uint8_t *json, size_t len)
{
	json_t *root = json_loadb((const char *)json, len, JSON_ALLOW_NUL, NULL);
	json_t *session = json_object_get(root, "session");
	json_t *stream = json_object_get(root, "stream");
	json_t *records = json_object_get(root, "records");
	int rc = ATLS_OK;
	if (json_is_string(session) && json_string_length(session) <= ATLS_SESSION_MAX)
		rc = copy_text(
			&body->session, json_string_value(session), json_string_length(session));
	if (!rc && json_is_string(stream))
		rc = copy_text(
			&body->stream, json_string_value(stream), json_string_length(stream));
	char *text = NULL;
	if (!rc && json_is_string(records))
		rc = copy_text(&text, json_string_value(records), json_string_length(records));
	if (text)
		decode_loosely(body, text, json_string_length(records));
	json_decref(root);
	free(body->copy);
	body->copy = (uint8_t *)text;
	return rc;
}

/* What the stream's dictionary says, if there is one. */
static void read_dict(struct body *body, uint64_t offset, const struct piece_sink *sink)
{
	struct atls_error err = {0};
	if (!body->stream)
		return;
	int rc = atls_stream_dict_read(&body->dict, body->stream, strlen(body->stream), &err);
	if (rc && sink)
		sink_malformed(sink, offset, "a dictionary of stream carriage", "%.80s (%s)",
			body->stream, err.text);
}

int body_read_json(struct body *body, const uint8_t *json, size_t len, uint64_t offset,
	const struct piece_sink *sink)
{
	struct atls_body found;
	struct atls_error err = {0};
	body->copy = malloc(len ? len : 1);
	if (!body->copy)
		return ATLS_E_MEMORY;
	if (len)
		memcpy(body->copy, json, len);
	if (atls_body_codec(ATLS_JSON)->decode(body->copy, len, &found, &err) == ATLS_OK) {
		body->has_records = found.records != NULL;
		body->records = found.records;
		body->len = found.len;
		int rc = ATLS_OK;
		if (found.session)
			rc = copy_text(&body->session, found.session, found.session_len);
		if (!rc && found.stream)
			rc = copy_text(&body->stream, found.stream, found.stream_len);
		read_dict(body, offset, sink);
		return rc;
	}
	const char *cause = strstr(err.text, "JSON body: ");
	if (sink)
		sink_malformed(sink, offset, "a JSON body of ATLS", "%s",
			cause ? cause + strlen("JSON body: ") : err.text);
	int rc = read_loosely(body, json, len);
	read_dict(body, offset, sink);
	return rc;
}

/* ---- Any body ---- */

static void unzip(
	struct body *body, const struct http_message *message, const struct piece_sink *sink)
{
	const char *found;
	body->plain = message->body;
	body->plain_len = message->body_len;
	if (!message->coding)
		return;
	atls_buf_init(&body->unzipped, HTTP_BODY_MAX);
	const char *expected = inflate_body(
		message->coding, message->body, message->body_len, &body->unzipped, &found);
	if (expected && sink)
		sink_malformed(sink, message->body_offset, expected, "%s", found);
	if (expected && body->unzipped.len == 0)
		return;
	static const uint8_t nothing;
	body->plain = body->unzipped.len ? atls_buf_bytes(&body->unzipped) : &nothing;
	body->plain_len = body->unzipped.len;
}

static bool is_json_of_ours(const uint8_t *bytes, size_t len)
{
	static const char word[] = "\"records\"";
	return len && bytes[0] == '{' && memmem(bytes, len, word, sizeof word - 1);
}

/* A label of TLS bytes may stand on json, as draft -00 section 7.2 shows it; but with the
 * dictionary in a header a body may be cut anywhere, and begin like json. */
static bool labelled_json(const struct body *body, const struct http_message *message)
{
	return body->encoding == ATLS_JSON ||
	       (!message->stream && atls_body_is_json(body->plain, body->plain_len));
}

/* What the label and the first bytes tell; true for json. */
static bool classify(struct body *body, const struct http_message *message)
{
	body->encoding = atls_encoding_by_type(message->content_type);
	body->raw = has_raw_type(message);
	bool labelled = body->encoding >= 0 || body->raw;
	bool tls = body->plain_len >= 3 && body_looks_like_tls(body->plain, body->plain_len) == 1;
	bool json = body->raw  ? false
		    : labelled ? labelled_json(body, message)
			       : is_json_of_ours(body->plain, body->plain_len);
	body->is_atls = labelled || tls || json || message->stream;
	if (json && labelled)
		body->encoding = ATLS_JSON;
	if (json || (!labelled && !tls))
		return json;
	body->has_records = true;
	body->records = body->plain;
	body->len = body->plain_len;
	return false;
}

int body_read(struct body *body, const struct http_message *message, const struct piece_sink *sink)
{
	memset(body, 0, sizeof *body);
	int rc = ATLS_OK;
	unzip(body, message, sink);
	if (classify(body, message))
		rc = body_read_json(body, body->plain, body->plain_len, message->body_offset, sink);
	if (rc || body->stream || !message->stream)
		return rc;
	rc = copy_text(&body->stream, message->stream, strlen(message->stream));
	read_dict(body, message->body_offset, sink);
	return rc;
}
