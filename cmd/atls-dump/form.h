/* The input forms that are push parsers: bytes in, pieces out. */
#ifndef ATLS_DUMP_FORM_H
#define ATLS_DUMP_FORM_H

#include "piece.h"

struct form {
	const char *name;

	/* A parser that gives its pieces to sink, which is kept by reference; null: no memory. */
	void *(*open)(const struct piece_sink *sink);

	/* Takes the next len bytes of the input, cut anywhere. 0, ATLS_E_MEMORY, or what
	 * sink->piece() returned. */
	int (*feed)(void *state, const uint8_t *bytes, size_t len);

	/* The input is over. Returns the same. */
	int (*end)(void *state);

	void (*close)(void *state); /* null is allowed */
};

extern const struct form form_raw, form_json, form_hex, form_base64, form_http, form_trace,
	form_har, form_flow;

/* Tells the sink what is malformed. */
void sink_malformed(const struct piece_sink *sink, uint64_t offset, const char *expected,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Gives the sink TLS bytes that no HTTP message carried. */
int sink_bytes(const struct piece_sink *sink, const void *bytes, size_t len, uint64_t offset);

#endif
