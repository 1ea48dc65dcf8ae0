/* HTTP in files and traces, and both directions of a connection: the first byte says which, the
 * second how the rest is cut; cut or not, the same must come out. */
#include "../unit/input.h"
#include "cmd/atls-dump/content.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int client(void *ctx)
{
	(void)ctx;
	return 0;
}

static void client_is(void *ctx, int end)
{
	(void)ctx;
	(void)end;
}

static const char *label(void *ctx)
{
	(void)ctx;
	return "connection";
}

/* Turns of the two ends: a byte with the end and a length, then so many bytes. False if there was a
 * gap: behind one, what a packet begins with counts, and cut is not the same. */
static bool converse(struct heard *heard, const uint8_t *data, size_t size, size_t step)
{
	const struct piece_sink sink = {heard_piece, heard_malformed, heard};
	const struct content_names names = {client, client_is, label, NULL};
	struct dialogs dialogs = {.sink = &sink};
	heard_begin(heard);
	bool complete = true;
	struct content *content = content_new(&dialogs, &names, true);
	if (!content)
		abort();
	for (size_t at = 0; at < size && !heard->rc;) {
		int from = data[at] & 1;
		size_t turn = data[at++] >> 2;
		bool gap = turn == 63;
		if (turn > size - at)
			turn = size - at;
		complete &= !gap;
		if (gap)
			heard->rc = content_gap(content, from, turn, at);
		for (size_t done = 0; !gap && done < turn && !heard->rc;) {
			size_t part = step && step < turn - done ? step : turn - done;
			heard->rc =
				content_take(content, from, data + at + done, part, at + done, 0);
			done += part;
		}
		at += turn;
	}
	if (!heard->rc)
		heard->rc = content_close(content);
	content_free(content);
	return complete;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct form *const forms[] = {&form_http, &form_trace};
	static struct heard whole, cut;
	if (size < 2)
		return 0;
	size_t step = data[1] % 32 + 1u;
	if (data[0] % 3 == 2) {
		bool complete = converse(&whole, data + 2, size - 2, 0);
		converse(&cut, data + 2, size - 2, step);
		if (!complete)
			return 0;
	} else {
		heard_feed(&whole, forms[data[0] % 3], data + 2, size - 2, 0);
		heard_feed(&cut, forms[data[0] % 3], data + 2, size - 2, step);
	}
	if (whole.rc || cut.rc || strcmp(whole.text, cut.text) != 0)
		abort();
	return 0;
}
