#include "core/ws.h"

#include "core/buf.h"
#include "core/err.h"

#include <gnutls/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <wslay/wslay.h>

/* A frame's header is 14 bytes at most. */
#define FRAME_OVERHEAD 14u

struct atls_ws {
	wslay_event_context_ptr wslay;
	struct atls_ws_events events;
	void *ctx;
	struct atls_buf out;
	const uint8_t *in; /* what is being fed */
	size_t in_len;
	uint8_t opcode; /* of the message that is coming */
	char text[ATLS_WS_TEXT_MAX];
	size_t text_len;
	int rc; /* an event's failure */
};

static ssize_t on_recv(
	wslay_event_context_ptr wslay, uint8_t *buf, size_t len, int flags, void *user)
{
	(void)flags;
	struct atls_ws *ws = user;
	if (ws->in_len == 0 || ws->rc) {
		wslay_event_set_error(wslay, WSLAY_ERR_WOULDBLOCK);
		return -1;
	}
	if (len > ws->in_len)
		len = ws->in_len;
	memcpy(buf, ws->in, len);
	ws->in += len;
	ws->in_len -= len;
	return (ssize_t)len;
}

static ssize_t on_send(
	wslay_event_context_ptr wslay, const uint8_t *bytes, size_t len, int flags, void *user)
{
	(void)flags;
	struct atls_ws *ws = user;
	if (atls_buf_append(&ws->out, bytes, len)) {
		wslay_event_set_error(wslay, WSLAY_ERR_CALLBACK_FAILURE);
		return -1;
	}
	return (ssize_t)len;
}

/* Nobody on the way may foresee what stands on the wire (RFC 6455 section 10.3). */
static int on_mask(wslay_event_context_ptr wslay, uint8_t *buf, size_t len, void *user)
{
	(void)user;
	if (gnutls_rnd(GNUTLS_RND_NONCE, buf, len) == 0)
		return 0;
	wslay_event_set_error(wslay, WSLAY_ERR_CALLBACK_FAILURE);
	return -1;
}

static void on_frame(wslay_event_context_ptr wslay,
	const struct wslay_event_on_frame_recv_start_arg *arg, void *user)
{
	(void)wslay;
	struct atls_ws *ws = user;
	if (arg->opcode == WSLAY_TEXT_FRAME)
		ws->text_len = 0;
	if (arg->opcode != WSLAY_CONTINUATION_FRAME && !wslay_is_ctrl_frame(arg->opcode))
		ws->opcode = arg->opcode;
}

static void on_chunk(wslay_event_context_ptr wslay,
	const struct wslay_event_on_frame_recv_chunk_arg *arg, void *user)
{
	(void)wslay;
	struct atls_ws *ws = user;
	if (ws->rc || arg->data_length == 0)
		return;
	if (ws->opcode == WSLAY_BINARY_FRAME) {
		ws->rc = ws->events.bytes(ws->ctx, arg->data, arg->data_length);
	} else if (arg->data_length > sizeof ws->text - ws->text_len) {
		ws->rc = ATLS_E_LIMIT;
	} else {
		memcpy(ws->text + ws->text_len, arg->data, arg->data_length);
		ws->text_len += arg->data_length;
	}
}

static void on_message(
	wslay_event_context_ptr wslay, const struct wslay_event_on_msg_recv_arg *arg, void *user)
{
	(void)wslay;
	struct atls_ws *ws = user;
	if (arg->opcode == WSLAY_TEXT_FRAME && !ws->rc)
		ws->rc = ws->events.text(ws->ctx, ws->text, ws->text_len);
}

struct atls_ws *atls_ws_new(enum atls_role role, const struct atls_ws_events *events, void *ctx)
{
	static const struct wslay_event_callbacks callbacks = {.recv_callback = on_recv,
		.send_callback = on_send,
		.genmask_callback = on_mask,
		.on_frame_recv_start_callback = on_frame,
		.on_frame_recv_chunk_callback = on_chunk,
		.on_msg_recv_callback = on_message};
	struct atls_ws *ws = calloc(1, sizeof *ws);
	if (!ws)
		return NULL;
	ws->events = *events;
	ws->ctx = ctx;
	/* The answers to what is fed always find room behind what the owner wrote. */
	atls_buf_init(&ws->out, 2 * ATLS_WS_OUTPUT_MAX);
	int rc = role == ATLS_CLIENT ? wslay_event_context_client_init(&ws->wslay, &callbacks, ws)
				     : wslay_event_context_server_init(&ws->wslay, &callbacks, ws);
	if (rc) {
		free(ws);
		return NULL;
	}
	/* Messages are pieces of a stream, and are passed on as they come. */
	wslay_event_config_set_no_buffering(ws->wslay, 1);
	return ws;
}

