/* The dictionary of stream carriage: what the header ATLS-Stream, the member "stream" of a json
 * body and the text messages of a WebSocket hold (RFC 8941 section 3.2, and STREAM CARRIAGE in
 * atls(7)). */
#ifndef ATLS_CORE_STREAM_DICT_H
#define ATLS_CORE_STREAM_DICT_H

#include "atls.h"

/* Beyond these a text is refused: ours are far shorter, and what others add stays small. */
#define ATLS_DICT_LENGTH_MAX 1024u
#define ATLS_DICT_KEYS_MAX   32u
#define ATLS_DICT_ITEMS_MAX  16u /* of an inner list; and parameters of one item */

/* Its keys. */
enum {
	ATLS_DICT_ID = 1 << 0,
	ATLS_DICT_GEN = 1 << 1,
	ATLS_DICT_UP = 1 << 2,
	ATLS_DICT_DOWN = 1 << 3,
	ATLS_DICT_ACK = 1 << 4,
	ATLS_DICT_MAX = 1 << 5,
	ATLS_DICT_POLL = 1 << 6,
	ATLS_DICT_INFLIGHT = 1 << 7,
	ATLS_DICT_KEEP = 1 << 8,
	ATLS_DICT_FIN = 1 << 9,
	ATLS_DICT_ABORT = 1 << 10, /* beside fin */
};

/* What every request, and every answer, must have. */
#define ATLS_DICT_REQUEST                                                                          \
	(ATLS_DICT_ID | ATLS_DICT_GEN | ATLS_DICT_UP | ATLS_DICT_ACK | ATLS_DICT_MAX)
#define ATLS_DICT_ANSWER                                                                           \
	(ATLS_DICT_DOWN | ATLS_DICT_ACK | ATLS_DICT_MAX | ATLS_DICT_INFLIGHT | ATLS_DICT_KEEP)

struct atls_stream_dict {
	unsigned has; /* the keys that are there; fin and abort are there if they are true */
	char id[ATLS_STREAM_ID + 1];
	uint64_t gen, up, down, ack, max; /* 0 to 999999999999999 */
	uint64_t poll, inflight, keep;    /* seconds, a count, seconds */
};

/* Reads a dictionary of len characters strictly; keys that are not known are ignored. 0, or
 * ATLS_E_PROTOCOL with err filled and an empty dict. */
int atls_stream_dict_read(
	struct atls_stream_dict *dict, const char *text, size_t len, struct atls_error *err);

/* Whether all the keys of bits are there: 0, or ATLS_E_PROTOCOL with err naming one that is not. */
int atls_stream_dict_need(
	const struct atls_stream_dict *dict, unsigned bits, struct atls_error *err);

/* Writes a dictionary with a NUL; returns its length without it. */
size_t atls_stream_dict_write(const struct atls_stream_dict *dict, char text[ATLS_STREAM_TEXT]);

#endif
