/* Sessions of stream carriage on WebSockets. */
#include "foyer.h"
#include "pending.h"

#include "core/err.h"
#include "core/stream_ws.h"
#include "core/ws_upgrade.h"
#include "net/clock.h"
#include "net/ws_link.h"

#include <stdlib.h>
#include <string.h>

/* Of RFC 6455 section 7.4.1. */
enum { CLOSE_NORMAL = 1000, CLOSE_PROTOCOL = 1002, CLOSE_POLICY = 1008, CLOSE_LATER = 1013 };

struct websocket {
	struct service *service;
	struct atls_http_request *request;
	unsigned long long number; /* of the request, in a capture */
	struct foyer *foyer;       /* before it is known where it belongs, or null */
	struct tunnel *tunnel;     /* null before the first dictionary, and when it is over */
	struct atls_ws_link *link; /* null in the foyer, and when it is over */
	int fd;
};

/* ---- The end of one ---- */

/* It carries its session no more. */
static void leave(struct websocket *socket)
{
	struct tunnel *tunnel = socket->tunnel;
	socket->tunnel = NULL;
	if (!tunnel)
		return;
	tunnel->socket = NULL;
	atls_stream_server_detach(tunnel->session->stream);
}

/* The request's done() frees the rest. */
static void end(struct websocket *socket, unsigned status)
{
	leave(socket);
	if (!socket->link)
		return;
	if (status)
		atls_ws_link_close(socket->link, status);
	atls_ws_link_free(socket->link);
	socket->link = NULL;
	atls_http_upgrade_end(socket->request);
}

void websocket_leave(struct tunnel *tunnel)
{
	if (tunnel->socket)
		end(tunnel->socket, CLOSE_NORMAL);
}

void websocket_free(struct websocket *socket)
{
	if (!socket)
		return;
	leave(socket);
	foyer_free(socket->foyer);
	atls_ws_link_free(socket->link);
	free(socket);
}

static void capture(
	const struct websocket *socket, bool down, bool text, const void *bytes, size_t len)
{
	char name[ATLS_ID_SHORT + 1];
	const struct atls_capture_body about = {
		.session = atls_id_short(socket->tunnel->session->id, name),
		.request = socket->number,
		.down = down,
		.websocket = text ? "text" : "binary"};
	house_capture(socket->service->house, &about, bytes, len);
}

/* ---- What is said ---- */

static int say_text(struct websocket *socket, const struct atls_stream_dict *dict)
{
	char text[ATLS_STREAM_TEXT];
	size_t len = atls_stream_dict_write(dict, text);
	int rc = atls_ws_link_text(socket->link, text, len);
	if (!rc)
		capture(socket, true, true, text, len);
	return rc;
}

static int say_bytes(struct websocket *socket, const void *bytes, size_t len)
{
	int rc = atls_ws_link_bytes(socket->link, bytes, len);
	if (!rc)
		capture(socket, true, false, bytes, len);
	return rc;
}

bool websocket_carry(struct tunnel *tunnel)
{
	struct websocket *socket = tunnel->socket;
	struct atls_stream_words words;
	bool bytes = false;
	if (!socket)
		return false;
	if (!atls_stream_server_attached(tunnel->session->stream)) {
		/* A request took the session over. */
		end(socket, CLOSE_NORMAL);
		return false;
	}
	while (atls_stream_server_ws_next(
		tunnel->session->stream, atls_ws_link_room(socket->link), &words)) {
		int rc = words.text ? say_text(socket, &words.dict)
				    : say_bytes(socket, words.piece.bytes, words.piece.len);
		bytes = bytes || words.piece.len;
		atls_block_release(words.piece.block);
		if (rc)
			break;
	}
	atls_ws_link_flush(socket->link);
	return bytes;
}

/* ---- What comes ---- */

/* The session that the first dictionary names, or a new one; null with the status to close with. */
static struct atls_session *choose(
	struct websocket *socket, const struct atls_stream_dict *dict, unsigned *status)
{
	struct service *service = socket->service;
	struct atls_session *session = atls_session_find_stream(service->sessions, dict->id);
	struct refusal no = {0};
	*status = CLOSE_LATER;
	if (service_of(service, dict->id) != service)
		return NULL;
	*status = CLOSE_POLICY;
	if (session)
		return session->user ? session : NULL;
	if (dict->up || dict->ack)
		return NULL;
	*status = CLOSE_LATER;
	return service_open(service, socket->request, dict->id, &no);
}

/* text is what the dictionary was read from. */
static int greet(struct websocket *socket, const struct atls_stream_dict *dict, const char *text,
	size_t len, struct atls_error *err)
{
	unsigned status;
	struct atls_stream_dict greeting;
	struct atls_session *session = choose(socket, dict, &status);
	if (!session) {
		(void)atls_ws_link_close(socket->link, status);
		return atls_error_set(err, ATLS_E_PROTOCOL,
			"protocol: WebSocket: its session is not known, or not to be had");
	}
	int rc = atls_stream_server_attach(session->stream, dict, &greeting, err);
	if (rc) {
		(void)atls_ws_link_close(
			socket->link, rc == ATLS_E_USAGE ? CLOSE_POLICY : CLOSE_PROTOCOL);
		return rc;
	}
	socket->tunnel = session->user;
	if (socket->tunnel->socket) {
		struct websocket *before = socket->tunnel->socket;
		before->tunnel = NULL;
		end(before, CLOSE_NORMAL);
	}
	socket->tunnel->socket = socket;
	session->exchanges++;
	tell_websocket(socket->tunnel);
	capture(socket, false, true, text, len);
	return say_text(socket, &greeting);
}

