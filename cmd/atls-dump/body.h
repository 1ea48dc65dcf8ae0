/* The TLS bytes that an HTTP message carries, and what its body says besides. */
#ifndef ATLS_DUMP_BODY_H
#define ATLS_DUMP_BODY_H

#include "core/buf.h"
#include "core/stream_dict.h"
#include "http.h"

struct body {
	bool is_atls;     /* by its label, by what stands in it, or by ATLS-Stream */
	int encoding;     /* enum atls_encoding, or -1: none by the label */
	bool raw;         /* a part of a raw stream, which may be TLS or not */
	bool has_records; /* else nothing of TLS was found; with len 0: a poll, or nothing to say */
	const uint8_t *records;
	size_t len;
	const uint8_t *plain; /* the body, unzipped */
	size_t plain_len;
	char *session;                /* the json member, or null */
	char *stream;                 /* that member, else ATLS-Stream; null: none */
	struct atls_stream_dict dict; /* what it says; nothing if it is malformed */

	struct atls_buf unzipped;
	uint8_t *copy; /* what was decoded in place */
};

/* Reads message's body into body, which body_free() frees. Tells sink what is malformed; null:
 * nobody. 0 or ATLS_E_MEMORY. */
int body_read(struct body *body, const struct http_message *message, const struct piece_sink *sink);
void body_free(struct body *body);

/* Whether a name is TYPE+octet-stream of RAW STREAMS in atls(7), whatever follows behind ';'. */
bool body_is_raw(const char *name);

/* Whether bytes begin like a TLS record: 1 yes, 0 no, -1 too few to say. */
int body_looks_like_tls(const uint8_t *bytes, size_t len);

/* Reads one json body, which began at offset, as body_read() does. body is all zero before. */
int body_read_json(struct body *body, const uint8_t *json, size_t len, uint64_t offset,
	const struct piece_sink *sink);

#endif
