/* What both halves do with a WebSocket: a sender, a receiver, and one connection between them and
 * the other end's. */
#ifndef ATLS_CORE_STREAM_WS_IMPL_H
#define ATLS_CORE_STREAM_WS_IMPL_H

#include "core/stream_recv.h"
#include "core/stream_send.h"

struct atls_stream_words;
struct atls_stream_dict;

struct atls_attachment {
	bool on;
	bool greeted;      /* the other end's dictionary came */
	uint64_t position; /* of the next byte that comes */
	uint64_t out;      /* of the next byte that the other end expects */
	uint64_t told_ack, told_max;
};

/* Sends from what is acknowledged on. */
void atls_attachment_begin(struct atls_attachment *ws, struct atls_send *send);

/* ack, max and fin of a dictionary of the other end's, which says from in it. */
int atls_attachment_text(struct atls_attachment *ws, struct atls_send *send, struct atls_recv *recv,
	const struct atls_stream_dict *dict, uint64_t from, struct atls_error *err);

int atls_attachment_bytes(struct atls_attachment *ws, struct atls_recv *recv, const void *bytes,
	size_t len, struct atls_error *err);

/* Whether there is a message to be said; of a text only that it is one, with fin if it is to say
 * that. */
bool atls_attachment_next(struct atls_attachment *ws, struct atls_send *send,
	struct atls_recv *recv, size_t unread, size_t room, struct atls_stream_words *words);

/* Remembers what a dictionary tells the other end; from: where the next byte stands. */
void atls_attachment_told(
	struct atls_attachment *ws, const struct atls_stream_dict *dict, uint64_t from);

#endif
