/* What the two directions of a connection carry: HTTP, then perhaps a WebSocket, or TLS alone. */
#ifndef ATLS_DUMP_CONTENT_H
#define ATLS_DUMP_CONTENT_H

#include "dialog.h"

struct content;

/* Which end is the client: 0 or 1, or -1 where that is not known yet; label names the connection
 * once it is. Both may be asked, and client_is() told, while bytes are taken. */
struct content_names {
	int (*client)(void *ctx);
	void (*client_is)(void *ctx, int end);
	const char *(*label)(void *ctx);
	void *ctx;
};

/* dialogs and names are kept by reference. whole: from its beginning, so that the first bytes tell
 * what it is. Null: no memory. */
struct content *content_new(struct dialogs *dialogs, const struct content_names *names, bool whole);
void content_free(struct content *content);

/* Takes bytes that the end from sent. 0, ATLS_E_MEMORY or what the sink returned. */
int content_take(struct content *content, int from, const uint8_t *bytes, size_t len,
	uint64_t offset, int64_t time_us);

/* len bytes are missing here. */
int content_gap(struct content *content, int from, uint64_t len, uint64_t offset);

/* That end sends no more. */
int content_end(struct content *content, int from);

/* Both are silent for good. */
int content_close(struct content *content);

size_t content_memory(const struct content *content);

#endif
