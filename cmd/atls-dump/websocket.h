/* WebSocket frames (RFC 6455 section 5) out of the bytes of one direction. */
#ifndef ATLS_DUMP_WEBSOCKET_H
#define ATLS_DUMP_WEBSOCKET_H

#include "dialog.h"

struct websocket;

/* Gives its messages to dialog as of that direction; both pointers are kept by reference. Null: no
 * memory. */
struct websocket *websocket_new(struct dialog *dialog, bool down, const struct piece_sink *sink);
void websocket_free(struct websocket *websocket);

/* 0, ATLS_E_MEMORY or what the sink returned. */
int websocket_feed(struct websocket *websocket, const uint8_t *bytes, size_t len, uint64_t offset,
	int64_t time_us);

/* Bytes are missing: a frame in progress may go on behind them, else no more can be read. */
void websocket_gap(struct websocket *websocket, uint64_t len, uint64_t offset);
size_t websocket_memory(const struct websocket *websocket);

#endif