static int on_text(void *ctx, const char *text, size_t len, struct atls_error *err)
{
	struct websocket *socket = ctx;
	struct atls_stream_dict dict;
	int rc = atls_stream_dict_read(&dict, text, len, err);
	if (!rc)
		rc = atls_stream_dict_need(&dict, ATLS_DICT_REQUEST, err);
	if (rc)
		return rc;
	if (!socket->tunnel)
		return greet(socket, &dict, text, len, err);
	struct atls_session *session = socket->tunnel->session;
	capture(socket, false, true, text, len);
	rc = atls_stream_server_ws_text(session->stream, &dict, err);
	stream_feed(session);
	return rc;
}

static int on_bytes(void *ctx, const uint8_t *bytes, size_t len, struct atls_error *err)
{
	struct websocket *socket = ctx;
	if (!socket->tunnel)
		return atls_error_set(err, ATLS_E_PROTOCOL,
			"protocol: WebSocket: bytes came before the dictionary");
	struct atls_session *session = socket->tunnel->session;
	capture(socket, false, false, bytes, len);
	int rc = atls_stream_server_ws_bytes(session->stream, bytes, len, err);
	stream_feed(session);
	return rc;
}

static void on_turn(void *ctx)
{
	struct websocket *socket = ctx;
	if (!socket->tunnel)
		return;
	socket->tunnel->session->heard = atls_now_ms();
	tunnel_pump(socket->tunnel);
}

static void on_ended(void *ctx, const struct atls_error *err)
{
	struct websocket *socket = ctx;
	struct tunnel *tunnel = socket->tunnel;
	tell_websocket_end(socket->service, tunnel, err);
	end(socket, err->code == ATLS_E_PROTOCOL ? CLOSE_PROTOCOL : 0);
	/* What came last may have been the end of it all. */
	if (tunnel)
		tunnel_pump(tunnel);
}

/* ---- The beginning ---- */

/* From now on it is a WebSocket of this thread's; bytes are what came on it so far. */
static void begin(struct websocket *socket, const void *bytes, size_t len)
{
	static const struct atls_ws_link_events events = {on_bytes, on_text, on_turn, on_ended};
	struct atls_ws_way way = atls_ws_plain_way;
	way.fd = socket->fd;
	way.ctx = &socket->fd;
	socket->link = atls_ws_link_new(socket->service->base, ATLS_SERVER, &way, &events, socket);
	if (!socket->link)
		atls_http_upgrade_end(socket->request);
	else
		atls_ws_link_feed(socket->link, bytes, len);
}

static void on_arrived(void *ctx)
{
	struct websocket *socket = ctx;
	struct foyer *foyer = socket->foyer;
	size_t len;
	const void *bytes = foyer_heard(foyer, &len);
	socket->foyer = NULL;
	begin(socket, bytes, len);
	foyer_free(foyer);
}

static void on_named(void *ctx, const char *id)
{
	struct websocket *socket = ctx;
	struct service *here = socket->service;
	foyer_quit(socket->foyer);
	socket->service = id ? service_of(here, id) : here;
	if (socket->service == here)
		on_arrived(socket);
	else
		atls_http_lend(socket->request, socket->service->mailbox, on_arrived, socket);
}

static void on_opened(
	void *ctx, struct atls_http_request *request, const struct atls_http_upgraded *connection)
{
	struct websocket *socket = ctx;
	socket->fd = connection->fd;
	if (socket->service->share.parts == 1) {
		begin(socket, connection->early, connection->early_len);
		return;
	}
	socket->foyer = foyer_new(socket->service->base, connection, on_named, socket);
	if (!socket->foyer)
		atls_http_upgrade_end(request);
}

bool websocket_is_wanted(const struct atls_http_request *request)
{
	return strcmp(atls_http_request_method(request), "GET") == 0 &&
	       !atls_http_request_secure(request) && atls_http_request_header(request, "Upgrade");
}

void websocket_begin(struct pending *pending)
{
	struct atls_http_request *request = pending->request;
	struct atls_error err = {0};
	char accept[ATLS_WS_ACCEPT];
	const struct atls_ws_request asked = {
		.upgrade = atls_http_request_header(request, "Upgrade"),
		.connection = atls_http_request_header(request, "Connection"),
		.version = atls_http_request_header(request, "Sec-WebSocket-Version"),
		.key = atls_http_request_header(request, "Sec-WebSocket-Key"),
		.protocol = atls_http_request_header(request, "Sec-WebSocket-Protocol"),
	};
	const struct settings *settings = &pending->service->house->settings;
	const char *protocol = settings->raw ? settings->raw_names.protocol : ATLS_WS_PROTOCOL;
	unsigned status = atls_ws_judge_request(&asked, protocol, &err);
	if (status != 101) {
		pending_refuse(pending, status, NULL, NULL, err.text);
		return;
	}
	struct websocket *socket = calloc(1, sizeof *socket);
	if (!socket || atls_ws_accept(asked.key, accept)) {
		free(socket);
		pending_refuse(pending, 503, "1", NULL, "out of memory for a WebSocket");
		return;
	}
	socket->service = pending->service;
	socket->request = request;
	socket->number = pending->number;
	pending->socket = socket;
	const struct atls_http_header headers[] = {{"Upgrade", "websocket"},
		{"Sec-WebSocket-Accept", accept}, {"Sec-WebSocket-Protocol", protocol}};
	atls_http_upgrade(request, headers, 3, on_opened, socket);
}
