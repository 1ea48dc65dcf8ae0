#include "json.h"

#include "cli/log.h"
#include "explain/trace.h"

#include <nettle/base64.h>

/* Of registered names. */
#define NAME_MAX 80u

/* Keys are ours, and short: with a code behind them they fit in OUT_SHORT. Returns how much it
 * wrote. */
static size_t put_key(struct json *json, char *to, const char *key)
{
	char *start = to;
	if (!json->first)
		*to++ = ',';
	json->first = false;
	if (key) {
		*to++ = '"';
		to = stpcpy(to, key);
		*to++ = '"';
		*to++ = ':';
	}
	return (size_t)(to - start);
}

static void key_of(struct json *json, const char *key)
{
	json->out->len += put_key(json, out_room(json->out), key);
}

void json_open(struct json *json, const char *key, char bracket)
{
	key_of(json, key);
	out_char(json->out, bracket);
	json->first = true;
}

void json_close(struct json *json, char bracket)
{
	out_char(json->out, bracket);
	json->first = false;
}

void json_number(struct json *json, const char *key, uint64_t value)
{
	char *to = out_room(json->out);
	size_t len = put_key(json, to, key);
	json->out->len += len + out_digits(to + len, value);
}

void json_word(struct json *json, const char *key, const char *word)
{
	key_of(json, key);
	out_char(json->out, '"');
	out_text(json->out, word);
	out_char(json->out, '"');
}

void json_flag(struct json *json, const char *key, bool value)
{
	key_of(json, key);
	out_text(json->out, value ? "true" : "false");
}

static void put_u16(struct out *out, unsigned unit)
{
	const uint8_t bytes[2] = {(uint8_t)(unit >> 8), (uint8_t)unit};
	out_text(out, "\\u");
	out_hex(out, bytes, 2);
}

/* One character that is not plain ASCII; returns its length. */
static size_t put_special(struct out *out, const uint8_t *at, size_t len)
{
	char one[5] = "";
	uint32_t point = 0;
	memcpy(one, at, len < 4 ? len : 4);
	size_t width = *one ? atls_log_utf8(one, &point) : 1;
	if (width == 0) {
		out_text(out, "\\\\x");
		out_hex(out, at, 1);
		return 1;
	}
	if (point == '"' || point == '\\') {
		char *to = out_room(out);
		to[0] = '\\';
		to[1] = (char)point;
		out->len += 2;
	} else if (point < 0x10000) {
		put_u16(out, point);
	} else {
		put_u16(out, 0xd800 + ((point - 0x10000) >> 10));
		put_u16(out, 0xdc00 + ((point - 0x10000) & 0x3ff));
	}
	return width;
}

