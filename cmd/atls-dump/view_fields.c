/* Chosen fields, tab separated, a line a record. A field is named as in the JSON: of the record
 * ("offset"), or by the way to it ("client_hello.server_name.names.name"). */
#include "core/err.h"
#include "explain/fingerprint.h"
#include "explain/names.h"
#include "view.h"

#include <stdlib.h>

#define FIELDS_MAX 64u
#define VALUE_MAX  4096u /* longer values are cut */
#define WAY_MAX    256u
#define DEPTH_MAX  24u

struct field {
	const char *name;
	size_t name_len;
	bool of_record; /* every record has it */
	size_t len;
	char value[VALUE_MAX];
};

struct fields {
	struct out *out;
	bool *malformed;
	size_t count;
	bool all_of_records;
	char path[WAY_MAX];
	size_t path_len;
	size_t stack[DEPTH_MAX]; /* path lengths of the nodes that are open */
	size_t depth;
	struct field list[];
};

static const char *const record_fields[] = {"input", "session", "flow", "time", "exchange",
	"direction", "offset", "body_offset", "source_offset", "type", "version", "length", "seal",
	"content_type", "content_length", "message", "name", "alpn", "ja3", "ja3s", "ja4"};
#define EVERY_RECORD 13 /* the first so many */

/* ---- values --------------------------------------------------------------------------------- */

static void add_raw(struct field *field, const char *text, size_t len)
{
	if (len > VALUE_MAX - field->len)
		len = VALUE_MAX - field->len;
	memcpy(field->value + field->len, text, len);
	field->len += len;
}

/* Several values of one field stand with commas between. */
static void add(struct field *field, const void *value, size_t len)
{
	if (field->len)
		add_raw(field, ",", 1);
	add_raw(field, value, len);
}

static void set(struct fields *fields, const char *name, const void *value, size_t len)
{
	size_t name_len = strlen(name);
	for (size_t i = 0; i < fields->count; i++)
		if (fields->list[i].name_len == name_len &&
			memcmp(fields->list[i].name, name, name_len) == 0)
			add(&fields->list[i], value, len);
}

static void set_text(struct fields *fields, const char *name, const char *value)
{
	set(fields, name, value, strlen(value));
}

static void set_number(struct fields *fields, const char *name, uint64_t value)
{
	char digits[20];
	set(fields, name, digits, out_digits(digits, value));
}

static void set_code(struct fields *fields, const char *name, unsigned value, const char *known)
{
	if (known)
		set_text(fields, name, known);
	else
		set_number(fields, name, value);
}

/* ---- nodes ---------------------------------------------------------------------------------- */

static void push(struct fields *fields, const char *part)
{
	size_t len = part ? strlen(part) : 0;
	if (fields->depth < DEPTH_MAX)
		fields->stack[fields->depth] = fields->path_len;
	fields->depth++;
	if (!part || fields->path_len + len + 2 > WAY_MAX)
		return;
	if (fields->path_len)
		fields->path[fields->path_len++] = '.';
	memcpy(fields->path + fields->path_len, part, len);
	fields->path_len += len;
	fields->path[fields->path_len] = '\0';
}

static void pop(struct fields *fields)
{
	fields->depth--;
	if (fields->depth < DEPTH_MAX)
		fields->path_len = fields->stack[fields->depth];
	fields->path[fields->path_len] = '\0';
}

static void on_begin(void *ctx, const struct atls_node *node)
{
	struct fields *fields = ctx;
	/* The list of extensions is passed over: each has its name. */
	bool silent = node->list && node->key && strcmp(node->key, "extensions") == 0;
	push(fields, node->coded ? (node->name ? node->name : "unknown")
		     : silent    ? NULL
				 : node->key);
	if (node->coded) {
		push(fields, "type");
		set_code(fields, fields->path, node->code, node->name);
		pop(fields);
	}
}

static void on_end(void *ctx)
{
	pop(ctx);
}

static void on_number(void *ctx, const char *key, uint64_t value)
{
	push(ctx, key);
	set_number(ctx, ((struct fields *)ctx)->path, value);
	pop(ctx);
}

