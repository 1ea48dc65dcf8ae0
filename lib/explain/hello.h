/* The two hellos at a glance, for those who need a few of their fields fast. */
#ifndef ATLS_EXPLAIN_HELLO_H
#define ATLS_EXPLAIN_HELLO_H

#include "atls.h"

struct atls_span {
	const uint8_t *at;
	size_t len;
};

#define ATLS_HELLO_TYPES 128u /* more extensions than these are no client's */

/* Pointers lie in the message. What is absent is null or zero. */
struct atls_hello {
	bool client;
	bool retry;       /* a ServerHello that is a HelloRetryRequest (RFC 8446 section 4.1.3) */
	bool broken;      /* malformed somewhere: what could be read is here */
	uint16_t version; /* legacy_version */
	const uint8_t *random;
	struct atls_span session_id;
	struct atls_span suites; /* client */
	uint16_t suite;          /* server */
	struct atls_span extensions;
	unsigned extension_count;
	uint16_t types[ATLS_HELLO_TYPES]; /* of the first extensions, in their order */
	struct atls_span name;            /* of server_name */
	struct atls_span alpn;            /* the list: a length byte and a name each */
	struct atls_span groups;          /* 16 bits each */
	struct atls_span points;          /* 8 bits each */
	struct atls_span signatures;      /* 16 bits each */
	struct atls_span versions;        /* client: 16 bits each */
	uint16_t selected;                /* server: of supported_versions */
	bool has_name, has_alpn, etm, ems, early_data, psk;
};

/* Reads a ClientHello or ServerHello without its 4-byte header. */
void atls_hello_read(struct atls_hello *hello, bool client, const uint8_t *bytes, size_t len);

/* The version that a ServerHello settles, or the highest that a ClientHello offers. */
uint16_t atls_hello_version(const struct atls_hello *hello);

/* The i-th 16-bit number of a span; the index is below len / 2. */
static inline unsigned atls_span_u16(struct atls_span span, size_t i)
{
	return (unsigned)span.at[2 * i] << 8 | span.at[2 * i + 1];
}

/* Takes a 16-bit type and a vector off an extension list's front. False at its end, or if it is
 * malformed, with list->len then not 0. */
bool atls_extension_next(struct atls_span *list, unsigned *type, struct atls_span *value);

#endif
