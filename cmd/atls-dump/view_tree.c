/* The whole tree, for people: exchange, flight, record, message, extension. */
#include "explain/names.h"
#include "view.h"

#include <stdlib.h>

#define BYTES_SHOWN 48u /* of a value, unless all are asked for */

struct tree {
	struct out *out;
	bool *malformed;
	bool all_bytes;
	unsigned depth;
	unsigned flow; /* whose lines stand last */
	unsigned long long flight;
	enum atls_trace_direction direction;      /* of the flight */
	const struct atls_trace_message *message; /* under way, or null */
	const struct flow *now;
};

static void indent(struct tree *tree)
{
	for (unsigned i = 0; i < tree->depth; i++)
		out_text(tree->out, "  ");
}

/* "key: ", or a dash in a list. */
static void head(struct tree *tree, const char *key)
{
	indent(tree);
	if (key) {
		out_text(tree->out, key);
		out_text(tree->out, ": ");
	}
}

static void put_code(struct out *out, unsigned value, unsigned digits, const char *name)
{
	out_text(out, name ? name : "unknown");
	out_text(out, " (");
	if (digits) {
		out_text(out, "0x");
		const uint8_t bytes[2] = {(uint8_t)(value >> 8), (uint8_t)value};
		out_hex(out, bytes, 2);
	} else {
		out_number(out, value);
	}
	out_char(out, ')');
}

/* "  N bytes  @STREAM  +BODY". */
static void put_place(struct tree *tree, size_t at, size_t len)
{
	out_text(tree->out, "  ");
	out_number(tree->out, len);
	out_text(tree->out, " bytes");
	if (!tree->message || at == ATLS_NOWHERE)
		return;
	uint64_t offset = atls_trace_place(tree->message, at);
	if (offset == UINT64_MAX) {
		out_text(tree->out, "  in message +");
		out_number(tree->out, at);
		return;
	}
	out_text(tree->out, "  @");
	out_number(tree->out, offset);
	if (offset >= tree->now->place.start) {
		out_text(tree->out, "  body +");
		out_number(tree->out, offset - tree->now->place.start);
	}
}

/* ---- the decoder's nodes -------------------------------------------------------------------- */

static void on_begin(void *ctx, const struct atls_node *node)
{
	struct tree *tree = ctx;
	indent(tree);
	if (node->coded)
		put_code(tree->out, node->code, 0, node->name);
	else
		out_text(tree->out, node->key ? node->key : "-");
	if (node->at != ATLS_NOWHERE)
		put_place(tree, node->at, node->len);
	out_char(tree->out, '\n');
	tree->depth++;
}

static void on_end(void *ctx)
{
	struct tree *tree = ctx;
	tree->depth--;
}

static void on_number(void *ctx, const char *key, uint64_t value)
{
	struct tree *tree = ctx;
	head(tree, key);
	out_number(tree->out, value);
	out_char(tree->out, '\n');
}

static void on_code(void *ctx, const char *key, unsigned value, unsigned digits, const char *name)
{
	struct tree *tree = ctx;
	head(tree, key);
	put_code(tree->out, value, digits, name);
	out_char(tree->out, '\n');
}

static void on_text(void *ctx, const char *key, const void *text, size_t len)
{
	struct tree *tree = ctx;
	head(tree, key);
	out_escaped(tree->out, text, len);
	out_char(tree->out, '\n');
}

static void on_digest(void *ctx, const char *key, const uint8_t *bytes, size_t len)
{
	struct tree *tree = ctx;
	head(tree, key);
	out_hex(tree->out, bytes, len);
	out_char(tree->out, '\n');
}

static void on_bytes(void *ctx, const char *key, const uint8_t *bytes, size_t len)
{
	struct tree *tree = ctx;
	size_t shown = tree->all_bytes || len <= BYTES_SHOWN ? len : BYTES_SHOWN;
	head(tree, key);
	out_hex(tree->out, bytes, shown);
	if (shown < len) {
		out_text(tree->out, "... ");
		out_number(tree->out, len);
		out_text(tree->out, " bytes");
	} else if (len == 0) {
		out_text(tree->out, "(empty)");
	}
	out_char(tree->out, '\n');
}

static void on_flag(void *ctx, const char *key, bool value)
{
	struct tree *tree = ctx;
	head(tree, key);
	out_text(tree->out, value ? "yes\n" : "no\n");
}

static void on_wrong(void *ctx, size_t at, const char *expected, const char *found)
{
	struct tree *tree = ctx;
	*tree->malformed = true;
	indent(tree);
	out_text(tree->out, "! malformed: expected ");
	out_text(tree->out, expected);
	out_text(tree->out, ", found ");
	out_escaped(tree->out, found, strlen(found));
	if (at != ATLS_NOWHERE) {
		out_text(tree->out, ", in message +");
		out_number(tree->out, at);
	}
	out_char(tree->out, '\n');
}

static const struct atls_node_ops ops = {
	on_begin, on_end, on_number, on_code, on_text, on_bytes, on_digest, on_flag, on_wrong};

/* ---- what is watched ------------------------------------------------------------------------ */

