/* Reads fields off the front of a stretch of bytes, and says each as it is read. */
#ifndef ATLS_EXPLAIN_WALK_H
#define ATLS_EXPLAIN_WALK_H

#include "explain/names.h"
#include "explain/node.h"

/* One message under way. */
struct atls_walk {
	struct atls_nodes nodes;
	const uint8_t *base; /* places are counted from here */
};

/* What is left of a stretch. Reading beyond its end is said once, and leaves it empty. */
struct atls_cut {
	struct atls_walk *walk;
	const uint8_t *at;
	size_t len;
	bool failed;
};

/* Where the stretch stands in the message. */
static inline size_t atls_walk_place(const struct atls_cut *cut)
{
	return (size_t)(cut->at - cut->walk->base);
}

/* Width bytes as a number, without saying it; 0 if they are not there. */
uint64_t atls_walk_take(struct atls_cut *cut, size_t width, const char *key);

/* len bytes as a stretch of their own, without saying them; short if there are fewer. */
struct atls_cut atls_walk_part(struct atls_cut *cut, size_t len, const char *key);

/* What a length of width bytes in front announces, as a stretch. */
struct atls_cut atls_walk_vector(struct atls_cut *cut, size_t width, const char *key);

/* The same, said: a number, a number with a name, bytes, text, all that is left. */
uint64_t atls_walk_number(struct atls_cut *cut, size_t width, const char *key);
unsigned atls_walk_code(struct atls_cut *cut, size_t width, const char *key, atls_name_fn *name);
void atls_walk_bytes(struct atls_cut *cut, size_t len, const char *key);
void atls_walk_opaque(struct atls_cut *cut, size_t width, const char *key);
void atls_walk_string(struct atls_cut *cut, size_t width, const char *key);
void atls_walk_rest(struct atls_cut *cut, const char *key);

/* A vector with a length of length_width bytes, of numbers of width (1 or 2) bytes, as a list. */
void atls_walk_codes(struct atls_cut *cut, size_t length_width, size_t width, const char *key,
	atls_name_fn *name);

/* Says so if something is left where nothing should be. */
void atls_walk_finish(struct atls_cut *cut);

void atls_walk_begin(struct atls_walk *walk, const char *key);
void atls_walk_begin_list(struct atls_walk *walk, const char *key);
void atls_walk_end(struct atls_walk *walk);
void atls_walk_wrong(struct atls_walk *walk, size_t at, const char *expected, const char *found);

#endif
