#include "core/session.h"

#include "core/err.h"
#include "core/id.h"

#include <gnutls/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes at a body's beginning, and at its end, that tell it from others. */
#define DIGEST_PART 4096u
#define HEADER_LEN  5u /* of a TLS record */

_Static_assert(ATLS_STREAM_ID == ATLS_ID_TEXT - 1, "both ends' ids have one form");

struct atls_sessions {
	struct atls_session_limits limits;
	struct atls_session **buckets;
	struct atls_session **streams; /* by the client's ids, hashed by keys */
	struct atls_id_keys keys;
	size_t mask;
	unsigned live;
	unsigned finished;
	struct atls_session *oldest, *newest; /* finished */
};

const char *atls_id_short(const char *id, char text[ATLS_ID_SHORT + 1])
{
	snprintf(text, ATLS_ID_SHORT + 1, "%s", id);
	return text;
}

/* What falls to this table when all that share the ids are full. */
static unsigned usual_max(const struct atls_sessions *table)
{
	unsigned parts = table->limits.share.parts;
	return parts > 1 ? table->limits.sessions_max / parts + 1 : table->limits.sessions_max;
}

struct atls_sessions *atls_sessions_new(const struct atls_session_limits *limits)
{
	struct atls_sessions *table = calloc(1, sizeof *table);
	if (!table)
		return NULL;
	size_t count = 16;
	table->limits = *limits;
	while (count < usual_max(table))
		count *= 2;
	table->mask = count - 1;
	table->buckets = calloc(count, sizeof(struct atls_session *));
	table->streams = calloc(count, sizeof(struct atls_session *));
	if (!table->buckets || !table->streams || atls_id_keys_make(&table->keys)) {
		atls_sessions_free(table);
		return NULL;
	}
	return table;
}

void atls_sessions_free(struct atls_sessions *table)
{
	if (!table)
		return;
	free(table->buckets);
	free(table->streams);
	free(table);
}

/* Ids are ours and random: any of their bytes spread well, and nobody can choose a bucket to fill.
 */
static struct atls_session **bucket(const struct atls_sessions *table, const char *id, size_t len)
{
	size_t hash = 0;
	for (size_t i = 0; i < len && i < 8; i++)
		hash = hash * 67 + (unsigned char)id[i];
	return &table->buckets[hash & table->mask];
}

/* These ids are the clients' choice, and nobody can choose a bucket with them either. */
static struct atls_session **stream_bucket(const struct atls_sessions *table, const char *id)
{
	return &table->streams[atls_id_hash(&table->keys, id) & table->mask];
}

/* An id of this table's share: one in so many is. */
static int make_id(const struct atls_sessions *table, char id[ATLS_ID_TEXT])
{
	const struct atls_id_share *share = &table->limits.share;
	int rc = atls_id_make(id);
	while (!rc && atls_id_part(share, id) != share->part)
		rc = atls_id_make(id);
	return rc;
}

int atls_session_open(struct atls_sessions *table, struct atls_engine *engine, const char *peer,
	int64_t now, struct atls_session **out, struct atls_error *err)
{
	if (table->live >= table->limits.sessions_max)
		return atls_error_set(err, ATLS_E_LIMIT, "sessions: all %u are in use",
			table->limits.sessions_max);
	while (table->finished >= usual_max(table))
		atls_session_remove(table, table->oldest);
	struct atls_session *session = calloc(1, sizeof *session);
	char *copy = strdup(peer);
	if (!session || !copy || make_id(table, session->id)) {
		free(session);
		free(copy);
		return atls_error_set(err, ATLS_E_MEMORY, "sessions: out of memory");
	}
	session->engine = engine;
	session->peer = copy;
	session->opened = session->heard = now;
	atls_buf_init(&session->answer, SIZE_MAX);
	struct atls_session **head = bucket(table, session->id, ATLS_ID_TEXT - 1);
	session->next = *head;
	*head = session;
	table->live++;
	*out = session;
	return ATLS_OK;
}

struct atls_session *atls_session_find(
	const struct atls_sessions *table, const char *id, size_t len)
{
	if (len != ATLS_ID_TEXT - 1)
		return NULL;
	struct atls_session *session = *bucket(table, id, len);
	while (session && gnutls_memcmp(session->id, id, len) != 0)
		session = session->next;
	return session;
}

