/* The record layer (RFC 8446 section 5.1, RFC 5246 section 6.2): records out of a stream of bytes
 * that is cut anywhere. */
#ifndef ATLS_EXPLAIN_RECORD_H
#define ATLS_EXPLAIN_RECORD_H

#include "atls.h"

#define ATLS_RECORD_HEADER    5u
#define ATLS_RECORD_PLAIN_MAX 16384u           /* RFC 8446 section 5.1 */
#define ATLS_RECORD_MAX       (16384u + 2048u) /* RFC 5246 section 6.2.3 */
#define ATLS_RECORD_MAX_13    (16384u + 256u)  /* RFC 8446 section 5.2 */

enum atls_record_type {
	ATLS_RECORD_CCS = 20,
	ATLS_RECORD_ALERT = 21,
	ATLS_RECORD_HANDSHAKE = 22,
	ATLS_RECORD_DATA = 23,
	ATLS_RECORD_HEARTBEAT = 24,
};

/* One record as it stands in its stream. */
struct atls_record {
	uint8_t type;
	uint16_t version;
	uint16_t len;        /* of the body, as the header has it */
	uint64_t offset;     /* of the header in the stream */
	const uint8_t *body; /* len bytes; null if it was not wanted. Valid until the next call */
	size_t missing;      /* bytes of the body that the stream ended before */
};

/* Reads one direction. All zero is a reader at the stream's beginning that wants no bodies. */
struct atls_record_reader {
	uint64_t offset;  /* of the next byte in the stream */
	uint32_t wanted;  /* bit N: bodies of records of type N are kept */
	bool lost;        /* between what is no record and the next that looks like one */
	uint8_t head_len; /* of the header, so far */
	uint8_t head[ATLS_RECORD_HEADER];
	uint32_t left;      /* bytes of the body still to come */
	uint32_t have, cap; /* of partial */
	uint8_t *partial;   /* a wanted body that came in several pieces */
	struct atls_record now;
};

enum atls_record_step {
	ATLS_RECORD_MORE,  /* all bytes are taken, and the record is not complete */
	ATLS_RECORD_READY, /* a record */
	ATLS_RECORD_WRONG, /* no record stands at now.offset: its first bytes are in head */
	ATLS_RECORD_NO_MEMORY,
};

/* Takes bytes off the front of *bytes (of which there are *len) up to the end of a record, which is
 * then reader->now. After ATLS_RECORD_WRONG, the next call looks for the next place where two
 * records could stand one behind the other, or one at the end of the bytes. */
enum atls_record_step atls_record_next(
	struct atls_record_reader *reader, const uint8_t **bytes, size_t *len);

/* Says that the stream ends here. Whether something was cut: a record of which missing bytes are
 * not there (reader->now; body null), or a header (now.len is 0). */
bool atls_record_end(struct atls_record_reader *reader);

/* Goes to another place in the stream: what was begun is dropped. */
void atls_record_seek(struct atls_record_reader *reader, uint64_t offset);

void atls_record_free(struct atls_record_reader *reader);

#endif
