#include "explain/trace.h"

#include "explain/names.h"
#include "explain/trace_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BIT(type) (1u << (type))

struct atls_trace *atls_trace_new(const struct atls_trace_config *config)
{
	struct atls_trace *trace = calloc(1, sizeof *trace);
	if (!trace)
		return NULL;
	trace->config = *config;
	for (int i = 0; i < 3; i++)
		trace->lanes[i].wanted =
			config->bodies
				? UINT32_MAX
				: BIT(ATLS_RECORD_CCS) | BIT(ATLS_RECORD_ALERT) |
					  BIT(ATLS_RECORD_HANDSHAKE) | BIT(ATLS_RECORD_HEARTBEAT) |
					  (config->keylog ? BIT(ATLS_RECORD_DATA) : 0);
	atls_trace_forget(trace);
	return trace;
}

void atls_trace_free(struct atls_trace *trace)
{
	if (!trace)
		return;
	atls_trace_forget(trace);
	for (int i = 0; i < 3; i++) {
		atls_record_free(&trace->lanes[i]);
		free(trace->sides[i].partial);
	}
	free(trace);
}

size_t atls_trace_memory(const struct atls_trace *trace)
{
	size_t sum = sizeof *trace;
	for (int i = 0; i < 3; i++)
		sum += trace->lanes[i].cap + trace->sides[i].cap;
	return sum;
}

uint64_t atls_trace_offset(const struct atls_trace *trace, enum atls_trace_direction direction)
{
	return trace->lanes[direction].offset;
}

uint64_t atls_trace_place(const struct atls_trace_message *message, size_t at)
{
	const struct side *side = &message->trace->sides[message->direction];
	if (message->sealed || side->segment_count == 0)
		return UINT64_MAX;
	unsigned i = side->segment_count;
	while (i > 1 && side->segments[i - 1].at > at)
		i--;
	if (i == SEGMENTS_MAX)
		return UINT64_MAX;
	return side->segments[i - 1].offset + (at - side->segments[i - 1].at);
}

/* ---- handshake messages out of records ------------------------------------------------------ */

/* One record's content under way. */
struct content {
	enum atls_trace_direction direction;
	const uint8_t *at;
	size_t len;
	uint64_t offset; /* of at in the stream; UINT64_MAX: sealed */
};

static void consume(struct content *content, size_t len)
{
	content->at += len;
	content->len -= len;
	if (content->offset != UINT64_MAX)
		content->offset += len;
}

/* In a stream of both directions, a message tells whose it is. */
static enum atls_trace_direction message_direction(unsigned type)
{
	switch (type) {
	case ATLS_CLIENT_HELLO:
	case ATLS_CLIENT_KEY_EXCHANGE:
	case ATLS_END_OF_EARLY_DATA:
		return ATLS_TRACE_UP;
	case ATLS_HELLO_REQUEST:
	case ATLS_SERVER_HELLO:
	case ATLS_NEW_SESSION_TICKET:
	case ATLS_SERVER_KEY_EXCHANGE:
	case ATLS_CERTIFICATE_REQUEST:
	case ATLS_SERVER_HELLO_DONE:
	case ATLS_CERTIFICATE_STATUS:
		return ATLS_TRACE_DOWN;
	default:
		return ATLS_TRACE_UNKNOWN;
	}
}

static void report(
	struct atls_trace *trace, struct content *content, const uint8_t *bytes, size_t len)
{
	struct atls_hello hello = {0};
	const bool is_hello = bytes[0] == ATLS_CLIENT_HELLO || bytes[0] == ATLS_SERVER_HELLO;
	struct atls_trace_message message = {
		.message = {.bytes = bytes, .len = len, .type = bytes[0]},
		.direction = content->direction,
		.hello = is_hello ? &hello : NULL,
		.sealed = content->offset == UINT64_MAX,
		.trace = trace,
	};
	if (is_hello) {
		atls_hello_read(&hello, bytes[0] == ATLS_CLIENT_HELLO, bytes + ATLS_MESSAGE_HEADER,
			len - ATLS_MESSAGE_HEADER);
		if (hello.retry)
			message.message.type = ATLS_HELLO_RETRY_REQUEST;
	}
	if (bytes[0] == ATLS_CLIENT_HELLO && !message.sealed && !trace->retry) {
		atls_trace_forget(trace);
		trace->began = true;
		trace->config.events->session(trace->config.ctx);
	}
	atls_trace_note(trace, content->direction, &message.message, message.hello);
	message.message.version = trace->version;
	message.message.suite = trace->suite;
	message.message.certificate_type =
		content->direction == ATLS_TRACE_UP ? trace->client_types : trace->server_types;
	trace->config.events->message(trace->config.ctx, &message);
}