void atls_ws_free(struct atls_ws *ws)
{
	if (!ws)
		return;
	wslay_event_context_free(ws->wslay);
	atls_buf_free(&ws->out);
	free(ws);
}

static int send_queued(struct atls_ws *ws)
{
	return wslay_event_send(ws->wslay) == 0 ? ATLS_OK : ATLS_E_MEMORY;
}

static int refuse(struct atls_ws *ws, unsigned status)
{
	(void)atls_ws_close(ws, status);
	wslay_event_shutdown_read(ws->wslay);
	return ATLS_E_PROTOCOL;
}

int atls_ws_feed(struct atls_ws *ws, const void *bytes, size_t len, struct atls_error *err)
{
	ws->in = bytes;
	ws->in_len = len;
	int rc = wslay_event_recv(ws->wslay);
	if (ws->rc == ATLS_E_LIMIT && ws->opcode == WSLAY_TEXT_FRAME) {
		ws->rc = refuse(ws, WSLAY_CODE_MESSAGE_TOO_BIG);
		return atls_error_set(err, ws->rc,
			"protocol: WebSocket: a text message of more than %u bytes",
			ATLS_WS_TEXT_MAX);
	}
	if (ws->rc)
		return ws->rc;
	if (rc == WSLAY_ERR_NOMEM)
		return atls_error_set(err, ATLS_E_MEMORY, "out of memory for a WebSocket");
	if (send_queued(ws))
		return atls_error_set(err, ATLS_E_LIMIT,
			"protocol: WebSocket: the peer asks for more signs of life than it reads");
	if (!rc && (wslay_event_get_read_enabled(ws->wslay) ||
			   wslay_event_get_close_received(ws->wslay)))
		return ATLS_OK;
	ws->rc = ATLS_E_PROTOCOL;
	return atls_error_set(err, ws->rc, "protocol: WebSocket: the peer's frames are malformed");
}

bool atls_ws_closed(const struct atls_ws *ws, unsigned *status)
{
	if (!wslay_event_get_close_received(ws->wslay))
		return false;
	*status = wslay_event_get_status_code_received(ws->wslay);
	return true;
}

static int add(struct atls_ws *ws, uint8_t opcode, const void *bytes, size_t len)
{
	const struct wslay_event_msg message = {.opcode = opcode, .msg = bytes, .msg_length = len};
	if (ws->out.len + len + FRAME_OVERHEAD > ATLS_WS_OUTPUT_MAX)
		return ATLS_E_LIMIT;
	int rc = wslay_event_queue_msg(ws->wslay, &message);
	if (rc)
		return rc == WSLAY_ERR_NO_MORE_MSG ? ATLS_E_USAGE : ATLS_E_MEMORY;
	return send_queued(ws);
}

int atls_ws_text(struct atls_ws *ws, const char *text, size_t len)
{
	return add(ws, WSLAY_TEXT_FRAME, text, len);
}

int atls_ws_bytes(struct atls_ws *ws, const void *bytes, size_t len)
{
	return add(ws, WSLAY_BINARY_FRAME, bytes, len);
}

int atls_ws_ping(struct atls_ws *ws)
{
	return add(ws, WSLAY_PING, NULL, 0);
}

int atls_ws_close(struct atls_ws *ws, unsigned status)
{
	int rc = wslay_event_queue_close(ws->wslay, (uint16_t)status, NULL, 0);
	if (rc)
		return rc == WSLAY_ERR_NO_MORE_MSG ? ATLS_E_USAGE : ATLS_E_MEMORY;
	return send_queued(ws);
}

size_t atls_ws_output(const struct atls_ws *ws, const uint8_t **bytes)
{
	*bytes = atls_buf_bytes(&ws->out);
	return ws->out.len;
}

void atls_ws_output_done(struct atls_ws *ws, size_t len)
{
	atls_buf_consume(&ws->out, len);
}