static void on_code(void *ctx, const char *key, unsigned value, unsigned digits, const char *name)
{
	(void)digits;
	push(ctx, key);
	set_code(ctx, ((struct fields *)ctx)->path, value, name);
	pop(ctx);
}

static void on_text(void *ctx, const char *key, const void *text, size_t len)
{
	push(ctx, key);
	set(ctx, ((struct fields *)ctx)->path, text, len);
	pop(ctx);
}

static void on_bytes(void *ctx, const char *key, const uint8_t *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	char hex[VALUE_MAX];
	size_t shown = len < sizeof hex / 2 ? len : sizeof hex / 2;
	for (size_t i = 0; i < shown; i++) {
		hex[2 * i] = digits[bytes[i] >> 4];
		hex[2 * i + 1] = digits[bytes[i] & 15];
	}
	push(ctx, key);
	set(ctx, ((struct fields *)ctx)->path, hex, 2 * shown);
	pop(ctx);
}

static void on_flag(void *ctx, const char *key, bool value)
{
	push(ctx, key);
	set_text(ctx, ((struct fields *)ctx)->path, value ? "true" : "false");
	pop(ctx);
}

static void on_wrong(void *ctx, size_t at, const char *expected, const char *found)
{
	struct fields *fields = ctx;
	(void)at;
	(void)expected;
	(void)found;
	*fields->malformed = true;
}

static const struct atls_node_ops ops = {
	on_begin, on_end, on_number, on_code, on_text, on_bytes, on_bytes, on_flag, on_wrong};

/* ---- what is watched ------------------------------------------------------------------------ */

static void set_place(struct fields *fields, const struct flow *flow)
{
	char second[ATLS_LOG_CHAR + 16];
	const struct place *origin = &flow->origin;
	set_text(fields, "input", origin->input);
	set_text(fields, "session", flow->label);
	set_number(fields, "flow", flow->number);
	if (origin->time_us >= 0) {
		int64_t us = origin->time_us % 1000000;
		size_t len = out_digits(second, (uint64_t)(origin->time_us / 1000000));
		second[len] = '.';
		for (size_t i = 6; i > 0; i--, us /= 10)
			second[len + i] = (char)('0' + us % 10);
		set(fields, "time", second, len + 7);
	}
	if (origin->exchange)
		set_number(fields, "exchange", origin->exchange);
	set_number(fields, "source_offset", origin->source_offset);
}

static void on_record(void *ctx, const struct flow *flow, const struct atls_trace_record *record)
{
	struct fields *fields = ctx;
	const struct atls_record *r = record->record;
	for (size_t i = 0; i < fields->count; i++)
		fields->list[i].len = 0;
	set_place(fields, flow);
	set_text(fields, "direction", view_direction(record->direction));
	set_number(fields, "offset", r->offset);
	set_number(fields, "body_offset", view_body_offset(flow, r));
	set_code(fields, "type", r->type, atls_name_record_type(r->type));
	set_code(fields, "version", r->version, atls_name_version(r->version));
	set_number(fields, "length", r->len);
	set_text(fields, "seal", atls_seal_text(record->seal));
	if (record->seal == ATLS_SEAL_OPENED) {
		set_code(fields, "content_type", record->type, atls_name_record_type(record->type));
		set_number(fields, "content_length", record->len);
	}
	if (view_has_content(record)) {
		const struct atls_nodes nodes = {&ops, fields};
		push(fields, atls_name_record_type(record->type));
		atls_content_explain(record->type, record->content, record->len, &nodes);
		pop(fields);
	}
}

static void set_hello(struct fields *fields, const struct atls_hello *hello)
{
	char ja3[ATLS_JA3_TEXT], ja4[ATLS_JA4_TEXT];
	struct atls_span list = hello->alpn;
	if (hello->name.len)
		set(fields, "name", hello->name.at, hello->name.len);
	while (list.len && list.at[0] < list.len) {
		set(fields, "alpn", list.at + 1, list.at[0]);
		list.len -= 1 + (size_t)list.at[0];
		list.at += 1 + (size_t)list.at[0];
	}
	atls_ja3(hello, ja3);
	atls_ja4(hello, ja4);
	if (*ja3)
		set_text(fields, hello->client ? "ja3" : "ja3s", ja3);
	if (*ja4)
		set_text(fields, "ja4", ja4);
}

