#include "flow.h"

#include "body.h"
#include "flow_order.h"

#include <stdlib.h>
#include <string.h>

#define FLOWS_MAX  512u       /* sessions at once: the one longest silent gives way */
#define MEMORY_MAX (6u << 20) /* of all sessions' bytes */
#define PAST_ALL   (2u << 20) /* of what is kept beside, to be compared with what comes again */
#define REPEAT_MIN 23u        /* no shorter record of an AEAD comes twice by chance */
#define BUCKETS    1024u      /* a power of two */

struct entry {
	struct flow flow;
	char label[FLOW_LABEL_MAX];
	void *slots[FLOW_SLOTS];
	uint32_t hash;
	struct flows *flows;
	struct entry *next;            /* of the bucket */
	struct entry *older, *younger; /* by the last piece */
	uint64_t record_end[3];        /* by direction: where the last record ended */
	struct place origins[3];
	enum atls_trace_direction lane; /* that is being fed */
	uint64_t last[3];               /* a digest of the last body */
	struct order order[3];
	bool begun[3], opaque[3]; /* raw streams: bytes came; they are no TLS */
	size_t memory, past;      /* as counted in flows */
};

struct flows {
	struct flows_config config;
	struct atls_resumptions resumptions;
	uint8_t *room;
	struct entry *buckets[BUCKETS];
	struct entry *oldest, *youngest;
	size_t count, memory, past;
	unsigned numbered;
};

#define TELL(flows, function, ...)                                                                 \
	for (size_t i_ = 0; i_ < (flows)->config.watcher_count; i_++) {                            \
		const struct watcher *watcher_ = &(flows)->config.watchers[i_];                    \
		if (watcher_->function)                                                            \
			watcher_->function(watcher_->ctx, __VA_ARGS__);                            \
	}

/* ---- what a trace says ---------------------------------------------------------------------- */

static void on_session(void *ctx)
{
	struct entry *entry = ctx;
	entry->flow.sessions++;
	TELL(entry->flows, session, &entry->flow);
}

static void on_record(void *ctx, const struct atls_trace_record *record)
{
	struct entry *entry = ctx;
	TELL(entry->flows, record, &entry->flow, record);
}

static void on_message(void *ctx, const struct atls_trace_message *message)
{
	struct entry *entry = ctx;
	TELL(entry->flows, message, &entry->flow, message);
}

static void on_record_end(void *ctx, const struct atls_trace_record *record)
{
	struct entry *entry = ctx;
	TELL(entry->flows, record_end, &entry->flow, record);
	entry->flow.origin = entry->flow.place;
	entry->record_end[entry->lane] =
		record->record->offset + ATLS_RECORD_HEADER + record->record->len;
}

static void on_malformed(void *ctx, enum atls_trace_direction direction, uint64_t offset,
	const char *expected, const char *found)
{
	struct entry *entry = ctx;
	TELL(entry->flows, malformed, &entry->flow, direction, offset, expected, found);
}

static const struct atls_trace_events trace_events = {
	on_session, on_record, on_message, on_record_end, on_malformed};

/* ---- the table of sessions ------------------------------------------------------------------ */

/* FNV-1a. */
static uint64_t digest(const void *bytes, size_t len)
{
	const uint8_t *at = bytes;
	uint64_t hash = 14695981039346656037u;
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ at[i]) * 1099511628211u;
	return hash;
}

static void unlink_age(struct flows *flows, struct entry *entry)
{
	*(entry->older ? &entry->older->younger : &flows->oldest) = entry->younger;
	*(entry->younger ? &entry->younger->older : &flows->youngest) = entry->older;
}

static void make_youngest(struct flows *flows, struct entry *entry)
{
	entry->older = flows->youngest;
	entry->younger = NULL;
	*(flows->youngest ? &flows->youngest->younger : &flows->oldest) = entry;
	flows->youngest = entry;
}

static void end_entry(struct flows *flows, struct entry *entry);

static uint32_t hash_of(const char *label)
{
	return (uint32_t)digest(label, strnlen(label, FLOW_LABEL_MAX - 1));
}

