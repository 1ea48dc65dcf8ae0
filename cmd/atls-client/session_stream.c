/* A session's stream carriage: what is said goes out on as many requests as it takes. */
#include "session_impl.h"

#include "core/err.h"
#include "core/id.h"
#include "core/stream_tls.h"
#include "net/clock.h"
#include "net/timer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int stream_begin(struct session *session, struct atls_error *err)
{
	const struct settings *settings = &session->client->settings;
	const struct path_memory *memory = &session->client->memory;
	bool any_size = !settings->body_given && !memory->body_max;
	struct atls_stream_limits limits = {
		.window = ATLS_STREAM_WINDOW_FIRST,
		.body_max = (size_t)(memory->body_max && memory->body_max < settings->body_size
					     ? memory->body_max
					     : settings->body_size),
		.body_long = any_size ? ATLS_STREAM_BODY_LONG : 0,
		.inflight = memory->inflight ? memory->inflight : ATLS_STREAM_INFLIGHT,
		.inflight_max = ATLS_STREAM_INFLIGHT_MAX,
		.poll_ms = memory->poll_ms ? memory->poll_ms : ATLS_STREAM_POLL_MS,
		.resume_ms = (int64_t)settings->resume_ms,
		.seed = (uint32_t)(uintptr_t)session ^ (uint32_t)atls_now_ms(),
		.silent = settings->raw,
	};
	atls_stream_client_free(session->stream);
	session->stream = NULL;
	if (atls_id_make(limits.id) == ATLS_OK)
		session->stream = atls_stream_client_new(&limits, atls_now_ms());
	if (!session->stream)
		return atls_error_set(err, ATLS_E_MEMORY, "out of memory for a session");
	return ATLS_OK;
}

static int open_lane(struct session *session, struct lane *lane)
{
	struct atls_error err = {0};
	lane->session = session;
	lane->channel = atls_http_channel_new(
		session->client->http, &session->client->way, session_answered, lane, &err);
	if (!lane->channel || atls_http_channel_url(lane->channel, session->url))
		return ATLS_E_MEMORY;
	atls_http_channel_adopt(lane->channel, session->lanes[0].channel);
	return ATLS_OK;
}

/* A binary body goes out from where it is kept; one of json is made for it. */
static void send_post(struct session *session, struct atls_stream_post *post)
{
	struct lane *lane = &session->lanes[post->slot];
	const struct atls_body_codec *codec = session->course.codec;
	struct atls_piece *piece = &post->piece;
	char dict[ATLS_STREAM_TEXT], line[ATLS_STREAM_TEXT + sizeof ATLS_STREAM_HEADER + 2];
	long stall_s = (long)((post->timeout_ms + 999) / 1000);
	lane->block = piece->block;
	if (!lane->channel && open_lane(session, lane)) {
		session_fail_memory(session);
		return;
	}
	atls_stream_dict_write(&post->dict, dict);
	session_log(session, ATLS_LOG_DEBUG, "request",
		"sending %zu TLS bytes; gen=%llu, up=%llu, "
		"ack=%llu%s%s",
		piece->len, (unsigned long long)post->dict.gen, (unsigned long long)post->dict.up,
		(unsigned long long)post->dict.ack, post->dict.has & ATLS_DICT_POLL ? ", poll" : "",
		post->dict.has & ATLS_DICT_FIN ? ", fin" : "");
	if (!codec->session_in_body) {
		snprintf(line, sizeof line, ATLS_STREAM_HEADER ": %s", dict);
		session_post(session, lane, piece->bytes, piece->len, line, stall_s);
		return;
	}
	size_t size = codec->encoded_size(session->course.id, dict, piece->len);
	lane->body = malloc(size);
	if (!lane->body) {
		session_fail_memory(session);
		return;
	}
	size = codec->encode(session->course.id, dict,
		piece->len ? piece->bytes : (const uint8_t *)"", piece->len, lane->body);
	session_post(session, lane, lane->body, size, NULL, stall_s);
}

static void give_credit(struct session *session)
{
	bool established = session_stands(session);
	atls_stream_client_credit(session->stream,
		established ? ATLS_STREAM_WINDOW : ATLS_STREAM_WINDOW_FIRST,
		established ? ATLS_STREAM_WINDOW_MAX : ATLS_STREAM_WINDOW_FIRST,
		atls_engine_input_pending(session->course.engine));
}

/* An answer that is coming in, however slowly, is not missing. */
static void hear(struct session *session, int64_t now)
{
	for (unsigned i = 0; i < ATLS_STREAM_INFLIGHT_MAX; i++) {
		struct lane *lane = &session->lanes[i];
		size_t received = lane->busy ? atls_http_received(lane->channel) : 0;
		if (received > lane->received)
			atls_stream_client_heard(session->stream, i, now);
		lane->received = received;
	}
}

static void give_up(struct session *session)
{
	const struct atls_stream_facts facts = atls_stream_client_facts(session->stream);
	const struct atls_error *last = &session->last_loss;
	const uint8_t *bytes;
	uint64_t said = facts.said + atls_engine_output(session->course.engine, &bytes);
	struct atls_error err = {0};
	atls_error_set(&err, ATLS_E_NETWORK,
		"connection: lost, and not found again within %.1f s (--resume-timeout); of the "
		"TLS bytes "
		"to the service %llu are acknowledged, and %llu are not%s%s",
		(double)session->client->settings.resume_ms / 1000, (unsigned long long)facts.acked,
		(unsigned long long)(said - facts.acked), last->code ? "; the last failure: " : "",
		last->code ? last->text : "");
	session_end(session, &err);
}

/* TLS has its last word, too: what came may not be read yet. */
static bool tls_is_over(const struct session *session)
{
	return session->stopping ||
	       (atls_engine_state(session->course.engine) & (ATLS_PEER_CLOSED | ATLS_FAILED));
}

/* One round of it. False when there is nothing to do for now. */
static bool carry_on(struct session *session, int64_t now)
{
	struct atls_stream_post post;
	int64_t at;
	if (atls_stream_client_say_all(session->stream, session->course.engine)) {
		session_fail_memory(session);
		return false;
	}
	give_credit(session);
	if (ws_dials(session))
		return false;
	if (ws_carry(session)) {
		/* No answer will come to say that there is room for more. */
		event_active(session->soon, EV_TIMEOUT, 0);
		return true;
	}
	if (atls_stream_client_alert_is_out(session->stream, session->course.engine)) {
		session_end(session, atls_engine_error(session->course.engine));
		return false;
	}
	switch (atls_stream_client_next(session->stream, now, &post, &at)) {
	case ATLS_STREAM_SEND:
		send_post(session, &post);
		return !session->over;
	case ATLS_STREAM_WAIT:
		if (at != INT64_MAX)
			atls_timer_set(session->timer, at > now ? at - now : 0);
		break;
	case ATLS_STREAM_DONE:
		if (tls_is_over(session))
			session_end(session, session->stopping
						     ? NULL
						     : atls_engine_error(session->course.engine));
		break;
	case ATLS_STREAM_LOST:
		give_up(session);
		break;
	}
	return false;
}

void stream_carry(struct session *session)
{
	int64_t now = atls_now_ms();
	hear(session, now);
	while (carry_on(session, now))
		;
}
