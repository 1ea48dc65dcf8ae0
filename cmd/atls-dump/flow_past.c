#include "flow_past.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_MIN (4u << 10)

static void put(uint8_t *to, size_t room, uint64_t offset, const uint8_t *bytes, size_t len)
{
	size_t at = (size_t)(offset & (room - 1));
	size_t straight = len < room - at ? len : room - at;
	memcpy(to + at, bytes, straight);
	memcpy(to, bytes + straight, len - straight);
}

/* Makes room, as far as there may be any: what is kept goes to its new places. */
static void grow(struct past *past, size_t wanted)
{
	size_t room = past->room ? past->room : ROOM_MIN;
	while (room < wanted && room < PAST_MAX)
		room *= 2;
	uint8_t *bytes = room > past->room ? malloc(room) : NULL;
	if (!bytes)
		return;
	uint64_t at = past->begin;
	while (at < past->end) {
		size_t from = (size_t)(at & (past->room - 1)), len = past->room - from;
		if (len > past->end - at)
			len = (size_t)(past->end - at);
		put(bytes, room, at, past->bytes + from, len);
		at += len;
	}
	free(past->bytes);
	past->bytes = bytes;
	past->room = room;
}

void past_add(struct past *past, uint64_t offset, const uint8_t *bytes, size_t len)
{
	uint64_t end = offset + len;
	if (offset != past->end) /* behind a gap */
		past->begin = past->end = offset;
	grow(past, (size_t)(past->end - past->begin) + len);
	size_t kept = len < past->room ? len : past->room;
	if (kept)
		put(past->bytes, past->room, end - kept, bytes + (len - kept), kept);
	past->end = end;
	if (past->begin + past->room < end)
		past->begin = end - past->room;
}

uint64_t past_differs(const struct past *past, uint64_t offset, const uint8_t *bytes, size_t len)
{
	uint64_t at = offset > past->begin ? offset : past->begin;
	uint64_t end = offset + len < past->end ? offset + len : past->end;
	for (; at < end; at++)
		if (past->bytes[at & (past->room - 1)] != bytes[at - offset])
			return at;
	return UINT64_MAX;
}

void past_free(struct past *past)
{
	free(past->bytes);
	*past = (struct past){0};
}
