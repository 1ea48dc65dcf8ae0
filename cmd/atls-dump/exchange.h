/* HTTP messages of one file, of both directions in one or two streams of bytes. */
#ifndef ATLS_DUMP_EXCHANGE_H
#define ATLS_DUMP_EXCHANGE_H

#include "dialog.h"

/* Two parsers of marked messages over one dialog. */
struct exchange {
	struct dialogs dialogs;
	struct dialog *dialog;
	struct http_events events;
	struct http_parser *parsers[2]; /* up, down */
};

/* 0 or ATLS_E_MEMORY; exchange_free() in either case. sink is kept by reference, and exchange must
 * not move. */
int exchange_init(struct exchange *exchange, const struct piece_sink *sink);
void exchange_free(struct exchange *exchange);

/* Takes bytes of that direction. */
int exchange_feed(
	struct exchange *exchange, bool down, const void *bytes, size_t len, uint64_t offset);

/* A head begins here in that direction, see http_mark(); what the other one said so far is whole if
 * nothing tells its length. */
int exchange_mark(struct exchange *exchange, bool down);
int exchange_end(struct exchange *exchange);

#endif
