#include "explain/walk.h"

#include <stdio.h>

void atls_walk_begin(struct atls_walk *walk, const char *key)
{
	const struct atls_node node = {.key = key, .at = ATLS_NOWHERE};
	walk->nodes.ops->begin(walk->nodes.ctx, &node);
}

void atls_walk_begin_list(struct atls_walk *walk, const char *key)
{
	const struct atls_node node = {.key = key, .list = true, .at = ATLS_NOWHERE};
	walk->nodes.ops->begin(walk->nodes.ctx, &node);
}

void atls_walk_end(struct atls_walk *walk)
{
	walk->nodes.ops->end(walk->nodes.ctx);
}

void atls_walk_wrong(struct atls_walk *walk, size_t at, const char *expected, const char *found)
{
	walk->nodes.ops->wrong(walk->nodes.ctx, at, expected, found);
}

/* Whether len bytes are there; if not, says so. */
static bool have(struct atls_cut *cut, size_t len, const char *key)
{
	char expected[96], found[64];
	if (len <= cut->len)
		return true;
	if (!cut->failed) {
		snprintf(expected, sizeof expected, "%zu bytes of %s", len, key ? key : "a list");
		snprintf(found, sizeof found, "%zu", cut->len);
		atls_walk_wrong(cut->walk, atls_walk_place(cut), expected, found);
	}
	cut->failed = true;
	return false;
}

uint64_t atls_walk_take(struct atls_cut *cut, size_t width, const char *key)
{
	uint64_t value = 0;
	if (!have(cut, width, key)) {
		cut->at += cut->len;
		cut->len = 0;
		return 0;
	}
	for (size_t i = 0; i < width; i++)
		value = value << 8 | cut->at[i];
	cut->at += width;
	cut->len -= width;
	return value;
}

struct atls_cut atls_walk_part(struct atls_cut *cut, size_t len, const char *key)
{
	bool whole = have(cut, len, key);
	struct atls_cut part = {cut->walk, cut->at, whole ? len : cut->len, !whole};
	cut->at += part.len;
	cut->len -= part.len;
	return part;
}

struct atls_cut atls_walk_vector(struct atls_cut *cut, size_t width, const char *key)
{
	return atls_walk_part(cut, (size_t)atls_walk_take(cut, width, key), key);
}

uint64_t atls_walk_number(struct atls_cut *cut, size_t width, const char *key)
{
	bool failed = cut->failed;
	uint64_t value = atls_walk_take(cut, width, key);
	if (cut->failed == failed && !failed)
		cut->walk->nodes.ops->number(cut->walk->nodes.ctx, key, value);
	return value;
}

unsigned atls_walk_code(struct atls_cut *cut, size_t width, const char *key, atls_name_fn *name)
{
	unsigned value = (unsigned)atls_walk_take(cut, width, key);
	if (!cut->failed)
		cut->walk->nodes.ops->code(cut->walk->nodes.ctx, key, value,
			width > 1 ? (unsigned)width * 2 : 0, name(value));
	return value;
}

static void say_bytes(struct atls_cut part, const char *key)
{
	part.walk->nodes.ops->bytes(part.walk->nodes.ctx, key, part.at, part.len);
}

void atls_walk_bytes(struct atls_cut *cut, size_t len, const char *key)
{
	say_bytes(atls_walk_part(cut, len, key), key);
}

void atls_walk_opaque(struct atls_cut *cut, size_t width, const char *key)
{
	say_bytes(atls_walk_vector(cut, width, key), key);
}

void atls_walk_string(struct atls_cut *cut, size_t width, const char *key)
{
	struct atls_cut part = atls_walk_vector(cut, width, key);
	part.walk->nodes.ops->text(part.walk->nodes.ctx, key, part.at, part.len);
}

void atls_walk_rest(struct atls_cut *cut, const char *key)
{
	if (cut->len)
		atls_walk_bytes(cut, cut->len, key);
}

void atls_walk_codes(struct atls_cut *cut, size_t length_width, size_t width, const char *key,
	atls_name_fn *name)
{
	struct atls_cut list = atls_walk_vector(cut, length_width, key);
	atls_walk_begin_list(cut->walk, key);
	for (; list.len >= width; list.at += width, list.len -= width) {
		unsigned value = list.at[0];
		if (width > 1)
			value = value << 8 | list.at[1];
		cut->walk->nodes.ops->code(cut->walk->nodes.ctx, NULL, value,
			width > 1 ? (unsigned)width * 2 : 0, name(value));
	}
	atls_walk_finish(&list);
	atls_walk_end(cut->walk);
}

void atls_walk_finish(struct atls_cut *cut)
{
	char found[48];
	if (cut->len == 0 || cut->failed)
		return;
	snprintf(found, sizeof found, "%zu more bytes", cut->len);
	atls_walk_wrong(cut->walk, atls_walk_place(cut), "nothing more", found);
	cut->at += cut->len;
	cut->len = 0;
}
