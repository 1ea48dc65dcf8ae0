#include "core/body_json.h"

#include "core/base64.h"
#include "core/json_scan.h"

#include <string.h>

/* ---- Decoding ---- */

enum member { SESSION, RECORDS, STREAM, UNKNOWN };

static enum member member_named(const struct atls_json_text *name)
{
	static const char *const names[UNKNOWN] = {"session", "records", "stream"};
	int i = 0;
	while (i < UNKNOWN &&
		(strlen(names[i]) != name->len || memcmp(names[i], name->bytes, name->len) != 0))
		i++;
	return (enum member)i;
}

/* Unicode's Cc: C0, DEL, and C1, which UTF-8 writes as c2 80 to c2 9f. */
static bool has_control(const struct atls_json_text *text)
{
	for (size_t i = 0; i < text->len; i++) {
		uint8_t byte = text->bytes[i];
		if (byte < 0x20 || byte == 0x7f || (byte == 0xc2 && text->bytes[i + 1] < 0xa0))
			return true;
	}
	return false;
}

static int take_session(struct atls_json *json, struct atls_body *body)
{
	struct atls_json_text text;
	int rc = atls_json_take_string(json, &text);
	if (rc)
		return rc;
	if (text.len == 0)
		return atls_json_fail_at(json, text.bytes, "empty session");
	if (text.len > ATLS_SESSION_MAX)
		return atls_json_fail_at(json, text.bytes, "session too long");
	if (has_control(&text))
		return atls_json_fail_at(json, text.bytes, "control character in the session");
	body->session = (const char *)text.bytes;
	body->session_len = text.len;
	return ATLS_OK;
}

/* Nearly all of a body is this string. The base64 decoder refuses whatever the scanner would, so
 * the scanner reads it only if there is something to unescape. */
static int take_records(struct atls_json *json, struct atls_body *body)
{
	if (atls_json_peek(json) != '"')
		return atls_json_expect(json, '"', "expected a string");
	struct atls_json_text text = {.bytes = json->at + 1};
	size_t left = (size_t)(json->end - text.bytes);
	uint8_t *quote = memchr(text.bytes, '"', left);
	if (quote && !memchr(text.bytes, '\\', (size_t)(quote - text.bytes))) {
		text.len = (size_t)(quote - text.bytes);
		json->at = quote + 1;
	} else {
		int rc = atls_json_take_string(json, &text);
		if (rc)
			return rc;
	}
	ssize_t len = atls_base64_decode(text.bytes, text.len);
	if (len < 0)
		return atls_json_fail_at(json, text.bytes, "records are not canonical base64");
	body->records = text.bytes;
	body->len = (size_t)len;
	return ATLS_OK;
}

static int take_member(struct atls_json *json, struct atls_body *body, unsigned *seen)
{
	struct atls_json_text name;
	int rc = atls_json_take_name(json, &name);
	if (rc)
		return rc;
	enum member member = member_named(&name);
	if (*seen & 1u << member)
		return atls_json_fail_at(json, name.bytes, "repeated member");
	switch (member) {
	case SESSION:
		*seen |= 1u << SESSION;
		return take_session(json, body);
	case RECORDS:
		*seen |= 1u << RECORDS;
		return take_records(json, body);
	case STREAM:
		*seen |= 1u << STREAM;
		rc = atls_json_take_string(json, &name);
		body->stream = (const char *)name.bytes;
		body->stream_len = name.len;
		return rc;
	default:
		return atls_json_skip_value(json);
	}
}

int atls_body_json_decode(uint8_t *body, size_t len, struct atls_body *out, struct atls_error *err)
{
	struct atls_json json = {.start = body, .at = body, .end = body, .err = err};
	if (len)
		json.end += len;
	struct atls_body found = {0};
	unsigned seen = 0;
	*out = found;
	int rc = atls_json_expect(&json, '{', "expected '{'");
	bool more = rc == ATLS_OK && atls_json_peek(&json) != '}';
	while (more) {
		rc = take_member(&json, &found, &seen);
		more = rc == ATLS_OK && atls_json_peek(&json) == ',';
		if (more)
			json.at++;
	}
	if (rc == ATLS_OK)
		rc = atls_json_expect(&json, '}', "expected ',' or '}'");
	if (rc == ATLS_OK && atls_json_peek(&json) != -1)
		rc = atls_json_fail_at(&json, json.at, "more behind the object");
	if (rc == ATLS_OK)
		*out = found;
	return rc;
}

/* ---- Encoding ---- */

#define OPEN        "{"
#define SESSION_KEY "\"session\": \""
#define STREAM_KEY  "\"stream\": \""
#define QUOTE       "\""
#define COMMA       ", "
#define RECORDS_KEY "\"records\": \""
#define CLOSE       "}"

static size_t escaped_len(char c)
{
	if (c == '"' || c == '\\')
		return 2;
	return (unsigned char)c < 0x20 ? 6 : 1;
}

static void add(size_t *size, size_t more)
{
	*size = more > SIZE_MAX - *size ? SIZE_MAX : *size + more;
}

static void add_text(size_t *size, const char *key, const char *text)
{
	if (!text)
		return;
	add(size, strlen(key) + strlen(QUOTE COMMA));
	for (; *text; text++)
		add(size, escaped_len(*text));
}

size_t atls_body_json_encoded_size(const char *session, const char *stream, size_t len)
{
	size_t size = strlen(OPEN RECORDS_KEY QUOTE CLOSE);
	add_text(&size, SESSION_KEY, session);
	add_text(&size, STREAM_KEY, stream);
	add(&size, atls_base64_encoded_size(len));
	return size;
}

static uint8_t *put(uint8_t *to, const char *text)
{
	size_t len = strlen(text);
	memcpy(to, text, len);
	return to + len;
}

static uint8_t *put_escaped(uint8_t *to, const char *text)
{
	static const char digits[] = "0123456789abcdef";
	for (; *text; text++) {
		switch (escaped_len(*text)) {
		case 6:
			to = put(to, "\\u00");
			*to++ = (uint8_t)digits[*text >> 4];
			*to++ = (uint8_t)digits[*text & 15];
			break;
		case 2:
			*to++ = '\\';
			/* fall through */
		default:
			*to++ = (uint8_t)*text;
		}
	}
	return to;
}

static uint8_t *put_member(uint8_t *to, const char *key, const char *text, bool first)
{
	if (!first)
		to = put(to, COMMA);
	return put(put_escaped(put(to, key), text), QUOTE);
}

size_t atls_body_json_encode(
	const char *session, const char *stream, const void *records, size_t len, uint8_t *out)
{
	uint8_t *to = put(out, OPEN);
	if (session)
		to = put_member(to, SESSION_KEY, session, true);
	if (stream)
		to = put_member(to, STREAM_KEY, stream, !session);
	if (records && (session || stream))
		to = put(to, COMMA);
	if (records) {
		to = put(to, RECORDS_KEY);
		atls_base64_encode(to, records, len);
		to += atls_base64_encoded_size(len);
		to = put(to, QUOTE);
	}
	to = put(to, CLOSE);
	return (size_t)(to - out);
}
