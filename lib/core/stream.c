/* The client's half of stream carriage as embedders have it: an engine, the half and an encoding in
 * one, and HTTP's own terms on the outside. */
#include "core/body.h"
#include "core/engine_impl.h"
#include "core/err.h"
#include "core/id.h"
#include "core/stream_tls.h"

#include <gnutls/crypto.h>
#include <stdlib.h>
#include <string.h>

/* A request under way, and what it points to. */
struct lane {
	bool used;
	const struct atls_body_codec *codec;
	struct atls_block *block; /* held, or null */
	uint8_t *body;            /* owned, or null */
	int64_t sent_at;
	char dict[ATLS_STREAM_TEXT];
};

struct atls_stream {
	struct atls_engine *engine; /* the owner's */
	struct atls_stream_client *half;
	const struct atls_body_codec *codec;
	char *session; /* in json: as the service calls it; null before it did */
	struct lane lanes[ATLS_STREAM_INFLIGHT_MAX];
	unsigned tries; /* of the opening request */
	struct atls_stream_last_word last_word;
	bool over;
	struct atls_error error;
};

static bool is_sane(const struct atls_stream_config *config)
{
	return (config->body_max == 0 ||
		       (config->body_max >= ATLS_BODY_MIN && config->body_max <= ATLS_BODY_MAX)) &&
	       (config->inflight == 0 ||
		       (config->inflight >= 2 && config->inflight <= ATLS_STREAM_INFLIGHT_MAX)) &&
	       (config->poll_ms == 0 || config->poll_ms >= ATLS_STREAM_POLL_MIN_MS) &&
	       config->resume_ms >= 0;
}

/* What the engine can take at once, up to most. */
static size_t window(const struct atls_stream *stream, size_t most)
{
	return stream->engine->in.max < most ? stream->engine->in.max : most;
}

static struct atls_stream_client *make_half(
	const struct atls_stream *stream, const struct atls_stream_config *config, int64_t now)
{
	unsigned inflight = config->inflight;
	struct atls_stream_limits limits = {
		.window = window(stream, ATLS_STREAM_WINDOW_FIRST),
		.body_max = config->body_max ? config->body_max : ATLS_STREAM_BODY,
		.body_long = config->body_max ? 0 : ATLS_STREAM_BODY_LONG,
		.inflight = inflight && inflight < ATLS_STREAM_INFLIGHT ? inflight
									: ATLS_STREAM_INFLIGHT,
		.inflight_max = inflight ? inflight : ATLS_STREAM_INFLIGHT_MAX,
		.poll_ms = config->poll_ms ? config->poll_ms : ATLS_STREAM_POLL_MS,
		.resume_ms = config->resume_ms ? config->resume_ms : ATLS_RESUME_MS,
	};
	if (atls_id_make(limits.id) ||
		gnutls_rnd(GNUTLS_RND_NONCE, &limits.seed, sizeof limits.seed) < 0)
		return NULL;
	return atls_stream_client_new(&limits, now);
}

struct atls_stream *atls_stream_new(struct atls_engine *engine, enum atls_encoding encoding,
	const struct atls_stream_config *config, int64_t now, struct atls_error *err)
{
	static const struct atls_stream_config usual;
	if (!config)
		config = &usual;
	if (!atls_body_codec(encoding) || !is_sane(config) || engine->role != ATLS_CLIENT) {
		atls_error_set(err, ATLS_E_USAGE, "stream carriage: no such configuration");
		return NULL;
	}
	struct atls_stream *stream = calloc(1, sizeof *stream);
	if (stream) {
		stream->engine = engine;
		stream->codec = atls_body_codec(encoding);
		stream->half = make_half(stream, config, now);
	}
	if (!stream || !stream->half) {
		atls_error_set(err, ATLS_E_MEMORY, "out of memory for a session");
		atls_stream_free(stream);
		return NULL;
	}
	return stream;
}

static void free_lane(struct lane *lane)
{
	atls_block_release(lane->block);
	free(lane->body);
	*lane = (struct lane){0};
}

void atls_stream_free(struct atls_stream *stream)
{
	if (!stream)
		return;
	for (unsigned i = 0; i < ATLS_STREAM_INFLIGHT_MAX; i++)
		free_lane(&stream->lanes[i]);
	atls_stream_client_free(stream->half);
	free(stream->session);
	free(stream);
}

static int fail(struct atls_stream *stream, const struct atls_error *err)
{
	if (!stream->error.code)
		stream->error = *err;
	return stream->error.code;
}

static int fail_memory(struct atls_stream *stream)
{
	return fail(stream,
		&(struct atls_error){.code = ATLS_E_MEMORY, .text = "out of memory for a session"});
}