static void on_piece(void *ctx, const struct flow *flow, const struct piece *piece)
{
	struct tree *tree = ctx;
	struct out *out = tree->out;
	const struct piece_http *http = piece->http;
	if (!http && !piece->exchange && piece->time_us < 0)
		return;
	out_text(out, http && http->websocket ? "message" : "exchange");
	if (piece->exchange) {
		out_char(out, ' ');
		out_number(out, piece->exchange);
	}
	out_char(out, ' ');
	out_text(out, view_direction((enum atls_trace_direction)piece->direction));
	if (http && http->method) {
		out_char(out, ' ');
		out_escaped(out, http->method, strlen(http->method));
	}
	if (http && http->path) {
		out_char(out, ' ');
		out_escaped(out, http->path, strlen(http->path));
	}
	if (http && http->status) {
		out_text(out, " status ");
		out_number(out, (uint64_t)http->status);
	}
	if (http && http->content_type) {
		out_char(out, ' ');
		out_escaped(out, http->content_type, strlen(http->content_type));
	}
	if (http && http->stream) {
		out_text(out, " ATLS-Stream: ");
		out_escaped(out, http->stream, strlen(http->stream));
	}
	out_text(out, "  ");
	out_number(out, piece->len);
	out_text(out, " bytes of TLS, body at ");
	out_number(out, piece->source_offset);
	if (flow->repeated)
		out_text(out, ", the same as before");
	if (piece->time_us >= 0) {
		out_text(out, ", ");
		out_time(out, piece->time_us);
	}
	out_char(out, '\n');
}

/* A flight is what one side says until the other answers. */
static void flight(struct tree *tree, const struct flow *flow, enum atls_trace_direction direction)
{
	struct out *out = tree->out;
	if (tree->flow != flow->number && *flow->label) {
		out_text(out, "session ");
		out_escaped(out, flow->label, strlen(flow->label));
		out_char(out, '\n');
	}
	if (tree->flow == flow->number && tree->direction == direction)
		return;
	tree->flight = tree->flow == flow->number ? tree->flight + 1 : 1;
	tree->flow = flow->number;
	tree->direction = direction;
	out_text(out, "flight ");
	out_number(out, tree->flight);
	out_char(out, ' ');
	out_text(out, view_direction(direction));
	out_char(out, '\n');
}

static void put_seal(struct tree *tree, const struct atls_trace_record *record)
{
	if (record->seal == ATLS_SEAL_NONE)
		return;
	out_text(tree->out, record->seal == ATLS_SEAL_OPENED ? "  " : "  closed: ");
	out_text(tree->out, atls_seal_text(record->seal));
	if (record->seal != ATLS_SEAL_OPENED)
		return;
	out_text(tree->out, ": ");
	put_code(tree->out, record->type, 0, atls_name_record_type(record->type));
	out_text(tree->out, record->early ? " early, " : ", ");
	out_number(tree->out, record->len);
	out_text(tree->out, " bytes");
	if (record->padding) {
		out_text(tree->out, ", padding ");
		out_number(tree->out, record->padding);
	}
}

static void on_record(void *ctx, const struct flow *flow, const struct atls_trace_record *record)
{
	struct tree *tree = ctx;
	struct out *out = tree->out;
	flight(tree, flow, record->direction);
	tree->depth = 1;
	indent(tree);
	out_text(out, "record ");
	put_code(out, record->record->type, 0, atls_name_record_type(record->record->type));
	out_text(out, "  ");
	put_code(out, record->record->version, 4, atls_name_version(record->record->version));
	out_text(out, "  ");
	out_number(out, record->record->len);
	out_text(out, " bytes  @");
	out_number(out, record->record->offset);
	out_text(out, "  body +");
	out_number(out, view_body_offset(flow, record->record));
	put_seal(tree, record);
	out_char(out, '\n');
	tree->depth = 2;
	tree->now = flow;
	const struct atls_nodes nodes = {&ops, tree};
	if (view_has_content(record))
		atls_content_explain(record->type, record->content, record->len, &nodes);
	else if (record->type == ATLS_RECORD_DATA && record->seal == ATLS_SEAL_OPENED)
		on_bytes(tree, "plaintext", record->content, record->len);
}

static void on_message(void *ctx, const struct flow *flow, const struct atls_trace_message *message)
{
	struct tree *tree = ctx;
	const struct atls_nodes nodes = {&ops, tree};
	tree->now = flow;
	tree->message = message;
	indent(tree);
	put_code(tree->out, message->message.type, 0,
		atls_name_handshake_type(message->message.type));
	put_place(tree, 0, message->message.len);
	out_char(tree->out, '\n');
	tree->depth++;
	atls_message_explain(&message->message, &nodes);
	tree->depth--;
	tree->message = NULL;
}

static void on_record_end(
	void *ctx, const struct flow *flow, const struct atls_trace_record *record)
{
	struct tree *tree = ctx;
	(void)flow;
	if (record->pending_have) {
		indent(tree);
		put_code(tree->out, record->pending_type, 0,
			atls_name_handshake_type(record->pending_type));
		out_text(tree->out, "  ");
		out_number(tree->out, record->pending_have);
		out_text(tree->out, " of ");
		out_number(tree->out, record->pending_len);
		out_text(tree->out, " bytes so far\n");
	}
	if (record->record->missing) {
		indent(tree);
		out_text(tree->out, "! cut: ");
		out_number(tree->out, record->record->missing);
		out_text(tree->out, " bytes are missing\n");
	}
}

struct watcher view_tree(const struct view_config *config)
{
	struct tree *tree = calloc(1, sizeof *tree);
	if (!tree)
		return (struct watcher){0};
	tree->out = config->out;
	tree->malformed = config->malformed;
	tree->all_bytes = config->all_bytes;
	return (struct watcher){
		.ctx = tree,
		.piece = on_piece,
		.record = on_record,
		.message = on_message,
		.record_end = on_record_end,
	};
}
