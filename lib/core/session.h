/* The server's sessions: id -> session, their limits and their ends, and base carriage's memory of
 * the last body (protocol rules 4.1). Times are milliseconds on the caller's own clock. */
#ifndef ATLS_CORE_SESSION_H
#define ATLS_CORE_SESSION_H

#include "atls.h"

#include "core/buf.h"
#include "core/id.h"
#include "core/stream.h"

#define ATLS_ID_SHORT 6 /* characters of an id that a log may show */

/* These of an id, for logs and captures: who has the whole of it can disturb the session. Returns
 * text. */
const char *atls_id_short(const char *id, char text[ATLS_ID_SHORT + 1]);

/* A body shorter than this may repeat by right: no AEAD record is (5 header, 1 content, 1 type, 16
 * tag). */
#define ATLS_REPEAT_MIN 23u

enum atls_session_phase {
	ATLS_SESSION_OPENING,  /* the handshake is not done */
	ATLS_SESSION_OPEN,     /* established */
	ATLS_SESSION_FINISHED, /* over; only its last answer is kept, for those who lost it */
};

struct atls_session_limits {
	unsigned sessions_max; /* not finished */
	int64_t opening_ms;    /* for the handshake */
	int64_t idle_ms;       /* without a request */
	int64_t linger_ms;     /* of a finished session */
	/* Of several tables that have the sessions together, what this one's ids are; else all null
	 * and 0. The keys have to outlive the table. */
	struct atls_id_share share;
};

struct atls_session {
	char id[ATLS_ID_TEXT];
	enum atls_session_phase phase;
	struct atls_engine *engine; /* owned; null once finished */
	char *peer;                 /* owned; where the first request came from */
	bool json;                  /* the owner's: its last body was a JSON one */
	void *user;                 /* the owner's */

	struct atls_stream_server *stream; /* owned; null: base carriage */
	char stream_id[ATLS_STREAM_ID + 1];
	int64_t opened;
	int64_t heard; /* the last request */
	int64_t finished;
	uint64_t exchanges;

	uint8_t digest[32]; /* of the last body that was not empty */
	size_t digest_len;  /* that body's length; 0: there was none */
	uint8_t header_len; /* bytes of a record's header that came so far */
	uint8_t length_high;
	uint32_t record_left; /* bytes of the record under way that have not come */
	bool unanswered;      /* that body still waits for its answer */
	struct atls_buf answer;

	struct atls_session *next;          /* in its bucket */
	struct atls_session *next_stream;   /* in that of its stream id */
	struct atls_session *newer, *older; /* in order of finishing */
};

struct atls_sessions;

/* A table for limits->sessions_max sessions, and as many finished ones, or its share of them. Null:
 * memory. */
struct atls_sessions *atls_sessions_new(const struct atls_session_limits *limits);

/* Frees the table; every session must have been removed. Null is allowed. */
void atls_sessions_free(struct atls_sessions *table);

/* Makes room (the oldest finished sessions give way when there are too many) and an id, and takes
 * engine over on success. *out is the new session. ATLS_E_LIMIT
 * with err "sessions ..." when there are too many, or ATLS_E_MEMORY. */
int atls_session_open(struct atls_sessions *table, struct atls_engine *engine, const char *peer,
	int64_t now, struct atls_session **out, struct atls_error *err);

/* The session of that id (len characters, no NUL needed), or null. */
struct atls_session *atls_session_find(
	const struct atls_sessions *table, const char *id, size_t len);

/* Makes it one of stream carriage, for good: takes stream over, and can be found by the client's id
 * from now on, which no other session has, and which is of the table's share. */
void atls_session_make_stream(struct atls_sessions *table, struct atls_session *session,
	const char *stream_id, struct atls_stream_server *stream);

/* The session of stream carriage with that id of ATLS_STREAM_ID characters, or null. */
struct atls_session *atls_session_find_stream(
	const struct atls_sessions *table, const char *stream_id);

/* Ends a session: frees its engine, and keeps its last answer for linger_ms. */
void atls_session_finish(struct atls_sessions *table, struct atls_session *session, int64_t now);

/* Forgets a session wholly. */
void atls_session_remove(struct atls_sessions *table, struct atls_session *session);

/* Calls each for every session that is past its time at now, with a sentence why; finished ones are
 * removed without a call. each may finish or remove the session it is given, and no other. */
void atls_sessions_expire(struct atls_sessions *table, int64_t now,
	void (*each)(void *ctx, struct atls_session *session, const char *why), void *ctx);

/* Calls each for every session that is not finished; the same rule. */
void atls_sessions_each(struct atls_sessions *table,
	void (*each)(void *ctx, struct atls_session *session), void *ctx);

/* How many are not finished. */
unsigned atls_sessions_count(const struct atls_sessions *table);

enum atls_offer {
	ATLS_OFFER_TAKEN,   /* new bytes, fed to the engine (which may have failed: it says so) */
	ATLS_OFFER_POLL,    /* an empty body */
	ATLS_OFFER_PENDING, /* the body that is being worked on, again: same answer as the first */
	ATLS_OFFER_REPEAT,  /* the body answered last, again: session->answer is the answer */
	ATLS_OFFER_UNKNOWN, /* new bytes for a finished session */
	ATLS_OFFER_FULL,    /* the engine's input limit: nothing was taken */
};

/* Hands a request's body to the session and counts it as a sign of life. */
enum atls_offer atls_session_offer(
	struct atls_session *session, const void *bytes, size_t len, int64_t now);

/* Records that the first len bytes of the engine's output were the answer to all requests that
 * wait, and drops them from the engine. final: the session is over, so even a poll's answer is
 * kept. */
void atls_session_answered(struct atls_session *session, size_t len, bool final);

/* Whether the client's last body ended amid a record: there is more behind it. */
bool atls_session_mid_record(const struct atls_session *session);

/* Whether bytes can begin a session: the start of a ClientHello. Others belong to a session whose
 * cookie got lost on the way. */
bool atls_session_may_begin(const uint8_t *bytes, size_t len);

#endif
