/* mitmproxy's flow files: a dict for each exchange, WebSocket or TCP connection. */
#include "body.h"
#include "clock.h"
#include "core/buf.h"
#include "dialog.h"
#include "form.h"
#include "limits.h"
#include "parts.h"
#include "tnetstring.h"

#include <stdlib.h>
#include <string.h>

#define PREFIX_MAX 14u

struct flow {
	const struct piece_sink *sink;
	struct dialogs dialogs;
	uint64_t offset; /* of what comes next */
	uint64_t start;  /* of the flow, behind its length */
	uint8_t prefix[PREFIX_MAX];
	size_t prefix_len;
	bool inside; /* a flow, of which this much is to come, with its type: */
	uint64_t left;
	struct atls_buf bytes;
	bool lost; /* no flow can be found any more */
};

/* ---- One flow ---- */

static uint64_t offset_of(const struct flow *flow, const struct tnet *value)
{
	return flow->start + (uint64_t)(value->bytes - atls_buf_bytes(&flow->bytes));
}

static const char *text(struct parts *parts, const struct tnet *dict, const char *key)
{
	struct tnet value = tnet_get(dict, key, ',');
	return value.bytes ? parts_text(parts, value.bytes, value.len) : NULL;
}

static int take_fields(struct parts *parts, struct tnet headers)
{
	struct tnet field, name, value;
	char name_text[64];
	int rc = ATLS_OK;
	while (!rc && tnet_next(&headers, &field)) {
		if (!tnet_next(&field, &name) || !tnet_next(&field, &value) ||
			name.len >= sizeof name_text)
			continue;
		memcpy(name_text, name.bytes, name.len);
		name_text[name.len] = '\0';
		rc = parts_field(parts, name_text, value.bytes, value.len);
	}
	return rc;
}

/* A request or an answer. */
static int take_message(
	struct flow *flow, struct dialog *dialog, const struct tnet *dict, bool answer)
{
	static const uint8_t nothing;
	struct parts parts = {0};
	struct http_message *message = &parts.head.message;
	struct tnet start = tnet_get(dict, "timestamp_start", '^');
	struct tnet status = tnet_get(dict, "status_code", '#');
	struct tnet content = tnet_get(dict, "content", ',');
	message->answer = answer;
	message->time_us = start.bytes ? clock_from_seconds(tnet_number(&start)) : -1;
	message->status = (long)tnet_number(&status);
	message->head_offset = offset_of(flow, dict);
	message->body_offset = content.bytes ? offset_of(flow, &content) : message->head_offset;
	message->body = content.len ? content.bytes : &nothing;
	message->body_len = content.len;
	message->cut = content.cut;
	if (!answer) {
		message->method = text(&parts, dict, "method");
		message->path = text(&parts, dict, "path");
	}
	int rc = take_fields(&parts, tnet_get(dict, "headers", ']'));
	if (!rc)
		rc = dialog_message(dialog, message);
	parts_free(&parts);
	return rc;
}

/* A WebSocket message: opcode, from the client, content, time, and more. */
static int take_frame(struct flow *flow, struct dialog *dialog, struct tnet list)
{
	struct tnet opcode, from_client, content, time;
	if (!tnet_next(&list, &opcode) || !tnet_next(&list, &from_client) ||
		!tnet_next(&list, &content))
		return ATLS_OK;
	struct dialog_frame frame = {.down = !tnet_true(&from_client),
		.text = (int)tnet_number(&opcode) == 1,
		.len = content.len,
		.offset = offset_of(flow, &content),
		.time_us = -1};
	if (tnet_next(&list, &time))
		frame.time_us = clock_from_seconds(tnet_number(&time));
	char *copy = malloc(content.len + 1);
	if (!copy)
		return ATLS_E_MEMORY;
	memcpy(copy, content.bytes, content.len);
	copy[content.len] = '\0';
	frame.bytes = (uint8_t *)copy;
	int rc = dialog_frame(dialog, &frame);
	free(copy);
	return rc;
}

static int take_http(struct flow *flow, struct dialog *dialog, const struct tnet *dict)
{
	struct tnet request = tnet_get(dict, "request", '}');
	struct tnet response = tnet_get(dict, "response", '}');
	struct tnet websocket = tnet_get(dict, "websocket", '}');
	struct tnet messages = tnet_get(&websocket, "messages", ']'), message;
	int rc = request.bytes ? take_message(flow, dialog, &request, false) : ATLS_OK;
	if (!rc && response.bytes)
		rc = take_message(flow, dialog, &response, true);
	while (!rc && messages.bytes && dialog_is_websocket(dialog) &&
		tnet_next(&messages, &message))
		rc = take_frame(flow, dialog, message);
	return rc ? rc : dialog_end(dialog);
}

