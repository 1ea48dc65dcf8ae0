/* Sessions of stream carriage: requests to the session's stream, and its answers to requests. */
#include "pending.h"

#include "core/err.h"
#include "core/stream_tls.h"
#include "net/clock.h"
#include "net/timer.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* A poll is not held longer than this, whatever it asks for. */
#define HOLD_MAX_MS 60000

/* Who is held is not idle. */
static int64_t hold_max_ms(const struct service *service)
{
	int64_t part = (int64_t)service->house->settings.idle_ms / 3;
	return part < HOLD_MAX_MS ? part : HOLD_MAX_MS;
}

int stream_begin(struct service *service, struct atls_session *session, const char *stream_id)
{
	const struct atls_stream_server_limits limits = {
		.body_max = ANSWER_BYTES,
		.body_long = ATLS_STREAM_BODY_LONG,
		.window = ATLS_STREAM_WINDOW_FIRST,
		.keep_max = ATLS_STREAM_WINDOW_FIRST,
		.inflight = ATLS_STREAM_INFLIGHT_MAX,
		.hold_max_ms = hold_max_ms(service),
		.keep_ms = (int64_t)service->house->settings.idle_ms,
	};
	struct atls_stream_server *stream = atls_stream_server_new(&limits);
	if (!stream)
		return ATLS_E_MEMORY;
	atls_session_make_stream(service->sessions, session, stream_id, stream);
	return ATLS_OK;
}

/* ---- Answers ---- */

static void release_block(void *block)
{
	atls_block_release(block);
}

static void reply_json(struct pending *pending, const struct atls_session *session,
	const struct atls_http_header *headers, const char *dict, struct atls_piece *piece)
{
	size_t size = pending->codec->encoded_size(session->id, dict, piece->len);
	uint8_t *body = malloc(size);
	if (body) {
		size = pending->codec->encode(session->id, dict, piece->bytes, piece->len, body);
		pending_capture(pending, session->id, 200, pending->content_type, headers[2].value,
			body, size);
		atls_http_reply(pending->request, 200, headers, 3, body, size);
	} else {
		/* Lost: the client asks again for what stood in it. */
		pending_refuse(pending, 503, "1", NULL, "out of memory");
	}
	atls_block_release(piece->block);
}

static void give(const struct atls_session *session, struct atls_stream_answer *answer)
{
	struct pending *pending = answer->request;
	struct atls_piece *piece = &answer->piece;
	char cookie[COOKIE_TEXT], dict[ATLS_STREAM_TEXT];
	pending->session = NULL;
	pending_cookie(pending, session->id, cookie);
	atls_stream_dict_write(&answer->dict, dict);
	tell_answer(pending->service, session->id, piece->len);
	const struct atls_http_header headers[] = {{"Content-Type", pending->content_type},
		{"Set-Cookie", cookie}, {ATLS_STREAM_HEADER, dict}};
	if (pending->codec->session_in_body) {
		reply_json(pending, session, headers, pending->dict_in_body ? dict : NULL, piece);
	} else {
		pending_capture(pending, session->id, 200, pending->content_type, dict,
			piece->bytes, piece->len);
		atls_http_reply_borrowed(pending->request, 200, headers, 3, piece->bytes,
			piece->len, release_block, piece->block);
	}
	explicit_bzero(cookie, sizeof cookie);
}

/* All that TLS has to say, as far as an answer could take it. What memory is short for now is said
 * later. */
static void say(struct tunnel *tunnel)
{
	(void)atls_stream_server_say_all(tunnel->session->stream, tunnel->session->engine);
}

/* Half of what may be buffered is promised to clients, each in its turn up to what is left of it;
 * what a session needs to go on at all it has in any case. */
static void give_credit(struct tunnel *tunnel)
{
	struct service *service = tunnel->service;
	struct atls_stream_server *stream = tunnel->session->stream;
	uint64_t budget = service->house->settings.max_buffered / 2;
	uint64_t others = service->house->promised - tunnel->promised;
	size_t most = ATLS_STREAM_WINDOW_FIRST;
	if (budget > others + most && tunnel->session->phase == ATLS_SESSION_OPEN)
		most = budget - others > ATLS_STREAM_WINDOW_MAX ? ATLS_STREAM_WINDOW_MAX
								: (size_t)(budget - others);
	size_t window = most < ATLS_STREAM_WINDOW ? most : ATLS_STREAM_WINDOW;
	size_t unread = tunnel_undelivered(tunnel);
	size_t share = tunnel_fair_share(service);
	atls_stream_server_credit(stream, window, most, unread);
	atls_stream_server_keep(stream, share < ATLS_STREAM_WINDOW_FIRST ? ATLS_STREAM_WINDOW_FIRST
					: share < ATLS_STREAM_WINDOW_MAX ? share
									 : ATLS_STREAM_WINDOW_MAX);
	uint64_t promised = atls_stream_server_promised(stream) + unread;
	atomic_fetch_add(&service->house->promised, promised - tunnel->promised);
	tunnel->promised = promised;
}