static struct entry *new_entry(struct flows *flows, const char *label)
{
	while (flows->count >= FLOWS_MAX)
		end_entry(flows, flows->oldest);
	uint32_t hash = hash_of(label);
	struct entry *entry = calloc(1, sizeof *entry);
	if (!entry)
		return NULL;
	const struct atls_trace_config config = {.keylog = flows->config.keylog,
		.bodies = flows->config.bodies,
		.resumptions = &flows->resumptions,
		.room = flows->room,
		.events = &trace_events,
		.ctx = entry};
	entry->flow.trace = atls_trace_new(&config);
	if (!entry->flow.trace) {
		free(entry);
		return NULL;
	}
	strncpy(entry->label, label, sizeof entry->label - 1);
	entry->flow.label = entry->label;
	entry->flow.slots = entry->slots;
	entry->flow.number = ++flows->numbered;
	entry->hash = hash;
	entry->flows = flows;
	entry->next = flows->buckets[hash % BUCKETS];
	flows->buckets[hash % BUCKETS] = entry;
	make_youngest(flows, entry);
	flows->count++;
	return entry;
}

static struct entry *find(struct flows *flows, const char *label)
{
	struct entry *entry = flows->youngest;
	if (entry && strncmp(entry->label, label, sizeof entry->label - 1) == 0)
		return entry;
	uint32_t hash = hash_of(label);
	for (entry = flows->buckets[hash % BUCKETS]; entry; entry = entry->next)
		if (entry->hash == hash &&
			strncmp(entry->label, label, sizeof entry->label - 1) == 0)
			break;
	if (entry) {
		unlink_age(flows, entry);
		make_youngest(flows, entry);
	}
	return entry;
}

/* ---- pieces --------------------------------------------------------------------------------- */

/* Feeds bytes that are next in their direction. */
static int feed(
	struct entry *entry, enum atls_trace_direction direction, const uint8_t *bytes, size_t len)
{
	struct flow *flow = &entry->flow;
	uint64_t offset = atls_trace_offset(flow->trace, direction);
	flow->place.start = offset;
	entry->lane = direction;
	flow->origin =
		offset == entry->record_end[direction] ? flow->place : entry->origins[direction];
	int rc = atls_trace_feed(flow->trace, direction, bytes, len);
	entry->origins[direction] = flow->origin;
	return rc;
}

/* Bytes stood there before, and were others. */
static void tell_differing(struct entry *entry, enum atls_trace_direction direction)
{
	struct order *order = &entry->order[direction];
	if (order->differs)
		TELL(entry->flows, malformed, &entry->flow, direction, order->differs_at,
			"the bytes that came before", "others in their place");
	order->differs = false;
}

static int drain(struct entry *entry, enum atls_trace_direction direction)
{
	struct order *order = &entry->order[direction];
	struct order_part part;
	int rc = ATLS_OK;
	while (!rc && order_next(order, atls_trace_offset(entry->flow.trace, direction), &part)) {
		tell_differing(entry, direction);
		if (part.lost) {
			TELL(entry->flows, malformed, &entry->flow, direction,
				atls_trace_offset(entry->flow.trace, direction),
				"the bytes that are next", "a gap");
			atls_trace_gap(entry->flow.trace, direction, part.offset);
			entry->record_end[direction] = part.offset;
		}
		rc = feed(entry, direction, part.bytes, part.len);
		order_done(order, &part);
	}
	tell_differing(entry, direction);
	return rc;
}

/* Base carriage: a request that may have been lost comes again, byte for byte, and so does its
 * answer (BASE CARRIAGE in atls(7)). */
static bool is_repeated(struct entry *entry, const struct piece *piece)
{
	if (!piece->http || piece->len < REPEAT_MIN)
		return false;
	uint64_t now = digest(piece->bytes, piece->len);
	bool same = now == entry->last[piece->direction];
	entry->last[piece->direction] = now;
	return same;
}

/* A raw stream is what its first bytes are, in each direction; without these nobody can tell. */
static bool is_opaque(struct entry *entry, const struct piece *piece)
{
	enum piece_direction direction = piece->direction;
	if (!piece->http || !piece->http->raw || piece->len == 0)
		return false;
	if (!entry->begun[direction])
		entry->opaque[direction] = (piece->positioned && piece->position) ||
					   body_looks_like_tls(piece->bytes, piece->len) != 1;
	entry->begun[direction] = true;
	return entry->opaque[direction];
}

