#include "core/stream_ws.h"

#include "core/err.h"
#include "core/stream_ws_impl.h"

void atls_attachment_begin(struct atls_attachment *ws, struct atls_send *send)
{
	*ws = (struct atls_attachment){.on = true};
	atls_send_rewind(send, send->acked);
}

/* Where the other end's bytes go on. It may skip what it learned to be here; behind a gap it can
 * only be mistaken. */
static int go_on(struct atls_attachment *ws, const struct atls_recv *recv, uint64_t from,
	struct atls_error *err)
{
	if (from > recv->next)
		return atls_error_set(err, ATLS_E_PROTOCOL,
			"protocol: WebSocket: it goes on from byte %llu, but %llu is the next",
			(unsigned long long)from, (unsigned long long)recv->next);
	ws->greeted = true;
	ws->position = from;
	return ATLS_OK;
}

int atls_attachment_text(struct atls_attachment *ws, struct atls_send *send, struct atls_recv *recv,
	const struct atls_stream_dict *dict, uint64_t from, struct atls_error *err)
{
	int rc = go_on(ws, recv, from, err);
	if (!rc)
		rc = atls_send_acked(send, dict->ack, dict->max, err);
	if (!rc && (dict->has & ATLS_DICT_FIN))
		rc = atls_recv_put(recv, from, NULL, 0, true, err);
	if (!rc)
		atls_recv_end(recv, dict->has);
	return rc;
}

int atls_attachment_bytes(struct atls_attachment *ws, struct atls_recv *recv, const void *bytes,
	size_t len, struct atls_error *err)
{
	if (!ws->greeted)
		return atls_error_set(err, ATLS_E_PROTOCOL,
			"protocol: WebSocket: bytes came before the dictionary");
	int rc = atls_recv_put(recv, ws->position, bytes, len, false, err);
	ws->position += len;
	/* In order there are no gaps, so a limit is all that can be passed. */
	return rc == ATLS_E_LIMIT || rc == ATLS_E_AGAIN ? ATLS_E_PROTOCOL : rc;
}

/* The other end waits for it, or soon would: every quarter of a window, and at the end. */
static bool owes_news(const struct atls_attachment *ws, const struct atls_recv *recv, uint64_t max)
{
	uint64_t ack = atls_recv_ack(recv);
	size_t quarter = recv->window / 4;
	if (atls_recv_complete(recv))
		return ack > ws->told_ack;
	return ack - ws->told_ack >= quarter || max - ws->told_max >= quarter;
}

bool atls_attachment_next(struct atls_attachment *ws, struct atls_send *send,
	struct atls_recv *recv, size_t unread, size_t room, struct atls_stream_words *words)
{
	bool fin = false;
	*words = (struct atls_stream_words){.text = false};
	if (!ws->on || room == 0)
		return false;
	/* Bytes that became known to be there are skipped, and that has to be said. */
	if (send->next != ws->out || owes_news(ws, recv, atls_recv_promise(recv, unread))) {
		words->text = true;
		return true;
	}
	if (atls_send_ready(send) == 0 && !atls_send_fin_ready(send))
		return false;
	if (atls_send_ready(send) == 0) {
		atls_send_cut(send, 0, &words->piece, &fin);
		words->text = true;
		words->dict.has = ATLS_DICT_FIN;
		return true;
	}
	atls_send_cut(send, room, &words->piece, &fin);
	ws->out = send->next;
	/* The end is said in a text, behind the last byte. */
	if (fin)
		send->fin_sent = false;
	return true;
}

void atls_attachment_told(
	struct atls_attachment *ws, const struct atls_stream_dict *dict, uint64_t from)
{
	ws->out = from;
	ws->told_ack = dict->ack;
	ws->told_max = dict->max;
}
