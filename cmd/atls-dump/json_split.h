/* Finds the JSON objects of a stream of text, without reading what is in them. */
#ifndef ATLS_DUMP_JSON_SPLIT_H
#define ATLS_DUMP_JSON_SPLIT_H

#include "core/buf.h"
#include "form.h"

/* Takes one object, from brace to brace, that began at offset. What it
 * returns other than 0 ends the feeding. */
typedef int json_split_fn(void *ctx, const uint8_t *object, size_t len, uint64_t offset);

struct json_split {
	const struct piece_sink *sink;
	json_split_fn *take;
	void *ctx;
	unsigned wanted; /* containers around the objects that are taken; 0: none, as in a log */
	uint64_t offset; /* of what comes next */
	unsigned depth;
	bool inside; /* an object that is taken */
	bool string, escape;
	bool too_long;
	uint64_t start; /* of that object */
	struct atls_buf object;
};

void json_split_init(struct json_split *split, const struct piece_sink *sink, unsigned wanted,
	json_split_fn *take, void *ctx);
int json_split_feed(struct json_split *split, const uint8_t *bytes, size_t len);

/* Tells of an object that has no end. */
void json_split_end(struct json_split *split);
void json_split_free(struct json_split *split);

#endif
