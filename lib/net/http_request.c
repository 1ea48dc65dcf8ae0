#include "net/http_impl.h"

#include "net/clock.h"
#include "net/listen.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

/* A body that is too long is read on to its end up to this, so that the client sees the 413 instead
 * of a reset. */
#define DISCARD_MAX (16u << 20)
#define SMALL_BODY  4096u

static void request_free(struct atls_http_request *request)
{
	if (request->response)
		MHD_destroy_response(request->response);
	atls_http_request_body_done(request);
	free(request->method);
	free(request->path);
	free(request);
}

void atls_http_on_completed(
	void *ctx, struct MHD_Connection *mhd, void **con_cls, enum MHD_RequestTerminationCode why)
{
	(void)why;
	struct atls_http_daemon *daemon = ctx;
	struct atls_http_request *request = *con_cls;
	if (!request)
		return;
	if (request->connection) {
		request->connection->request = NULL;
		request->connection->received = atls_http_received(mhd);
		request->connection->head_since = 0;
		request->connection->since = atls_now_ms();
	}
	if (request->ready)
		daemon->server->config.done(daemon->server->config.ctx, request);
	request_free(request);
	*con_cls = NULL;
}

static struct atls_http_request *request_new(struct atls_http_daemon *daemon,
	struct MHD_Connection *mhd, const char *path, const char *method)
{
	struct atls_http_request *request = calloc(1, sizeof *request);
	if (!request)
		return NULL;
	request->daemon = daemon;
	request->mhd = mhd;
	request->method = strdup(method);
	request->path = strdup(path);
	atls_buf_init(&request->body, daemon->server->config.body_max);
	if (!request->method || !request->path) {
		request_free(request);
		return NULL;
	}
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	atls_address_text(info ? info->client_addr : NULL, request->peer, sizeof request->peer);
	info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	request->connection = info ? info->socket_context : NULL;
	if (request->connection) {
		request->connection->request = request;
		request->connection->since = atls_now_ms();
	}
	return request;
}

static enum MHD_Result queue_reply(struct atls_http_request *request)
{
	request->queued = true;
	if (request->connection)
		request->connection->since = atls_now_ms();
	return request->response
		       ? MHD_queue_response(request->mhd, request->status, request->response)
		       : MHD_NO;
}

static uint64_t declared_length(struct atls_http_request *request)
{
	const char *value = atls_http_request_header(request, MHD_HTTP_HEADER_CONTENT_LENGTH);
	return value ? strtoull(value, NULL, 10) : 0;
}

/* Counts size bytes of memory for the body. False if all bodies together would be too much; a small
 * one is always let in, for the requests that empty buffers are small. */
static bool count_body(struct atls_http_request *request, size_t size)
{
	struct atls_http_bodies *bodies = request->daemon->server->config.bodies;
	size_t more = size - request->counted;
	size_t all = atomic_fetch_add(&bodies->in_flight, more) + more;
	if (size > SMALL_BODY && all > bodies->max) {
		atomic_fetch_sub(&bodies->in_flight, more);
		return false;
	}
	request->counted = size;
	return true;
}

static void refuse(
	struct atls_http_request *request, unsigned status, const struct atls_http_header *extra)
{
	static const struct atls_http_header later = {"Retry-After", "1"};
	const struct atls_http_server_config *config = &request->daemon->server->config;
	if (status == MHD_HTTP_SERVICE_UNAVAILABLE && !extra->name)
		extra = &later;
	request->refusal = status;
	atls_http_request_body_done(request);
	config->refused(config->ctx, request, status);
	atls_http_reply(request, status, extra, extra->name ? 1 : 0, NULL, 0);
}

/* What says where a request ends. */
struct framing {
	unsigned lengths, codings;
	bool broken;
};

static enum MHD_Result note_framing(
	void *ctx, enum MHD_ValueKind kind, const char *name, const char *value)
{
	static const char token[] = "!#$%&'*+-.^_`|~0123456789"
				    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	struct framing *framing = ctx;
	const char *text = value ? value : "";
	(void)kind;
	if (name[strspn(name, token)] != '\0') {
		framing->broken = true;
	} else if (strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0) {
		framing->lengths++;
		framing->broken |= text[0] == '\0' || text[strspn(text, "0123456789")] != '\0';
	} else if (strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0) {
		framing->codings++;
		framing->broken |= strcasecmp(text, "chunked") != 0;
	}
	return MHD_YES;
}

