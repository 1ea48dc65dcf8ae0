/* Requests in any order against the server's session table: bodies, polls, repeats, ends, time.
 * Each step is three bytes: what, which session, how much. */
#include "core/session.h"

#include "tests/unit/certs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define SESSIONS 8u

static struct cert leaf;
static gnutls_certificate_credentials_t cred;
static gnutls_priority_t priorities;

static void need(bool condition)
{
	if (!condition)
		abort();
}

static void on_end(void *ctx, struct atls_session *session, const char *why)
{
	need(why && why[0]);
	atls_session_finish(ctx, session, session->heard);
}

static void on_each(void *ctx, struct atls_session *session)
{
	need(session->phase != ATLS_SESSION_FINISHED);
	atls_session_remove(ctx, session);
}

/* One that the table refuses is as new for the next time. */
static void open_one(struct atls_sessions *table, char *id, int64_t now)
{
	static struct atls_engine *spare;
	struct atls_error err = {0};
	struct atls_session *session = NULL;
	const struct atls_engine_config config = {
		.role = ATLS_SERVER,
		.credentials = cred,
		.priorities = priorities,
		.input_max = 2048,
	};
	if (!spare)
		spare = atls_engine_new(&config, &err);
	need(spare != NULL);
	if (atls_session_open(table, spare, "peer", now, &session, &err))
		return;
	spare = NULL;
	memcpy(id, session->id, ATLS_ID_TEXT);
}

static void body(struct atls_session *session, const uint8_t *bytes, size_t len, int64_t now)
{
	const uint8_t *out;
	bool over = session->phase == ATLS_SESSION_FINISHED;
	switch (atls_session_offer(session, bytes, len, now)) {
	case ATLS_OFFER_TAKEN:
		need(len > 0 && !over && session->digest_len == len);
		break;
	case ATLS_OFFER_POLL:
		need(len == 0 && !over);
		break;
	case ATLS_OFFER_PENDING:
		need(len >= ATLS_REPEAT_MIN && session->unanswered);
		break;
	case ATLS_OFFER_REPEAT:
		need(over || (len >= ATLS_REPEAT_MIN && !session->unanswered));
		return;
	case ATLS_OFFER_UNKNOWN:
		need(over && len > 0);
		return;
	case ATLS_OFFER_FULL:
		return;
	}
	atls_session_answered(session, atls_engine_output(session->engine, &out), len & 1);
	need(!session->unanswered);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct atls_session_limits limits = {
		.sessions_max = 4, .opening_ms = 50, .idle_ms = 100, .linger_ms = 60};
	char ids[SESSIONS][ATLS_ID_TEXT] = {{0}};
	if (!cred) {
		cert_make(&leaf, &(struct cert_spec){.cn = "service", .names = "a.example"}, NULL);
		cred = cert_credentials(&leaf, NULL);
		CERT_OK(gnutls_priority_init(&priorities, NULL, NULL));
	}
	struct atls_sessions *table = atls_sessions_new(&limits);
	int64_t now = 0;
	for (size_t at = 0; table && at + 3 <= len; at += 3) {
		char *id = ids[data[at + 1] % SESSIONS];
		struct atls_session *session = atls_session_find(table, id, strlen(id));
		size_t size = data[at + 2] < len - at ? data[at + 2] : len - at;
		now += data[at] >> 3;
		if (data[at] % 8 == 0)
			atls_sessions_expire(table, now, on_end, table);
		else if (data[at] % 8 == 1 && session)
			atls_session_finish(table, session, now);
		else if (data[at] % 8 == 2 && session)
			atls_session_remove(table, session);
		else if (session)
			body(session, data + at, size, now);
		else
			open_one(table, id, now);
		need(atls_sessions_count(table) <= limits.sessions_max);
	}
	atls_sessions_each(table, on_each, table);
	atls_sessions_expire(table, INT64_MAX, on_end, table);
	need(atls_sessions_count(table) == 0);
	atls_sessions_free(table);
	return 0;
}
