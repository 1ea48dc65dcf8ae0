/* JSON, one object a record: schema atls-dump/1, see atls-dump(1). */
#include "explain/fingerprint.h"
#include "explain/names.h"
#include "json.h"
#include "view.h"

#include <stdlib.h>

struct view {
	struct json json;
	bool messages; /* the list of messages is open */
};

static const char *const seals[ATLS_SEALS] = {
	"none",
	"opened",
	"no_keylog",
	"no_secret",
	"wrong_secret",
	"unsupported_suite",
	"no_hello",
	"gap",
	"cut",
};

static void put_place(struct json *json, const struct flow *flow)
{
	const struct place *origin = &flow->origin;
	json_text(json, "input", origin->input, strlen(origin->input));
	if (*flow->label)
		json_text(json, "session", flow->label, strlen(flow->label));
	json_number(json, "flow", flow->number);
	if (origin->time_us >= 0)
		json_time(json, "time", origin->time_us);
	if (origin->exchange)
		json_number(json, "exchange", origin->exchange);
}

static void on_record(void *ctx, const struct flow *flow, const struct atls_trace_record *record)
{
	struct view *view = ctx;
	struct json *json = &view->json;
	const struct atls_record *r = record->record;
	json->first = true;
	json->message = NULL;
	json_open(json, NULL, '{');
	json_word(json, "schema", "atls-dump/1");
	put_place(json, flow);
	json_word(json, "direction",
		record->direction ? view_direction(record->direction) : "unknown");
	json_number(json, "offset", r->offset);
	json_number(json, "body_offset", view_body_offset(flow, r));
	json_number(json, "source_offset", flow->origin.source_offset);
	json_code(json, "type", r->type, atls_name_record_type(r->type));
	json_code(json, "version", r->version, atls_name_version(r->version));
	json_number(json, "length", r->len);
	if (r->missing)
		json_number(json, "missing", r->missing);
	json_word(json, "seal", seals[record->seal]);
	if (record->seal == ATLS_SEAL_OPENED) {
		json_code(json, "content_type", record->type, atls_name_record_type(record->type));
		json_number(json, "content_length", record->len);
		json_number(json, "padding", record->padding);
		if (record->early)
			json_flag(json, "early_data", true);
		if (record->type == ATLS_RECORD_DATA)
			json_base64(json, "plaintext", record->content, record->len);
	}
	if (view_has_content(record)) {
		const struct atls_nodes nodes = {&json_nodes, json};
		json_open(json, "content", '{');
		atls_content_explain(record->type, record->content, record->len, &nodes);
		json_close(json, '}');
	}
	view->messages = false;
}

static void put_fingerprints(struct json *json, const struct atls_hello *hello)
{
	char ja3[ATLS_JA3_TEXT], ja4[ATLS_JA4_TEXT];
	atls_ja3(hello, ja3);
	if (*ja3)
		json_word(json, hello->client ? "ja3" : "ja3s", ja3);
	atls_ja4(hello, ja4);
	if (*ja4)
		json_text(json, "ja4", ja4, strlen(ja4));
}

static void on_message(void *ctx, const struct flow *flow, const struct atls_trace_message *message)
{
	struct view *view = ctx;
	struct json *json = &view->json;
	const struct atls_nodes nodes = {&json_nodes, json};
	const struct atls_message *m = &message->message;
	(void)flow;
	if (!view->messages)
		json_open(json, "messages", '[');
	view->messages = true;
	json_open(json, NULL, '{');
	json_code(json, "type", m->type, atls_name_handshake_type(m->type));
	uint64_t offset = atls_trace_place(message, 0);
	if (offset != UINT64_MAX)
		json_number(json, "offset", offset);
	json_number(json, "length", m->len);
	json->message = message;
	atls_message_explain(m, &nodes);
	json->message = NULL;
	if (message->hello)
		put_fingerprints(json, message->hello);
	json_close(json, '}');
}

static void on_record_end(
	void *ctx, const struct flow *flow, const struct atls_trace_record *record)
{
	struct view *view = ctx;
	struct json *json = &view->json;
	(void)flow;
	if (view->messages)
		json_close(json, ']');
	if (record->pending_have) {
		json_open(json, "pending", '{');
		json_code(json, "type", record->pending_type,
			atls_name_handshake_type(record->pending_type));
		json_number(json, "have", record->pending_have);
		json_number(json, "length", record->pending_len);
		json_close(json, '}');
	}
	json_close(json, '}');
	out_char(json->out, '\n');
}

struct watcher view_json(const struct view_config *config)
{
	struct view *view = calloc(1, sizeof *view);
	if (!view)
		return (struct watcher){0};
	view->json.out = config->out;
	view->json.malformed = config->malformed;
	return (struct watcher){
		.ctx = view,
		.record = on_record,
		.message = on_message,
		.record_end = on_record_end,
	};
}