/* 0 if everybody on the way finds the same end of a request, else a status: what one takes for its
 * body would be another request to the next (RFC 9112 section 11.2). libmicrohttpd makes other
 * names of folded lines, so that no length at all may be one that was folded. */
static unsigned judge_framing(struct atls_http_request *request, const char *version)
{
	struct framing framing = {0};
	MHD_get_connection_values(request->mhd, MHD_HEADER_KIND, note_framing, &framing);
	if (framing.broken || framing.lengths + framing.codings > 1 ||
		(framing.codings && strcmp(version, MHD_HTTP_VERSION_1_1) != 0))
		return MHD_HTTP_BAD_REQUEST;
	if (framing.lengths + framing.codings == 0 &&
		strcmp(request->method, MHD_HTTP_METHOD_POST) == 0)
		return MHD_HTTP_LENGTH_REQUIRED;
	return 0;
}

/* The connection ends with it, for nobody knows what would follow. */
static enum MHD_Result refuse_framing(struct atls_http_request *request, unsigned status)
{
	static const struct atls_http_header closing = {MHD_HTTP_HEADER_CONNECTION, "close"};
	refuse(request, status, &closing);
	return queue_reply(request);
}

/* Headers are in. A refusal whose body is short waits for the body, so that the connection and the
 * answer survive; one whose body is long is answered at once. */
static enum MHD_Result admit(struct atls_http_request *request)
{
	const struct atls_http_server_config *config = &request->daemon->server->config;
	uint64_t length = declared_length(request);
	struct atls_http_header extra = {NULL, NULL};
	size_t room = length < config->body_max ? (size_t)length : config->body_max;
	uint8_t *at;
	unsigned status = length > config->body_max ? MHD_HTTP_CONTENT_TOO_LARGE
						    : config->admit(config->ctx, request, &extra);
	if (!status && room &&
		(!count_body(request, room) || atls_buf_reserve(&request->body, room, &at)))
		status = MHD_HTTP_SERVICE_UNAVAILABLE;
	if (!status)
		return MHD_YES;
	refuse(request, status, &extra);
	return length > DISCARD_MAX ? queue_reply(request) : MHD_YES;
}

static enum MHD_Result receive(struct atls_http_request *request, const char *data, size_t *len)
{
	static const struct atls_http_header none = {NULL, NULL};
	size_t count = *len;
	size_t size = request->body.len + count;
	*len = 0;
	if (!request->refusal) {
		/* Without a declared length it grows as it comes. */
		int rc = size <= request->counted || count_body(request, size)
				 ? atls_buf_append(&request->body, data, count)
				 : ATLS_E_MEMORY;
		if (rc == ATLS_OK)
			return MHD_YES;
		refuse(request,
			rc == ATLS_E_LIMIT ? MHD_HTTP_CONTENT_TOO_LARGE
					   : MHD_HTTP_SERVICE_UNAVAILABLE,
			&none);
	}
	request->discarded += count;
	if (request->discarded <= DISCARD_MAX)
		return MHD_YES;
	atls_http_say_last(request, request->refusal);
	return MHD_NO;
}

/* libmicrohttpd takes no answer amid a body. The connection ends after this one, so it may as well
 * be written past it. */