static bool is_plain(uint8_t byte)
{
	return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

void json_text(struct json *json, const char *key, const void *text, size_t len)
{
	const uint8_t *at = text;
	key_of(json, key);
	out_char(json->out, '"');
	while (len) {
		size_t plain = 0;
		while (plain < len && is_plain(at[plain]))
			plain++;
		out_bytes(json->out, at, plain);
		at += plain;
		len -= plain;
		if (len) {
			size_t width = put_special(json->out, at, len);
			at += width;
			len -= width;
		}
	}
	out_char(json->out, '"');
}

void json_base64(struct json *json, const char *key, const uint8_t *bytes, size_t len)
{
	key_of(json, key);
	out_char(json->out, '"');
	while (len) {
		size_t part = len < 45 ? len : 45;
		char *to = out_room(json->out);
		base64_encode_raw(to, part, bytes);
		json->out->len += BASE64_ENCODE_RAW_LENGTH(part);
		bytes += part;
		len -= part;
	}
	out_char(json->out, '"');
}

void json_hex(struct json *json, const char *key, const uint8_t *bytes, size_t len)
{
	key_of(json, key);
	out_char(json->out, '"');
	out_hex(json->out, bytes, len);
	out_char(json->out, '"');
}

void json_time(struct json *json, const char *key, int64_t time_us)
{
	key_of(json, key);
	out_char(json->out, '"');
	out_time(json->out, time_us);
	out_char(json->out, '"');
}

/* Copies a literal and moves behind it. */
#define PUT(to, text) ((void)memcpy((to), (text), sizeof(text) - 1), (to) += sizeof(text) - 1)

static size_t put_code(char *to, unsigned value, const char *name)
{
	char *start = to;
	PUT(to, "{\"code\":");
	to += out_digits(to, value);
	if (name) {
		size_t len = strnlen(name, NAME_MAX);
		PUT(to, ",\"name\":\"");
		memcpy(to, name, len);
		to += len;
		PUT(to, "\"}");
	} else {
		PUT(to, ",\"name\":null}");
	}
	return (size_t)(to - start);
}

/* Names are valid for ever, so that one is known by its address. */
void json_code(struct json *json, const char *key, unsigned value, const char *name)
{
	struct json_code *code = &json->codes[(value ^ (uintptr_t)name >> 3) % JSON_CODES];
	if (code->len == 0 || code->value != value || code->name != name) {
		code->value = value;
		code->name = name;
		code->len = (uint32_t)put_code(code->text, value, name);
	}
	char *to = out_room(json->out);
	size_t len = put_key(json, to, key);
	memcpy(to + len, code->text, code->len);
	json->out->len += len + code->len;
}

/* ---- nodes ---------------------------------------------------------------------------------- */

static void place(struct json *json, size_t at, size_t len)
{
	uint64_t offset = json->message ? atls_trace_place(json->message, at) : UINT64_MAX;
	if (at == ATLS_NOWHERE)
		return;
	if (offset != UINT64_MAX)
		json_number(json, "offset", offset);
	json_number(json, "message_offset", at);
	json_number(json, "length", len);
}

static void on_begin(void *ctx, const struct atls_node *node)
{
	struct json *json = ctx;
	json_open(json, node->key, node->list ? '[' : '{');
	json->lists = json->lists << 1 | node->list;
	if (node->list)
		return;
	if (node->coded)
		json_code(json, "type", node->code, node->name);
	place(json, node->at, node->len);
}

static void on_end(void *ctx)
{
	struct json *json = ctx;
	json_close(json, json->lists & 1 ? ']' : '}');
	json->lists >>= 1;
}

static void on_number(void *ctx, const char *key, uint64_t value)
{
	json_number(ctx, key, value);
}

static void on_code(void *ctx, const char *key, unsigned value, unsigned digits, const char *name)
{
	(void)digits;
	json_code(ctx, key, value, name);
}

static void on_text(void *ctx, const char *key, const void *text, size_t len)
{
	json_text(ctx, key, text, len);
}

static void on_bytes(void *ctx, const char *key, const uint8_t *bytes, size_t len)
{
	json_base64(ctx, key, bytes, len);
}

static void on_digest(void *ctx, const char *key, const uint8_t *bytes, size_t len)
{
	json_hex(ctx, key, bytes, len);
}

static void on_flag(void *ctx, const char *key, bool value)
{
	json_flag(ctx, key, value);
}

/* In a list, an object beside the others. */
static void on_wrong(void *ctx, size_t at, const char *expected, const char *found)
{
	struct json *json = ctx;
	bool in_list = json->lists & 1;
	*json->malformed = true;
	if (in_list)
		json_open(json, NULL, '{');
	json_open(json, "malformed", '{');
	if (at != ATLS_NOWHERE)
		json_number(json, "message_offset", at);
	json_text(json, "expected", expected, strlen(expected));
	json_text(json, "found", found, strlen(found));
	json_close(json, '}');
	if (in_list)
		json_close(json, '}');
}

const struct atls_node_ops json_nodes = {
	on_begin, on_end, on_number, on_code, on_text, on_bytes, on_digest, on_flag, on_wrong};
