#include "packet.h"

#include "out.h"

#include <arpa/inet.h>
#include <pcap/dlt.h>
#include <string.h>

enum ethertype {
	TYPE_IPV4 = 0x0800,
	TYPE_IPV6 = 0x86dd,
	TYPE_VLAN = 0x8100,
	TYPE_QINQ = 0x88a8,
	TYPE_QINQ_OLD = 0x9100,
};

enum protocol {
	PROTOCOL_HOP_BY_HOP = 0,
	PROTOCOL_TCP = 6,
	PROTOCOL_ROUTING = 43,
	PROTOCOL_FRAGMENT = 44,
	PROTOCOL_DESTINATION = 60,
};

/* What of the packet is not read yet. */
struct rest {
	const uint8_t *at;
	size_t len;
};

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)get16(at) << 16 | get16(at + 2);
}

static void skip(struct rest *rest, size_t len)
{
	rest->at += len;
	rest->len -= len;
}

/* ---- Link layers ---- */

/* Where the type of a link layer's payload stands, and how long its header is. */
static const struct link {
	int link;
	size_t type_at, size;
} links[] = {
	{DLT_EN10MB, 12, 14},
	{DLT_LINUX_SLL, 14, 16},
	{DLT_LINUX_SLL2, 0, 20},
};
#define LINKS (sizeof links / sizeof links[0])

static const struct link *find_link(int link)
{
	for (size_t i = 0; i < LINKS; i++)
		if (links[i].link == link)
			return &links[i];
	return NULL;
}

static bool is_bare_ip(int link)
{
	return link == DLT_RAW || link == DLT_IPV4 || link == DLT_IPV6;
}

bool packet_link_known(int link)
{
	return find_link(link) || is_bare_ip(link) || link == DLT_NULL || link == DLT_LOOP;
}

/* Takes the link layer's header, and tells what is behind it. */
static enum packet_kind read_link(int link, struct rest *rest, uint16_t *type)
{
	const struct link *known = find_link(link);
	size_t size = known ? known->size : is_bare_ip(link) ? 0 : 4;
	if (rest->len < size + 1)
		return PACKET_SHORT;
	if (known) {
		*type = get16(rest->at + known->type_at);
	} else { /* the family of DLT_NULL is another number on each system: look at the packet */
		uint8_t version = rest->at[size] >> 4;
		*type = version == 4 ? TYPE_IPV4 : version == 6 ? TYPE_IPV6 : 0;
	}
	skip(rest, size);
	while (*type == TYPE_VLAN || *type == TYPE_QINQ || *type == TYPE_QINQ_OLD) {
		if (rest->len < 4)
			return PACKET_SHORT;
		*type = get16(rest->at + 2);
		skip(rest, 4);
	}
	return PACKET_TCP;
}

/* ---- IP ---- */

/* What the packet has beyond its payload is padding of the link layer. A length of 0 is that of a
 * packet which the network card was yet to cut in pieces. */
static void trim(struct rest *rest, size_t len, size_t *missing)
{
	*missing = 0;
	if (len && rest->len > len)
		rest->len = len;
	else if (len)
		*missing = len - rest->len;
}

static enum packet_kind read_ipv4(struct rest *rest, struct packet *packet, size_t *missing)
{
	const uint8_t *ip = rest->at;
	if (rest->len < 20)
		return PACKET_SHORT;
	size_t header = (ip[0] & 15u) * 4;
	size_t total = get16(ip + 2);
	if (ip[0] >> 4 != 4 || header < 20 || (total && total < header))
		return PACKET_WRONG;
	if (rest->len < header)
		return PACKET_SHORT;
	if (ip[9] != PROTOCOL_TCP)
		return PACKET_OTHER;
	if (get16(ip + 6) & 0x3fff)
		return PACKET_FRAGMENT;
	memcpy(packet->from.address, ip + 12, 4);
	memcpy(packet->to.address, ip + 16, 4);
	trim(rest, total, missing);
	skip(rest, header);
	return PACKET_TCP;
}

