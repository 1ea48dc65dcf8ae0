/* Stream carriage on a WebSocket (protocol rules 4.3): the sessions of stream.h leave requests, and
 * go on from where they are in the messages of one connection. Free of I/O, as stream.h is. */
#ifndef ATLS_CORE_STREAM_WS_H
#define ATLS_CORE_STREAM_WS_H

#include "core/stream.h"

#define ATLS_STREAM_GREETING_MS                                                                    \
	3000 /* without the other end's by then, the upgrade was swallowed */

/* What is to be said next: one message. */
struct atls_stream_words {
	bool text;
	struct atls_stream_dict dict; /* if text */
	struct atls_piece piece;      /* else; to be released */
};

/* ---- The client's half ---- */

/* A WebSocket was opened: greeting is to be its first text message. Requests that are under way
 * count as lost; what becomes of them is still to be told. The bytes of a session that is not open
 * yet may follow at once. */
void atls_stream_client_attach(
	struct atls_stream_client *client, struct atls_stream_dict *greeting);

/* The same for a session that is open, and whose requests go on: greeting is to be the first text
 * message of a WebSocket that carries nothing before the other end's text came. That one may bring
 * ATLS_E_NETWORK: a request was lost meanwhile, and the WebSocket is of no use. */
void atls_stream_client_offer(struct atls_stream_client *client, struct atls_stream_dict *greeting);

/* A message came, or a part of one. Take what came in order before anything else is called. 0,
 * ATLS_E_MEMORY or ATLS_E_PROTOCOL: the session is over. */
int atls_stream_client_ws_text(struct atls_stream_client *client,
	const struct atls_stream_dict *dict, int64_t now, struct atls_error *err);
int atls_stream_client_ws_bytes(struct atls_stream_client *client, const void *bytes, size_t len,
	int64_t now, struct atls_error *err);

/* The next message, of at most room bytes; false: nothing for now. */
bool atls_stream_client_ws_next(
	struct atls_stream_client *client, size_t room, struct atls_stream_words *words);

/* The WebSocket is lost: the session goes on with requests, or with another one; at once if the
 * other end had greeted, else after a pause. */
void atls_stream_client_detach(struct atls_stream_client *client, int64_t now);

bool atls_stream_client_attached(const struct atls_stream_client *client);
/* Whether the other end greeted. */
bool atls_stream_client_greeted(const struct atls_stream_client *client);

/* ---- The server's half ---- */

/*
 * The first text message of a WebSocket names this session. 0, with greeting to be sent: what waits
 * is answered empty, and an earlier WebSocket of the session is to be closed. ATLS_E_USAGE if it
 * comes too late, behind a later one: it is to be closed. ATLS_E_PROTOCOL; ATLS_E_MEMORY.
 */
int atls_stream_server_attach(struct atls_stream_server *server,
	const struct atls_stream_dict *dict, struct atls_stream_dict *greeting,
	struct atls_error *err);

/* As the client's. */
int atls_stream_server_ws_text(struct atls_stream_server *server,
	const struct atls_stream_dict *dict, struct atls_error *err);
int atls_stream_server_ws_bytes(
	struct atls_stream_server *server, const void *bytes, size_t len, struct atls_error *err);
bool atls_stream_server_ws_next(
	struct atls_stream_server *server, size_t room, struct atls_stream_words *words);
void atls_stream_server_detach(struct atls_stream_server *server);

/* Whether a WebSocket carries the session: a request of a later generation ends that. */
bool atls_stream_server_attached(const struct atls_stream_server *server);

#endif