/* ---- Requests ---- */

/* A binary body goes out from where it is kept; one of json is made for it. */
static int fill(struct atls_stream *stream, const struct atls_stream_post *post, int64_t now,
	struct atls_stream_request *request)
{
	const struct atls_body_codec *codec = stream->codec;
	const struct atls_piece *piece = &post->piece;
	struct lane *lane = &stream->lanes[post->slot];
	*lane = (struct lane){.used = true, .codec = codec, .block = piece->block, .sent_at = now};
	atls_stream_dict_write(&post->dict, lane->dict);
	*request = (struct atls_stream_request){
		.slot = post->slot,
		.content_type = codec->content_type,
		.dict = codec->session_in_body ? NULL : lane->dict,
		.body = piece->len ? piece->bytes : (const uint8_t *)"",
		.len = piece->len,
		.timeout_ms = post->timeout_ms,
	};
	if (!codec->session_in_body)
		return ATLS_OK;
	size_t size = codec->encoded_size(stream->session, lane->dict, piece->len);
	lane->body = malloc(size);
	if (!lane->body)
		return fail_memory(stream);
	request->len =
		codec->encode(stream->session, lane->dict, request->body, piece->len, lane->body);
	request->body = lane->body;
	return ATLS_OK;
}

static void give_credit(struct atls_stream *stream)
{
	bool stands = (atls_engine_state(stream->engine) & ATLS_ESTABLISHED) &&
		      atls_stream_client_facts(stream->half).open;
	atls_stream_client_credit(stream->half,
		window(stream, stands ? ATLS_STREAM_WINDOW : ATLS_STREAM_WINDOW_FIRST),
		window(stream, stands ? ATLS_STREAM_WINDOW_MAX : ATLS_STREAM_WINDOW_FIRST),
		atls_engine_input_pending(stream->engine));
}

static enum atls_stream_step give_up(struct atls_stream *stream)
{
	struct atls_error err = {0};
	const uint8_t *bytes;
	const struct atls_stream_facts facts = atls_stream_client_facts(stream->half);
	uint64_t said = facts.said + atls_engine_output(stream->engine, &bytes);
	atls_error_set(&err, ATLS_E_NETWORK,
		"connection: lost, and not found again in time; of the TLS bytes to the service "
		"%llu are acknowledged, and %llu are not",
		(unsigned long long)facts.acked, (unsigned long long)(said - facts.acked));
	(void)fail(stream, &err);
	return ATLS_STREAM_LOST;
}

enum atls_stream_step atls_stream_next(
	struct atls_stream *stream, int64_t now, struct atls_stream_request *request, int64_t *at)
{
	struct atls_stream_post post;
	*at = INT64_MAX;
	if (stream->error.code)
		return ATLS_STREAM_LOST;
	if (!stream->over && atls_stream_client_say_all(stream->half, stream->engine)) {
		(void)fail_memory(stream);
		return ATLS_STREAM_LOST;
	}
	give_credit(stream);
	if (stream->over || atls_stream_client_alert_is_out(stream->half, stream->engine))
		return ATLS_STREAM_DONE;
	switch (atls_stream_client_next(stream->half, now, &post, at)) {
	case ATLS_STREAM_SEND:
		return fill(stream, &post, now, request) ? ATLS_STREAM_LOST : ATLS_STREAM_SEND;
	case ATLS_STREAM_DONE:
		/* TLS has its last word, too: what came may not be read yet. */
		*at = INT64_MAX;
		stream->over = atls_engine_state(stream->engine) & (ATLS_PEER_CLOSED | ATLS_FAILED);
		return stream->over ? ATLS_STREAM_DONE : ATLS_STREAM_WAIT;
	case ATLS_STREAM_LOST:
		return give_up(stream);
	case ATLS_STREAM_WAIT:
		break;
	}
	return ATLS_STREAM_WAIT;
}

/* ---- Answers ---- */

/* Text of somebody else's, as far as it is looked at. */
static void copy(char *to, size_t size, const char *text)
{
	size_t len = text ? strlen(text) : 0;
	if (len >= size)
		len = size - 1;
	if (len)
		memcpy(to, text, len);
	to[len] = '\0';
}

static void read_response(
	const struct atls_stream_response *response, struct atls_http_answer *answer)
{
	*answer = (struct atls_http_answer){
		.status = response->status,
		.has_stream = response->dict,
		.sent = true,
		.body = response->body,
		.len = response->len,
		.error = {.code = ATLS_E_NETWORK, .text = "HTTP: no answer"},
	};
	copy(answer->content_type, sizeof answer->content_type, response->content_type);
	copy(answer->stream, sizeof answer->stream, response->dict);
}

