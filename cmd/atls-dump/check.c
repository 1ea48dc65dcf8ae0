#include "check.h"

#include "json.h"

#include <stdio.h>
#include <stdlib.h>

struct view {
	struct check check;
	struct json json;
};

struct checked *checked_of(const struct flow *flow)
{
	if (!flow->slots[FLOW_CHECK])
		flow->slots[FLOW_CHECK] = calloc(1, sizeof(struct checked));
	return flow->slots[FLOW_CHECK];
}

static void put_json(struct check *check, const struct flow *flow,
	enum atls_trace_direction direction, uint64_t offset, const char *rule, const char *text)
{
	struct json *json = check->json;
	json->first = true;
	json_open(json, NULL, '{');
	json_word(json, "schema", "atls-dump/1");
	json_word(json, "finding", rule);
	json_text(json, "text", text, strlen(text));
	json_text(json, "input", check->input, strlen(check->input));
	if (flow) {
		if (*flow->label)
			json_text(json, "session", flow->label, strlen(flow->label));
		json_number(json, "flow", flow->number);
		if (flow->place.exchange)
			json_number(json, "exchange", flow->place.exchange);
		json_number(json, "source_offset", flow->place.source_offset);
		json_word(json, "direction", direction ? view_direction(direction) : "unknown");
	}
	json_number(json, flow ? "offset" : "source_offset", offset);
	json_close(json, '}');
	out_char(check->out, '\n');
}

void check_finding(struct check *check, const struct flow *flow,
	enum atls_trace_direction direction, uint64_t offset, const char *rule, const char *text)
{
	struct out *out = check->out;
	*check->found = true;
	check->count++;
	if (check->json) {
		put_json(check, flow, direction, offset, rule, text);
		return;
	}
	out_escaped(out, check->input, strlen(check->input));
	out_text(out, ": ");
	if (flow && *flow->label) {
		out_escaped(out, flow->label, strlen(flow->label));
		out_char(out, ' ');
	}
	if (flow && flow->place.exchange) {
		out_char(out, '#');
		out_number(out, flow->place.exchange);
		out_char(out, ' ');
	}
	if (direction) {
		out_text(out, view_direction(direction));
		out_char(out, ' ');
	}
	out_char(out, '@');
	out_number(out, offset);
	out_text(out, ": ");
	out_text(out, rule);
	out_text(out, ": ");
	out_escaped(out, text, strlen(text));
	out_char(out, '\n');
}

static void on_input(void *ctx, const char *name)
{
	struct view *view = ctx;
	view->check.input = name;
}

static void on_piece(void *ctx, const struct flow *flow, const struct piece *piece)
{
	struct view *view = ctx;
	struct checked *checked = checked_of(flow);
	if (checked)
		check_piece(&view->check, flow, checked, piece);
}

static void on_record(void *ctx, const struct flow *flow, const struct atls_trace_record *record)
{
	struct view *view = ctx;
	struct checked *checked = checked_of(flow);
	if (checked)
		check_record(&view->check, flow, checked, record);
}

static void on_message(void *ctx, const struct flow *flow, const struct atls_trace_message *message)
{
	struct view *view = ctx;
	struct checked *checked = checked_of(flow);
	if (checked)
		check_message(&view->check, flow, checked, message);
}

static void on_malformed(void *ctx, const struct flow *flow, enum atls_trace_direction direction,
	uint64_t offset, const char *expected, const char *found)
{
	struct view *view = ctx;
	char text[256];
	const char *rule = strcmp(found, "a gap") == 0                   ? "gap"
			   : strcmp(found, "others in their place") == 0 ? "overlap"
			   : strstr(found, "base64")                     ? "base64"
									 : "malformed";
	snprintf(text, sizeof text, "expected %s, found %s", expected, found);
	check_finding(&view->check, flow, direction, offset, rule, text);
}

static void on_flow_end(void *ctx, const struct flow *flow)
{
	struct view *view = ctx;
	struct checked *checked = flow->slots[FLOW_CHECK];
	if (checked)
		check_end(&view->check, flow, checked);
	free(checked);
	flow->slots[FLOW_CHECK] = NULL;
}

struct watcher view_check(const struct view_config *config, bool json)
{
	struct view *view = calloc(1, sizeof *view);
	if (!view)
		return (struct watcher){0};
	view->json.out = config->out;
	view->json.malformed = config->malformed;
	view->check = (struct check){
		.json = json ? &view->json : NULL,
		.out = config->out,
		.found = config->malformed,
		.input = "",
	};
	return (struct watcher){
		.ctx = view,
		.input = on_input,
		.piece = on_piece,
		.record = on_record,
		.message = on_message,
		.malformed = on_malformed,
		.flow_end = on_flow_end,
	};
}
