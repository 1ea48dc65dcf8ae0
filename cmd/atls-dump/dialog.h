/* Requests and answers of one connection: which are ATLS, which belong together, which session. */
#ifndef ATLS_DUMP_DIALOG_H
#define ATLS_DUMP_DIALOG_H

#include "http.h"

/* What all connections of one input share. */
struct dialogs {
	const struct piece_sink *sink;
	unsigned long long exchanges; /* of ATLS, so far */
};

struct dialog;

/* label names the connection, and stands in for a session of which nothing else tells. dialogs is
 * kept by reference, label is copied. Null: no memory. */
struct dialog *dialog_new(struct dialogs *dialogs, const char *label);
void dialog_free(struct dialog *dialog);

/* Takes a message in the order of capture, and gives what it carries to the sink. A first request
 * waits for its answer, which names the session. 0, ATLS_E_MEMORY or what the sink returned. */
int dialog_message(struct dialog *dialog, const struct http_message *message);

/* The method of the request that the next answer is to, or null. */
const char *dialog_method(const struct dialog *dialog);

/* It is a WebSocket already, of a session that has this name whatever is said on it. 0 or
 * ATLS_E_MEMORY. */
int dialog_begin_websocket(struct dialog *dialog, const char *session);

/* Whether the connection is a WebSocket from here on. */
bool dialog_is_websocket(const struct dialog *dialog);

/* Takes a WebSocket message, or a part of a binary one. */
struct dialog_frame {
	bool down;
	bool text; /* then bytes has a NUL behind it */
	const uint8_t *bytes;
	size_t len;
	uint64_t offset;
	int64_t time_us;
};
int dialog_frame(struct dialog *dialog, const struct dialog_frame *frame);

/* No more comes: first requests that waited are given. */
int dialog_end(struct dialog *dialog);

size_t dialog_memory(const struct dialog *dialog);

#endif