static int keep_session(struct atls_stream *stream, const struct atls_body *body)
{
	if (stream->session || !body->session)
		return ATLS_OK;
	stream->session = strndup(body->session, body->session_len);
	return stream->session ? ATLS_OK : fail_memory(stream);
}

static int valid(struct atls_stream *stream, unsigned slot, struct atls_stream_judgement *judged,
	int64_t now)
{
	if (keep_session(stream, &judged->body))
		return ATLS_E_MEMORY;
	if (atls_stream_client_answered(stream->half, slot, &judged->dict, judged->body.records,
		    judged->body.len, now, &judged->err)) {
		if (!judged->err.code)
			return fail_memory(stream);
		return fail(stream, &judged->err);
	}
	atls_stream_client_take_all(stream->half, stream->engine);
	return ATLS_OK;
}

static int lost(struct atls_stream *stream, unsigned slot, int64_t sent_at,
	const struct atls_stream_judgement *judged, int64_t retry_after, int64_t now)
{
	bool unknown = judged->means == ATLS_STREAM_UNKNOWN;
	if (atls_stream_client_last_word_is_lost(stream->half, stream->engine, &stream->last_word,
		    sent_at, unknown, retry_after > 0, now))
		stream->over = true;
	if (!atls_stream_client_facts(stream->half).open &&
		++stream->tries >= ATLS_STREAM_OPENING_TRIES)
		return fail(stream, &judged->err);
	if (atls_stream_client_lost(stream->half, slot, unknown, retry_after, now) && !stream->over)
		return fail(stream, &judged->err);
	return ATLS_OK;
}

static int bare(struct atls_stream *stream)
{
	return fail(stream,
		&(struct atls_error){.code = ATLS_E_PROTOCOL,
			.text = "protocol: the first answer has no " ATLS_STREAM_HEADER
				": the service does not know it, or it is stripped on the way"});
}

static void stripped(struct atls_stream *stream, unsigned slot, bool conflict,
	const struct atls_stream_judgement *judged, int64_t now)
{
	atls_stream_client_stripped(
		stream->half, slot, conflict, judged->has_dict ? &judged->dict : NULL, now);
	if (atls_stream_client_facts(stream->half).in_body)
		stream->codec = atls_body_codec(ATLS_JSON);
}

int atls_stream_answered(struct atls_stream *stream, unsigned slot,
	const struct atls_stream_response *response, int64_t now)
{
	struct atls_http_answer answer;
	struct atls_stream_judgement judged;
	if (slot >= ATLS_STREAM_INFLIGHT_MAX || !stream->lanes[slot].used)
		return ATLS_E_USAGE;
	const struct lane lane = stream->lanes[slot];
	read_response(response, &answer);
	free_lane(&stream->lanes[slot]);
	if (stream->error.code || stream->over)
		return stream->error.code;
	atls_stream_judge(
		&answer, lane.codec, !atls_stream_client_facts(stream->half).open, &judged);
	switch (judged.means) {
	case ATLS_STREAM_VALID:
		return valid(stream, slot, &judged, now);
	case ATLS_STREAM_BARE:
		return bare(stream);
	case ATLS_STREAM_STRIPPED:
		stripped(stream, slot, response->status != 200, &judged, now);
		return ATLS_OK;
	case ATLS_STREAM_TOO_LARGE:
		if (atls_stream_client_too_large(stream->half, slot))
			break;
		return ATLS_OK;
	case ATLS_STREAM_MISSED:
	case ATLS_STREAM_UNKNOWN:
		return lost(stream, slot, lane.sent_at, &judged, response->retry_after_ms, now);
	case ATLS_STREAM_REFUSED:
	case ATLS_STREAM_END:
		break;
	}
	return fail(stream, &judged.err);
}

void atls_stream_heard(struct atls_stream *stream, unsigned slot, int64_t now)
{
	if (slot < ATLS_STREAM_INFLIGHT_MAX && stream->lanes[slot].used)
		atls_stream_client_heard(stream->half, slot, now);
}

const struct atls_error *atls_stream_error(const struct atls_stream *stream)
{
	return &stream->error;
}

struct atls_stream_numbers atls_stream_numbers(const struct atls_stream *stream)
{
	const struct atls_stream_facts facts = atls_stream_client_facts(stream->half);
	return (struct atls_stream_numbers){
		.open = facts.open,
		.acked = facts.acked,
		.kept = facts.said - facts.acked,
		.received = facts.received,
		.exchanges = facts.exchanges,
		.lost = facts.lost,
		.inflight = facts.inflight,
	};
}
