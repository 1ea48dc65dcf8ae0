/* A session's stream carriage on a WebSocket. What goes wrong with it, the requests of
 * session_stream.c mend. With --carriage ws a session begins on one; with --carriage auto it is
 * opened beside the requests, when there is enough to say, and takes over when the other end
 * greeted. */
#include "session_impl.h"

#include "core/err.h"
#include "core/stream_ws.h"
#include "net/clock.h"
#include "net/timer.h"

#include <string.h>

/* In a row, until requests carry the session for good. */
#define FAILURES_MAX 3u
/* Before the next one, doubled each time. */
#define RETRY_MS 100

/* --carriage auto: a session is worth a WebSocket when it stands for so long, and so many exchanges
 * had bytes to carry. */
#define WORTH_MS        1000
#define WORTH_EXCHANGES 16u
/* After the loss of one that worked, doubled each time, until one holds for the longest pause. */
#define PAUSE_MIN_MS 1000
#define PAUSE_MAX_MS 64000
/* What a path refused one session, it refuses all of them for so long. */
#define REFUSED_MS (10 * 60 * 1000)

static bool chooses(const struct session *session)
{
	return session->client->settings.carriage == CARRIAGE_AUTO;
}

void ws_drop(struct session *session)
{
	event_del(session->ws_timer);
	session->ws_link = NULL;
	atls_ws_client_free(session->ws);
	session->ws = NULL;
}

/* One that worked is lost: requests carry the session, and another one is tried after a while. */
static void pause_auto(struct session *session, int64_t now)
{
	if (now - session->ws_since >= PAUSE_MAX_MS || session->ws_pause == 0)
		session->ws_pause = PAUSE_MIN_MS;
	else if (session->ws_pause < PAUSE_MAX_MS)
		session->ws_pause *= 2;
	session->ws_not_before = now + session->ws_pause;
	session->ws_carried = atls_stream_client_facts(session->stream).carried;
}

/* The next one, if there is to be one. */
static void plan(struct session *session, bool greeted)
{
	int64_t now = atls_now_ms();
	if (!atls_stream_client_attached(session->stream))
		session->ws_not_before = now + (RETRY_MS << session->ws_failures);
	if (!chooses(session))
		return;
	if (greeted)
		pause_auto(session, now);
	else if (!session->ws_wanted)
		session->client->ws_not_before = now + REFUSED_MS;
}

static void tell_end(const struct session *session, bool greeted, const struct atls_error *err)
{
	char name[16];
	const struct atls_log_about about = {.event = "websocket_end",
		.session = name,
		.facts = ws_found_json(&session->ws_found)};
	snprintf(name, sizeof name, "%u", session->number);
	atls_log_event(&session->client->log, ATLS_LOG_VERBOSE, &about, "session %s: %s: %s%s",
		name, greeted ? "its WebSocket was lost" : "no WebSocket", err->text,
		greeted || session->ws_wanted ? "" : "; going on with requests");
}

/* state and status: what became of one that did not come to be. */
static void lost(
	struct session *session, enum ws_state state, unsigned status, const struct atls_error *err)
{
	bool greeted = atls_stream_client_greeted(session->stream);
	if (greeted)
		session->ws_found.lost++;
	else
		ws_found_none(&session->ws_found, state, status, err->text);
	session->last_loss = *err;
	session->ws_failures = greeted ? 0 : session->ws_failures + 1;
	session->ws_wanted = session->ws_wanted && session->ws_failures < FAILURES_MAX;
	tell_end(session, greeted, err);
	ws_drop(session);
	plan(session, greeted);
	atls_stream_client_detach(session->stream, atls_now_ms());
	if (!session->over)
		session_step(session);
}

static void capture(
	const struct session *session, bool down, bool text, const void *bytes, size_t len)
{
	char name[16];
	snprintf(name, sizeof name, "%u", session->number);
	const struct atls_capture_body about = {.session = name,
		.request = session->ws_request,
		.down = down,
		.websocket = text ? "text" : "binary"};
	atls_capture_write(session->client->capture, &about, bytes, len);
}

/* ---- What comes ---- */

static int on_bytes(void *ctx, const uint8_t *bytes, size_t len, struct atls_error *err)
{
	struct session *session = ctx;
	capture(session, true, false, bytes, len);
	int rc = atls_stream_client_ws_bytes(session->stream, bytes, len, atls_now_ms(), err);
	stream_take(session);
	return rc;
}

static int on_text(void *ctx, const char *text, size_t len, struct atls_error *err)
{
	struct session *session = ctx;
	struct atls_stream_dict dict;
	bool greeted = atls_stream_client_greeted(session->stream);
	capture(session, true, true, text, len);
	int rc = atls_stream_dict_read(&dict, text, len, err);
	if (!rc)
		rc = atls_stream_client_ws_text(session->stream, &dict, atls_now_ms(), err);
	stream_take(session);
	if (!rc && !greeted) {
		ws_found_stood(&session->ws_found);
		session->ws_failures = 0;
		session->ws_since = atls_now_ms();
		event_del(session->ws_timer);
		session_log(session, ATLS_LOG_VERBOSE, "websocket", "on a WebSocket");
	}
	return rc;
}

static void on_turn(void *ctx)
{
	struct session *session = ctx;
	session_note_established(session);
	if (!session->over)
		session_step(session);
}

