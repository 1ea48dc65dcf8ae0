/* The server's half on a WebSocket. */
#include "core/stream_server_impl.h"
#include "core/stream_ws.h"

#include "core/err.h"

int atls_stream_server_attach(struct atls_stream_server *server,
	const struct atls_stream_dict *dict, struct atls_stream_dict *greeting,
	struct atls_error *err)
{
	int rc = atls_stream_dict_need(dict, ATLS_DICT_REQUEST, err);
	if (rc)
		return rc;
	if (dict->gen <= server->gen)
		return atls_error_set(err, ATLS_E_USAGE,
			"protocol: WebSocket: it comes behind a later one of its session");
	server->gen = dict->gen;
	atls_stream_release_all(server, true);
	rc = atls_send_acked(&server->send, dict->ack, dict->max, err);
	if (rc)
		return rc;
	atls_attachment_begin(&server->ws, &server->send);
	rc = atls_attachment_text(&server->ws, &server->send, &server->recv, dict, dict->up, err);
	if (rc) {
		server->ws.on = false;
		return rc;
	}
	server->exchanges++;
	atls_stream_server_dict(server, greeting);
	atls_attachment_told(&server->ws, greeting, greeting->down);
	return ATLS_OK;
}

int atls_stream_server_ws_text(struct atls_stream_server *server,
	const struct atls_stream_dict *dict, struct atls_error *err)
{
	int rc = atls_stream_dict_need(dict, ATLS_DICT_REQUEST, err);
	if (!rc && dict->gen != server->gen)
		rc = atls_error_set(err, ATLS_E_PROTOCOL,
			"protocol: WebSocket: its dictionary is of another generation");
	if (rc)
		return rc;
	return atls_attachment_text(&server->ws, &server->send, &server->recv, dict, dict->up, err);
}

int atls_stream_server_ws_bytes(
	struct atls_stream_server *server, const void *bytes, size_t len, struct atls_error *err)
{
	return atls_attachment_bytes(&server->ws, &server->recv, bytes, len, err);
}

bool atls_stream_server_ws_next(
	struct atls_stream_server *server, size_t room, struct atls_stream_words *words)
{
	if (!atls_attachment_next(
		    &server->ws, &server->send, &server->recv, server->unread, room, words))
		return false;
	if (!words->text)
		return true;
	unsigned fin = words->dict.has & ATLS_DICT_FIN ? atls_send_end_bits(&server->send) : 0u;
	atls_stream_server_dict(server, &words->dict);
	words->dict.has |= fin;
	atls_attachment_told(&server->ws, &words->dict, words->dict.down);
	return true;
}

void atls_stream_server_detach(struct atls_stream_server *server)
{
	server->ws.on = false;
}

bool atls_stream_server_attached(const struct atls_stream_server *server)
{
	return server->ws.on;
}
