/* TCP connections out of packets in any order, and what is in them: HTTP, WebSocket or TLS. */
#ifndef ATLS_DUMP_CONNECTION_H
#define ATLS_DUMP_CONNECTION_H

#include "dialog.h"
#include "packet.h"

struct connections;

/* sink is kept by reference. Null: no memory. */
struct connections *connections_new(const struct piece_sink *sink);
void connections_free(struct connections *connections);

/* Takes a TCP packet that was captured at time_us, with its payload at offset in the input. 0,
 * ATLS_E_MEMORY, or what the sink returned. */
int connections_take(struct connections *connections, const struct packet *packet, uint64_t offset,
	int64_t time_us);

/* The capture is over: gives all that waits. */
int connections_end(struct connections *connections);

/* Bytes that are held. */
size_t connections_memory(const struct connections *connections);

#endif