static void on_message(void *ctx, const struct flow *flow, const struct atls_trace_message *message)
{
	struct fields *fields = ctx;
	const struct atls_nodes nodes = {&ops, fields};
	const char *name = atls_name_handshake_type(message->message.type);
	(void)flow;
	set_code(fields, "message", message->message.type, name);
	if (message->hello)
		set_hello(fields, message->hello);
	push(fields, name ? name : "unknown");
	atls_message_explain(&message->message, &nodes);
	pop(fields);
}

/* A line for a record that has one of the fields that not every record has, if such are asked
 * for. */
static void on_record_end(
	void *ctx, const struct flow *flow, const struct atls_trace_record *record)
{
	struct fields *fields = ctx;
	bool any = fields->all_of_records;
	(void)flow;
	(void)record;
	for (size_t i = 0; i < fields->count; i++)
		any = any || (!fields->list[i].of_record && fields->list[i].len);
	if (!any)
		return;
	for (size_t i = 0; i < fields->count; i++) {
		if (i)
			out_char(fields->out, '\t');
		out_escaped(fields->out, fields->list[i].value, fields->list[i].len);
	}
	out_char(fields->out, '\n');
}

/* ---- the list ------------------------------------------------------------------------------- */

/* A name that is none is a mistake; what a message has below its name is not known here. */
static bool known(const char *name, size_t len, bool *of_record)
{
	*of_record = false;
	for (size_t i = 0; i < sizeof record_fields / sizeof record_fields[0]; i++)
		if (strlen(record_fields[i]) == len && memcmp(record_fields[i], name, len) == 0) {
			*of_record = i < EVERY_RECORD;
			return true;
		}
	const char *dot = memchr(name, '.', len);
	size_t head = dot ? (size_t)(dot - name) : len;
	for (unsigned type = 0; type < 256 && dot; type++) {
		const char *message = atls_name_handshake_type(type);
		const char *content = atls_name_record_type(type);
		if ((message && strlen(message) == head && memcmp(message, name, head) == 0) ||
			(content && strlen(content) == head && memcmp(content, name, head) == 0))
			return true;
	}
	return false;
}

static bool take_list(struct fields *fields, const char *list, struct atls_error *err)
{
	fields->all_of_records = true;
	while (*list) {
		struct field *field = &fields->list[fields->count++];
		field->name = list;
		field->name_len = strcspn(list, ",");
		if (!known(field->name, field->name_len, &field->of_record)) {
			atls_error_set(err, ATLS_E_USAGE, "--fields: '%.*s' is no field",
				(int)(field->name_len < 80 ? field->name_len : 80), field->name);
			return false;
		}
		fields->all_of_records &= field->of_record;
		list += field->name_len;
		list += *list == ',';
	}
	if (fields->count == 0)
		atls_error_set(err, ATLS_E_USAGE, "--fields: it names none");
	return fields->count > 0;
}

struct watcher view_fields(
	const struct view_config *config, const char *list, struct atls_error *err)
{
	size_t count = 1;
	for (const char *at = list; *at; at++)
		count += *at == ',';
	if (count > FIELDS_MAX) {
		atls_error_set(
			err, ATLS_E_USAGE, "--fields: more than %u are too many", FIELDS_MAX);
		return (struct watcher){0};
	}
	struct fields *fields = calloc(1, sizeof *fields + count * sizeof fields->list[0]);
	if (!fields)
		return (struct watcher){0};
	fields->out = config->out;
	fields->malformed = config->malformed;
	if (!take_list(fields, list, err)) {
		free(fields);
		return (struct watcher){0};
	}
	return (struct watcher){
		.ctx = fields,
		.record = on_record,
		.message = on_message,
		.record_end = on_record_end,
	};
}