static enum packet_kind skip_extensions(struct rest *rest, uint8_t protocol)
{
	while (protocol != PROTOCOL_TCP) {
		const uint8_t *at = rest->at;
		if (protocol != PROTOCOL_HOP_BY_HOP && protocol != PROTOCOL_ROUTING &&
			protocol != PROTOCOL_FRAGMENT && protocol != PROTOCOL_DESTINATION)
			return PACKET_OTHER;
		if (rest->len < 8)
			return PACKET_SHORT;
		if (protocol == PROTOCOL_FRAGMENT && (get16(at + 2) & 0xfff9))
			return at[0] == PROTOCOL_TCP ? PACKET_FRAGMENT : PACKET_OTHER;
		size_t size = protocol == PROTOCOL_FRAGMENT ? 8 : (at[1] + 1u) * 8;
		if (rest->len < size)
			return PACKET_SHORT;
		protocol = at[0];
		skip(rest, size);
	}
	return PACKET_TCP;
}

static enum packet_kind read_ipv6(struct rest *rest, struct packet *packet, size_t *missing)
{
	const uint8_t *ip = rest->at;
	if (rest->len < 40)
		return PACKET_SHORT;
	if (ip[0] >> 4 != 6)
		return PACKET_WRONG;
	size_t payload = get16(ip + 4);
	packet->ipv6 = true;
	memcpy(packet->from.address, ip + 8, 16);
	memcpy(packet->to.address, ip + 24, 16);
	skip(rest, 40);
	trim(rest, payload, missing);
	return skip_extensions(rest, ip[6]);
}

/* ---- TCP ---- */

static enum packet_kind read_tcp(struct rest *rest, struct packet *packet, size_t missing)
{
	const uint8_t *tcp = rest->at;
	if (rest->len < 20)
		return PACKET_SHORT;
	size_t header = (size_t)(tcp[12] >> 4) * 4;
	if (header < 20)
		return PACKET_WRONG;
	if (rest->len < header)
		return missing ? PACKET_SHORT : PACKET_WRONG;
	packet->from.port = get16(tcp);
	packet->to.port = get16(tcp + 2);
	packet->seq = get32(tcp + 4);
	packet->awaited = get32(tcp + 8);
	packet->fin = tcp[13] & 1;
	packet->syn = tcp[13] & 2;
	packet->rst = tcp[13] & 4;
	packet->ack = tcp[13] & 16;
	packet->payload = tcp + header;
	packet->len = rest->len - header;
	packet->whole = packet->len + missing;
	return PACKET_TCP;
}

enum packet_kind packet_read(int link, const uint8_t *bytes, size_t len, struct packet *packet)
{
	struct rest rest = {bytes, len};
	uint16_t type;
	size_t missing = 0;
	memset(packet, 0, sizeof *packet);
	enum packet_kind kind = read_link(link, &rest, &type);
	if (kind != PACKET_TCP)
		return kind;
	if (type == TYPE_IPV4)
		kind = read_ipv4(&rest, packet, &missing);
	else if (type == TYPE_IPV6)
		kind = read_ipv6(&rest, packet, &missing);
	else
		kind = PACKET_OTHER;
	return kind == PACKET_TCP ? read_tcp(&rest, packet, missing) : kind;
}

const char *packet_end_text(const struct packet_end *end, bool ipv6, char text[PACKET_TEXT])
{
	char *at = text;
	if (ipv6) {
		*at++ = '[';
		inet_ntop(AF_INET6, end->address, at, INET6_ADDRSTRLEN);
		at = stpcpy(at + strlen(at), "]:");
	} else {
		for (int i = 0; i < 4; i++) {
			at += out_digits(at, end->address[i]);
			*at++ = i < 3 ? '.' : ':';
		}
	}
	at[out_digits(at, end->port)] = '\0';
	return text;
}