/* Adds len bytes of the content to the message under way. */
static bool keep(struct side *side, struct content *content, size_t len)
{
	size_t need = side->have + len;
	if (need > side->cap) {
		size_t cap = side->cap ? side->cap : 512;
		while (cap < need)
			cap *= 2;
		uint8_t *more = realloc(side->partial, cap);
		if (!more)
			return false;
		side->partial = more;
		side->cap = cap;
	}
	if (side->segment_count < SEGMENTS_MAX)
		side->segments[side->segment_count++] =
			(struct segment){side->have, content->offset};
	memcpy(side->partial + side->have, content->at, len);
	side->have += len;
	consume(content, len);
	return true;
}

static size_t message_len(const uint8_t *head)
{
	return ATLS_MESSAGE_HEADER + ((size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3]);
}

/* Whether a message is too long to be kept; then the rest of it is passed over. */
static bool too_long(
	struct atls_trace *trace, struct side *side, const struct content *content, size_t len)
{
	char found[32];
	if (len <= MESSAGE_MAX)
		return false;
	snprintf(found, sizeof found, "%zu bytes", len);
	trace->config.events->malformed(trace->config.ctx, content->direction,
		content->offset == UINT64_MAX ? 0 : content->offset,
		"a handshake message of at most 262144 bytes", found);
	side->skip = len - side->have;
	side->have = 0;
	return true;
}

/* Goes on with the message that earlier bytes began; false if memory is short. */
static bool go_on(struct atls_trace *trace, struct side *side, struct content *content)
{
	size_t want = ATLS_MESSAGE_HEADER;
	if (side->have >= ATLS_MESSAGE_HEADER)
		want = message_len(side->partial);
	size_t take = want - side->have < content->len ? want - side->have : content->len;
	if (!keep(side, content, take))
		return false;
	if (side->have < ATLS_MESSAGE_HEADER)
		return true;
	want = message_len(side->partial);
	if (too_long(trace, side, content, want) || side->have < want)
		return true;
	report(trace, content, side->partial, want);
	side->have = 0;
	return true;
}

static bool take_handshake(struct atls_trace *trace, struct content *content)
{
	struct side *side = &trace->sides[content->direction];
	while (content->len) {
		size_t whole = content->len >= ATLS_MESSAGE_HEADER ? message_len(content->at) : 0;
		if (side->skip) {
			size_t skip = side->skip < content->len ? side->skip : content->len;
			side->skip -= skip;
			consume(content, skip);
		} else if (side->have == 0 && whole && whole <= content->len) {
			side->segments[0] = (struct segment){0, content->offset};
			side->segment_count = 1;
			report(trace, content, content->at, whole);
			consume(content, whole);
		} else {
			if (side->have == 0)
				side->segment_count = 0;
			if (!go_on(trace, side, content))
				return false;
		}
	}
	return true;
}

/* ---- records -------------------------------------------------------------------------------- */

/* Whose record it is, where the lane does not say. */
static enum atls_trace_direction guess(struct atls_trace *trace, const struct atls_record *record)
{
	enum atls_trace_direction told = trace->guess;
	bool sealed = told && trace->sides[told].sealed;
	if (record->type == ATLS_RECORD_HANDSHAKE && record->len && record->body && !sealed &&
		!(told && trace->sides[told].have))
		told = message_direction(record->body[0]);
	/* TLS 1.2: the second change_cipher_spec is the other side's. */
	if (record->type == ATLS_RECORD_CCS && record->len == 1 && sealed &&
		trace->version < 0x0304)
		told = trace->guess == ATLS_TRACE_UP ? ATLS_TRACE_DOWN : ATLS_TRACE_UP;
	if (told)
		trace->guess = told;
	return trace->guess;
}

