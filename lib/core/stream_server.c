/* The server's half of stream carriage. */
#include "core/stream_server_impl.h"

#include "core/err.h"

#include <stdlib.h>
#include <string.h>

struct atls_stream_server *atls_stream_server_new(const struct atls_stream_server_limits *limits)
{
	struct atls_stream_server *server = calloc(1, sizeof *server);
	if (!server)
		return NULL;
	server->limits = *limits;
	atls_send_init(&server->send, limits->body_max, limits->keep_max);
	atls_recv_init(&server->recv, limits->window, limits->window, 2 * limits->inflight);
	server->told_max = limits->window;
	server->round_trip = INT64_MAX;
	return server;
}

void atls_stream_server_free(struct atls_stream_server *server)
{
	if (!server)
		return;
	atls_send_free(&server->send);
	atls_recv_free(&server->recv);
	free(server);
}

/* What an answer could take, so that bodies are large where there is much to say. */
size_t atls_stream_server_room(const struct atls_stream_server *server)
{
	return atls_send_room(&server->send, server->send.block_size);
}

int atls_stream_server_say(struct atls_stream_server *server, const void *bytes, size_t len)
{
	return atls_send_append(&server->send, bytes, len);
}

void atls_stream_server_end(struct atls_stream_server *server)
{
	atls_send_end(&server->send);
}

void atls_stream_server_abort(struct atls_stream_server *server)
{
	atls_send_abort(&server->send);
}

size_t atls_stream_server_take(struct atls_stream_server *server, const uint8_t **bytes)
{
	return atls_recv_take(&server->recv, bytes);
}

void atls_stream_server_credit(
	struct atls_stream_server *server, size_t window, size_t window_max, size_t unread)
{
	atls_recv_window(&server->recv, window, window_max);
	server->unread = unread;
	(void)atls_recv_promise(&server->recv, unread);
}

void atls_stream_server_keep(struct atls_stream_server *server, size_t keep_max)
{
	server->send.keep_max = keep_max;
}

size_t atls_stream_server_promised(const struct atls_stream_server *server)
{
	return (size_t)(server->recv.max - server->recv.taken);
}

static bool is_done(const struct atls_stream_server *server)
{
	return server->send.fin_acked && atls_recv_complete(&server->recv);
}

/* ---- Requests ---- */

void atls_stream_release_all(struct atls_stream_server *server, bool stale)
{
	for (unsigned i = 0; i < server->count; i++) {
		server->waiting[i].until = INT64_MIN;
		server->waiting[i].stale |= stale;
	}
}

void atls_stream_server_release(struct atls_stream_server *server)
{
	atls_stream_release_all(server, false);
}

/* The client's word on what is lost is the one that counts. */
static void follow_gen(struct atls_stream_server *server, const struct atls_stream_dict *dict)
{
	if (dict->gen > server->gen) {
		server->gen = dict->gen;
		server->ws.on = false;
		atls_send_rewind(&server->send, dict->ack);
		atls_stream_release_all(server, true);
	} else if (dict->up == 0 && dict->ack == 0 && server->send.acked == 0) {
		/* An opening request again: the same question gets the same answer. */
		atls_send_rewind(&server->send, 0);
	}
}

static bool may_wait(const struct atls_stream_server *server, const struct atls_stream_dict *dict)
{
	const struct atls_send *send = &server->send;
	return (dict->has & ATLS_DICT_POLL) && dict->gen == server->gen && !is_done(server) &&
	       dict->ack >= send->next + send->fin_sent;
}

static void add(struct atls_stream_server *server, void *request,
	const struct atls_stream_dict *dict, int64_t now)
{
	int64_t most = server->limits.hold_max_ms;
	int64_t ms =
		dict->poll >= (uint64_t)(most + 999) / 1000 ? most : (int64_t)dict->poll * 1000;
	server->waiting[server->count++] = (struct atls_waiting){
		.request = request,
		.until = may_wait(server, dict) ? now + ms : INT64_MIN,
		.stale = dict->gen < server->gen,
	};
}

static void note_round_trip(struct atls_stream_server *server, int64_t now)
{
	if (server->timed == 0 || server->send.acked < server->timed)
		return;
	if (now - server->timed_at < server->round_trip)
		server->round_trip = now - server->timed_at;
	server->timed = 0;
}

