#include "pending.h"

#include "core/body.h"
#include "core/err.h"
#include "net/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* So little is taken even when buffers are full. */
#define SMALL_BODY 4096u

static bool known_path(const char *path)
{
	for (int i = 0; i < ATLS_ENCODINGS; i++)
		if (strcmp(path, atls_body_codec((enum atls_encoding)i)->path) == 0)
			return true;
	return false;
}

/* The codec of a request's type, or null: with the inner TLS any of the drafts' own, without it the
 * one of --raw. */
static const struct atls_body_codec *codec_named(
	const struct service *service, const struct atls_http_request *request)
{
	const char *type = atls_http_request_header(request, "Content-Type");
	const struct settings *settings = &service->house->settings;
	if (!type)
		return NULL;
	if (!settings->raw)
		return atls_body_codec((enum atls_encoding)atls_encoding_by_type(type));
	return atls_body_type_is(type, settings->raw_names.content_type)
		       ? &settings->raw_names.codec
		       : NULL;
}

/* What a refused type should have been (RFC 9110 section 15.5.16). */
static const char *types_taken(const struct service *service)
{
	return service->house->settings.raw
		       ? service->house->settings.raw_names.content_type
		       : "application/atls, application/atls+octet-stream, application/atls+json";
}

unsigned service_admit(void *ctx, struct atls_http_request *request, struct atls_http_header *extra)
{
	const struct service *service = ctx;
	if (!known_path(atls_http_request_path(request)))
		return 404;
	if (websocket_is_wanted(request))
		return 0;
	if (strcmp(atls_http_request_method(request), "POST") != 0) {
		*extra = (struct atls_http_header){"Allow", "POST"};
		return 405;
	}
	if (!codec_named(service, request)) {
		*extra = (struct atls_http_header){"Accept", types_taken(service)};
		return 415;
	}
	return 0;
}

void service_refused(void *ctx, const struct atls_http_request *request, unsigned status)
{
	const struct service *service = ctx;
	tell_refusal(service, request, status, NULL);
}

static void refuse(
	struct pending *pending, unsigned status, const char *retry_after, const char *why)
{
	pending_refuse(pending, status, retry_after, NULL, why);
}

/* Answers in kind. The session is named in each answer, so that whoever lost the first still learns
 * it, and a load balancer sees it. */
static void reply(struct pending *pending, const char *id, const uint8_t *bytes, size_t len)
{
	char cookie[COOKIE_TEXT];
	size_t size = pending->codec->encoded_size(id, NULL, len);
	uint8_t *body = malloc(size ? size : 1);
	pending_cookie(pending, id, cookie);
	const struct atls_http_header headers[] = {
		{"Content-Type", pending->content_type}, {"Set-Cookie", cookie}};
	if (!body) {
		refuse(pending, 503, "1", "out of memory");
		return;
	}
	size = pending->codec->encode(id, NULL, len ? bytes : NULL, len, body);
	tell_answer(pending->service, id, len);
	pending_capture(pending, id, 200, pending->content_type, NULL, body, size);
	atls_http_reply(pending->request, 200, headers, 2, body, size);
	explicit_bzero(cookie, sizeof cookie);
}

bool service_waits(const struct tunnel *tunnel)
{
	return !TAILQ_EMPTY(&tunnel->waiting);
}

void service_answer(struct tunnel *tunnel, size_t len, bool final)
{
	const uint8_t *bytes;
	(void)atls_engine_output(tunnel->session->engine, &bytes);
	if (service_waits(tunnel))
		tunnel->session->heard = atls_now_ms();
	while (!TAILQ_EMPTY(&tunnel->waiting)) {
		struct pending *pending = TAILQ_FIRST(&tunnel->waiting);
		TAILQ_REMOVE(&tunnel->waiting, pending, entry);
		pending->tunnel = NULL;
		reply(pending, tunnel->session->id, bytes, len);
	}
	atls_session_answered(tunnel->session, len, final);
}

static void offer(
	struct pending *pending, struct atls_session *session, const struct atls_body *body)
{
	struct tunnel *tunnel = session->user;
	if (session->phase == ATLS_SESSION_OPENING ||
		(session->phase == ATLS_SESSION_OPEN && tunnel->report))
		report_carried(tunnel, pending->request);
	switch (atls_session_offer(session, body->records, body->len, atls_now_ms())) {
	case ATLS_OFFER_REPEAT:
		reply(pending, session->id, atls_buf_bytes(&session->answer), session->answer.len);
		return;
	case ATLS_OFFER_UNKNOWN:
		refuse(pending, 422, NULL, "this session is over");
		return;
	case ATLS_OFFER_FULL:
		refuse(pending, 503, "1", "the backend does not take what is here already");
		return;
	case ATLS_OFFER_TAKEN:
		tunnel->large = body->len >= BULK_BYTES;
		tunnel->poll = false;
		break;
	case ATLS_OFFER_POLL:
		tunnel->large = tunnel->streams = false;
		tunnel->poll = true;
		break;
	case ATLS_OFFER_PENDING:
		break;
	}
	pending->tunnel = tunnel;
	TAILQ_INSERT_TAIL(&tunnel->waiting, pending, entry);
	atls_http_request_body_done(pending->request);
	if (!tunnel_answer_early(tunnel))
		tunnel_pump(tunnel);
}

