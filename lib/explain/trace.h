/* One TLS session as it is watched: two directions of bytes in, records and messages out. */
#ifndef ATLS_EXPLAIN_TRACE_H
#define ATLS_EXPLAIN_TRACE_H

#include "explain/handshake.h"
#include "explain/hello.h"
#include "explain/keylog.h"
#include "explain/opener.h"
#include "explain/record.h"
#include "explain/resumption.h"

/* Up is from client to server. Unknown: both may be mixed in one stream; then the messages tell. */
enum atls_trace_direction { ATLS_TRACE_UNKNOWN, ATLS_TRACE_UP, ATLS_TRACE_DOWN };

/* Whether a record's content can be read, and why not. */
enum atls_seal {
	ATLS_SEAL_NONE,   /* it was never sealed */
	ATLS_SEAL_OPENED, /* the keylog has its key */
	ATLS_SEAL_NO_KEYLOG,
	ATLS_SEAL_NO_SECRET,    /* the keylog has no secret of this session, or of this part */
	ATLS_SEAL_WRONG_SECRET, /* the secret is there and does not open it */
	ATLS_SEAL_SUITE,        /* its cipher suite, or version, is not supported here */
	ATLS_SEAL_NO_HELLO,     /* the hello that says how was not seen */
	ATLS_SEAL_GAP,          /* bytes are missing before it */
	ATLS_SEAL_CUT,          /* bytes of it are missing */
	ATLS_SEALS
};

/* A few words for each, valid for ever. */
const char *atls_seal_text(enum atls_seal seal);

struct atls_trace_record {
	enum atls_trace_direction direction; /* unknown: nothing tells */
	const struct atls_record *record;
	enum atls_seal seal;
	uint16_t version;       /* the session's, 0: not settled */
	uint8_t type;           /* of the content: with TLS 1.3, the inner one where it is open */
	const uint8_t *content; /* null: closed, or not kept */
	size_t len, padding;
	bool early; /* 0-RTT data */

	/* At its end: a handshake message goes on in later records. */
	uint8_t pending_type;
	size_t pending_have, pending_len;
};

struct atls_trace_message {
	struct atls_message message;
	enum atls_trace_direction direction;
	const struct atls_hello *hello; /* of a client_hello or server_hello; else null */
	bool sealed;                    /* it came in a sealed record: places are in the content */
	const struct atls_trace *trace;
};

struct atls_trace_events {
	/* A ClientHello begins another session on the same streams; also the first. */
	void (*session)(void *ctx);
	void (*record)(void *ctx, const struct atls_trace_record *record);
	void (*message)(void *ctx, const struct atls_trace_message *message);
	void (*record_end)(void *ctx, const struct atls_trace_record *record);
	void (*malformed)(void *ctx, enum atls_trace_direction direction, uint64_t offset,
		const char *expected, const char *found);
};

struct atls_trace_config {
	const struct atls_keylog *keylog; /* null: none. Kept by reference */
	bool bodies; /* keep bodies of all records, not of those that are to be looked into */
	struct atls_resumptions
		*resumptions; /* null: none. Kept by reference; traces may share it */
	uint8_t *room;        /* ATLS_RECORD_ROOM bytes for plaintext; traces may share it */
	const struct atls_trace_events *events;
	void *ctx;
};

struct atls_trace;

/* Null if memory is short. config is copied. */
struct atls_trace *atls_trace_new(const struct atls_trace_config *config);
void atls_trace_free(struct atls_trace *trace);

/* Takes the next bytes of a direction, cut anywhere. 0 or ATLS_E_MEMORY. */
int atls_trace_feed(struct atls_trace *trace, enum atls_trace_direction direction,
	const uint8_t *bytes, size_t len);

/* Bytes of a direction are missing: what follows is at offset in its stream. */
void atls_trace_gap(struct atls_trace *trace, enum atls_trace_direction direction, uint64_t offset);

/* No more comes: reports what is cut. */
void atls_trace_end(struct atls_trace *trace);

/* The offset of the next byte in a direction's stream. */
uint64_t atls_trace_offset(const struct atls_trace *trace, enum atls_trace_direction direction);

/* Memory that it holds. */
size_t atls_trace_memory(const struct atls_trace *trace);

/* The offset in its stream of a place in the message that is being reported; UINT64_MAX if it was
 * sealed, or came in too many parts. */
uint64_t atls_trace_place(const struct atls_trace_message *message, size_t at);

#endif
