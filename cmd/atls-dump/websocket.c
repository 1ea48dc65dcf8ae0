#include "websocket.h"

#include "core/buf.h"
#include "form.h"

#include <stdlib.h>
#include <string.h>

/* A binary message is a stretch of a stream, and is given in parts of this size; a text message is
 * a short dictionary. */
#define PART_MAX (64u << 10)

#define HEADER_MAX 14u

enum opcode { CONTINUATION, TEXT, BINARY, CLOSE = 8, PING, PONG };

struct websocket {
	struct dialog *dialog;
	const struct piece_sink *sink;
	bool down;
	bool lost; /* where the next frame begins is not known, or a close frame ended it all */

	uint8_t header[HEADER_MAX];
	size_t header_len;
	enum opcode opcode;
	enum opcode message; /* of the message in progress, if there is one */
	bool in_message;
	bool final, masked;
	bool skip; /* the payload of this frame counts for nothing */
	uint8_t mask[4];
	uint64_t done, left; /* of the payload */

	struct atls_buf part;
	uint64_t part_offset;
	int64_t part_time;
};

struct websocket *websocket_new(struct dialog *dialog, bool down, const struct piece_sink *sink)
{
	struct websocket *websocket = calloc(1, sizeof *websocket);
	if (!websocket)
		return NULL;
	websocket->dialog = dialog;
	websocket->down = down;
	websocket->sink = sink;
	atls_buf_init(&websocket->part, PART_MAX + 1);
	return websocket;
}

void websocket_free(struct websocket *websocket)
{
	if (!websocket)
		return;
	atls_buf_free(&websocket->part);
	free(websocket);
}

size_t websocket_memory(const struct websocket *websocket)
{
	return websocket ? sizeof *websocket + websocket->part.cap : 0;
}

static int give(struct websocket *websocket)
{
	struct dialog_frame frame = {.down = websocket->down,
		.text = websocket->message == TEXT,
		.len = websocket->part.len,
		.offset = websocket->part_offset,
		.time_us = websocket->part_time};
	int rc = frame.text ? atls_buf_append(&websocket->part, "", 1) : ATLS_OK;
	if (rc)
		return rc;
	frame.bytes = atls_buf_bytes(&websocket->part);
	if (frame.len || frame.text)
		rc = dialog_frame(websocket->dialog, &frame);
	atls_buf_consume(&websocket->part, websocket->part.len);
	return rc;
}

/* ---- Headers ---- */

static size_t header_size(const uint8_t *header, size_t len)
{
	if (len < 2)
		return 2;
	size_t size = header[1] & 0x80 ? 6 : 2;
	switch (header[1] & 0x7f) {
	case 126:
		return size + 2;
	case 127:
		return size + 8;
	default:
		return size;
	}
}

static uint64_t payload_len(const uint8_t *header)
{
	uint64_t len = header[1] & 0x7f;
	unsigned more = len == 126 ? 2 : len == 127 ? 8 : 0;
	if (more)
		len = 0;
	for (unsigned i = 0; i < more; i++)
		len = len << 8 | header[2 + i];
	return len;
}

/* What is wrong with the frame whose header is there, or null. */
static const char *fault(const struct websocket *websocket)
{
	const uint8_t *header = websocket->header;
	enum opcode opcode = header[0] & 15;
	bool control = opcode >= CLOSE;
	if (header[0] & 0x70)
		return "a WebSocket frame without extensions";
	if (opcode > PONG || (opcode > BINARY && opcode < CLOSE))
		return "a WebSocket frame of a known type";
	if (control && (websocket->left > 125 || !(header[0] & 0x80)))
		return "a control frame in one piece";
	if (opcode == CONTINUATION && !websocket->in_message)
		return "the first frame of a message";
	if (!control && opcode != CONTINUATION && websocket->in_message)
		return "a continued message";
	return NULL;
}

