/* One captured packet: link layer, IPv4 or IPv6, TCP. */
#ifndef ATLS_DUMP_PACKET_H
#define ATLS_DUMP_PACKET_H

#include "atls.h"

#define PACKET_TEXT 128u

struct packet_end {
	uint8_t address[16]; /* of IPv4, the first four */
	uint16_t port;
};

struct packet {
	bool ipv6;
	struct packet_end from, to;
	bool syn, ack, fin, rst;
	uint32_t seq;
	uint32_t awaited;       /* of the other end, if ack: all before it has arrived */
	const uint8_t *payload; /* in the packet; len bytes of it were captured */
	size_t len;
	size_t whole; /* and so many were sent */
};

enum packet_kind {
	PACKET_TCP,
	PACKET_OTHER,    /* something else, which is none of ours */
	PACKET_FRAGMENT, /* of an IP packet */
	PACKET_SHORT,    /* less was captured than the headers have */
	PACKET_WRONG,    /* the headers contradict themselves */
};

/* Whether packets of that link type (DLT_..., as pcap_datalink() gives it) can be read. */
bool packet_link_known(int link);

/* Reads the len bytes that were captured of a packet. */
enum packet_kind packet_read(int link, const uint8_t *bytes, size_t len, struct packet *packet);

/* "192.0.2.1:80" or "[2001:db8::1]:80". Returns text. */
const char *packet_end_text(const struct packet_end *end, bool ipv6, char text[PACKET_TEXT]);

#endif
