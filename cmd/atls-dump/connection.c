#include "connection.h"

#include "content.h"
#include "form.h"
#include "limits.h"
#include "out.h"
#include "tcp.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define BUCKET_BITS 10
#define BUCKETS     (1u << BUCKET_BITS)
#define LABEL_MAX   (2 * PACKET_TEXT + 32u)

struct connection;

struct side {
	struct connection *connection;
	struct tcp_half half;
	struct packet_end end;
};

struct connection {
	TAILQ_ENTRY(connection) by_age; /* the one silent for longest is the first */
	LIST_ENTRY(connection) in_bucket;
	struct connections *all;
	unsigned long long number;
	bool ipv6;
	bool closed; /* what still comes is of no interest, up to a new SYN */
	int client;  /* 0, 1, or -1: not known */
	struct side sides[2];
	struct content *content;
	struct content_names names;
	size_t memory;
	char label[LABEL_MAX];
};

struct connections {
	struct dialogs dialogs;
	unsigned long long numbers; /* of connections, from 0 as tshark's tcp.stream */
	unsigned count;
	size_t memory;
	TAILQ_HEAD(ages, connection) by_age;
	LIST_HEAD(bucket, connection) buckets[BUCKETS];
};

struct connections *connections_new(const struct piece_sink *sink)
{
	struct connections *all = calloc(1, sizeof *all);
	if (!all)
		return NULL;
	all->dialogs.sink = sink;
	TAILQ_INIT(&all->by_age);
	return all;
}

size_t connections_memory(const struct connections *all)
{
	return all->memory;
}

static void discard(struct connection *connection)
{
	struct connections *all = connection->all;
	TAILQ_REMOVE(&all->by_age, connection, by_age);
	LIST_REMOVE(connection, in_bucket);
	all->count--;
	all->memory -= connection->memory;
	tcp_free(&connection->sides[0].half);
	tcp_free(&connection->sides[1].half);
	content_free(connection->content);
	free(connection);
}

void connections_free(struct connections *all)
{
	if (!all)
		return;
	while (!TAILQ_EMPTY(&all->by_age))
		discard(TAILQ_FIRST(&all->by_age));
	free(all);
}

/* ---- Names ---- */

static int get_client(void *ctx)
{
	const struct connection *connection = ctx;
	return connection->client;
}

static void set_client(void *ctx, int end)
{
	struct connection *connection = ctx;
	connection->client = end;
}

/* Client first; where nothing says who that is, the one with the larger port. */
static const char *get_label(void *ctx)
{
	struct connection *connection = ctx;
	const struct side *sides = connection->sides;
	if (connection->label[0])
		return connection->label;
	if (connection->client < 0)
		connection->client = sides[0].end.port < sides[1].end.port;
	int client = connection->client;
	packet_end_text(&sides[client].end, connection->ipv6, connection->label);
	char *end = stpcpy(connection->label + strlen(connection->label), "-");
	packet_end_text(&sides[!client].end, connection->ipv6, end);
	end = stpcpy(end + strlen(end), "#");
	end[out_digits(end, connection->number)] = '\0';
	return connection->label;
}

/* ---- Bytes in order ---- */

static int on_bytes(void *ctx, const uint8_t *bytes, size_t len, uint64_t offset, int64_t time_us)
{
	struct side *side = ctx;
	struct connection *connection = side->connection;
	int from = side == &connection->sides[1];
	return content_take(connection->content, from, bytes, len, offset, time_us);
}

static int on_gap(void *ctx, uint64_t len, uint64_t offset)
{
	struct side *side = ctx;
	struct connection *connection = side->connection;
	return content_gap(connection->content, side == &connection->sides[1], len, offset);
}

static struct tcp_events events_of(struct side *side)
{
	return (struct tcp_events){on_bytes, on_gap, side};
}

/* Gives what waits, and keeps no more than that the connection was there. */
static int finish(struct connection *connection)
{
	int rc = ATLS_OK;
	for (int i = 0; i < 2 && !rc && connection->content; i++) {
		struct tcp_events events = events_of(&connection->sides[i]);
		rc = tcp_flush(&connection->sides[i].half, &events);
	}
	if (!rc && connection->content)
		rc = content_close(connection->content);
	content_free(connection->content);
	connection->content = NULL;
	connection->closed = true;
	tcp_free(&connection->sides[0].half);
	tcp_free(&connection->sides[1].half);
	return rc;
}

static void count_memory(struct connection *connection)
{
	size_t now = sizeof *connection + content_memory(connection->content) +
		     connection->sides[0].half.held_bytes + connection->sides[1].half.held_bytes;
	connection->all->memory += now - connection->memory;
	connection->memory = now;
}

/* ---- The table ---- */

static bool same_end(const struct packet_end *a, const struct packet_end *b)
{
	return a->port == b->port && memcmp(a->address, b->address, sizeof a->address) == 0;
}

static uint64_t end_hash(const struct packet_end *end)
{
	uint64_t halves[2];
	memcpy(halves, end->address, sizeof halves);
	return (halves[0] ^ halves[1] * 31 ^ (uint64_t)end->port << 48) * 0x9e3779b97f4a7c15u;
}

static size_t bucket_of(const struct packet *packet)
{
	return (end_hash(&packet->from) + end_hash(&packet->to)) >> (64 - BUCKET_BITS);
}