static int begin_frame(struct websocket *websocket, uint64_t offset)
{
	const uint8_t *header = websocket->header;
	websocket->opcode = header[0] & 15;
	websocket->final = header[0] & 0x80;
	websocket->masked = header[1] & 0x80;
	websocket->done = 0;
	websocket->left = payload_len(header);
	if (websocket->masked)
		memcpy(websocket->mask, header + websocket->header_len - 4, 4);
	if (websocket->left > INT64_MAX) {
		websocket->lost = true;
		sink_malformed(websocket->sink, offset, "the length of a WebSocket frame",
			"more than 63 bits");
		return ATLS_OK;
	}
	const char *expected = fault(websocket);
	websocket->skip = expected || websocket->opcode >= CLOSE;
	if (expected)
		sink_malformed(
			websocket->sink, offset, expected, "%02x %02x", header[0], header[1]);
	if (!websocket->skip && websocket->opcode != CONTINUATION) {
		websocket->message = websocket->opcode;
		websocket->in_message = true;
	}
	return ATLS_OK;
}

/* ---- Payload ---- */

static int end_frame(struct websocket *websocket)
{
	int rc = ATLS_OK;
	websocket->header_len = 0;
	if (!websocket->skip && websocket->final) {
		rc = give(websocket);
		websocket->in_message = false;
	}
	websocket->lost |= websocket->opcode == CLOSE;
	return rc;
}

/* Takes a stretch of payload that fits the part. */
static int unmask(struct websocket *websocket, const uint8_t *bytes, size_t len)
{
	uint8_t *room;
	int rc = atls_buf_reserve(&websocket->part, len, &room);
	if (rc)
		return rc;
	memcpy(room, bytes, len);
	for (size_t i = 0; websocket->masked && i < len; i++)
		room[i] ^= websocket->mask[(websocket->done + i) & 3];
	atls_buf_commit(&websocket->part, len);
	return ATLS_OK;
}

/* The payload's next bytes; sets *len to how many were taken. */
static int take_payload(struct websocket *websocket, const uint8_t *bytes, size_t *len,
	uint64_t offset, int64_t time_us)
{
	int rc = ATLS_OK;
	if (*len > websocket->left)
		*len = (size_t)websocket->left;
	if (!websocket->skip) {
		size_t room = PART_MAX - websocket->part.len;
		if (websocket->part.len == 0) {
			websocket->part_offset = offset;
			websocket->part_time = time_us;
		}
		if (*len > room)
			*len = room;
		rc = unmask(websocket, bytes, *len);
		if (!rc && websocket->part.len == PART_MAX)
			rc = give(websocket);
	}
	websocket->done += *len;
	websocket->left -= *len;
	return rc;
}

int websocket_feed(struct websocket *websocket, const uint8_t *bytes, size_t len, uint64_t offset,
	int64_t time_us)
{
	int rc = ATLS_OK;
	for (size_t i = 0; i < len && !rc && !websocket->lost;) {
		size_t want = header_size(websocket->header, websocket->header_len);
		if (websocket->header_len < want) {
			websocket->header[websocket->header_len++] = bytes[i++];
			want = header_size(websocket->header, websocket->header_len);
			if (websocket->header_len == want)
				rc = begin_frame(websocket, offset + i - want);
		} else {
			size_t part = len - i;
			rc = take_payload(websocket, bytes + i, &part, offset + i, time_us);
			i += part;
		}
		if (!rc && !websocket->lost && websocket->header_len == want &&
			websocket->left == 0)
			rc = end_frame(websocket);
	}
	return rc;
}

void websocket_gap(struct websocket *websocket, uint64_t len, uint64_t offset)
{
	bool in_payload =
		websocket->header_len >= 2 &&
		websocket->header_len == header_size(websocket->header, websocket->header_len);
	if (websocket->lost)
		return;
	if (in_payload && len < websocket->left) {
		websocket->done += len;
		websocket->left -= len;
		return;
	}
	sink_malformed(websocket->sink, offset, "WebSocket frames", "a gap of %llu bytes",
		(unsigned long long)len);
	websocket->lost = true;
}
