#include "core/stream_tls.h"

#include "core/raw.h"

#include <string.h>

/* The last word is lost so often before the session ends without it. */
#define LAST_TRIES 3u

/* ---- The client's half ---- */

/* No more is said: in order, by an alert before it, or without TLS by saying that it is no end. */
static void end_saying(struct atls_stream_client *client, const struct atls_engine *engine)
{
	if (atls_engine_broke_off(engine))
		atls_stream_client_abort(client);
	else
		atls_stream_client_end(client);
}

int atls_stream_client_say_all(struct atls_stream_client *client, struct atls_engine *engine)
{
	const uint8_t *bytes;
	size_t len, room;
	while ((len = atls_engine_output(engine, &bytes)) &&
		(room = atls_stream_client_room(client))) {
		if (len > room)
			len = room;
		if (atls_stream_client_say(client, bytes, len))
			return ATLS_E_MEMORY;
		atls_engine_output_done(engine, len);
	}
	if (len == 0 && ((atls_engine_state(engine) & ATLS_FAILED) || atls_engine_closed(engine)))
		end_saying(client, engine);
	return ATLS_OK;
}

void atls_stream_client_take_all(struct atls_stream_client *client, struct atls_engine *engine)
{
	const uint8_t *bytes;
	size_t len;
	while ((len = atls_stream_client_take(client, &bytes)))
		(void)atls_engine_feed(engine, bytes, len);
	const struct atls_stream_facts facts = atls_stream_client_facts(client);
	if (facts.complete)
		(facts.aborted ? atls_engine_abort_input : atls_engine_end_input)(engine);
}

bool atls_stream_client_alert_is_out(
	const struct atls_stream_client *client, const struct atls_engine *engine)
{
	const struct atls_stream_facts facts = atls_stream_client_facts(client);
	return (atls_engine_state(engine) & ATLS_FAILED) && !facts.complete && facts.delivered;
}

/* Whether both sides have said all, and only our close_notify is on its way. */
static bool only_close_is_left(
	const struct atls_stream_client *client, const struct atls_engine *engine)
{
	const uint8_t *bytes;
	const struct atls_stream_facts facts = atls_stream_client_facts(client);
	return (atls_engine_state(engine) & ATLS_PEER_CLOSED) && atls_engine_closed(engine) &&
	       facts.said - facts.acked + atls_engine_output(engine, &bytes) <=
		       atls_engine_close_len(engine);
}

bool atls_stream_client_last_word_is_lost(const struct atls_stream_client *client,
	const struct atls_engine *engine, struct atls_stream_last_word *word, int64_t sent_at,
	bool unknown, bool later, int64_t now)
{
	if (!(atls_engine_state(engine) & ATLS_FAILED) && !only_close_is_left(client, engine))
		return false;
	/* What was under way at the same time was lost by the same fault. */
	if (!unknown && word->tries && sent_at < word->last)
		return false;
	word->last = now;
	return unknown || ++word->tries >= LAST_TRIES || later;
}

/* ---- The server's half ---- */

int atls_stream_server_say_all(struct atls_stream_server *server, struct atls_engine *engine)
{
	const uint8_t *bytes;
	size_t len, room;
	while ((len = atls_engine_output(engine, &bytes)) &&
		(room = atls_stream_server_room(server))) {
		if (len > room)
			len = room;
		if (atls_stream_server_say(server, bytes, len))
			return ATLS_E_MEMORY;
		atls_engine_output_done(engine, len);
	}
	bool last = (atls_engine_state(engine) & ATLS_FAILED) || atls_engine_closed(engine);
	if (len == 0 && last)
		(atls_engine_broke_off(engine) ? atls_stream_server_abort : atls_stream_server_end)(
			server);
	return ATLS_OK;
}

void atls_stream_server_take_all(struct atls_stream_server *server, struct atls_engine *engine)
{
	const uint8_t *bytes;
	size_t len;
	while ((len = atls_stream_server_take(server, &bytes)))
		if (engine)
			(void)atls_engine_feed(engine, bytes, len);
	const struct atls_stream_facts facts = atls_stream_server_facts(server);
	if (engine && facts.complete)
		(facts.aborted ? atls_engine_abort_input : atls_engine_end_input)(engine);
}

/* ---- Answers ---- */

/* In the header or, where that may be stripped, in the body. */
static bool read_dict(const struct atls_http_answer *answer, const struct atls_body_codec *codec,
	bool valid, struct atls_stream_judgement *out)
{
	const char *text = answer->has_stream ? answer->stream : NULL;
	size_t len = text ? strlen(text) : 0;
	if (codec->session_in_body && valid) {
		text = out->body.stream;
		len = out->body.stream_len;
	}
	return text && atls_stream_dict_read(&out->dict, text, len, NULL) == ATLS_OK &&
	       atls_stream_dict_need(&out->dict, ATLS_DICT_ANSWER, NULL) == ATLS_OK;
}

/* One request is outstanding until the first valid answer. */
static enum atls_stream_means judge_first(enum atls_answer_means means, bool has_dict)
{
	switch (means) {
	case ATLS_ANSWER_VALID:
		return has_dict ? ATLS_STREAM_VALID : ATLS_STREAM_BARE;
	case ATLS_ANSWER_LOST:
		return ATLS_STREAM_MISSED;
	case ATLS_ANSWER_TOO_LARGE:
		return ATLS_STREAM_TOO_LARGE;
	case ATLS_ANSWER_UNKNOWN:
		return ATLS_STREAM_UNKNOWN;
	case ATLS_ANSWER_OTHER_ENCODING:
	case ATLS_ANSWER_CONFLICT:
		return ATLS_STREAM_REFUSED;
	case ATLS_ANSWER_END:
		break;
	}
	return ATLS_STREAM_END;
}

static enum atls_stream_means judge_later(
	enum atls_answer_means means, long status, bool has_dict, bool binary)
{
	if (means == ATLS_ANSWER_VALID && has_dict)
		return ATLS_STREAM_VALID;
	if (means == ATLS_ANSWER_VALID || status == 409 || (status == 415 && binary))
		return ATLS_STREAM_STRIPPED;
	if (means == ATLS_ANSWER_TOO_LARGE)
		return ATLS_STREAM_TOO_LARGE;
	/* Somebody else's page counts as nothing. */
	if (means == ATLS_ANSWER_LOST || (status >= 200 && status < 300))
		return ATLS_STREAM_MISSED;
	return means == ATLS_ANSWER_UNKNOWN ? ATLS_STREAM_UNKNOWN : ATLS_STREAM_END;
}

void atls_stream_judge(struct atls_http_answer *answer, const struct atls_body_codec *codec,
	bool first, struct atls_stream_judgement *out)
{
	*out = (struct atls_stream_judgement){0};
	enum atls_answer_means means =
		atls_answer_judge(answer, codec, false, &out->body, &out->err);
	bool valid = means == ATLS_ANSWER_VALID;
	out->has_dict = (valid || answer->status == 409) && read_dict(answer, codec, valid, out);
	out->means =
		first ? judge_first(means, out->has_dict)
		      : judge_later(means, answer->status, out->has_dict, !codec->session_in_body);
}
