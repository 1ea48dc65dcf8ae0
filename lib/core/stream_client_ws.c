/* The client's half on a WebSocket. */
#include "core/stream_client_impl.h"
#include "core/stream_ws.h"

#include "core/err.h"

#include <string.h>

/* Credit that a server gives before it said so. */
static void assume_credit(struct atls_stream_client *client)
{
	if (!client->open && client->send.max < ATLS_STREAM_WINDOW_FIRST)
		client->send.max = ATLS_STREAM_WINDOW_FIRST;
}

static void fill_dict(struct atls_stream_client *client, bool fin, struct atls_stream_dict *dict)
{
	client->told_max = atls_recv_promise(&client->recv, client->unread);
	*dict = (struct atls_stream_dict){
		.has = ATLS_DICT_REQUEST | (fin ? atls_send_end_bits(&client->send) : 0u),
		.gen = client->offering ? client->offered : client->gen,
		.up = client->send.next,
		.ack = atls_recv_ack(&client->recv),
		.max = client->told_max,
	};
	memcpy(dict->id, client->limits.id, sizeof dict->id);
	atls_attachment_told(&client->ws, dict, dict->up);
}

/* What requests carried is said again here, so nothing of them is to be repeated. */
static void leave_requests(struct atls_stream_client *client)
{
	for (unsigned i = 0; i < ATLS_STREAM_INFLIGHT_MAX; i++) {
		client->slots[i].to = client->slots[i].from;
		client->slots[i].fin = false;
	}
	client->resends = 0;
	atls_stream_new_gen(client);
}

void atls_stream_client_attach(struct atls_stream_client *client, struct atls_stream_dict *greeting)
{
	leave_requests(client);
	atls_attachment_begin(&client->ws, &client->send);
	assume_credit(client);
	fill_dict(client, false, greeting);
}

void atls_stream_client_offer(struct atls_stream_client *client, struct atls_stream_dict *greeting)
{
	uint64_t next = client->send.next, told_max = client->told_max;
	client->offered = atls_stream_next_gen(client);
	client->offering = true;
	client->send.next = client->send.acked;
	fill_dict(client, false, greeting);
	client->send.next = next;
	/* It may have been told nobody. */
	client->told_max = told_max;
}

/* The other end greeted: from here on the WebSocket carries the session, unless a loss was declared
 * meanwhile, which the other end heard or will hear. */
static int take_up(struct atls_stream_client *client, struct atls_error *err)
{
	struct atls_attachment told = client->ws;
	client->offering = false;
	if (client->gen >= client->offered)
		return atls_error_set(err, ATLS_E_NETWORK,
			"connection: WebSocket: requests were lost while it was opened");
	leave_requests(client);
	client->gen = client->offered;
	atls_attachment_begin(&client->ws, &client->send);
	client->ws.out = told.out;
	client->ws.told_ack = told.told_ack;
	client->ws.told_max = told.told_max;
	return ATLS_OK;
}

int atls_stream_client_ws_text(struct atls_stream_client *client,
	const struct atls_stream_dict *dict, int64_t now, struct atls_error *err)
{
	int rc = atls_stream_dict_need(dict, ATLS_DICT_ANSWER, err);
	if (!rc && client->offering)
		rc = take_up(client, err);
	if (rc)
		return rc;
	if (!client->open)
		atls_stream_open(client, dict);
	atls_stream_alive(client, now);
	return atls_attachment_text(
		&client->ws, &client->send, &client->recv, dict, dict->down, err);
}

int atls_stream_client_ws_bytes(struct atls_stream_client *client, const void *bytes, size_t len,
	int64_t now, struct atls_error *err)
{
	client->alive = now;
	return atls_attachment_bytes(&client->ws, &client->recv, bytes, len, err);
}

bool atls_stream_client_ws_next(
	struct atls_stream_client *client, size_t room, struct atls_stream_words *words)
{
	if (!atls_attachment_next(
		    &client->ws, &client->send, &client->recv, client->unread, room, words))
		return false;
	if (words->text)
		fill_dict(client, words->dict.has & ATLS_DICT_FIN, &words->dict);
	return true;
}

void atls_stream_client_detach(struct atls_stream_client *client, int64_t now)
{
	if (client->offering) {
		/* It may have been heard all the same: then only a later generation gets bytes. */
		client->offering = false;
		if (client->gen < client->offered)
			atls_stream_new_gen(client);
	}
	if (!client->ws.on)
		return;
	client->ws.on = false;
	client->losses++;
	if (client->lost_since == INT64_MAX)
		client->lost_since = now;
	atls_stream_new_gen(client);
	atls_send_rewind(&client->send, client->send.acked);
	if (!client->ws.greeted)
		atls_stream_back_off(client, 0, now);
}

bool atls_stream_client_attached(const struct atls_stream_client *client)
{
	return client->ws.on;
}

bool atls_stream_client_greeted(const struct atls_stream_client *client)
{
	return client->ws.on && client->ws.greeted;
}

enum atls_stream_step atls_stream_ws_step(const struct atls_stream_client *client)
{
	bool over = client->send.fin_acked && atls_recv_complete(&client->recv) &&
		    client->ws.told_ack == atls_recv_ack(&client->recv);
	return over ? ATLS_STREAM_DONE : ATLS_STREAM_WAIT;
}
