#include "explain/record.h"

#include <stdlib.h>
#include <string.h>

/* Types up to 26 are registered (tls12_cid, ACK); versions are SSL 3.0 to TLS 1.3's. */
static bool plausible(const uint8_t *head)
{
	return head[0] >= ATLS_RECORD_CCS && head[0] <= 26 && head[1] == 3 && head[2] <= 4;
}

static size_t body_len(const uint8_t *head)
{
	return (size_t)head[3] << 8 | head[4];
}

/* While looking for a record a chance likeness must not do: it is of a length that may be, and
 * another one follows, as far as there are bytes to see. */
static bool convincing(const uint8_t *at, size_t len)
{
	if (len < ATLS_RECORD_HEADER || !plausible(at) || body_len(at) > ATLS_RECORD_MAX)
		return false;
	size_t next = ATLS_RECORD_HEADER + body_len(at);
	if (body_len(at) == 0 || next + ATLS_RECORD_HEADER > len)
		return body_len(at) > 0 && next <= len;
	return plausible(at + next);
}

/* Moves to where a record convinces, or to the end. */
static bool find(struct atls_record_reader *reader, const uint8_t **bytes, size_t *len)
{
	while (*len > 0 && !convincing(*bytes, *len)) {
		++*bytes;
		--*len;
		reader->offset++;
	}
	reader->lost = *len == 0;
	return !reader->lost;
}

static void take_header(struct atls_record_reader *reader, const uint8_t *head)
{
	reader->now = (struct atls_record){
		.type = head[0],
		.version = (uint16_t)(head[1] << 8 | head[2]),
		.len = (uint16_t)body_len(head),
		.offset = reader->offset - ATLS_RECORD_HEADER,
	};
	reader->left = reader->now.len;
	reader->have = 0;
}

/* The header, from one piece or several. */
static enum atls_record_step read_header(
	struct atls_record_reader *reader, const uint8_t **bytes, size_t *len)
{
	size_t take = ATLS_RECORD_HEADER - reader->head_len;
	if (take > *len)
		take = *len;
	if (take)
		memcpy(reader->head + reader->head_len, *bytes, take);
	reader->head_len = (uint8_t)(reader->head_len + take);
	reader->offset += take;
	*bytes += take;
	*len -= take;
	if (reader->head_len < ATLS_RECORD_HEADER)
		return ATLS_RECORD_MORE;
	if (!plausible(reader->head)) {
		reader->now = (struct atls_record){.offset = reader->offset - ATLS_RECORD_HEADER};
		reader->head_len = 0;
		reader->lost = true;
		/* The next record may begin within these bytes, but for the first. */
		size_t again = take < ATLS_RECORD_HEADER ? take : take - 1;
		reader->offset -= again;
		*bytes -= again;
		*len += again;
		return ATLS_RECORD_WRONG;
	}
	take_header(reader, reader->head);
	return ATLS_RECORD_READY;
}

static bool keep(struct atls_record_reader *reader, const uint8_t *bytes, size_t len)
{
	if (reader->cap < reader->now.len) {
		uint8_t *more = realloc(reader->partial, reader->now.len);
		if (!more)
			return false;
		reader->partial = more;
		reader->cap = reader->now.len;
	}
	if (len)
		memcpy(reader->partial + reader->have, bytes, len);
	reader->have += (uint32_t)len;
	return true;
}

enum atls_record_step atls_record_next(
	struct atls_record_reader *reader, const uint8_t **bytes, size_t *len)
{
	if (reader->lost && !find(reader, bytes, len))
		return ATLS_RECORD_MORE;
	if (reader->head_len < ATLS_RECORD_HEADER) {
		enum atls_record_step step = read_header(reader, bytes, len);
		if (step != ATLS_RECORD_READY)
			return step;
	}
	size_t take = reader->left < *len ? reader->left : *len;
	const uint8_t *at = *bytes;
	bool wanted = reader->now.type < 32 && reader->wanted >> reader->now.type & 1;
	bool whole = take == reader->now.len;
	if (wanted && !whole && !keep(reader, at, take))
		return ATLS_RECORD_NO_MEMORY;
	reader->left -= (uint32_t)take;
	reader->offset += take;
	*bytes += take;
	*len -= take;
	if (reader->left)
		return ATLS_RECORD_MORE;
	if (wanted)
		reader->now.body = whole ? at : reader->partial;
	reader->head_len = 0;
	return ATLS_RECORD_READY;
}

bool atls_record_end(struct atls_record_reader *reader)
{
	bool cut = reader->head_len > 0;
	if (cut && reader->head_len < ATLS_RECORD_HEADER)
		reader->now = (struct atls_record){.offset = reader->offset - reader->head_len,
			.missing = ATLS_RECORD_HEADER - reader->head_len};
	else if (cut)
		reader->now.missing = reader->left;
	reader->head_len = 0;
	reader->left = 0;
	return cut;
}

void atls_record_seek(struct atls_record_reader *reader, uint64_t offset)
{
	reader->offset = offset;
	reader->head_len = 0;
	reader->left = 0;
	reader->have = 0;
	reader->lost = false;
}

void atls_record_free(struct atls_record_reader *reader)
{
	free(reader->partial);
	*reader = (struct atls_record_reader){0};
}
