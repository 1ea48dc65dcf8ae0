/* A line a record: what is known of it in columns, then what is in it. */
#include "explain/names.h"
#include "view.h"

#include <stdlib.h>

struct line {
	struct out *out;
	bool *malformed;
	unsigned parts; /* said of the record under way */
};

static void put_version(struct out *out, unsigned version)
{
	const char *name = atls_name_version(version);
	if (name) {
		out_padded(out, name, 9);
		return;
	}
	out_text(out, "0x");
	out_hex(out, (const uint8_t[]){(uint8_t)(version >> 8), (uint8_t)version}, 2);
	out_text(out, "   ");
}

static void put_place(struct out *out, const struct flow *flow)
{
	if (flow->origin.time_us >= 0) {
		out_time(out, flow->origin.time_us);
		out_char(out, ' ');
	}
	if (*flow->label) {
		out_escaped(out, flow->label, strlen(flow->label));
		out_char(out, ' ');
	}
	if (flow->origin.exchange) {
		out_char(out, '#');
		out_number_padded(out, flow->origin.exchange, 4);
	}
}

static void on_record(void *ctx, const struct flow *flow, const struct atls_trace_record *record)
{
	struct line *line = ctx;
	struct out *out = line->out;
	const char *type = atls_name_record_type(record->record->type);
	put_place(out, flow);
	out_padded(out, view_direction(record->direction), 5);
	out_char(out, '@');
	out_number_padded(out, record->record->offset, 11);
	out_padded(out, type ? type : "unknown", 19);
	put_version(out, record->record->version);
	out_number_padded(out, record->record->len, 5);
	line->parts = 0;
}

static void part(struct line *line)
{
	out_text(line->out, line->parts++ ? ", " : "  ");
}

/* Of the decoder's nodes, only what is wrong. */
static void no_node(void *ctx, const struct atls_node *node)
{
	(void)ctx;
	(void)node;
}

static void no_end(void *ctx)
{
	(void)ctx;
}

static void no_number(void *ctx, const char *key, uint64_t value)
{
	(void)ctx;
	(void)key;
	(void)value;
}

static void no_code(void *ctx, const char *key, unsigned value, unsigned digits, const char *name)
{
	(void)ctx;
	(void)key;
	(void)value;
	(void)digits;
	(void)name;
}

static void no_text(void *ctx, const char *key, const void *text, size_t len)
{
	(void)ctx;
	(void)key;
	(void)text;
	(void)len;
}

static void no_bytes(void *ctx, const char *key, const uint8_t *bytes, size_t len)
{
	(void)ctx;
	(void)key;
	(void)bytes;
	(void)len;
}

static void no_flag(void *ctx, const char *key, bool value)
{
	(void)ctx;
	(void)key;
	(void)value;
}

static void on_wrong(void *ctx, size_t at, const char *expected, const char *found)
{
	struct line *line = ctx;
	*line->malformed = true;
	out_text(line->out, " (malformed");
	if (at != ATLS_NOWHERE) {
		out_text(line->out, " at +");
		out_number(line->out, at);
	}
	out_text(line->out, ": expected ");
	out_text(line->out, expected);
	out_text(line->out, ", found ");
	out_escaped(line->out, found, strlen(found));
	out_char(line->out, ')');
}

static const struct atls_node_ops only_wrong = {
	no_node, no_end, no_number, no_code, no_text, no_bytes, no_bytes, no_flag, on_wrong};

static void on_message(void *ctx, const struct flow *flow, const struct atls_trace_message *message)
{
	struct line *line = ctx;
	(void)flow;
	part(line);
	const struct atls_nodes nodes = {&only_wrong, line};
	view_message_words(line->out, message, false);
	atls_message_explain(&message->message, &nodes);
}

static void put_seal(struct line *line, const struct atls_trace_record *record)
{
	part(line);
	if (record->seal == ATLS_SEAL_NO_KEYLOG) {
		out_text(line->out, "sealed");
		return;
	}
	out_text(line->out, "closed: ");
	out_text(line->out, atls_seal_text(record->seal));
}

static void put_content(struct line *line, const struct atls_trace_record *record)
{
	const char *name = atls_name_record_type(record->type);
	bool opened = record->seal == ATLS_SEAL_OPENED;
	if (opened && record->type != ATLS_RECORD_HANDSHAKE) {
		part(line);
		out_text(line->out, name ? name : "unknown content");
		out_char(line->out, ' ');
		out_number(line->out, record->len);
		if (record->early)
			out_text(line->out, " early");
	}
	if (view_has_content(record) && record->type != ATLS_RECORD_CCS) {
		part(line);
		const struct atls_nodes nodes = {&only_wrong, line};
		view_content_words(line->out, record);
		atls_content_explain(record->type, record->content, record->len, &nodes);
	}
}

static void on_record_end(
	void *ctx, const struct flow *flow, const struct atls_trace_record *record)
{
	struct line *line = ctx;
	(void)flow;
	if (record->seal > ATLS_SEAL_OPENED && record->seal != ATLS_SEAL_NO_HELLO)
		put_seal(line, record);
	else
		put_content(line, record);
	if (record->pending_len) {
		const char *name = atls_name_handshake_type(record->pending_type);
		part(line);
		out_text(line->out, name ? name : "message");
		out_text(line->out, " to ");
		out_number(line->out, record->pending_have);
		out_text(line->out, " of ");
		out_number(line->out, record->pending_len);
	}
	if (record->record->missing) {
		part(line);
		out_text(line->out, "cut: ");
		out_number(line->out, record->record->missing);
		out_text(line->out, " bytes are missing");
	}
	out_char(line->out, '\n');
}

struct watcher view_line(const struct view_config *config)
{
	struct line *line = calloc(1, sizeof *line);
	if (!line)
		return (struct watcher){0};
	line->out = config->out;
	line->malformed = config->malformed;
	return (struct watcher){
		.ctx = line,
		.record = on_record,
		.message = on_message,
		.record_end = on_record_end,
	};
}
