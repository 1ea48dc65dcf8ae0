/* One direction of a TCP connection: segments in any order in, its bytes in order out. */
#ifndef ATLS_DUMP_TCP_H
#define ATLS_DUMP_TCP_H

#include "atls.h"

/* Takes what comes next. 0, or what ends the feeding. */
struct tcp_events {
	int (*bytes)(void *ctx, const uint8_t *bytes, size_t len, uint64_t offset, int64_t time_us);

	/* Nothing is known of the next len bytes. */
	int (*gap)(void *ctx, uint64_t len, uint64_t offset);
	void *ctx;
};

struct tcp_segment {
	uint32_t seq; /* of bytes[0], behind a SYN's own number */
	const uint8_t *bytes;
	size_t len;
	size_t missing;  /* bytes behind them that were sent, and not captured */
	uint64_t offset; /* of bytes in the input */
	int64_t time_us;
};

struct tcp_held;

/* All zero before the first call. */
struct tcp_half {
	bool synced;   /* next is known */
	bool finished; /* all up to a FIN was given */
	bool has_end;
	uint32_t first;     /* the first number that was known */
	uint32_t next, end; /* sequence numbers: what is awaited, and where a FIN stands */
	uint64_t end_offset;
	bool acked;          /* what is next was acknowledged, unseen, */
	uint32_t acked_next; /* which then was this number, */
	int64_t acked_us;    /* and the time this */
	struct tcp_held *held;
	unsigned held_count;
	size_t held_bytes;
};

/* The connection begins: its first byte is seq. */
void tcp_sync(struct tcp_half *half, uint32_t seq);

/* No byte comes from seq on; the packet that says so stands at offset. */
void tcp_fin(struct tcp_half *half, uint32_t seq, uint64_t offset);

/* Takes a segment. Gives what is in order, and gives a gap up where too much waits behind it. 0,
 * ATLS_E_MEMORY, or what an event returned. */
int tcp_take(
	struct tcp_half *half, const struct tcp_segment *segment, const struct tcp_events *events);

/* The other end has what comes before seq, says a packet at offset. What of it was not captured by
 * then, nor for TCP_LATE_US after, is given up as a gap. 0, or what an event returned. */
int tcp_acked(struct tcp_half *half, uint32_t seq, uint64_t offset, int64_t time_us,
	const struct tcp_events *events);

/* No more comes: gives all that waits, with its gaps. */
int tcp_flush(struct tcp_half *half, const struct tcp_events *events);

void tcp_free(struct tcp_half *half);

#endif
