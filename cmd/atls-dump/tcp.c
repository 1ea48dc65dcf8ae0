#include "tcp.h"

#include "limits.h"

#include <stdlib.h>
#include <string.h>

/* No window is larger than 1 GiB (RFC 7323 section 2.3): what is farther away is not of this
 * connection. */
#define WINDOW_MAX (1 << 30)

/* A segment that waits for what comes before it; the list is in order of seq. */
struct tcp_held {
	struct tcp_held *next;
	struct tcp_segment segment;
	uint8_t bytes[];
};

/* How far b lies behind a; numbers wrap. */
static int32_t distance(uint32_t a, uint32_t b)
{
	return (int32_t)(b - a);
}

void tcp_sync(struct tcp_half *half, uint32_t seq)
{
	if (half->synced)
		return;
	half->synced = true;
	half->first = half->next = seq;
}

void tcp_fin(struct tcp_half *half, uint32_t seq, uint64_t offset)
{
	half->end_offset = offset;
	half->has_end = true;
	half->end = seq;
	half->finished = !half->synced || distance(half->end, half->next) >= 0;
}

/* Tells that the stream goes on len bytes later, where what is known stands at offset. */
static int give_gap(
	struct tcp_half *half, size_t len, uint64_t offset, const struct tcp_events *events)
{
	half->next += (uint32_t)len;
	half->finished = half->has_end && distance(half->end, half->next) >= 0;
	return events->gap(events->ctx, len, offset);
}

/* Gives what of the segment is new, which begins at or in front of next. */
static int give(
	struct tcp_half *half, const struct tcp_segment *segment, const struct tcp_events *events)
{
	size_t old = (uint32_t)distance(segment->seq, half->next);
	int rc = ATLS_OK;
	if (old < segment->len) {
		half->next += (uint32_t)(segment->len - old);
		half->finished = half->has_end && distance(half->end, half->next) >= 0;
		rc = events->bytes(events->ctx, segment->bytes + old, segment->len - old,
			segment->offset + old, segment->time_us);
		old = segment->len;
	}
	if (rc || old >= segment->len + segment->missing)
		return rc;
	return give_gap(half, segment->len + segment->missing - old, segment->offset + segment->len,
		events);
}

static int give_first_held(struct tcp_half *half, const struct tcp_events *events)
{
	struct tcp_held *held = half->held;
	half->held = held->next;
	half->held_count--;
	half->held_bytes -= sizeof *held + held->segment.len;
	int rc = give(half, &held->segment, events);
	free(held);
	return rc;
}

/* Gives what waited and is in order now. */
static int drain(struct tcp_half *half, const struct tcp_events *events)
{
	int rc = ATLS_OK;
	while (!rc && half->held && distance(half->next, half->held->segment.seq) <= 0)
		rc = give_first_held(half, events);
	return rc;
}

static int skip_gap(struct tcp_half *half, const struct tcp_events *events)
{
	const struct tcp_segment *first = &half->held->segment;
	size_t len = (uint32_t)distance(half->next, first->seq);
	int rc = give_gap(half, len, first->offset, events);
	return rc ? rc : drain(half, events);
}

static int hold(struct tcp_half *half, const struct tcp_segment *segment)
{
	struct tcp_held **link = &half->held;
	struct tcp_held *held = malloc(sizeof *held + segment->len);
	if (!held)
		return ATLS_E_MEMORY;
	while (*link && distance((*link)->segment.seq, segment->seq) >= 0)
		link = &(*link)->next;
	held->segment = *segment;
	held->segment.bytes = held->bytes;
	if (segment->len)
		memcpy(held->bytes, segment->bytes, segment->len);
	held->next = *link;
	*link = held;
	half->held_count++;
	half->held_bytes += sizeof *held + segment->len;
	return ATLS_OK;
}

int tcp_take(
	struct tcp_half *half, const struct tcp_segment *segment, const struct tcp_events *events)
{
	if (segment->len + segment->missing == 0)
		return ATLS_OK;
	tcp_sync(half, segment->seq);
	int32_t ahead = distance(half->next, segment->seq);
	if (ahead > WINDOW_MAX || ahead < -WINDOW_MAX)
		return ATLS_OK;
	if (ahead <= 0) {
		int rc = give(half, segment, events);
		return rc ? rc : drain(half, events);
	}
	int rc = hold(half, segment);
	while (!rc && half->held &&
		(half->held_bytes > TCP_HELD_MAX || half->held_count > TCP_HELD_COUNT))
		rc = skip_gap(half, events);
	return rc;
}

/* How much of what comes next will not come any more, if all before seq has arrived. */
static int32_t lost_before(const struct tcp_half *half, uint32_t seq)
{
	int32_t lost = distance(half->next, seq);
	if (half->has_end && distance(half->next, half->end) < lost)
		lost = distance(half->next, half->end);
	if (half->held && distance(half->next, half->held->segment.seq) < lost)
		return distance(half->next, half->held->segment.seq);
	/* A single number may be that of a FIN which was not captured. */
	return lost == 1 && !half->has_end ? 0 : lost;
}

int tcp_acked(struct tcp_half *half, uint32_t seq, uint64_t offset, int64_t time_us,
	const struct tcp_events *events)
{
	int32_t lost = half->synced ? lost_before(half, seq) : 0;
	if (lost <= 0 || lost > WINDOW_MAX)
		return ATLS_OK;
	if (!half->acked || half->acked_next != half->next) {
		half->acked = true;
		half->acked_next = half->next;
		half->acked_us = time_us;
	}
	if (time_us - half->acked_us < TCP_LATE_US)
		return ATLS_OK;
	half->acked = false;
	int rc = give_gap(
		half, (uint32_t)lost, half->held ? half->held->segment.offset : offset, events);
	return rc ? rc : drain(half, events);
}

int tcp_flush(struct tcp_half *half, const struct tcp_events *events)
{
	int rc = drain(half, events);
	while (!rc && half->held)
		rc = skip_gap(half, events);
	if (!rc && half->synced && half->has_end && distance(half->next, half->end) > 0)
		rc = give_gap(
			half, (uint32_t)distance(half->next, half->end), half->end_offset, events);
	return rc;
}

void tcp_free(struct tcp_half *half)
{
	while (half->held) {
		struct tcp_held *held = half->held;
		half->held = held->next;
		free(held);
	}
	memset(half, 0, sizeof *half);
}
