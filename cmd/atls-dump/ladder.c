#include "ladder.h"

#include <stdlib.h>

#define WIDTH 72u /* between the two lines of the ladder */

struct pen {
	struct out *out;
	struct out scratch;
	bool begun;
};

void ladder_flight_words(struct out *out, const struct flight *flight)
{
	out_number(out, flight->bytes);
	out_text(out, " bytes");
	if (flight->exchange) {
		out_text(out, ", exchange ");
		out_number(out, flight->exchange);
	}
	if (flight->last_exchange != flight->exchange) {
		out_text(out, " to ");
		out_number(out, flight->last_exchange);
	}
}

void ladder_item_words(struct out *out, const struct ladder_item *item)
{
	out_text(out, item->text);
	if (item->times) {
		out_text(out, ", ");
		out_number(out, item->bytes);
		out_text(out, " bytes");
	}
	if (item->times > 1) {
		out_text(out, " in ");
		out_number(out, item->times);
		out_text(out, " records");
	}
}

bool ladder_time_words(struct out *out, const struct flight *flight)
{
	if (!flight->any_before || flight->before_us < 0 || flight->first_us < 0)
		return false;
	int64_t us = flight->first_us - flight->before_us;
	out_char(out, us < 0 ? '-' : '+');
	uint64_t size = us < 0 ? -(uint64_t)us : (uint64_t)us;
	out_number(out, size / 1000000);
	char *to = out_room(out);
	size %= 1000000;
	to[0] = '.';
	for (int i = 6; i > 0; i--, size /= 10)
		to[i] = (char)('0' + size % 10);
	out->len += 7;
	out_text(out, " s");
	return true;
}

/* ---- the terminal's pen --------------------------------------------------------------------- */

static void *begin(struct out *out)
{
	struct pen *pen = calloc(1, sizeof *pen);
	if (pen)
		pen->out = out;
	return pen;
}

static void fill(struct out *out, char byte, size_t count)
{
	while (count--)
		out_char(out, byte);
}

/* What stands in scratch, between the lines; on the right for what comes from the server. */
static void rung(struct pen *pen, bool right)
{
	size_t len = pen->scratch.len < WIDTH - 4 ? pen->scratch.len : WIDTH - 4;
	while (len && len < pen->scratch.len && (pen->scratch.block[len] & 0xc0) == 0x80)
		len--; /* not amid a character */
	out_text(pen->out, "   |");
	fill(pen->out, ' ', right ? WIDTH - 2 - len : 2);
	out_bytes(pen->out, pen->scratch.block, len);
	fill(pen->out, ' ', right ? 2 : WIDTH - 2 - len);
	out_char(pen->out, '|');
	pen->scratch.len = 0;
}

static void arrow(struct pen *pen, const struct flight *flight)
{
	struct out *out = pen->out;
	ladder_flight_words(&pen->scratch, flight);
	size_t len = pen->scratch.len < WIDTH - 12 ? pen->scratch.len : WIDTH - 12;
	size_t left = (WIDTH - len - 4) / 2;
	out_text(out, "   |");
	out_char(out, flight->direction == ATLS_TRACE_DOWN ? '<' : '-');
	fill(out, '-', left);
	out_char(out, ' ');
	out_bytes(out, pen->scratch.block, len);
	out_char(out, ' ');
	fill(out, '-', WIDTH - len - 4 - left);
	out_char(out, flight->direction == ATLS_TRACE_UP ? '>' : '-');
	out_char(out, '|');
	pen->scratch.len = 0;
}

static void session(void *ctx, const char *label, unsigned number)
{
	struct pen *pen = ctx;
	struct out *out = pen->out;
	if (pen->begun)
		out_char(out, '\n');
	pen->begun = true;
	out_text(out, "session ");
	if (*label)
		out_escaped(out, label, strlen(label));
	else
		out_number(out, number);
	out_text(out, "\n client");
	fill(out, ' ', WIDTH - 6);
	out_text(out, "server\n");
}

static void flight(void *ctx, const struct flight *flight)
{
	struct pen *pen = ctx;
	bool right = flight->direction == ATLS_TRACE_DOWN;
	if (ladder_time_words(&pen->scratch, flight)) {
		size_t len = pen->scratch.len;
		pen->scratch.len = 0;
		out_text(pen->out, "   |");
		fill(pen->out, ' ', WIDTH);
		out_text(pen->out, "|  ");
		out_bytes(pen->out, pen->scratch.block, len);
		out_char(pen->out, '\n');
	}
	for (unsigned i = 0; i < flight->count; i++) {
		ladder_item_words(&pen->scratch, &flight->items[i]);
		rung(pen, right);
		out_char(pen->out, '\n');
	}
	if (flight->more) {
		out_text(&pen->scratch, "and ");
		out_number(&pen->scratch, flight->more);
		out_text(&pen->scratch, " more");
		rung(pen, right);
		out_char(pen->out, '\n');
	}
	arrow(pen, flight);
	out_char(pen->out, '\n');
}

static void end(void *ctx)
{
	(void)ctx;
}

const struct ladder_pen ladder_text = {begin, session, flight, end};