/* A TCP connection that mitmproxy passed on; whether it is TLS, its first bytes tell. */
static int take_tcp(struct flow *flow, const char *label, const struct tnet *dict)
{
	struct tnet messages = tnet_get(dict, "messages", ']'), message;
	uint64_t position[2] = {0, 0};
	int rc = ATLS_OK;
	while (!rc && messages.bytes && tnet_next(&messages, &message)) {
		struct tnet from_client, content, time;
		if (!tnet_next(&message, &from_client) || !tnet_next(&message, &content))
			continue;
		bool down = !tnet_true(&from_client);
		struct piece piece = {.session = label,
			.direction = down ? PIECE_DOWN : PIECE_UP,
			.time_us = -1,
			.bytes = content.bytes,
			.len = content.len,
			.source_offset = offset_of(flow, &content),
			.positioned = true,
			.position = position[down]};
		if (position[down] == 0 && body_looks_like_tls(content.bytes, content.len) == 0)
			break;
		if (tnet_next(&message, &time))
			piece.time_us = clock_from_seconds(tnet_number(&time));
		position[down] += content.len;
		rc = flow->sink->piece(flow->sink->ctx, &piece);
	}
	return rc;
}

static int take_flow(struct flow *flow, const struct tnet *dict)
{
	struct tnet type = tnet_get(dict, "type", ',');
	struct tnet client = tnet_get(dict, "client_conn", '}');
	struct parts parts = {0};
	const char *label = text(&parts, &client, "id");
	if (!label)
		label = "";
	int rc = ATLS_OK;
	if (type.len == 3 && memcmp(type.bytes, "tcp", 3) == 0) {
		rc = take_tcp(flow, label, dict);
	} else if (!type.bytes || (type.len == 4 && memcmp(type.bytes, "http", 4) == 0)) {
		struct dialog *dialog = dialog_new(&flow->dialogs, label);
		rc = dialog ? take_http(flow, dialog, dict) : ATLS_E_MEMORY;
		dialog_free(dialog);
	}
	parts_free(&parts);
	return rc;
}

/* ---- Flows out of bytes ---- */

static int end_flow(struct flow *flow, bool cut)
{
	struct tnet dict = {
		.bytes = atls_buf_bytes(&flow->bytes), .len = flow->bytes.len, .cut = cut};
	int rc = ATLS_OK;
	if (!cut && dict.bytes && dict.len) {
		dict.len--;
		dict.type = (char)dict.bytes[dict.len];
	}
	if (dict.type != '}' && !cut)
		sink_malformed(flow->sink, flow->start, "a flow of mitmproxy",
			"a value of type '%c'", dict.type);
	else if (dict.len)
		rc = take_flow(flow, &dict);
	atls_buf_free(&flow->bytes);
	flow->inside = false;
	flow->prefix_len = 0;
	return rc;
}

static int begin_flow(struct flow *flow, uint8_t byte)
{
	uint64_t len;
	flow->prefix[flow->prefix_len++] = byte;
	int prefix = tnet_length(flow->prefix, flow->prefix_len, &len);
	if (prefix < 0)
		return ATLS_OK;
	if (prefix == 0) {
		sink_malformed(flow->sink, flow->offset + 1 - flow->prefix_len,
			"the length of a flow", "%.*s", (int)flow->prefix_len,
			(const char *)flow->prefix);
		flow->lost = true;
		return ATLS_OK;
	}
	flow->inside = true;
	flow->start = flow->offset + 1;
	flow->left = len + 1;
	if (flow->left > FLOW_MAX)
		sink_malformed(flow->sink, flow->start, "a flow that can be held",
			"more than %u bytes; the rest is left out", FLOW_MAX);
	return ATLS_OK;
}

static void *flow_open(const struct piece_sink *sink)
{
	struct flow *flow = calloc(1, sizeof *flow);
	if (flow) {
		flow->sink = flow->dialogs.sink = sink;
		atls_buf_init(&flow->bytes, FLOW_MAX);
	}
	return flow;
}

static int take_inside(struct flow *flow, const uint8_t *bytes, size_t len)
{
	size_t room = FLOW_MAX - flow->bytes.len;
	bool cut = flow->bytes.len == FLOW_MAX || len > room;
	int rc = atls_buf_append(&flow->bytes, bytes, len < room ? len : room);
	flow->left -= len;
	if (rc || flow->left)
		return rc;
	return end_flow(flow, cut);
}

static int flow_feed(void *state, const uint8_t *bytes, size_t len)
{
	struct flow *flow = state;
	int rc = ATLS_OK;
	for (size_t i = 0; i < len && !rc && !flow->lost;) {
		size_t part = 1;
		if (!flow->inside) {
			rc = begin_flow(flow, bytes[i]);
		} else {
			part = len - i < flow->left ? len - i : (size_t)flow->left;
			rc = take_inside(flow, bytes + i, part);
		}
		flow->offset += part;
		i += part;
	}
	return rc;
}

static int flow_end(void *state)
{
	struct flow *flow = state;
	if (!flow->inside && flow->prefix_len && !flow->lost)
		sink_malformed(
			flow->sink, flow->offset, "the length of a flow", "the end of the input");
	if (!flow->inside)
		return ATLS_OK;
	sink_malformed(flow->sink, flow->offset, "the rest of a flow", "the end of the input");
	return end_flow(flow, true);
}

static void flow_close(void *state)
{
	struct flow *flow = state;
	if (flow)
		atls_buf_free(&flow->bytes);
	free(flow);
}

const struct form form_flow = {"flow", flow_open, flow_feed, flow_end, flow_close};
