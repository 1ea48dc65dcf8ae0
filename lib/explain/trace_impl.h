#ifndef ATLS_EXPLAIN_TRACE_IMPL_H
#define ATLS_EXPLAIN_TRACE_IMPL_H

#include "explain/trace.h"

#define MESSAGE_MAX  (256u << 10) /* longer handshake messages are passed over */
#define SEGMENTS_MAX 16u
#define SUITES_13    8u /* of TLS 1.3 that a ClientHello offers, for 0-RTT */

enum epoch { EPOCH_PLAIN, EPOCH_EARLY, EPOCH_HANDSHAKE, EPOCH_TRAFFIC };

/* Where a part of a message stands in the stream. */
struct segment {
	size_t at;
	uint64_t offset;
};

/* What one end has said, and how. */
struct side {
	enum epoch epoch;
	bool sealed;         /* TLS 1.2 and before: after its change_cipher_spec */
	bool open;           /* opener has keys */
	bool gap;            /* the sequence number is not known for certain */
	enum atls_seal shut; /* why there is no opener */
	struct atls_opener opener;
	uint8_t secret[ATLS_SECRET_MAX]; /* TLS 1.3, of epoch */
	size_t secret_len;

	uint8_t *partial; /* a message in parts */
	size_t have, cap;
	size_t skip; /* bytes of a message that is too long */
	struct segment segments[SEGMENTS_MAX];
	unsigned segment_count;
};

struct atls_trace {
	struct atls_trace_config config;
	struct atls_record_reader lanes[3]; /* by direction of the bytes */
	struct side sides[3];               /* by direction of the session; [0] is not used */
	enum atls_trace_direction guess;    /* in the lane of unknown direction */

	bool began, hello_seen, settled; /* a ClientHello; a ServerHello that is no retry */
	bool retry;                      /* a HelloRetryRequest: the next ClientHello goes on */
	uint16_t version, suite;
	bool etm;
	bool early;                         /* the ClientHello offers early data */
	uint8_t client_types, server_types; /* RFC 7250, negotiated */
	uint8_t client_random[32], server_random[32];
	uint16_t suites[SUITES_13];
	unsigned suite_count;

	/* Before TLS 1.3: by what the session may go on with another, and others with it. */
	bool full; /* it does not: there was a ServerHelloDone */
	bool has_offered, has_session_id,
		has_issued; /* of the tokens below: the client's ticket, */
	uint8_t offered[ATLS_TOKEN], session_id[ATLS_TOKEN]; /* the server's session id, */
	uint8_t issued[ATLS_TOKEN];                          /* and its new ticket */
};

/* ---- trace_keys.c --------------------------------------------------------------------------- */

/* Takes note of what a message settles. hello is that of a hello, else null. */
void atls_trace_note(struct atls_trace *trace, enum atls_trace_direction direction,
	const struct atls_message *message, const struct atls_hello *hello);

/* A change_cipher_spec record: keys change with TLS 1.2 and before. */
void atls_trace_change(struct atls_trace *trace, enum atls_trace_direction direction);

/* Forgets a session's keys and state, but not the streams. */
void atls_trace_forget(struct atls_trace *trace);

/* Whether a record of that type from there is sealed. */
bool atls_trace_sealed(const struct atls_trace *trace, enum atls_trace_direction direction,
	const struct atls_record *record);

/* Opens a sealed record into config.room. */
enum atls_seal atls_trace_open(struct atls_trace *trace, enum atls_trace_direction direction,
	const struct atls_record *record, struct atls_opened *opened);

#endif