/* Sets *from to the end that sent the packet. */
static struct connection *find(struct connections *all, const struct packet *packet, int *from)
{
	struct connection *connection;
	LIST_FOREACH(connection, &all->buckets[bucket_of(packet)], in_bucket)
	{
		const struct side *sides = connection->sides;
		*from = same_end(&sides[1].end, &packet->from) &&
			same_end(&sides[0].end, &packet->to);
		if (connection->ipv6 == packet->ipv6 &&
			(*from || (same_end(&sides[0].end, &packet->from) &&
					  same_end(&sides[1].end, &packet->to))))
			return connection;
	}
	return NULL;
}

/* Keeps to what may be held: those silent for longest give way, and last the one that took more. */
/* NOLINTBEGIN(clang-analyzer-unix.Malloc): version 14 does not see that TAILQ_REMOVE() moves on */
static int make_room(struct connections *all, uint64_t offset, const struct connection *but)
{
	int rc = ATLS_OK;
	while (!rc && (all->count > TCP_CONNECTIONS || all->memory > TCP_MEMORY)) {
		struct connection *oldest = TAILQ_FIRST(&all->by_age);
		bool heavy = all->memory > TCP_MEMORY;
		if (heavy && !oldest->closed)
			sink_malformed(all->dialogs.sink, offset, "connections that can be held",
				"more than %u bytes that wait; %s is given up", TCP_MEMORY,
				get_label(oldest));
		rc = oldest->closed ? ATLS_OK : finish(oldest);
		if (oldest != but)
			discard(oldest);
		else
			count_memory(oldest);
	}
	return rc;
}
/* NOLINTEND(clang-analyzer-unix.Malloc) */

static struct connection *add(struct connections *all, const struct packet *packet)
{
	struct connection *connection = calloc(1, sizeof *connection);
	if (!connection)
		return NULL;
	connection->all = all;
	connection->ipv6 = packet->ipv6;
	connection->sides[0].end = packet->from;
	connection->sides[1].end = packet->to;
	connection->sides[0].connection = connection->sides[1].connection = connection;
	connection->names = (struct content_names){get_client, set_client, get_label, connection};
	TAILQ_INSERT_TAIL(&all->by_age, connection, by_age);
	LIST_INSERT_HEAD(&all->buckets[bucket_of(packet)], connection, in_bucket);
	all->count++;
	return connection;
}

/* ---- Packets ---- */

static int begin(struct connection *connection, bool whole)
{
	connection->number = connection->all->numbers++;
	connection->client = -1;
	connection->closed = false;
	connection->label[0] = '\0';
	connection->content = content_new(&connection->all->dialogs, &connection->names, whole);
	return connection->content ? ATLS_OK : ATLS_E_MEMORY;
}

/* Whether a SYN begins another connection between the same ends. */
static bool is_new(const struct connection *connection, int from, const struct packet *packet)
{
	const struct tcp_half *half = &connection->sides[from].half;
	if (!packet->syn || packet->ack)
		return false;
	return connection->closed || (half->synced && half->first != packet->seq + 1);
}

static int take_segment(struct connection *connection, int from, const struct packet *packet,
	uint64_t offset, int64_t time_us)
{
	struct side *side = &connection->sides[from];
	struct tcp_events events = events_of(side);
	const struct tcp_segment segment = {.seq = packet->seq + packet->syn,
		.bytes = packet->payload,
		.len = packet->len,
		.missing = packet->whole - packet->len,
		.offset = offset,
		.time_us = time_us};
	if (packet->syn) {
		tcp_sync(&side->half, segment.seq);
		connection->client = packet->ack ? !from : from;
	}
	if (packet->fin)
		tcp_fin(&side->half, segment.seq + (uint32_t)packet->whole, offset);
	int rc = tcp_take(&side->half, &segment, &events);
	if (!rc && side->half.finished)
		rc = content_end(connection->content, from);
	return rc;
}

/* What the packet acknowledges of the other end, before what it answers to that. */
static int take_ack(struct connection *connection, int from, const struct packet *packet,
	uint64_t offset, int64_t time_us)
{
	struct side *other = &connection->sides[!from];
	struct tcp_events events = events_of(other);
	if (!packet->ack || packet->rst || other->half.finished)
		return ATLS_OK;
	int rc = tcp_acked(&other->half, packet->awaited, offset, time_us, &events);
	if (!rc && other->half.finished)
		rc = content_end(connection->content, !from);
	return rc;
}

int connections_take(
	struct connections *all, const struct packet *packet, uint64_t offset, int64_t time_us)
{
	int from = 0, rc = ATLS_OK;
	struct connection *connection = find(all, packet, &from);
	if (!connection || is_new(connection, from, packet)) {
		if (connection && !connection->closed)
			rc = finish(connection);
		if (!connection)
			connection = add(all, packet);
		if (!connection)
			return ATLS_E_MEMORY;
		if (!rc)
			rc = begin(connection, packet->syn);
	}
	if (rc || connection->closed)
		return rc;
	TAILQ_REMOVE(&all->by_age, connection, by_age);
	TAILQ_INSERT_TAIL(&all->by_age, connection, by_age);
	rc = take_ack(connection, from, packet, offset, time_us);
	if (!rc)
		rc = take_segment(connection, from, packet, offset, time_us);
	bool over = connection->sides[0].half.finished && connection->sides[1].half.finished;
	if (!rc && (packet->rst || over))
		rc = finish(connection);
	count_memory(connection);
	return rc ? rc : make_room(all, offset, connection);
}

int connections_end(struct connections *all)
{
	struct connection *connection;
	int rc = ATLS_OK;
	TAILQ_FOREACH(connection, &all->by_age, by_age)
	{
		if (!rc && !connection->closed)
			rc = finish(connection);
	}
	return rc;
}
