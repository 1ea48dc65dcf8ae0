/* The decoder on the handshakes of RFC 8448: what it opens, and that it does not matter where the
 * bytes are cut. */
#include "explain/names.h"
#include "explain/trace.h"
#include "tests/unit/tap.h"

#include <stdarg.h>
#include <stdlib.h>

#define DATA "tests/data/rfc8448/"

static const char *const names[] = {
	"simple-1rtt", "resumed-0rtt", "hello-retry-request", "client-auth", "compat-mode"};
#define NAMES (sizeof names / sizeof names[0])

struct file {
	uint8_t *bytes;
	size_t len;
};

static struct file load(const char *name, const char *what)
{
	struct file file = {0};
	char path[256];
	snprintf(path, sizeof path, DATA "%s/%s", name, what);
	FILE *in = fopen(path, "r");
	if (!in) {
		printf("Bail out! cannot open %s\n", path);
		exit(1);
	}
	file.bytes = calloc(1, 65536);
	file.len = fread(file.bytes, 1, 65535, in);
	fclose(in);
	return file;
}

/* What a trace said, as text and as plaintext of each direction. */
struct heard {
	char text[16384];
	size_t len;
	uint8_t plain[3][4096];
	size_t plain_len[3];
	unsigned nodes, wrong, malformed, closed;
	int depth;
};

