/* The ladder as an SVG of its own: no script, no font of its own, nothing fetched. */
#include "ladder.h"

#include <stdlib.h>

#define LEFT     90u
#define RIGHT    730u
#define PICTURE  900u       /* wide */
#define LINE     18u        /* high */
#define BODY_MAX (4u << 20) /* bytes of drawing; flights beyond are counted */

struct pen {
	struct out *out;
	struct out scratch;
	char *body;
	size_t len;
	unsigned y;
	unsigned left_out;
};

static void *begin(struct out *out)
{
	struct pen *pen = calloc(1, sizeof *pen);
	if (pen) {
		pen->out = out;
		pen->body = malloc(BODY_MAX);
		pen->y = 20;
	}
	if (pen && !pen->body) {
		free(pen);
		pen = NULL;
	}
	return pen;
}

static void put(struct pen *pen, const void *bytes, size_t len)
{
	if (len <= BODY_MAX - pen->len) {
		memcpy(pen->body + pen->len, bytes, len);
		pen->len += len;
	}
}

static void put_text(struct pen *pen, const char *text)
{
	put(pen, text, strlen(text));
}

static void put_number(struct pen *pen, uint64_t value)
{
	char digits[20];
	put(pen, digits, out_digits(digits, value));
}

/* What stands in scratch, with what XML keeps for itself written otherwise. */
static void put_scratch(struct pen *pen)
{
	for (size_t i = 0; i < pen->scratch.len; i++) {
		char byte = pen->scratch.block[i];
		if (byte == '<')
			put_text(pen, "&lt;");
		else if (byte == '&')
			put_text(pen, "&amp;");
		else
			put(pen, &byte, 1);
	}
	pen->scratch.len = 0;
}

/* A text at x, at this height. */
static void text(struct pen *pen, unsigned x, const char *anchor, const char *class)
{
	put_text(pen, "<text x=\"");
	put_number(pen, x);
	put_text(pen, "\" y=\"");
	put_number(pen, pen->y);
	put_text(pen, "\" text-anchor=\"");
	put_text(pen, anchor);
	put_text(pen, "\" class=\"");
	put_text(pen, class);
	put_text(pen, "\">");
	put_scratch(pen);
	put_text(pen, "</text>\n");
}

static void line(
	struct pen *pen, unsigned x1, unsigned y1, unsigned x2, unsigned y2, const char *end)
{
	put_text(pen, "<line x1=\"");
	put_number(pen, x1);
	put_text(pen, "\" y1=\"");
	put_number(pen, y1);
	put_text(pen, "\" x2=\"");
	put_number(pen, x2);
	put_text(pen, "\" y2=\"");
	put_number(pen, y2);
	put_text(pen, "\"");
	put_text(pen, end);
	put_text(pen, "/>\n");
}

static bool full(struct pen *pen)
{
	/* Room for one flight more, whatever it holds. */
	bool is = BODY_MAX - pen->len < (LADDER_ITEMS + 4) * (6 * LADDER_TEXT + 256);
	pen->left_out += is;
	return is;
}

static void session(void *ctx, const char *label, unsigned number)
{
	struct pen *pen = ctx;
	if (full(pen))
		return;
	pen->y += LINE;
	out_text(&pen->scratch, "session ");
	if (*label)
		out_escaped(&pen->scratch, label, strlen(label));
	else
		out_number(&pen->scratch, number);
	text(pen, (LEFT + RIGHT) / 2, "middle", "title");
	out_text(&pen->scratch, "client");
	text(pen, LEFT, "middle", "title");
	out_text(&pen->scratch, "server");
	text(pen, RIGHT, "middle", "title");
	pen->y += LINE / 2;
}

static void flight(void *ctx, const struct flight *flight)
{
	struct pen *pen = ctx;
	bool down = flight->direction == ATLS_TRACE_DOWN;
	if (full(pen))
		return;
	unsigned top = pen->y;
	pen->y += LINE;
	if (ladder_time_words(&pen->scratch, flight))
		text(pen, RIGHT + 12, "start", "time");
	for (unsigned i = 0; i < flight->count; i++, pen->y += LINE) {
		ladder_item_words(&pen->scratch, &flight->items[i]);
		text(pen, down ? RIGHT - 12 : LEFT + 12, down ? "end" : "start", "item");
	}
	if (flight->more) {
		out_text(&pen->scratch, "and ");
		out_number(&pen->scratch, flight->more);
		out_text(&pen->scratch, " more");
		text(pen, down ? RIGHT - 12 : LEFT + 12, down ? "end" : "start", "item");
		pen->y += LINE;
	}
	ladder_flight_words(&pen->scratch, flight);
	text(pen, (LEFT + RIGHT) / 2, "middle", "size");
	pen->y += 6;
	line(pen, down ? RIGHT : LEFT, pen->y, down ? LEFT : RIGHT, pen->y,
		flight->direction ? " marker-end=\"url(#head)\"" : "");
	pen->y += 4;
	line(pen, LEFT, top, LEFT, pen->y, "");
	line(pen, RIGHT, top, RIGHT, pen->y, "");
}

static void end(void *ctx)
{
	struct pen *pen = ctx;
	struct out *out = pen->out;
	if (pen->left_out) {
		pen->y += LINE;
		out_number(&pen->scratch, pen->left_out);
		out_text(&pen->scratch, " flights more are not drawn");
		text(pen, (LEFT + RIGHT) / 2, "middle", "title");
	}
	out_text(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"");
	out_number(out, PICTURE);
	out_text(out, "\" height=\"");
	out_number(out, pen->y + LINE);
	out_text(out, "\" font-family=\"monospace\" font-size=\"12\" stroke-width=\"1\">\n"
		      "<title>TLS sessions, drawn by atls-dump</title>\n"
		      "<style>text{fill:#222}.title{font-weight:bold}.time{fill:#777}"
		      ".size{fill:#357}line{stroke:#357}</style>\n"
		      "<defs><marker id=\"head\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" "
		      "markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\">"
		      "<path d=\"M0 0L8 4L0 8z\" fill=\"#357\"/></marker></defs>\n"
		      "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n");
	out_bytes(out, pen->body, pen->len);
	out_text(out, "</svg>\n");
	free(pen->body);
	pen->body = NULL;
}

const struct ladder_pen ladder_svg = {begin, session, flight, end};