/* Gives the answers that are due; *at is when the next one is. True if one of them had bytes, so
 * that there is room for more. */
static bool give_all(struct tunnel *tunnel, int64_t now, int64_t *at)
{
	struct atls_stream_answer answer;
	bool gave = false;
	give_credit(tunnel);
	say(tunnel);
	while (atls_stream_server_next(tunnel->session->stream, now, &answer, at)) {
		gave = gave || answer.piece.len;
		give(tunnel->session, &answer);
		say(tunnel);
	}
	return websocket_carry(tunnel) || gave;
}

/* Who ended TLS by an alert fetches nothing more; nor does who broke off a stream without TLS. */
static bool client_gave_up(const struct tunnel *tunnel)
{
	return !tunnel->error.code && atls_engine_peer_failed(tunnel->session->engine);
}

/* It is over when both ends have all; if TLS failed, when the client has our alert, or we have the
 * client's; or, if its last word does not come, when it had the time for it. */
static bool ends(struct tunnel *tunnel, int64_t now)
{
	const struct atls_stream_facts facts = atls_stream_server_facts(tunnel->session->stream);
	bool failed = atls_engine_state(tunnel->session->engine) & ATLS_FAILED;
	if (!tunnel_is_over(tunnel))
		return false;
	if (facts.gone || (failed && facts.delivered))
		return true;
	if (failed && facts.complete && client_gave_up(tunnel))
		return true;
	if (!failed && !facts.delivered)
		return false;
	if (tunnel->linger_until == 0)
		tunnel->linger_until = now + LINGER_MS;
	return now >= tunnel->linger_until;
}

bool stream_answer(struct tunnel *tunnel)
{
	int64_t now = atls_now_ms(), at;
	bool gave = true;
	while (gave) {
		gave = give_all(tunnel, now, &at);
		if (gave)
			backend_pull(tunnel);
	}
	if (ends(tunnel, now)) {
		bool remember = atls_stream_server_facts(tunnel->session->stream).delivered;
		/* Nobody may wait for what is gone. */
		if (!remember)
			stream_release(tunnel->session);
		tunnel_end(tunnel, remember);
		return true;
	}
	if (tunnel->linger_until && tunnel->linger_until < at)
		at = tunnel->linger_until;
	if (at == INT64_MAX)
		event_del(tunnel->hold);
	else
		atls_timer_set(tunnel->hold, at > now ? at - now : 0);
	return false;
}

void stream_release(struct atls_session *session)
{
	struct atls_stream_answer answer;
	int64_t at;
	atls_stream_server_release(session->stream);
	while (atls_stream_server_next(session->stream, atls_now_ms(), &answer, &at))
		give(session, &answer);
}

/* ---- Requests ---- */

void stream_feed(struct atls_session *session)
{
	atls_stream_server_take_all(session->stream, session->engine);
}

static void refuse(
	struct pending *pending, struct atls_session *session, int rc, const struct atls_error *err)
{
	struct atls_stream_dict dict;
	atls_stream_server_dict(session->stream, &dict);
	if (rc == ATLS_E_PROTOCOL)
		pending_refuse(pending, 400, NULL, NULL, err->text);
	else if (rc == ATLS_E_LIMIT)
		pending_refuse(pending, 409, NULL, &dict,
			err->code ? err->text : "too many gaps before this body");
	else
		pending_refuse(pending, 503, "1", NULL, "no room for this request");
}

void stream_offer(struct pending *pending, struct atls_session *session,
	const struct atls_stream_dict *dict, const struct atls_body *body)
{
	struct atls_error err = {0};
	struct tunnel *tunnel = session->user;
	int64_t now = atls_now_ms(), at;
	session->heard = now;
	session->exchanges++;
	if (tunnel && (session->phase == ATLS_SESSION_OPENING || tunnel->report))
		report_carried(tunnel, pending->request);
	int rc = atls_stream_server_request(
		session->stream, pending, dict, body->records, body->len, now, &err);
	if (rc) {
		refuse(pending, session, rc, &err);
		return;
	}
	pending->session = session;
	stream_feed(session);
	atls_http_request_body_done(pending->request);
	if (!tunnel) {
		/* Only numbers are left of it. */
		stream_release(session);
		return;
	}
	if (tunnel->linger_until)
		tunnel->linger_until = now + LINGER_MS;
	/* Who sends in bulk need not wait for the work on it. */
	(void)give_all(tunnel, now, &at);
	tunnel_pump(tunnel);
}

void stream_conflict(struct pending *pending, struct atls_session *session)
{
	struct atls_stream_dict dict;
	session->heard = atls_now_ms();
	atls_stream_server_dict(session->stream, &dict);
	pending_refuse(pending, 409, NULL, &dict,
		"this session has stream carriage, but the request has no ATLS-Stream");
}