/* Both directions are through, and the service knows it: nothing else is to be carried. */
static bool has_done_its_work(struct session *session)
{
	struct atls_stream_post none;
	int64_t at;
	return atls_stream_client_attached(session->stream) &&
	       atls_stream_client_next(session->stream, atls_now_ms(), &none, &at) ==
		       ATLS_STREAM_DONE;
}

/* What came last may have been the end of it all, also where its reader has not got there yet. */
static void on_ended(void *ctx, const struct atls_error *err)
{
	struct session *session = ctx;
	on_turn(session);
	if (session->over)
		return;
	if (!has_done_its_work(session)) {
		lost(session, WS_FAILED, 101, err);
		return;
	}
	ws_drop(session);
	session->ws_wanted = false;
}

/* ---- What is said ---- */

static int say_text(struct session *session, const struct atls_stream_dict *dict)
{
	char text[ATLS_STREAM_TEXT];
	size_t len = atls_stream_dict_write(dict, text);
	int rc = atls_ws_link_text(session->ws_link, text, len);
	if (!rc)
		capture(session, false, true, text, len);
	return rc;
}

static int say_bytes(struct session *session, const void *bytes, size_t len)
{
	int rc = atls_ws_link_bytes(session->ws_link, bytes, len);
	if (!rc)
		capture(session, false, false, bytes, len);
	return rc;
}

/* ---- The beginning ---- */

static void on_opened(void *ctx, struct atls_ws_link *link)
{
	struct session *session = ctx;
	struct atls_stream_dict greeting;
	session->ws_link = link;
	session->ws_request = ++session->requests;
	if (chooses(session))
		atls_stream_client_offer(session->stream, &greeting);
	else
		atls_stream_client_attach(session->stream, &greeting);
	(void)say_text(session, &greeting);
	atls_timer_set(session->ws_timer, ATLS_STREAM_GREETING_MS);
	session_carry(session);
}

static void on_refused(void *ctx, unsigned status, const struct atls_error *err)
{
	struct session *session = ctx;
	/* Who answers has said no; who does not may do so the next time. */
	if (status)
		session->ws_failures = FAILURES_MAX;
	lost(session, status ? WS_REFUSED : WS_FAILED, status, err);
}

static void on_greeting_timer(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	struct session *session = ctx;
	struct atls_error err = {0};
	/* Requests carry the session already, and have to go on doing so. */
	if (chooses(session))
		session->ws_failures = FAILURES_MAX;
	atls_error_set(&err, ATLS_E_PROTOCOL,
		"protocol: WebSocket: nobody speaks on it within %d s: something on the way "
		"swallowed the upgrade",
		ATLS_STREAM_GREETING_MS / 1000);
	lost(session, WS_SWALLOWED, 101, &err);
}

int ws_begin(struct session *session)
{
	session->ws_timer = event_new(session->client->base, -1, 0, on_greeting_timer, session);
	session->ws_wanted = chooses(session) || session->client->settings.carriage == CARRIAGE_WS;
	return session->ws_timer ? ATLS_OK : ATLS_E_MEMORY;
}

void ws_end(struct session *session)
{
	if (session->ws_link)
		atls_ws_link_close(session->ws_link, 1000);
	session->ws_link = NULL;
	atls_ws_client_free(session->ws);
	session->ws = NULL;
	atls_event_free(session->ws_timer);
	session->ws_timer = NULL;
}

static void dial(struct session *session)
{
	static const struct atls_ws_client_events events = {.opened = on_opened,
		.refused = on_refused,
		.link = {on_bytes, on_text, on_turn, on_ended}};
	struct client *client = session->client;
	struct atls_error err = {0};
	session->ws = atls_ws_client_new(client->http, client->base, &client->way, session->url,
		atls_http_channel_cookies(session->lanes[0].channel), &events, session, &err);
	if (!session->ws && chooses(session))
		session->ws_wanted = false;
	else if (!session->ws)
		session_end(session, &err);
}

/* --carriage auto: the first bytes went out in requests long ago, and there will be more. */
static bool is_worth_it(const struct session *session, int64_t now)
{
	const struct client *client = session->client;
	const struct atls_stream_facts facts = atls_stream_client_facts(session->stream);
	return session->stood && now - session->stood >= WORTH_MS &&
	       facts.carried - session->ws_carried >= WORTH_EXCHANGES && !facts.fin_acked &&
	       !facts.complete && !session->stopping && now >= client->ws_not_before;
}

bool ws_dials(struct session *session)
{
	int64_t now = atls_now_ms();
	if (!session->ws && session->ws_wanted && !session->reporting &&
		now >= session->ws_not_before && (!chooses(session) || is_worth_it(session, now)))
		dial(session);
	return session->ws && !session->ws_link && !chooses(session);
}

bool ws_carry(struct session *session)
{
	struct atls_stream_words words;
	bool bytes = false;
	if (!session->ws_link)
		return false;
	while (atls_stream_client_ws_next(
		session->stream, atls_ws_link_room(session->ws_link), &words)) {
		int rc = words.text ? say_text(session, &words.dict)
				    : say_bytes(session, words.piece.bytes, words.piece.len);
		bytes = bytes || words.piece.len;
		atls_block_release(words.piece.block);
		if (rc)
			break;
	}
	atls_ws_link_flush(session->ws_link);
	return bytes;
}
