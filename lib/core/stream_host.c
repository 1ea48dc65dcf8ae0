/* The server's half of stream carriage as embedders have it: an engine and the half in one, HTTP's
 * own terms on the outside. */
#include "core/body.h"
#include "core/engine_impl.h"
#include "core/err.h"
#include "core/raw.h"
#include "core/session.h"
#include "core/stream_server_impl.h"
#include "core/stream_tls.h"

#include <stdlib.h>
#include <string.h>

#define HOLD_MS 60000

/* A request that waits, and what it said of the answer's form. */
struct asked {
	bool used;
	void *request;
	const struct atls_body_codec *codec;
	bool dict_in_body;
};

struct atls_stream_host {
	struct atls_engine *engine; /* the owner's */
	struct atls_stream_server *half;
	char *session;
	size_t keep_max;
	struct asked asked[ATLS_WAITING_MAX];
};

/* ---- Requests, before their session is known ---- */

/* The dictionary in the body counts where there is one in the header, too. */
static int read_dict(struct atls_stream_call *call, const char *text, struct atls_error *err)
{
	struct atls_body *body = &call->body;
	struct atls_stream_dict dict;
	call->dict_in_body = body->stream;
	if (!body->stream) {
		body->stream = text;
		body->stream_len = text ? strlen(text) : 0;
	}
	if (!body->stream)
		return 0;
	if (atls_stream_dict_read(&dict, body->stream, body->stream_len, err) ||
		atls_stream_dict_need(&dict, ATLS_DICT_REQUEST, err))
		return ATLS_E_PROTOCOL;
	memcpy(call->id, dict.id, sizeof call->id);
	call->may_begin =
		dict.up == 0 && dict.ack == 0 && atls_session_may_begin(body->records, body->len);
	return 1;
}

int atls_stream_call_read(struct atls_stream_call *call, const char *content_type, const char *dict,
	uint8_t *body, size_t len, struct atls_error *err)
{
	int encoding = atls_encoding_by_type(content_type);
	*call = (struct atls_stream_call){0};
	if (encoding < 0)
		return atls_error_set(err, ATLS_E_USAGE, "protocol: another content type");
	call->encoding = (enum atls_encoding)encoding;
	if (atls_body_codec(call->encoding)->decode(body, len, &call->body, err))
		return ATLS_E_PROTOCOL;
	if (!call->body.records && encoding == ATLS_JSON)
		return atls_error_set(
			err, ATLS_E_PROTOCOL, "protocol: JSON body: it has no member 'records'");
	return read_dict(call, dict, err);
}

/* ---- Sessions ---- */

static bool is_sane(const struct atls_stream_host_config *config)
{
	return (config->body_max == 0 ||
		       (config->body_max >= ATLS_BODY_MIN && config->body_max <= ATLS_BODY_MAX)) &&
	       (config->keep_max == 0 || config->keep_max >= ATLS_STREAM_WINDOW_FIRST) &&
	       config->hold_ms >= 0 && config->keep_ms >= 0 &&
	       (!config->session || strlen(config->session) <= ATLS_SESSION_MAX);
}

/* What the engine can take at once, up to most. */
static size_t window(const struct atls_stream_host *host, size_t most)
{
	return host->engine->in.max < most ? host->engine->in.max : most;
}

static int fill(struct atls_stream_host *host, const struct atls_stream_call *call,
	const struct atls_stream_host_config *config)
{
	const struct atls_stream_server_limits limits = {
		.body_max = config->body_max ? config->body_max : ATLS_STREAM_BODY,
		.body_long = config->body_max ? 0 : ATLS_STREAM_BODY_LONG,
		.window = window(host, ATLS_STREAM_WINDOW_FIRST),
		.keep_max = ATLS_STREAM_WINDOW_FIRST,
		.inflight = ATLS_STREAM_INFLIGHT_MAX,
		.hold_max_ms = config->hold_ms ? config->hold_ms : HOLD_MS,
		.keep_ms = config->keep_ms ? config->keep_ms : ATLS_STREAM_KEEP_MS,
	};
	host->keep_max = config->keep_max ? config->keep_max : ATLS_STREAM_WINDOW_MAX;
	host->half = atls_stream_server_new(&limits);
	host->session = strdup(config->session ? config->session : call->id);
	return host->half && host->session ? ATLS_OK : ATLS_E_MEMORY;
}

struct atls_stream_host *atls_stream_host_new(struct atls_engine *engine,
	const struct atls_stream_call *call, const struct atls_stream_host_config *config,
	struct atls_error *err)
{
	static const struct atls_stream_host_config usual;
	if (!config)
		config = &usual;
	if (!is_sane(config) || engine->role != ATLS_SERVER) {
		atls_error_set(err, ATLS_E_USAGE, "stream carriage: no such configuration");
		return NULL;
	}
	struct atls_stream_host *host = calloc(1, sizeof *host);
	if (host)
		host->engine = engine;
	if (!host || fill(host, call, config)) {
		atls_error_set(err, ATLS_E_MEMORY, "out of memory for a session");
		atls_stream_host_free(host);
		return NULL;
	}
	return host;
}