void atls_session_make_stream(struct atls_sessions *table, struct atls_session *session,
	const char *stream_id, struct atls_stream_server *stream)
{
	struct atls_session **head = stream_bucket(table, stream_id);
	memcpy(session->stream_id, stream_id, ATLS_STREAM_ID);
	session->stream = stream;
	session->next_stream = *head;
	*head = session;
}

struct atls_session *atls_session_find_stream(
	const struct atls_sessions *table, const char *stream_id)
{
	struct atls_session *session = *stream_bucket(table, stream_id);
	while (session && gnutls_memcmp(session->stream_id, stream_id, ATLS_STREAM_ID) != 0)
		session = session->next_stream;
	return session;
}

static void unlink_stream(struct atls_sessions *table, const struct atls_session *session)
{
	struct atls_session **link = stream_bucket(table, session->stream_id);
	while (*link != session)
		link = &(*link)->next_stream;
	*link = session->next_stream;
}

static void unlink_finished(struct atls_sessions *table, const struct atls_session *session)
{
	if (session->older)
		session->older->newer = session->newer;
	else
		table->oldest = session->newer;
	if (session->newer)
		session->newer->older = session->older;
	else
		table->newest = session->older;
	table->finished--;
}

void atls_session_remove(struct atls_sessions *table, struct atls_session *session)
{
	struct atls_session **link = bucket(table, session->id, ATLS_ID_TEXT - 1);
	while (*link != session)
		link = &(*link)->next;
	*link = session->next;
	if (session->stream)
		unlink_stream(table, session);
	atls_stream_server_free(session->stream);
	if (session->older || table->oldest == session)
		unlink_finished(table, session);
	else
		table->live--;
	atls_engine_free(session->engine);
	atls_buf_free(&session->answer);
	free(session->peer);
	explicit_bzero(session, sizeof *session);
	free(session);
}

void atls_session_finish(struct atls_sessions *table, struct atls_session *session, int64_t now)
{
	if (session->phase == ATLS_SESSION_FINISHED)
		return;
	atls_engine_free(session->engine);
	session->engine = NULL;
	session->phase = ATLS_SESSION_FINISHED;
	session->finished = now;
	session->unanswered = false;
	session->older = table->newest;
	*(table->newest ? &table->newest->newer : &table->oldest) = session;
	table->newest = session;
	table->finished++;
	table->live--;
}

static const char *overdue(
	const struct atls_sessions *table, const struct atls_session *session, int64_t now)
{
	if (session->phase == ATLS_SESSION_OPENING &&
		now - session->opened >= table->limits.opening_ms)
		return "the handshake took too long";
	if (now - session->heard >= table->limits.idle_ms)
		return "the client fell silent";
	return NULL;
}

void atls_sessions_expire(struct atls_sessions *table, int64_t now,
	void (*each)(void *ctx, struct atls_session *session, const char *why), void *ctx)
{
	for (struct atls_session *s = table->oldest, *newer;
		s && now - s->finished >= table->limits.linger_ms; s = newer) {
		newer = s->newer;
		atls_session_remove(table, s);
	}
	for (size_t i = 0; i <= table->mask; i++) {
		for (struct atls_session *s = table->buckets[i], *next; s; s = next) {
			next = s->next;
			const char *why =
				s->phase == ATLS_SESSION_FINISHED ? NULL : overdue(table, s, now);
			if (why)
				each(ctx, s, why);
		}
	}
}

void atls_sessions_each(struct atls_sessions *table,
	void (*each)(void *ctx, struct atls_session *session), void *ctx)
{
	for (size_t i = 0; i <= table->mask; i++) {
		for (struct atls_session *s = table->buckets[i], *next; s; s = next) {
			next = s->next;
			if (s->phase != ATLS_SESSION_FINISHED)
				each(ctx, s);
		}
	}
}

unsigned atls_sessions_count(const struct atls_sessions *table)
{
	return table->live;
}

/* Of its beginning and its end, which is enough: no AEAD record, and no ClientHello, has the bytes
 * of another, and length counts as well. The whole of a large body would cost more than its
 * decryption.
 */
