/* What one end says, as a byte stream with positions: kept until the other has it. It knows nothing
 * of requests, so that every carriage with positions can send from it. */
#ifndef ATLS_CORE_STREAM_SEND_H
#define ATLS_CORE_STREAM_SEND_H

#include "atls.h"

/* Memory that bodies are cut from. It never moves, and is freed when the last who holds it has
 * released it. */
struct atls_block {
	struct atls_block *next;
	_Atomic unsigned holders;
	uint64_t position; /* of its first byte */
	size_t len, cap;
	uint8_t bytes[];
};

/* Null is allowed. */
void atls_block_release(struct atls_block *block);

/* A part of the stream. Who was given one releases the block once, when the bytes are sent. */
struct atls_piece {
	struct atls_block *block; /* null if len is 0 */
	const uint8_t *bytes;
	size_t len;
};

/* Plain data for those who look; only the functions change it. */
struct atls_send {
	struct atls_block *first, *last;
	size_t block_size; /* of one block, and of one body */
	size_t keep_max;   /* bytes that are not acknowledged, above which there is no room */
	uint64_t acked;    /* the other end has all before this */
	uint64_t next;     /* the first byte that was not sent, or is to be sent anew */
	uint64_t top;      /* one past the last byte that was ever sent */
	uint64_t end;      /* one past the last byte that there is */
	uint64_t max;      /* credit: one past the last byte that may be sent */
	bool ended;        /* there will be no more bytes */
	bool aborted;      /* although there should be */
	bool fin_sent, fin_ever, fin_acked;
};

/* Blocks of block_size bytes, if there is enough to fill them. */
void atls_send_init(struct atls_send *send, size_t block_size, size_t keep_max);
void atls_send_free(struct atls_send *send);

/* From now on blocks of body_max bytes, or of body_long if that is more and the path a long one, by
 * the shortest round trip so far in ms (INT64_MAX: none was seen): wide as it is, such a path takes
 * much only in large bodies. */
void atls_send_resize(
	struct atls_send *send, size_t body_max, size_t body_long, int64_t round_trip);

/* How many bytes more it may hold, if unsent_max of them wait to be sent at most. */
size_t atls_send_room(const struct atls_send *send, size_t unsent_max);

/* Appends a copy. 0 or ATLS_E_MEMORY; to heed the room is the caller's. */
int atls_send_append(struct atls_send *send, const void *bytes, size_t len);

/* No more will be appended; aborted: although not all was said. */
void atls_send_end(struct atls_send *send);
void atls_send_abort(struct atls_send *send);

/* What a dictionary has to say of the end where it says it: fin, with or without abort. */
unsigned atls_send_end_bits(const struct atls_send *send);

/* Whether the other end has all that was said. An end that is none is a part of that. */
bool atls_send_delivered(const struct atls_send *send);

/* The other end has this and grants that; older news does no harm. ATLS_E_PROTOCOL if it
 * acknowledges what was never sent. */
int atls_send_acked(struct atls_send *send, uint64_t ack, uint64_t max, struct atls_error *err);

/* Sends from position on again, or from what is acknowledged, whichever is later. */
void atls_send_rewind(struct atls_send *send, uint64_t position);

/* How many bytes may be sent from next on. */
size_t atls_send_ready(const struct atls_send *send);
/* Whether the end is to be said: all bytes were sent, and it was not. */
bool atls_send_fin_ready(const struct atls_send *send);

/* Gives up to len bytes from position on, fewer where a block ends; it does not change next. */
void atls_send_piece(
	const struct atls_send *send, uint64_t position, size_t len, struct atls_piece *piece);

/* Gives up to len of the bytes that are ready, and counts them as sent. *fin: the end comes with
 * them, and counts as said. */
void atls_send_cut(struct atls_send *send, size_t len, struct atls_piece *piece, bool *fin);

#endif