static void hear(struct heard *heard, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void hear(struct heard *heard, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int len =
		vsnprintf(heard->text + heard->len, sizeof heard->text - heard->len, format, args);
	va_end(args);
	if (len > 0 && (size_t)len < sizeof heard->text - heard->len)
		heard->len += (size_t)len;
}

/* ---- nodes, counted ------------------------------------------------------------------------- */

static void n_begin(void *ctx, const struct atls_node *node)
{
	struct heard *heard = ctx;
	heard->depth++;
	heard->nodes += node->coded ? 2 : 1;
}

static void n_end(void *ctx)
{
	((struct heard *)ctx)->depth--;
}

static void n_number(void *ctx, const char *key, uint64_t value)
{
	((struct heard *)ctx)->nodes += key != NULL || value;
}

static void n_code(void *ctx, const char *key, unsigned value, unsigned digits, const char *name)
{
	(void)key;
	(void)value;
	(void)digits;
	((struct heard *)ctx)->nodes += name != NULL;
}

static void n_text(void *ctx, const char *key, const void *text, size_t len)
{
	(void)key;
	for (size_t i = 0; i < len; i++)
		((struct heard *)ctx)->nodes += ((const char *)text)[i] != 0;
}

static void n_bytes(void *ctx, const char *key, const uint8_t *bytes, size_t len)
{
	(void)key;
	for (size_t i = 0; i < len; i++)
		((struct heard *)ctx)->nodes += bytes[i] != 0;
}

static void n_flag(void *ctx, const char *key, bool value)
{
	(void)key;
	((struct heard *)ctx)->nodes += value;
}

static void n_wrong(void *ctx, size_t at, const char *expected, const char *found)
{
	struct heard *heard = ctx;
	heard->wrong++;
	heard->nodes += at != 0 && *expected && *found;
}

static const struct atls_node_ops counting = {
	n_begin, n_end, n_number, n_code, n_text, n_bytes, n_bytes, n_flag, n_wrong};

/* ---- events --------------------------------------------------------------------------------- */

static void on_session(void *ctx)
{
	hear(ctx, "session\n");
}

static void on_record(void *ctx, const struct atls_trace_record *record)
{
	struct heard *heard = ctx;
	const struct atls_nodes nodes = {&counting, heard};
	hear(heard, "%d @%llu %d %d %s", record->direction,
		(unsigned long long)record->record->offset, record->record->type,
		record->record->len, atls_seal_text(record->seal));
	if (record->seal > ATLS_SEAL_OPENED)
		heard->closed++;
	if (record->content && record->type == ATLS_RECORD_DATA) {
		memcpy(heard->plain[record->direction] + heard->plain_len[record->direction],
			record->content, record->len);
		heard->plain_len[record->direction] += record->len;
	} else if (record->content) {
		atls_content_explain(record->type, record->content, record->len, &nodes);
	}
}

static void on_message(void *ctx, const struct atls_trace_message *message)
{
	struct heard *heard = ctx;
	const struct atls_nodes nodes = {&counting, heard};
	hear(heard, " %s @%lld", atls_name_handshake_type(message->message.type),
		(long long)atls_trace_place(message, message->message.len - 1));
	atls_message_explain(&message->message, &nodes);
}

static void on_record_end(void *ctx, const struct atls_trace_record *record)
{
	struct heard *heard = ctx;
	if (record->record->missing)
		hear(heard, " missing %zu", record->record->missing);
	hear(heard, " pending %zu of %zu\n", record->pending_have, record->pending_len);
}

static void on_malformed(void *ctx, enum atls_trace_direction direction, uint64_t offset,
	const char *expected, const char *found)
{
	struct heard *heard = ctx;
	heard->malformed++;
	hear(heard, "malformed %d @%llu %s %s\n", direction, (unsigned long long)offset, expected,
		found);
}

static const struct atls_trace_events events = {
	on_session, on_record, on_message, on_record_end, on_malformed};

/* ---- runs ----------------------------------------------------------------------------------- */

static uint8_t room[ATLS_RECORD_ROOM];

struct sample {
	struct file client, server, segments, keylog_text;
	struct atls_keylog *keylog;
};

static struct sample sample_load(const char *name)
{
	unsigned skipped = 0;
	struct sample sample = {load(name, "client.bin"), load(name, "server.bin"),
		load(name, "segments"), load(name, "keylog.txt"), atls_keylog_new()};
	eq_int(atls_keylog_add(sample.keylog, (const char *)sample.keylog_text.bytes,
		       sample.keylog_text.len, &skipped),
		0);
	eq_int(skipped, 0);
	return sample;
}

static void sample_free(struct sample *sample)
{
	free(sample->client.bytes);
	free(sample->server.bytes);
	free(sample->segments.bytes);
	free(sample->keylog_text.bytes);
	atls_keylog_free(sample->keylog);
}

/* Feeds a sample up to limit bytes, cut into pieces of step; mixed: without saying the direction.
 */
static struct heard *listen(
	const struct sample *sample, bool keys, bool mixed, size_t step, size_t limit)
{
	struct heard *heard = calloc(1, sizeof *heard);
	const struct atls_trace_config config = {.keylog = keys ? sample->keylog : NULL,
		.bodies = true,
		.room = room,
		.events = &events,
		.ctx = heard};
	struct atls_trace *trace = atls_trace_new(&config);
	char *at = (char *)sample->segments.bytes;
	while (*at == 'c' || *at == 's') {
		char side = *at;
		unsigned long offset = strtoul(at + 1, &at, 10);
		unsigned long len = strtoul(at, &at, 10);
		at += *at == '\n';
		const struct file *file = side == 'c' ? &sample->client : &sample->server;
		size_t take = len < limit ? len : limit;
		limit -= take;
		for (size_t done = 0; done < take; done += step) {
			size_t part = take - done < step ? take - done : step;
			eq_int(atls_trace_feed(trace,
				       mixed         ? ATLS_TRACE_UNKNOWN
				       : side == 'c' ? ATLS_TRACE_UP
						     : ATLS_TRACE_DOWN,
				       file->bytes + offset + done, part),
				0);
		}
	}
	atls_trace_end(trace);
	atls_trace_free(trace);
	eq_int(heard->depth, 0);
	return heard;
}

static void plaintext_is_what_was_sent(void)
{
	for (size_t i = 0; i < NAMES; i++)
		for (int mixed = 0; mixed < 2; mixed++) {
			struct sample sample = sample_load(names[i]);
			struct file up = load(names[i], "plain_client.bin");
			struct file down = load(names[i], "plain_server.bin");
			struct heard *heard = listen(&sample, true, mixed, SIZE_MAX, SIZE_MAX);
			eq_int(heard->closed, 0);
			eq_int(heard->wrong, 0);
			eq_int(heard->malformed, 0);
			eq_mem(heard->plain[ATLS_TRACE_UP], heard->plain_len[ATLS_TRACE_UP],
				up.bytes, up.len);
			eq_mem(heard->plain[ATLS_TRACE_DOWN], heard->plain_len[ATLS_TRACE_DOWN],
				down.bytes, down.len);
			free(up.bytes);
			free(down.bytes);
			free(heard);
			sample_free(&sample);
		}
}

static void messages_are_seen_in_order(void)
{
	struct sample sample = sample_load("resumed-0rtt");
	struct heard *heard = listen(&sample, true, false, SIZE_MAX, SIZE_MAX);
	ok(strstr(heard->text, "session\n") != NULL);
	ok(strstr(heard->text, "2 @101 23 97 opened encrypted_extensions @-1 finished @-1") !=
		NULL);
	ok(strstr(heard->text, "1 @545 23 21 opened end_of_early_data @-1") != NULL);
	ok(strstr(heard->text, "client_hello @516") != NULL);
	free(heard);
	sample_free(&sample);
}

static void without_keys_it_says_why(void)
{
	struct sample sample = sample_load("simple-1rtt");
	struct heard *heard = listen(&sample, false, false, SIZE_MAX, SIZE_MAX);
	ok(strstr(heard->text, "no keylog") != NULL);
	ok(strstr(heard->text, "opened") == NULL);
	eq_int(heard->closed, 7);
	free(heard);
	sample_free(&sample);
}

static void wrong_keys_are_told_from_missing_ones(void)
{
	struct sample sample = sample_load("simple-1rtt"), other = sample_load("client-auth");
	unsigned skipped = 0;
	char *text = (char *)sample.keylog_text.bytes;
	struct atls_keylog *wrong = atls_keylog_new(), *right = sample.keylog;
	char *end = text + sample.keylog_text.len;
	/* Other secrets for the same session. */
	for (char *line = text; line < end; line = strchr(line, '\n') + 1) {
		char *digit = strchr(line, '\n') - 1;
		*digit = *digit == '0' ? '1' : '0';
	}
	eq_int(atls_keylog_add(wrong, text, sample.keylog_text.len, &skipped), 0);
	sample.keylog = wrong;
	struct heard *heard = listen(&sample, true, false, SIZE_MAX, SIZE_MAX);
	ok(strstr(heard->text, "wrong secret") != NULL && heard->closed == 7);
	free(heard);
	sample.keylog = other.keylog;
	heard = listen(&sample, true, false, SIZE_MAX, SIZE_MAX);
	ok(strstr(heard->text, "no secret in the keylog") != NULL && heard->closed == 7);
	free(heard);
	sample.keylog = right;
	atls_keylog_free(wrong);
	sample_free(&sample);
	sample_free(&other);
}

/* ---- cuts ----------------------------------------------------------------------------------- */

static void cuts_do_not_matter(void)
{
	for (size_t i = 0; i < NAMES; i++) {
		struct sample sample = sample_load(names[i]);
		struct heard *whole = listen(&sample, true, false, SIZE_MAX, SIZE_MAX);
		for (size_t step = 1; step < 40; step++) {
			struct heard *cut = listen(&sample, true, false, step, SIZE_MAX);
			eq_str(cut->text, whole->text);
			eq_int(cut->nodes, whole->nodes);
			free(cut);
		}
		free(whole);
		sample_free(&sample);
	}
}

/* Every prefix is decoded, up to its last whole record as the whole is. */
static void prefixes_are_decoded(void)
{
	for (size_t i = 0; i < NAMES; i++) {
		struct sample sample = sample_load(names[i]);
		size_t len = sample.client.len + sample.server.len;
		struct heard *whole = listen(&sample, true, false, SIZE_MAX, SIZE_MAX);
		for (size_t limit = 0; limit < len; limit++) {
			struct heard *heard = listen(&sample, true, false, SIZE_MAX, limit);
			char *cut = strstr(heard->text, " missing ");
			while (cut && cut > heard->text && cut[-1] != '\n')
				cut--;
			size_t same = cut ? (size_t)(cut - heard->text) : heard->len;
			ok(strncmp(heard->text, whole->text, same) == 0);
			eq_int(heard->malformed, 0);
			free(heard);
		}
		free(whole);
		sample_free(&sample);
	}
}

/* Records that are not, between records that are. */
static void reading_goes_on_behind_garbage(void)
{
	static const uint8_t bytes[] = {0x15, 3, 3, 0, 2, 1, 0, 'J', 'U', 'N', 'K', 0x15, 3, 3, 0,
		2, 2, 40, 0x15, 3, 3, 0, 2, 2, 80};
	struct heard *heard = calloc(1, sizeof *heard);
	const struct atls_trace_config config = {.room = room, .events = &events, .ctx = heard};
	struct atls_trace *trace = atls_trace_new(&config);
	eq_int(atls_trace_feed(trace, ATLS_TRACE_UP, bytes, sizeof bytes), 0);
	atls_trace_end(trace);
	atls_trace_free(trace);
	eq_str(heard->text, "1 @0 21 2 not sealed pending 0 of 0\n"
			    "malformed 1 @7 the header of a TLS record 4a 55 4e 4b 15\n"
			    "1 @11 21 2 not sealed pending 0 of 0\n"
			    "1 @18 21 2 not sealed pending 0 of 0\n");
	free(heard);
}

int main(void)
{
	run(plaintext_is_what_was_sent);
	run(messages_are_seen_in_order);
	run(without_keys_it_says_why);
	run(wrong_keys_are_told_from_missing_ones);
	run(cuts_do_not_matter);
	run(prefixes_are_decoded);
	run(reading_goes_on_behind_garbage);
	return tap_done();
}