int atls_stream_server_request(struct atls_stream_server *server, void *request,
	const struct atls_stream_dict *dict, const void *bytes, size_t len, int64_t now,
	struct atls_error *err)
{
	int rc = atls_stream_dict_need(dict, ATLS_DICT_REQUEST, err);
	if (!rc && server->count == ATLS_WAITING_MAX)
		rc = ATLS_E_AGAIN;
	if (!rc)
		rc = atls_send_acked(&server->send, dict->ack, dict->max, err);
	if (rc)
		return rc;
	note_round_trip(server, now);
	follow_gen(server, dict);
	if (len || (dict->has & ATLS_DICT_FIN))
		rc = atls_recv_put(
			&server->recv, dict->up, bytes, len, dict->has & ATLS_DICT_FIN, err);
	if (rc)
		return rc == ATLS_E_AGAIN ? ATLS_E_LIMIT : rc;
	atls_recv_end(&server->recv, dict->has);
	server->exchanges++;
	atls_send_resize(&server->send, server->limits.body_max, server->limits.body_long,
		server->round_trip);
	if (is_done(server))
		atls_stream_release_all(server, false);
	add(server, request, dict, now);
	return ATLS_OK;
}

void atls_stream_server_forget(struct atls_stream_server *server, const void *request)
{
	for (unsigned i = 0; i < server->count; i++) {
		if (server->waiting[i].request != request)
			continue;
		server->count--;
		memmove(&server->waiting[i], &server->waiting[i + 1],
			(server->count - i) * sizeof server->waiting[0]);
		return;
	}
}

/* ---- Answers ---- */

void atls_stream_server_dict(struct atls_stream_server *server, struct atls_stream_dict *dict)
{
	server->told_max = atls_recv_promise(&server->recv, server->unread);
	*dict = (struct atls_stream_dict){
		.has = ATLS_DICT_ANSWER,
		.down = server->send.next,
		.ack = atls_recv_ack(&server->recv),
		.max = server->told_max,
		.inflight = server->limits.inflight,
		.keep = (uint64_t)(server->limits.keep_ms / 1000),
	};
}

static bool sendable(const struct atls_stream_server *server)
{
	return atls_send_ready(&server->send) || atls_send_fin_ready(&server->send);
}

static bool owes_credit(const struct atls_stream_server *server)
{
	return server->recv.max - server->told_max >= server->recv.window / 2 &&
	       !server->recv.has_fin;
}

/* The one to be answered now, or -1: first those that do not wait, then the newest, which is the
 * likeliest to be still there; without anything to say, the oldest if it is time. */
static int choose(const struct atls_stream_server *server, int64_t now, bool *bytes)
{
	bool say = sendable(server);
	*bytes = say;
	for (unsigned i = 0; i < server->count; i++) {
		if (server->waiting[i].until > now && !server->waiting[i].stale)
			continue;
		*bytes = say && !server->waiting[i].stale;
		return (int)i;
	}
	if (say && server->count)
		return (int)server->count - 1;
	if (server->count && (server->count > server->limits.inflight - 1 || owes_credit(server)))
		return 0;
	return -1;
}

bool atls_stream_server_next(struct atls_stream_server *server, int64_t now,
	struct atls_stream_answer *answer, int64_t *at)
{
	bool bytes;
	int i = choose(server, now, &bytes);
	*at = INT64_MAX;
	if (i < 0) {
		for (unsigned k = 0; k < server->count; k++)
			if (server->waiting[k].until < *at)
				*at = server->waiting[k].until;
		return false;
	}
	const struct atls_waiting chosen = server->waiting[i];
	struct atls_send *send = &server->send;
	atls_stream_server_forget(server, chosen.request);
	answer->request = chosen.request;
	answer->piece = (struct atls_piece){0};
	atls_stream_server_dict(server, &answer->dict);
	/* Of an end that was said, whoever asks is told again. */
	bool fin = send->ended && send->next == send->end && send->fin_sent && !chosen.stale;
	if (bytes)
		atls_send_cut(send, send->block_size, &answer->piece, &fin);
	if (answer->piece.len && server->timed == 0) {
		server->timed = send->next;
		server->timed_at = now;
	}
	if (fin)
		answer->dict.has |= atls_send_end_bits(send);
	return true;
}

struct atls_stream_facts atls_stream_server_facts(const struct atls_stream_server *server)
{
	return (struct atls_stream_facts){
		.open = server->exchanges > 0,
		.fin_acked = server->send.fin_acked,
		.complete = atls_recv_complete(&server->recv),
		.aborted = server->recv.aborted,
		.delivered = atls_send_delivered(&server->send),
		.gone = is_done(server),
		.said = server->send.end,
		.sent = server->send.top,
		.acked = server->send.acked,
		.received = server->recv.next,
		.inflight = server->limits.inflight,
		.body_max = server->limits.body_max,
		.exchanges = server->exchanges,
		.kept = (size_t)(server->send.end - server->send.acked) + server->recv.stored,
	};
}