void atls_http_say_last(struct atls_http_request *request, unsigned status)
{
	char text[128];
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(request->mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	int fd = info ? info->connect_fd : -1;
	int len = snprintf(text, sizeof text,
		"HTTP/1.1 %u %s\r\nConnection: close\r\nCache-Control: no-store, no-transform\r\n"
		"Content-Length: 0\r\n\r\n",
		status, MHD_get_reason_phrase_for(status));
	if (len <= 0 || (size_t)len >= sizeof text)
		return;
	info = request->daemon->secure
		       ? MHD_get_connection_info(request->mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION)
		       : NULL;
	if (info)
		(void)gnutls_record_send(info->tls_session, text, (size_t)len);
	else if (fd >= 0 && !request->daemon->secure)
		(void)send(fd, text, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

enum MHD_Result atls_http_on_request(void *ctx, struct MHD_Connection *mhd, const char *path,
	const char *method, const char *version, const char *data, size_t *len, void **con_cls)
{
	struct atls_http_daemon *daemon = ctx;
	struct atls_http_request *request = *con_cls;
	if (!request) {
		request = request_new(daemon, mhd, path, method);
		*con_cls = request;
		if (!request)
			return MHD_NO;
		unsigned status = judge_framing(request, version);
		return status ? refuse_framing(request, status) : admit(request);
	}
	if (*len)
		return receive(request, data, len);
	if (!request->ready && !request->refusal) {
		request->ready = true;
		daemon->server->config.ready(daemon->server->config.ctx, request);
	}
	if (request->answered)
		return request->queued ? MHD_YES : queue_reply(request);
	request->suspended = true;
	MHD_suspend_connection(mhd);
	return MHD_YES;
}

static struct MHD_Response *make_response(const struct atls_http_header *headers, size_t count,
	const void *body, size_t len, void (*release)(void *ctx), void *ctx)
{
	struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback_cls(
		body ? len : 0, (void *)(uintptr_t)(body ? body : ""), release, ctx);
	if (!response) {
		release(ctx);
		return NULL;
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store, no-transform");
	for (size_t i = 0; i < count; i++)
		MHD_add_response_header(response, headers[i].name, headers[i].value);
	return response;
}

void atls_http_lend(struct atls_http_request *request, struct atls_mailbox *to,
	void (*open)(void *ctx), void *ctx)
{
	request->lent = true;
	request->letter = (struct atls_letter){.open = open, .ctx = ctx};
	atls_mailbox_post(to, &request->letter);
}

void atls_http_at_home(struct atls_http_request *request, void (*open)(void *request))
{
	if (request->lent)
		atls_http_lend(request, request->daemon->server->config.mailbox, open, request);
	else
		open(request);
}

static void answered(void *ctx)
{
	struct atls_http_request *request = ctx;
	request->lent = false;
	request->answered = true;
	if (request->suspended) {
		request->suspended = false;
		MHD_resume_connection(request->mhd);
		event_active(request->daemon->wake, EV_TIMEOUT, 0);
	}
}

void atls_http_answered(struct atls_http_request *request)
{
	request->replied = true;
	atls_http_at_home(request, answered);
}

void atls_http_reply(struct atls_http_request *request, unsigned status,
	const struct atls_http_header *headers, size_t count, void *body, size_t len)
{
	atls_http_reply_borrowed(request, status, headers, count, body, len, free, body);
}

void atls_http_reply_borrowed(struct atls_http_request *request, unsigned status,
	const struct atls_http_header *headers, size_t count, const void *body, size_t len,
	void (*release)(void *ctx), void *ctx)
{
	if (request->replied) {
		release(ctx);
		return;
	}
	request->status = status;
	request->response = make_response(headers, count, body, len, release, ctx);
	atls_http_answered(request);
}

const char *atls_http_request_method(const struct atls_http_request *request)
{
	return request->method;
}

const char *atls_http_request_path(const struct atls_http_request *request)
{
	return request->path;
}

const char *atls_http_request_header(const struct atls_http_request *request, const char *name)
{
	return MHD_lookup_connection_value(request->mhd, MHD_HEADER_KIND, name);
}

const char *atls_http_request_cookie(const struct atls_http_request *request, const char *name)
{
	return MHD_lookup_connection_value(request->mhd, MHD_COOKIE_KIND, name);
}

const char *atls_http_request_peer(const struct atls_http_request *request)
{
	return request->peer;
}

bool atls_http_request_secure(const struct atls_http_request *request)
{
	return request->daemon->secure;
}

void atls_http_request_connection(
	const struct atls_http_request *request, struct atls_report_connection *connection)
{
	const union MHD_ConnectionInfo *info =
		request->daemon->secure
			? MHD_get_connection_info(request->mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION)
			: NULL;
	memset(connection, 0, sizeof *connection);
	if (info && info->tls_session)
		atls_report_connection_read(connection, info->tls_session);
}

uint8_t *atls_http_request_body(struct atls_http_request *request, size_t *len)
{
	*len = request->body.len;
	return request->body.mem + request->body.head;
}

void atls_http_request_body_done(struct atls_http_request *request)
{
	atomic_fetch_sub(&request->daemon->server->config.bodies->in_flight, request->counted);
	request->counted = 0;
	atls_buf_free(&request->body);
}

void **atls_http_request_user(struct atls_http_request *request)
{
	return &request->user;
}
