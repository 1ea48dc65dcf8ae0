/* What the decoder says: a tree of named values, one after the other. A text tree, JSON and a list
 * of chosen fields are made of it by who listens. */
#ifndef ATLS_EXPLAIN_NODE_H
#define ATLS_EXPLAIN_NODE_H

#include "atls.h"

#define ATLS_NOWHERE SIZE_MAX

/* A thing with parts. Keys are valid for ever; in a list, what stands directly below has none. */
struct atls_node {
	const char *key;
	bool list;
	bool coded; /* it has a type: code, written with digits hexadecimal digits (0: decimal) */
	unsigned code, digits;
	const char *name; /* the type's; null: not registered */
	size_t at, len;   /* place in the message, header and all; at may be ATLS_NOWHERE */
};

/* Receives the tree. Bytes and texts are valid during the call; texts may be anything. */
struct atls_node_ops {
	void (*begin)(void *ctx, const struct atls_node *node);
	void (*end)(void *ctx);
	void (*number)(void *ctx, const char *key, uint64_t value);
	void (*code)(void *ctx, const char *key, unsigned value, unsigned digits, const char *name);
	void (*text)(void *ctx, const char *key, const void *text, size_t len);
	void (*bytes)(void *ctx, const char *key, const uint8_t *bytes, size_t len);
	void (*digest)(
		void *ctx, const char *key, const uint8_t *bytes, size_t len); /* hex by custom */
	void (*flag)(void *ctx, const char *key, bool value);

	/* Something is not as it should be, at a place in the message. */
	void (*wrong)(void *ctx, size_t at, const char *expected, const char *found);
};

struct atls_nodes {
	const struct atls_node_ops *ops;
	void *ctx;
};

#endif