void atls_stream_host_free(struct atls_stream_host *host)
{
	if (!host)
		return;
	atls_stream_server_free(host->half);
	free(host->session);
	free(host);
}

bool atls_stream_host_over(const struct atls_stream_host *host)
{
	const struct atls_stream_facts facts = atls_stream_server_facts(host->half);
	bool failed = atls_engine_state(host->engine) & ATLS_FAILED;
	return facts.gone ||
	       (failed && (facts.delivered ||
				  (facts.complete && atls_engine_peer_failed(host->engine))));
}

/* ---- Between TLS and the half ---- */

static void give_credit(struct atls_stream_host *host)
{
	bool stands = atls_engine_state(host->engine) & ATLS_ESTABLISHED;
	atls_stream_server_credit(host->half,
		window(host, stands ? ATLS_STREAM_WINDOW : ATLS_STREAM_WINDOW_FIRST),
		window(host, stands ? ATLS_STREAM_WINDOW_MAX : ATLS_STREAM_WINDOW_FIRST),
		atls_engine_input_pending(host->engine));
	atls_stream_server_keep(host->half, stands ? host->keep_max : ATLS_STREAM_WINDOW_FIRST);
}

/* ---- Requests and answers ---- */

/* The one that waits and has that name, or with null one that is free; null if there is none. */
static struct asked *find_asked(struct atls_stream_host *host, const void *request)
{
	for (struct asked *asked = host->asked; asked < host->asked + ATLS_WAITING_MAX; asked++)
		if (request ? asked->used && asked->request == request : !asked->used)
			return asked;
	return NULL;
}

int atls_stream_host_request(struct atls_stream_host *host, void *request,
	const struct atls_stream_call *call, int64_t now, struct atls_error *err)
{
	struct atls_stream_dict dict;
	const struct atls_body *body = &call->body;
	struct asked *asked = find_asked(host, NULL);
	if (!asked)
		return ATLS_E_AGAIN;
	int rc = atls_stream_dict_read(&dict, body->stream, body->stream_len, err);
	if (!rc)
		rc = atls_stream_server_request(
			host->half, asked, &dict, body->records, body->len, now, err);
	if (rc)
		return rc;
	*asked = (struct asked){true, request, atls_body_codec(call->encoding), call->dict_in_body};
	atls_stream_server_take_all(host->half, host->engine);
	return ATLS_OK;
}

void atls_stream_host_dict(struct atls_stream_host *host, char text[ATLS_STREAM_TEXT])
{
	struct atls_stream_dict dict;
	atls_stream_server_dict(host->half, &dict);
	atls_stream_dict_write(&dict, text);
}

void atls_stream_host_forget(struct atls_stream_host *host, const void *request)
{
	struct asked *asked = request ? find_asked(host, request) : NULL;
	if (!asked)
		return;
	asked->used = false;
	atls_stream_server_forget(host->half, asked);
}

/* What does not become an answer counts as lost: the client asks again for what stood in it. */
static void encode(const struct atls_stream_host *host, const struct asked *asked,
	struct atls_stream_reply *reply)
{
	const char *dict = asked->dict_in_body ? reply->dict : NULL;
	if (!asked->codec->session_in_body)
		return;
	reply->made = malloc(asked->codec->encoded_size(host->session, dict, reply->len));
	if (reply->made) {
		reply->len = asked->codec->encode(
			host->session, dict, reply->body, reply->len, reply->made);
		reply->body = reply->made;
	} else {
		reply->status = 503;
		reply->len = 0;
	}
}

bool atls_stream_host_next(
	struct atls_stream_host *host, int64_t now, struct atls_stream_reply *reply, int64_t *at)
{
	struct atls_stream_answer answer;
	(void)atls_stream_server_say_all(host->half, host->engine);
	give_credit(host);
	/* Nobody is to wait for what will not come. */
	if (atls_stream_host_over(host))
		atls_stream_server_release(host->half);
	if (!atls_stream_server_next(host->half, now, &answer, at))
		return false;
	struct asked *asked = answer.request;
	asked->used = false;
	*reply = (struct atls_stream_reply){
		.request = asked->request,
		.status = 200,
		.content_type = asked->codec->content_type,
		.body = answer.piece.len ? answer.piece.bytes : (const uint8_t *)"",
		.len = answer.piece.len,
		.block = answer.piece.block,
	};
	atls_stream_dict_write(&answer.dict, reply->dict);
	encode(host, asked, reply);
	return true;
}

void atls_stream_reply_free(struct atls_stream_reply *reply)
{
	atls_block_release(reply->block);
	free(reply->made);
	*reply = (struct atls_stream_reply){0};
}