static int make_digest(const uint8_t *bytes, size_t len, uint8_t *digest)
{
	gnutls_hash_hd_t hash;
	size_t end = len > 2 * DIGEST_PART ? DIGEST_PART : 0;
	if (gnutls_hash_init(&hash, GNUTLS_DIG_SHA256) < 0)
		return ATLS_E_MEMORY;
	int rc = gnutls_hash(hash, bytes, end ? DIGEST_PART : len);
	if (rc >= 0 && end)
		rc = gnutls_hash(hash, bytes + len - end, end);
	gnutls_hash_deinit(hash, digest);
	return rc < 0 ? ATLS_E_MEMORY : ATLS_OK;
}

static bool is_repeat(const struct atls_session *session, const uint8_t *digest, size_t len)
{
	return len == session->digest_len && len >= ATLS_REPEAT_MIN &&
	       memcmp(digest, session->digest, sizeof session->digest) == 0;
}

/* Follows the records' lengths (RFC 8446 section 5.1), and nothing else of them. */
static void follow_records(struct atls_session *session, const uint8_t *bytes, size_t len)
{
	while (len) {
		size_t step = 1;
		if (session->record_left) {
			step = session->record_left < len ? session->record_left : len;
			session->record_left -= (uint32_t)step;
		} else {
			session->header_len++;
			if (session->header_len == HEADER_LEN - 1)
				session->length_high = *bytes;
			if (session->header_len == HEADER_LEN) {
				session->record_left = (uint32_t)session->length_high << 8 | *bytes;
				session->header_len = 0;
			}
		}
		bytes += step;
		len -= step;
	}
}

bool atls_session_mid_record(const struct atls_session *session)
{
	return session->header_len || session->record_left;
}

enum atls_offer atls_session_offer(
	struct atls_session *session, const void *bytes, size_t len, int64_t now)
{
	bool over = session->phase == ATLS_SESSION_FINISHED;
	session->heard = now;
	session->exchanges++;
	if (len == 0 && over)
		return ATLS_OFFER_REPEAT;
	if (len == 0) {
		/* Who polls has the answer to what he sent before: only its digest is needed. */
		if (!session->unanswered)
			atls_buf_free(&session->answer);
		return ATLS_OFFER_POLL;
	}
	uint8_t digest[sizeof session->digest];
	if (make_digest(bytes, len, digest))
		return ATLS_OFFER_FULL;
	if (is_repeat(session, digest, len))
		return session->unanswered ? ATLS_OFFER_PENDING : ATLS_OFFER_REPEAT;
	if (over)
		return ATLS_OFFER_UNKNOWN;
	if (atls_engine_feed(session->engine, bytes, len) == ATLS_E_LIMIT)
		return ATLS_OFFER_FULL;
	follow_records(session, bytes, len);
	memcpy(session->digest, digest, sizeof digest);
	session->digest_len = len;
	session->unanswered = true;
	atls_buf_free(&session->answer);
	return ATLS_OFFER_TAKEN;
}

void atls_session_answered(struct atls_session *session, size_t len, bool final)
{
	const uint8_t *bytes;
	(void)atls_engine_output(session->engine, &bytes);
	if (session->unanswered || final) {
		atls_buf_free(&session->answer);
		/* Without memory for it, a repeat gets an empty answer, and TLS notices. */
		(void)atls_buf_append(&session->answer, bytes, len);
	}
	session->unanswered = false;
	atls_engine_output_done(session->engine, len);
}

bool atls_session_may_begin(const uint8_t *bytes, size_t len)
{
	enum { RECORD_CCS = 20, RECORD_HEARTBEAT = 24, RECORD_HANDSHAKE = 22, CLIENT_HELLO = 1 };
	enum { MESSAGE_TYPE = 5 };
	if (len == 0)
		return false;
	if (bytes[0] == RECORD_HANDSHAKE)
		return len <= MESSAGE_TYPE || bytes[MESSAGE_TYPE] == CLIENT_HELLO;
	return bytes[0] < RECORD_CCS || bytes[0] > RECORD_HEARTBEAT;
}
