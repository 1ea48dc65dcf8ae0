#include "core/stream_dict.h"

#include "core/err.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* A key's longest name that is told from others; longer ones are unknown. */
#define KEY_MAX    16u
#define DIGITS_MAX 15u /* of an integer, RFC 8941 section 3.3.1 */

enum item { ITEM_INTEGER, ITEM_DECIMAL, ITEM_STRING, ITEM_TOKEN, ITEM_BYTES, ITEM_BOOLEAN };

struct value {
	enum item item;
	bool negative, list;
	uint64_t number; /* an integer, or a boolean */
	const char *text;
	size_t len; /* of a string, without its quotes */
	bool escaped;
};

struct reader {
	const char *start, *at, *end;
	struct atls_error *err;
};

static const struct key {
	const char *name;
	unsigned bit;
	size_t offset;
} keys[] = {
	{"id", ATLS_DICT_ID, offsetof(struct atls_stream_dict, id)},
	{"gen", ATLS_DICT_GEN, offsetof(struct atls_stream_dict, gen)},
	{"up", ATLS_DICT_UP, offsetof(struct atls_stream_dict, up)},
	{"down", ATLS_DICT_DOWN, offsetof(struct atls_stream_dict, down)},
	{"ack", ATLS_DICT_ACK, offsetof(struct atls_stream_dict, ack)},
	{"max", ATLS_DICT_MAX, offsetof(struct atls_stream_dict, max)},
	{"poll", ATLS_DICT_POLL, offsetof(struct atls_stream_dict, poll)},
	{"inflight", ATLS_DICT_INFLIGHT, offsetof(struct atls_stream_dict, inflight)},
	{"keep", ATLS_DICT_KEEP, offsetof(struct atls_stream_dict, keep)},
	{"fin", ATLS_DICT_FIN, 0},
	{"abort", ATLS_DICT_ABORT, 0},
};

#define KEYS (sizeof keys / sizeof keys[0])

/* Those that are true or false. */
#define FLAGS (ATLS_DICT_FIN | ATLS_DICT_ABORT)

/* ---- Reading, RFC 8941 section 4.2 ---- */

static int wrong(const struct reader *r, const char *what)
{
	return atls_error_set(r->err, ATLS_E_PROTOCOL, "protocol: ATLS-Stream: %s at character %zu",
		what, (size_t)(r->at - r->start));
}

static int peek(const struct reader *r)
{
	return r->at < r->end ? (unsigned char)*r->at : -1;
}

static bool take(struct reader *r, char c)
{
	if (peek(r) != c)
		return false;
	r->at++;
	return true;
}

static void skip(struct reader *r, const char *these)
{
	while (r->at < r->end && *r->at && strchr(these, *r->at))
		r->at++;
}