static int take(struct entry *entry, const struct piece *piece)
{
	enum atls_trace_direction direction = (enum atls_trace_direction)piece->direction;
	if (entry->flow.repeated || entry->flow.opaque)
		return ATLS_OK;
	if (!piece->positioned)
		return feed(entry, direction, piece->bytes, piece->len);
	entry->order[direction].compared = piece->http != NULL;
	order_put(&entry->order[direction], piece->position, piece->bytes, piece->len);
	return drain(entry, direction);
}

static void end_entry(struct flows *flows, struct entry *entry)
{
	struct entry **link = &flows->buckets[entry->hash % BUCKETS];
	while (*link != entry)
		link = &(*link)->next;
	*link = entry->next;
	unlink_age(flows, entry);
	flows->count--;
	flows->memory -= entry->memory;
	flows->past -= entry->past;
	for (int i = 0; i < 3; i++) {
		entry->order[i].ending = true;
		drain(entry, (enum atls_trace_direction)i);
		order_free(&entry->order[i]);
	}
	atls_trace_end(entry->flow.trace);
	TELL(flows, flow_end, &entry->flow);
	atls_trace_free(entry->flow.trace);
	free(entry);
}

static size_t past_memory(const struct entry *entry)
{
	return entry->order[0].past.room + entry->order[1].past.room + entry->order[2].past.room;
}

static void count_past(struct flows *flows, struct entry *entry)
{
	flows->past += past_memory(entry) - entry->past;
	entry->past = past_memory(entry);
	for (struct entry *other = flows->oldest; flows->past > PAST_ALL && other != entry;
		other = other->younger) {
		for (int i = 0; i < 3; i++)
			past_free(&other->order[i].past);
		flows->past -= other->past;
		other->past = 0;
	}
}

static void count_memory(struct flows *flows, struct entry *entry)
{
	size_t memory = sizeof *entry + atls_trace_memory(entry->flow.trace);
	for (int i = 0; i < 3; i++)
		memory += order_memory(&entry->order[i]);
	flows->memory += memory - entry->memory;
	entry->memory = memory;
	while (flows->memory > MEMORY_MAX && flows->oldest != entry)
		end_entry(flows, flows->oldest);
}

int flows_piece(struct flows *flows, const char *input, const struct piece *piece)
{
	struct entry *entry = find(flows, piece->session);
	if (piece->last) {
		if (entry)
			end_entry(flows, entry);
		return ATLS_OK;
	}
	if (!entry)
		entry = new_entry(flows, piece->session);
	if (!entry)
		return ATLS_E_MEMORY;
	enum atls_trace_direction direction = (enum atls_trace_direction)piece->direction;
	entry->flow.place = (struct place){.exchange = piece->exchange,
		.time_us = piece->time_us,
		.source_offset = piece->source_offset,
		.start = atls_trace_offset(entry->flow.trace, direction),
		.input = input};
	entry->flow.opaque = is_opaque(entry, piece);
	entry->flow.repeated =
		!piece->positioned && !entry->flow.opaque && is_repeated(entry, piece);
	TELL(flows, piece, &entry->flow, piece);
	int rc = take(entry, piece);
	count_memory(flows, entry);
	count_past(flows, entry);
	return rc;
}

struct flows *flows_new(const struct flows_config *config)
{
	struct flows *flows = calloc(1, sizeof *flows);
	uint8_t *room = malloc(ATLS_RECORD_ROOM);
	if (!flows || !room) {
		free(flows);
		free(room);
		return NULL;
	}
	flows->config = *config;
	flows->room = room;
	return flows;
}

void flows_end(struct flows *flows)
{
	while (flows->oldest)
		end_entry(flows, flows->oldest);
}

void flows_free(struct flows *flows)
{
	if (!flows)
		return;
	flows_end(flows);
	gnutls_memset(flows->room, 0, ATLS_RECORD_ROOM);
	free(flows->room);
	free(flows);
}
