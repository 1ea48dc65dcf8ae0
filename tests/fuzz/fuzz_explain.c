/* The decoder on any bytes: both directions of a session, with a keylog and without, every node
 * and every fingerprint. The first byte says how the rest is cut. */
#include "explain/fingerprint.h"
#include "explain/trace.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Nodes must be balanced, and not deep. */
static int depth;

static void n_begin(void *ctx, const struct atls_node *node)
{
	(void)ctx;
	if (++depth > 16 || (!node->key && node->list))
		abort();
}

static void n_end(void *ctx)
{
	(void)ctx;
	if (--depth < 0)
		abort();
}

static void n_number(void *ctx, const char *key, uint64_t value)
{
	(void)ctx;
	(void)key;
	(void)value;
}

static void n_code(void *ctx, const char *key, unsigned value, unsigned digits, const char *name)
{
	(void)ctx;
	(void)key;
	(void)value;
	(void)digits;
	if (name && !*name)
		abort();
}

/* Reads each byte, so that a sanitizer sees what is not there. */
static void n_bytes(void *ctx, const char *key, const uint8_t *bytes, size_t len)
{
	uint8_t seen = 0;
	(void)ctx;
	(void)key;
	for (size_t i = 0; i < len; i++)
		seen ^= bytes[i];
	*(volatile uint8_t *)&seen = seen;
}

static void n_text(void *ctx, const char *key, const void *text, size_t len)
{
	n_bytes(ctx, key, text, len);
}

static void n_flag(void *ctx, const char *key, bool value)
{
	(void)ctx;
	(void)key;
	(void)value;
}

static void n_wrong(void *ctx, size_t at, const char *expected, const char *found)
{
	(void)ctx;
	(void)at;
	if (!*expected || !found)
		abort();
}

static const struct atls_node_ops ops = {
	n_begin, n_end, n_number, n_code, n_text, n_bytes, n_bytes, n_flag, n_wrong};
static const struct atls_nodes nodes = {&ops, NULL};

static void on_session(void *ctx)
{
	(void)ctx;
}

static void on_record(void *ctx, const struct atls_trace_record *record)
{
	(void)ctx;
	if (record->content)
		n_bytes(NULL, NULL, record->content, record->len);
	if (record->content && record->type != ATLS_RECORD_HANDSHAKE)
		atls_content_explain(record->type, record->content, record->len, &nodes);
}

static void on_message(void *ctx, const struct atls_trace_message *message)
{
	char ja3[ATLS_JA3_TEXT], ja4[ATLS_JA4_TEXT];
	(void)ctx;
	atls_message_explain(&message->message, &nodes);
	atls_trace_place(message, message->message.len);
	if (depth != 0)
		abort();
	if (message->hello) {
		atls_ja3(message->hello, ja3);
		atls_ja4(message->hello, ja4);
	}
}

static void on_malformed(void *ctx, enum atls_trace_direction direction, uint64_t offset,
	const char *expected, const char *found)
{
	(void)ctx;
	(void)direction;
	(void)offset;
	n_wrong(NULL, 0, expected, found);
}

static const struct atls_trace_events events = {
	on_session, on_record, on_message, on_record, on_malformed};

/* The client random of the seeds, and secrets that open nothing: the way there is run all the
 * same. */
static const char keylog_text[] =
	"CLIENT_RANDOM 5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a "
	"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	"202122232425262728292a2b2c2d2e2f\n"
	"CLIENT_EARLY_TRAFFIC_SECRET "
	"5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a "
	"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
	"SERVER_HANDSHAKE_TRAFFIC_SECRET "
	"5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a "
	"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n";

static uint8_t room[ATLS_RECORD_ROOM];

static void run(const struct atls_keylog *keylog, unsigned how, const uint8_t *data, size_t size)
{
	struct atls_resumptions resumptions = {.count = 0};
	const struct atls_trace_config config = {.keylog = keylog,
		.bodies = how & 1,
		.resumptions = &resumptions,
		.room = room,
		.events = &events};
	struct atls_trace *trace = atls_trace_new(&config);
	size_t step = 1 + (how >> 4) * 97;
	if (!trace)
		return;
	for (size_t done = 0, turn = 0; done < size; turn++) {
		size_t part = size - done < step ? size - done : step;
		enum atls_trace_direction direction =
			how & 2   ? ATLS_TRACE_UNKNOWN
			: how & 4 ? (turn & 1 ? ATLS_TRACE_UP : ATLS_TRACE_DOWN)
				  : ATLS_TRACE_DOWN;
		atls_trace_feed(trace, direction, data + done, part);
		if (how & 8 && turn == 5)
			atls_trace_gap(trace, direction, done + 1000);
		done += part;
	}
	atls_trace_end(trace);
	if (atls_trace_memory(trace) > 2u << 20)
		abort();
	atls_trace_free(trace);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct atls_keylog *keylog;
	unsigned skipped = 0;
	if (!keylog) {
		keylog = atls_keylog_new();
		atls_keylog_add(keylog, keylog_text, sizeof keylog_text - 1, &skipped);
		if (skipped)
			abort();
	}
	if (size == 0)
		return 0;
	run(NULL, data[0], data + 1, size - 1);
	run(keylog, data[0], data + 1, size - 1);
	return 0;
}