static bool is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static bool is_lower(int c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_alpha(int c)
{
	return is_lower(c) || (c >= 'A' && c <= 'Z');
}

static bool is_any(int c, const char *these)
{
	return c > 0 && strchr(these, c);
}

static int read_key(struct reader *r, const char **key, size_t *len)
{
	*key = r->at;
	if (!is_lower(peek(r)) && peek(r) != '*')
		return wrong(r, "expected a key");
	while (is_lower(peek(r)) || is_digit(peek(r)) || is_any(peek(r), "_-.*"))
		r->at++;
	*len = (size_t)(r->at - *key);
	return ATLS_OK;
}

static int read_number(struct reader *r, struct value *value)
{
	unsigned digits = 0, fraction = 0;
	value->negative = take(r, '-');
	value->item = ITEM_INTEGER;
	for (; is_digit(peek(r)) && digits <= DIGITS_MAX; digits++)
		value->number = value->number * 10 + (uint64_t)(*r->at++ - '0');
	if (digits == 0)
		return wrong(r, "expected a digit");
	if (digits > DIGITS_MAX)
		return wrong(r, "too long a number");
	if (!take(r, '.'))
		return ATLS_OK;
	value->item = ITEM_DECIMAL;
	for (; is_digit(peek(r)) && fraction <= 3; fraction++)
		r->at++;
	return fraction >= 1 && fraction <= 3 && digits <= 12 ? ATLS_OK : wrong(r, "not a decimal");
}

static int read_string(struct reader *r, struct value *value)
{
	value->item = ITEM_STRING;
	value->text = ++r->at;
	for (;; r->at++) {
		int c = peek(r);
		if (c == '"')
			break;
		if (c == '\\') {
			value->escaped = true;
			r->at++;
			if (!is_any(peek(r), "\\\""))
				return wrong(r, "bad escape");
		} else if (c < 0x20 || c > 0x7e) {
			return wrong(r, "string without an end");
		}
	}
	value->len = (size_t)(r->at++ - value->text);
	return ATLS_OK;
}

static int read_token(struct reader *r, struct value *value)
{
	value->item = ITEM_TOKEN;
	while (is_alpha(peek(r)) || is_digit(peek(r)) || is_any(peek(r), "!#$%&'*+-.^_`|~:/"))
		r->at++;
	return ATLS_OK;
}

static int read_bytes(struct reader *r, struct value *value)
{
	value->item = ITEM_BYTES;
	r->at++;
	while (is_alpha(peek(r)) || is_digit(peek(r)) || is_any(peek(r), "+/="))
		r->at++;
	return take(r, ':') ? ATLS_OK : wrong(r, "byte sequence without an end");
}

static int read_boolean(struct reader *r, struct value *value)
{
	value->item = ITEM_BOOLEAN;
	r->at++;
	value->number = peek(r) == '1';
	if (peek(r) != '0' && peek(r) != '1')
		return wrong(r, "not a boolean");
	r->at++;
	return ATLS_OK;
}

static int read_bare(struct reader *r, struct value *value)
{
	int c = peek(r);
	*value = (struct value){0};
	if (c == '-' || is_digit(c))
		return read_number(r, value);
	if (c == '"')
		return read_string(r, value);
	if (c == '*' || is_alpha(c))
		return read_token(r, value);
	if (c == ':')
		return read_bytes(r, value);
	if (c == '?')
		return read_boolean(r, value);
	return wrong(r, "expected a value");
}

/* None are known: their form is checked, and that is all. */
static int read_parameters(struct reader *r)
{
	struct value ignored;
	const char *key;
	size_t len;
	int rc = ATLS_OK;
	for (unsigned count = 0; !rc && take(r, ';'); count++) {
		if (count == ATLS_DICT_ITEMS_MAX)
			return wrong(r, "too many parameters");
		skip(r, " ");
		rc = read_key(r, &key, &len);
		if (!rc && take(r, '='))
			rc = read_bare(r, &ignored);
	}
	return rc;
}

static int read_list(struct reader *r, struct value *value)
{
	r->at++;
	for (unsigned count = 0;; count++) {
		skip(r, " ");
		if (take(r, ')'))
			break;
		if (count == ATLS_DICT_ITEMS_MAX)
			return wrong(r, "too long a list");
		int rc = read_bare(r, value);
		if (!rc)
			rc = read_parameters(r);
		if (!rc && peek(r) != ' ' && peek(r) != ')')
			rc = wrong(r, "list without an end");
		if (rc)
			return rc;
	}
	*value = (struct value){.list = true};
	return ATLS_OK;
}

static int read_member(struct reader *r, struct value *value)
{
	int rc = ATLS_OK;
	*value = (struct value){.item = ITEM_BOOLEAN, .number = 1};
	if (take(r, '='))
		rc = peek(r) == '(' ? read_list(r, value) : read_bare(r, value);
	return rc ? rc : read_parameters(r);
}

static bool is_id(const struct value *value)
{
	if (value->len != ATLS_STREAM_ID || value->escaped)
		return false;
	for (size_t i = 0; i < value->len; i++)
		if (!is_alpha(value->text[i]) && !is_digit(value->text[i]) &&
			!is_any(value->text[i], "-_"))
			return false;
	return true;
}

/* What a known key holds; of a key that comes twice, the last counts (section 3.2). */
static int keep(const struct reader *r, struct atls_stream_dict *dict, const struct key *key,
	const struct value *value)
{
	char *field = (char *)dict + key->offset;
	enum item wanted = key->bit == ATLS_DICT_ID ? ITEM_STRING
			   : key->bit & FLAGS       ? ITEM_BOOLEAN
						    : ITEM_INTEGER;
	if (value->list || value->item != wanted || (wanted == ITEM_STRING && !is_id(value)) ||
		(value->negative && value->number))
		return wrong(r, "a known key's value is of the wrong kind");
	dict->has |= key->bit;
	if (wanted == ITEM_STRING) {
		memcpy(field, value->text, ATLS_STREAM_ID);
		field[ATLS_STREAM_ID] = '\0';
	} else if (wanted == ITEM_INTEGER) {
		memcpy(field, &value->number, sizeof value->number);
	} else if (value->number == 0) {
		dict->has &= ~key->bit;
	}
	return ATLS_OK;
}

static const struct key *key_named(const char *name, size_t len)
{
	for (size_t i = 0; i < KEYS; i++)
		if (len < KEY_MAX && strlen(keys[i].name) == len &&
			memcmp(keys[i].name, name, len) == 0)
			return &keys[i];
	return NULL;
}

static int read_members(struct reader *r, struct atls_stream_dict *dict)
{
	for (unsigned count = 0; r->at < r->end; count++) {
		const char *name = NULL;
		size_t len = 0;
		struct value value;
		if (count == ATLS_DICT_KEYS_MAX)
			return wrong(r, "too many keys");
		int rc = read_key(r, &name, &len);
		if (!rc)
			rc = read_member(r, &value);
		const struct key *key = rc ? NULL : key_named(name, len);
		if (key)
			rc = keep(r, dict, key, &value);
		if (rc)
			return rc;
		skip(r, " \t");
		if (r->at == r->end)
			return ATLS_OK;
		if (!take(r, ','))
			return wrong(r, "expected ','");
		skip(r, " \t");
		if (r->at == r->end)
			return wrong(r, "a comma at the end");
	}
	return ATLS_OK;
}

int atls_stream_dict_read(
	struct atls_stream_dict *dict, const char *text, size_t len, struct atls_error *err)
{
	struct reader r = {.start = text, .at = text, .end = text + len, .err = err};
	*dict = (struct atls_stream_dict){0};
	if (len > ATLS_DICT_LENGTH_MAX)
		return wrong(&r, "too long");
	skip(&r, " ");
	while (r.end > r.at && r.end[-1] == ' ')
		r.end--;
	int rc = read_members(&r, dict);
	if (rc)
		*dict = (struct atls_stream_dict){0};
	return rc;
}

int atls_stream_dict_need(
	const struct atls_stream_dict *dict, unsigned bits, struct atls_error *err)
{
	for (size_t i = 0; i < KEYS; i++)
		if (bits & ~dict->has & keys[i].bit)
			return atls_error_set(err, ATLS_E_PROTOCOL,
				"protocol: ATLS-Stream: key '%s' is missing", keys[i].name);
	return ATLS_OK;
}

/* ---- Writing ---- */

static void add(char **at, const char *end, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void add(char **at, const char *end, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int len = vsnprintf(*at, (size_t)(end - *at), format, args);
	va_end(args);
	*at += len > 0 && len < end - *at ? len : 0;
}

size_t atls_stream_dict_write(const struct atls_stream_dict *dict, char text[ATLS_STREAM_TEXT])
{
	char *at = text;
	const char *end = text + ATLS_STREAM_TEXT;
	text[0] = '\0';
	for (size_t i = 0; i < KEYS; i++) {
		if (!(dict->has & keys[i].bit))
			continue;
		const char *field = (const char *)dict + keys[i].offset;
		uint64_t number;
		memcpy(&number, field, sizeof number);
		add(&at, end, "%s%s", at == text ? "" : ", ", keys[i].name);
		if (keys[i].bit == ATLS_DICT_ID)
			add(&at, end, "=\"%s\"", field);
		else if (!(keys[i].bit & FLAGS))
			add(&at, end, "=%llu", (unsigned long long)number);
	}
	return (size_t)(at - text);
}
