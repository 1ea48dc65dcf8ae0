#include "core/json_scan.h"

#include "core/err.h"

#include <stdbool.h>
#include <string.h>

int atls_json_fail_at(const struct atls_json *json, const uint8_t *at, const char *cause)
{
	return atls_error_set(json->err, ATLS_E_PROTOCOL, "protocol: JSON body: %s at byte %zu%s",
		cause, (size_t)(at - json->start), at == json->end ? ", where it ends" : "");
}

static int fail(const struct atls_json *json, const char *cause)
{
	return atls_json_fail_at(json, json->at, cause);
}

int atls_json_peek(struct atls_json *json)
{
	while (json->at < json->end && memchr(" \t\n\r", *json->at, 4))
		json->at++;
	return json->at < json->end ? *json->at : -1;
}

int atls_json_expect(struct atls_json *json, char byte, const char *complaint)
{
	if (atls_json_peek(json) != byte)
		return fail(json, complaint);
	json->at++;
	return ATLS_OK;
}

/* ---- Strings, unescaped in place: no escape is shorter than what it stands for ---- */

/* The length of the well-formed multi-byte sequence at bytes (Unicode, table 3-7), or 0. */
static size_t utf8_len(const uint8_t *bytes, size_t left)
{
	uint8_t lead = bytes[0], low = 0x80, high = 0xbf;
	size_t len = 0;
	if (lead >= 0xc2 && lead <= 0xdf) {
		len = 2;
	} else if (lead >= 0xe0 && lead <= 0xef) {
		len = 3;
		low = lead == 0xe0 ? 0xa0 : low;
		high = lead == 0xed ? 0x9f : high;
	} else if (lead >= 0xf0 && lead <= 0xf4) {
		len = 4;
		low = lead == 0xf0 ? 0x90 : low;
		high = lead == 0xf4 ? 0x8f : high;
	}
	if (len == 0 || left < len || bytes[1] < low || bytes[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

static uint8_t *put_utf8(uint8_t *to, uint32_t code)
{
	if (code < 0x80) {
		*to++ = (uint8_t)code;
		return to;
	}
	if (code < 0x800) {
		*to++ = (uint8_t)(0xc0 | code >> 6);
	} else {
		if (code < 0x10000) {
			*to++ = (uint8_t)(0xe0 | code >> 12);
		} else {
			*to++ = (uint8_t)(0xf0 | code >> 18);
			*to++ = (uint8_t)(0x80 | (code >> 12 & 0x3f));
		}
		*to++ = (uint8_t)(0x80 | (code >> 6 & 0x3f));
	}
	*to++ = (uint8_t)(0x80 | (code & 0x3f));
	return to;
}

/* Takes `\uXXXX`; false if that is not what comes next. */
static bool take_unit(struct atls_json *json, uint32_t *unit)
{
	const uint8_t *at = json->at;
	if (json->end - at < 6 || at[0] != '\\' || at[1] != 'u')
		return false;
	*unit = 0;
	for (int i = 2; i < 6; i++) {
		static const char digits[] = "0123456789abcdef";
		int lower = at[i] >= 'A' && at[i] <= 'F' ? at[i] | 0x20 : at[i];
		const char *digit = memchr(digits, lower, 16);
		if (!digit)
			return false;
		*unit = *unit << 4 | (uint32_t)(digit - digits);
	}
	json->at += 6;
	return true;
}

static int take_unicode(struct atls_json *json, uint8_t **to)
{
	uint32_t code, low;
	if (!take_unit(json, &code))
		return fail(json, "bad escape");
	if (code >= 0xd800 && code <= 0xdfff) {
		if (code >= 0xdc00 || !take_unit(json, &low) || low < 0xdc00 || low > 0xdfff)
			return fail(json, "lone surrogate");
		code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
	}
	*to = put_utf8(*to, code);
	return ATLS_OK;
}

/* Takes what ended a run of plain bytes and is not the closing quote. */
static int take_special(struct atls_json *json, uint8_t **to)
{
	static const char names[] = "\"\\/bfnrt";
	static const char meanings[] = "\"\\/\b\f\n\r\t";
	size_t left = (size_t)(json->end - json->at);
	if (left == 0 || (*json->at == '\\' && left == 1))
		return fail(json, "string without an end");
	if (*json->at < 0x20)
		return fail(json, "control character");
	if (*json->at != '\\') {
		size_t len = utf8_len(json->at, left);
		if (len == 0)
			return fail(json, "invalid UTF-8");
		memmove(*to, json->at, len);
		*to += len;
		json->at += len;
		return ATLS_OK;
	}
	if (json->at[1] == 'u')
		return take_unicode(json, to);
	const char *name = memchr(names, json->at[1], sizeof names - 1);
	if (!name)
		return fail(json, "bad escape");
	*(*to)++ = (uint8_t)meanings[name - names];
	json->at += 2;
	return ATLS_OK;
}

static bool is_plain(uint8_t byte)
{
	return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

int atls_json_take_string(struct atls_json *json, struct atls_json_text *out)
{
	int rc = atls_json_expect(json, '"', "expected a string");
	if (rc)
		return rc;
	uint8_t *to = out->bytes = json->at;
	for (;;) {
		uint8_t *run = json->at;
		while (json->at < json->end && is_plain(*json->at))
			json->at++;
		size_t len = (size_t)(json->at - run);
		if (to != run)
			memmove(to, run, len);
		to += len;
		if (json->at < json->end && *json->at == '"')
			break;
		rc = take_special(json, &to);
		if (rc)
			return rc;
	}
	json->at++;
	out->len = (size_t)(to - out->bytes);
	return ATLS_OK;
}

int atls_json_take_name(struct atls_json *json, struct atls_json_text *name)
{
	int rc = atls_json_take_string(json, name);
	return rc ? rc : atls_json_expect(json, ':', "expected ':'");
}

/* ---- Values that are checked and skipped ---- */

static size_t skip_digits(struct atls_json *json)
{
	const uint8_t *first = json->at;
	while (json->at < json->end && *json->at >= '0' && *json->at <= '9')
		json->at++;
	return (size_t)(json->at - first);
}

static bool skip_one_of(struct atls_json *json, const char *set)
{
	if (json->at == json->end || !memchr(set, *json->at, strlen(set)))
		return false;
	json->at++;
	return true;
}

static int skip_number(struct atls_json *json)
{
	const uint8_t *first = json->at;
	skip_one_of(json, "-");
	bool good = skip_one_of(json, "0") || skip_digits(json);
	if (good && skip_one_of(json, "."))
		good = skip_digits(json);
	if (good && skip_one_of(json, "eE")) {
		skip_one_of(json, "+-");
		good = skip_digits(json);
	}
	if (!good)
		return fail(json, "expected a digit");
	if (json->at - first > ATLS_JSON_NUMBER_MAX)
		return fail(json, "number too long");
	return ATLS_OK;
}

static int skip_literal(struct atls_json *json)
{
	static const char *const literals[] = {"true", "false", "null"};
	for (size_t i = 0; i < sizeof literals / sizeof *literals; i++) {
		size_t len = strlen(literals[i]);
		if ((size_t)(json->end - json->at) >= len &&
			memcmp(json->at, literals[i], len) == 0) {
			json->at += len;
			return ATLS_OK;
		}
	}
	return fail(json, "expected a value");
}

static int skip_value(struct atls_json *json, int depth);

/* A member or an element, depth containers deep. */
static int skip_item(struct atls_json *json, bool named, int depth)
{
	struct atls_json_text ignored;
	int rc = named ? atls_json_take_name(json, &ignored) : ATLS_OK;
	return rc ? rc : skip_value(json, depth);
}

static int skip_container(struct atls_json *json, int depth)
{
	if (depth > ATLS_JSON_DEPTH_MAX)
		return fail(json, "nesting too deep");
	bool object = *json->at++ == '{';
	int closer = object ? '}' : ']';
	bool more = atls_json_peek(json) != closer;
	while (more) {
		int rc = skip_item(json, object, depth);
		if (rc)
			return rc;
		more = atls_json_peek(json) == ',';
		if (more)
			json->at++;
	}
	return atls_json_expect(
		json, (char)closer, object ? "expected ',' or '}'" : "expected ',' or ']'");
}

static int skip_value(struct atls_json *json, int depth)
{
	struct atls_json_text ignored;
	int next = atls_json_peek(json);
	if (next == '"')
		return atls_json_take_string(json, &ignored);
	if (next == '{' || next == '[')
		return skip_container(json, depth + 1);
	if (next == '-' || (next >= '0' && next <= '9'))
		return skip_number(json);
	return skip_literal(json);
}

int atls_json_skip_value(struct atls_json *json)
{
	return skip_value(json, 0);
}