/* JSON may be labelled as binary (draft -00 section 7.2). Only a first body tells: later ones may
 * be cut anywhere, and so begin with any byte. Who labels it so knows no ATLS-Stream. */
static const struct atls_body_codec *codec_of(
	const struct pending *pending, const char *cookie, const uint8_t *bytes, size_t len)
{
	const struct atls_body_codec *codec = codec_named(pending->service, pending->request);
	if (pending->service->house->settings.raw || codec->session_in_body ||
		!atls_body_is_json(bytes, len) ||
		atls_http_request_header(pending->request, ATLS_STREAM_HEADER))
		return codec;
	const struct atls_session *session =
		cookie ? atls_session_find(pending->service->sessions, cookie, strlen(cookie))
		       : NULL;
	return !session || session->json ? atls_body_codec(ATLS_JSON) : codec;
}

/* The dictionary of stream carriage, in the body or in the header. False after a refusal. */
static bool read_dict(struct pending *pending, struct atls_error *err)
{
	struct asked *asked = &pending->asked;
	const char *text = asked->body.stream;
	size_t len = asked->body.stream_len;
	pending->dict_in_body = text != NULL;
	if (!text) {
		text = atls_http_request_header(pending->request, ATLS_STREAM_HEADER);
		len = text ? strlen(text) : 0;
	}
	asked->has_dict = text != NULL;
	if (!text || (!atls_stream_dict_read(&asked->dict, text, len, err) &&
			     !atls_stream_dict_need(&asked->dict, ATLS_DICT_REQUEST, err)))
		return true;
	refuse(pending, 400, NULL, err->text);
	return false;
}

/* Decodes the request. False after a refusal. */
static bool read_request(struct pending *pending)
{
	struct asked *asked = &pending->asked;
	struct atls_error err = {0};
	size_t len;
	uint8_t *bytes = atls_http_request_body(pending->request, &len);
	const char *cookie = atls_http_request_cookie(pending->request, COOKIE);
	pending_capture(pending, cookie, 0, pending->content_type,
		atls_http_request_header(pending->request, ATLS_STREAM_HEADER), bytes, len);
	pending->codec = codec_of(pending, cookie, bytes, len);
	if (pending->codec->decode(bytes, len, &asked->body, &err)) {
		refuse(pending, 400, NULL, err.text);
		return false;
	}
	if (!asked->body.records) {
		refuse(pending, 400, NULL, "protocol: JSON body: it has no member 'records'");
		return false;
	}
	bool json = pending->codec->session_in_body;
	asked->id = json ? asked->body.session : cookie;
	asked->id_len = json ? asked->body.session_len : cookie ? strlen(cookie) : 0;
	return read_dict(pending, &err);
}

/* What may still be buffered. With stream carriage, credit is what bounds them. */
static bool has_room(const struct house *house, const struct asked *asked)
{
	return asked->has_dict || asked->body.len <= SMALL_BODY ||
	       house->buffered + asked->body.len <= house->settings.max_buffered;
}

void service_serve(void *ctx)
{
	struct pending *pending = ctx;
	struct asked *asked = &pending->asked;
	if (!asked->read && (!route_by_head(pending) || !read_request(pending)))
		return;
	asked->read = true;
	if (!has_room(pending->service->house, asked)) {
		refuse(pending, 503, "1", "too much is buffered already");
		return;
	}
	struct atls_session *session = route_to_session(pending);
	if (!session)
		return;
	session->json = pending->codec->session_in_body;
	if (session->stream && asked->has_dict)
		stream_offer(pending, session, &asked->dict, &asked->body);
	else if (session->stream)
		stream_conflict(pending, session);
	else
		offer(pending, session, &asked->body);
}

void service_ready(void *ctx, struct atls_http_request *request)
{
	struct pending *pending = calloc(1, sizeof *pending);
	if (!pending) {
		atls_http_reply(request, 503, NULL, 0, NULL, 0);
		return;
	}
	pending->service = ctx;
	pending->number = ++pending->service->house->requests;
	pending->request = request;
	*atls_http_request_user(request) = pending;
	if (websocket_is_wanted(request)) {
		websocket_begin(pending);
		return;
	}
	pending->content_type = codec_named(ctx, request)->content_type;
	service_serve(pending);
}

void service_done(void *ctx, struct atls_http_request *request)
{
	(void)ctx;
	struct pending *pending = *atls_http_request_user(request);
	if (!pending)
		return;
	if (pending->tunnel)
		TAILQ_REMOVE(&pending->tunnel->waiting, pending, entry);
	if (pending->session)
		atls_stream_server_forget(pending->session->stream, pending);
	websocket_free(pending->socket);
	free(pending);
}