static void open_record(struct atls_trace *trace, bool mixed, struct atls_trace_record *about)
{
	struct atls_opened opened;
	about->seal = atls_trace_open(trace, about->direction, about->record, &opened);
	if (about->seal != ATLS_SEAL_OPENED && mixed) {
		enum atls_trace_direction other =
			about->direction == ATLS_TRACE_UP ? ATLS_TRACE_DOWN : ATLS_TRACE_UP;
		if (atls_trace_open(trace, other, about->record, &opened) == ATLS_SEAL_OPENED) {
			about->seal = ATLS_SEAL_OPENED;
			about->direction = trace->guess = other;
		}
	}
	about->content = NULL;
	about->len = 0;
	if (about->seal == ATLS_SEAL_OPENED) {
		about->type = opened.type;
		about->content = trace->config.room;
		about->len = opened.len;
		about->padding = opened.padding;
		about->early = trace->sides[about->direction].epoch == EPOCH_EARLY;
	}
}

/* Without keys nothing tells whose a sealed record of TLS 1.3 is. */
static bool unclear(const struct atls_trace *trace, bool mixed, const struct atls_trace_record *r)
{
	return mixed && r->seal > ATLS_SEAL_OPENED && trace->settled;
}

static int take_record(
	struct atls_trace *trace, enum atls_trace_direction lane, const struct atls_record *record)
{
	bool mixed = lane == ATLS_TRACE_UNKNOWN, done = true;
	struct atls_trace_record about = {
		.direction = mixed ? guess(trace, record) : lane,
		.record = record,
		.type = record->type,
		.content = record->body,
		.len = record->body ? record->len : 0,
	};
	enum atls_trace_direction direction = about.direction ? about.direction : ATLS_TRACE_UP;
	if (record->missing && record->len == 0)
		about.seal = ATLS_SEAL_CUT;
	else if (atls_trace_sealed(trace, direction, record)) {
		about.direction = direction;
		open_record(trace, mixed, &about);
		direction = about.direction;
	}
	if (unclear(trace, mixed, &about))
		about.direction = ATLS_TRACE_UNKNOWN;
	about.version = trace->version;
	trace->config.events->record(trace->config.ctx, &about);
	if (about.content && about.type == ATLS_RECORD_HANDSHAKE) {
		struct content content = {direction, about.content, about.len,
			about.seal == ATLS_SEAL_OPENED ? UINT64_MAX
						       : record->offset + ATLS_RECORD_HEADER};
		done = take_handshake(trace, &content);
		const struct side *side = &trace->sides[direction];
		if (side->have) {
			about.pending_type = side->partial[0];
			about.pending_have = side->have;
			about.pending_len =
				side->have < ATLS_MESSAGE_HEADER ? 0 : message_len(side->partial);
		}
	} else if (about.content && about.type == ATLS_RECORD_CCS) {
		atls_trace_change(trace, direction);
	}
	trace->config.events->record_end(trace->config.ctx, &about);
	return done ? ATLS_OK : ATLS_E_MEMORY;
}

static void report_wrong(
	struct atls_trace *trace, enum atls_trace_direction lane, const uint8_t *head)
{
	char found[32];
	snprintf(found, sizeof found, "%02x %02x %02x %02x %02x", head[0], head[1], head[2],
		head[3], head[4]);
	trace->config.events->malformed(trace->config.ctx, lane, trace->lanes[lane].now.offset,
		"the header of a TLS record", found);
}

int atls_trace_feed(struct atls_trace *trace, enum atls_trace_direction direction,
	const uint8_t *bytes, size_t len)
{
	struct atls_record_reader *lane = &trace->lanes[direction];
	int rc = ATLS_OK;
	while (!rc)
		switch (atls_record_next(lane, &bytes, &len)) {
		case ATLS_RECORD_MORE:
			return ATLS_OK;
		case ATLS_RECORD_READY:
			rc = take_record(trace, direction, &lane->now);
			break;
		case ATLS_RECORD_WRONG:
			report_wrong(trace, direction, lane->head);
			break;
		case ATLS_RECORD_NO_MEMORY:
			rc = ATLS_E_MEMORY;
			break;
		}
	return rc;
}

void atls_trace_gap(struct atls_trace *trace, enum atls_trace_direction direction, uint64_t offset)
{
	atls_record_seek(&trace->lanes[direction], offset);
	if (direction == ATLS_TRACE_UNKNOWN)
		return;
	trace->sides[direction].gap = true;
	trace->sides[direction].have = 0;
	trace->sides[direction].skip = 0;
}

void atls_trace_end(struct atls_trace *trace)
{
	for (int i = 0; i < 3; i++)
		if (atls_record_end(&trace->lanes[i]))
			take_record(trace, (enum atls_trace_direction)i, &trace->lanes[i].now);
}
