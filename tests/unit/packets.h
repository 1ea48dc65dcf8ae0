/* A capture of one TCP connection over IPv4, as pcap with raw IP. */
#ifndef ATLS_TESTS_PACKETS_H
#define ATLS_TESTS_PACKETS_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PACKETS_BYTES (4u << 20)
#define PACKETS_MAX   4096u
#define TEXT_OF(text) (text), sizeof(text) - 1

struct packets {
	uint8_t bytes[PACKETS_BYTES];
	size_t len;
	size_t starts[PACKETS_MAX + 1]; /* of each packet's record; the end is behind the last */
	size_t count;
	uint32_t sent[2]; /* bytes that each end sent */
	uint32_t seen[2]; /* and that it acknowledges of the other's */
};

enum { PACKET_FIN = 1, PACKET_SYN = 2, PACKET_ACK = 16 };

static inline void packets_put(struct packets *packets, uint64_t value, size_t size, bool big)
{
	if (packets->len + size > PACKETS_BYTES)
		abort();
	for (size_t i = 0; i < size; i++)
		packets->bytes[packets->len + (big ? size - 1 - i : i)] = (uint8_t)(value >> 8 * i);
	packets->len += size;
}

static inline void packets_begin(struct packets *packets, uint32_t link)
{
	packets->len = packets->count = 0;
	packets->sent[0] = packets->sent[1] = packets->seen[0] = packets->seen[1] = 0;
	packets_put(packets, 0xa1b2c3d4, 4, false);
	packets_put(packets, 0x00040002, 4, false);
	packets_put(packets, 0, 8, false);
	packets_put(packets, 262144, 4, false);
	packets_put(packets, link, 4, false);
	packets->starts[0] = packets->len;
}

/* A packet of the end from, with the sequence number that many bytes behind its first one. */
static inline void packets_add(struct packets *packets, int from, uint32_t seq, unsigned flags,
	const char *bytes, size_t len)
{
	packets_put(packets, 1700000000 + packets->count, 8, false);
	packets_put(packets, 40 + len, 4, false);
	packets_put(packets, 40 + len, 4, false);
	packets_put(packets, 0x45000000 | (40 + len), 4, true);
	packets_put(packets, 0, 4, true);
	packets_put(packets, 0x40060000, 4, true);
	packets_put(packets, from ? 0x0a000002 : 0x0a000001, 4, true);
	packets_put(packets, from ? 0x0a000001 : 0x0a000002, 4, true);
	packets_put(packets, from ? 80u << 16 | 40000 : 40000u << 16 | 80, 4, true);
	packets_put(packets, 0xfffffff0 + 1000u * (uint32_t)from + seq, 4, true); /* wraps */
	packets_put(packets, 0xfffffff0 + 1000u * (uint32_t)!from + packets->seen[from], 4, true);
	packets_put(packets, 0x5000ffff | flags << 16, 4, true);
	packets_put(packets, 0, 4, true);
	if (packets->len + len > PACKETS_BYTES || packets->count == PACKETS_MAX)
		abort();
	if (len)
		memcpy(packets->bytes + packets->len, bytes, len);
	packets->len += len;
	packets->starts[++packets->count] = packets->len;
}

static inline void packets_syn(struct packets *packets)
{
	packets_add(packets, 0, UINT32_MAX, PACKET_SYN, NULL, 0);
	packets_add(packets, 1, UINT32_MAX, PACKET_SYN | PACKET_ACK, NULL, 0);
}

static inline void packets_at(
	struct packets *packets, int from, size_t at, const char *bytes, size_t len)
{
	packets_add(packets, from, (uint32_t)at, PACKET_ACK, bytes, len);
}

/* Bytes behind those that this end sent before. */
static inline void packets_send(
	struct packets *packets, int from, const char *bytes, size_t len, size_t segment)
{
	for (size_t at = 0; at < len; at += segment) {
		size_t part = segment < len - at ? segment : len - at;
		packets_at(packets, from, packets->sent[from], bytes + at, part);
		packets->sent[from] += (uint32_t)part;
	}
}

static inline void packets_fin(struct packets *packets)
{
	for (int from = 0; from < 2; from++)
		packets_add(packets, from, packets->sent[from], PACKET_FIN | PACKET_ACK, NULL, 0);
}

static inline void packets_copy(struct packets *to, const struct packets *from, size_t i)
{
	size_t len = from->starts[i + 1] - from->starts[i];
	memcpy(to->bytes + to->len, from->bytes + from->starts[i], len);
	to->len += len;
	to->starts[++to->count] = to->len;
}

/* The same packets, those from first on in another order: every step-th, from each begin. */
static inline void packets_shuffle(
	struct packets *to, const struct packets *from, size_t first, size_t step)
{
	packets_begin(to, 101);
	for (size_t i = 0; i < first; i++)
		packets_copy(to, from, i);
	for (size_t begin = step; begin-- > 0;)
		for (size_t i = first + begin; i < from->count; i += step)
			packets_copy(to, from, i);
}

static inline void packets_without(struct packets *to, const struct packets *from, size_t lost)
{
	packets_begin(to, 101);
	for (size_t i = 0; i < from->count; i++)
		if (i != lost)
			packets_copy(to, from, i);
}

#endif
