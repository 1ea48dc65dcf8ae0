/* The ladder: two columns, an arrow a flight, what is in it and the time between. */
#include "explain/names.h"
#include "ladder.h"
#include "view.h"

#include <stdlib.h>

struct view {
	const struct ladder_pen *pen;
	void *pen_ctx;
	unsigned flow; /* whose flight was drawn last */
	struct out scratch;
	struct view_config config;
};

static struct flight *flight_of(const struct flow *flow)
{
	if (!flow->slots[FLOW_LADDER])
		flow->slots[FLOW_LADDER] = calloc(1, sizeof(struct flight));
	return flow->slots[FLOW_LADDER];
}

/* Draws the flight under way, and begins the next. */
static void draw(struct view *view, const struct flow *flow, struct flight *flight)
{
	if (!flight->records)
		return;
	if (view->flow != flow->number)
		view->pen->session(view->pen_ctx, flow->label, flow->number);
	view->flow = flow->number;
	view->pen->flight(view->pen_ctx, flight);
	int64_t last = flight->last_us;
	*flight = (struct flight){.before_us = last, .any_before = true};
}

static void add(struct view *view, struct flight *flight)
{
	size_t len = view->scratch.len < LADDER_TEXT - 1 ? view->scratch.len : LADDER_TEXT - 1;
	view->scratch.len = 0;
	while (len && (view->scratch.block[len] & 0xc0) == 0x80) /* not amid a character */
		len--;
	if (flight->count == LADDER_ITEMS) {
		flight->more++;
		return;
	}
	struct ladder_item *item = &flight->items[flight->count++];
	memcpy(item->text, view->scratch.block, len);
	item->text[len] = '\0';
	item->bytes = item->times = 0;
}

/* Records of data stand together in one line. */
static void add_data(struct view *view, struct flight *flight, const char *name, uint64_t bytes)
{
	struct ladder_item *last = flight->count ? &flight->items[flight->count - 1] : NULL;
	if (!last || strcmp(last->text, name) != 0 || flight->more) {
		out_text(&view->scratch, name);
		add(view, flight);
		last = flight->count ? &flight->items[flight->count - 1] : NULL;
	}
	if (last && strcmp(last->text, name) == 0) {
		last->times++;
		last->bytes += bytes;
	}
}

static void on_record(void *ctx, const struct flow *flow, const struct atls_trace_record *record)
{
	struct view *view = ctx;
	struct flight *flight = flight_of(flow);
	if (!flight)
		return;
	if (flight->records && flight->direction != record->direction)
		draw(view, flow, flight);
	if (!flight->records) {
		flight->direction = record->direction;
		flight->exchange = flow->origin.exchange;
		flight->first_us = flow->origin.time_us;
	}
	flight->last_us = flow->place.time_us;
	flight->last_exchange = flow->place.exchange;
	flight->records++;
	flight->bytes += ATLS_RECORD_HEADER + record->record->len;
}

static void on_message(void *ctx, const struct flow *flow, const struct atls_trace_message *message)
{
	struct view *view = ctx;
	struct flight *flight = flight_of(flow);
	if (!flight)
		return;
	view_message_words(&view->scratch, message, true);
	add(view, flight);
}

static void on_record_end(
	void *ctx, const struct flow *flow, const struct atls_trace_record *record)
{
	struct view *view = ctx;
	struct flight *flight = flight_of(flow);
	if (!flight)
		return;
	if (record->seal > ATLS_SEAL_OPENED) {
		add_data(view, flight,
			record->seal == ATLS_SEAL_WRONG_SECRET ? "sealed (wrong secret)" : "sealed",
			record->record->len);
	} else if (record->type == ATLS_RECORD_DATA) {
		add_data(view, flight, record->early ? "early data" : "data", record->len);
	} else if (record->type != ATLS_RECORD_HANDSHAKE) {
		const char *name = atls_name_record_type(record->type);
		out_text(&view->scratch, name ? name : "unknown");
		if (record->content && record->type != ATLS_RECORD_CCS) {
			out_char(&view->scratch, ' ');
			view_content_words(&view->scratch, record);
		}
		add(view, flight);
	}
}

static void on_malformed(void *ctx, const struct flow *flow, enum atls_trace_direction direction,
	uint64_t offset, const char *expected, const char *found)
{
	struct view *view = ctx;
	struct flight *flight = flow ? flight_of(flow) : NULL;
	(void)direction;
	(void)found;
	if (!flight)
		return;
	out_text(&view->scratch, "malformed at ");
	out_number(&view->scratch, offset);
	out_text(&view->scratch, ": no ");
	out_text(&view->scratch, expected);
	add(view, flight);
}

static void on_flow_end(void *ctx, const struct flow *flow)
{
	struct flight *flight = flow->slots[FLOW_LADDER];
	if (flight)
		draw(ctx, flow, flight);
	free(flight);
	flow->slots[FLOW_LADDER] = NULL;
}

static void on_end(void *ctx)
{
	struct view *view = ctx;
	view->pen->end(view->pen_ctx);
	free(view->pen_ctx);
}

struct watcher view_ladder(const struct view_config *config, bool svg)
{
	struct view *view = calloc(1, sizeof *view);
	if (!view)
		return (struct watcher){0};
	view->config = *config;
	view->pen = svg ? &ladder_svg : &ladder_text;
	view->pen_ctx = view->pen->begin(config->out);
	if (!view->pen_ctx) {
		free(view);
		return (struct watcher){0};
	}
	return (struct watcher){
		.ctx = view,
		.record = on_record,
		.message = on_message,
		.record_end = on_record_end,
		.malformed = on_malformed,
		.flow_end = on_flow_end,
		.end = on_end,
	};
}
