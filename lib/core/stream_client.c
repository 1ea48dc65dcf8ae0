#include "core/stream_client_impl.h"

#include "core/base.h"

#include <stdlib.h>
#include <string.h>

struct atls_stream_client *atls_stream_client_new(
	const struct atls_stream_limits *limits, int64_t now)
{
	struct atls_stream_client *client = calloc(1, sizeof *client);
	if (!client)
		return NULL;
	client->limits = *limits;
	atls_send_init(&client->send, limits->body_max, ATLS_STREAM_WINDOW_MAX);
	atls_recv_init(&client->recv, limits->window, limits->window, 2 * ATLS_STREAM_INFLIGHT_MAX);
	client->gen = 1;
	client->inflight = 1;
	client->alive = now;
	client->lost_since = client->round_trip = INT64_MAX;
	client->backoff = ATLS_BACKOFF_MIN_MS;
	client->poll_pause = ATLS_PACE_MIN_MS;
	client->poll_ms = limits->poll_ms;
	client->random = limits->seed ? limits->seed : 1;
	return client;
}

void atls_stream_client_free(struct atls_stream_client *client)
{
	if (!client)
		return;
	atls_send_free(&client->send);
	atls_recv_free(&client->recv);
	free(client);
}

size_t atls_stream_client_room(const struct atls_stream_client *client)
{
	const struct atls_send *send = &client->send;
	size_t room = atls_send_room(send, send->block_size);
	if (!client->ws.on && (client->resends || client->used >= client->inflight))
		return 0;
	if (!client->open)
		return send->end < ATLS_STREAM_WINDOW_FIRST ? room : 0;
	uint64_t credit = send->max > send->end ? send->max - send->end : 0;
	return credit < room ? (size_t)credit : room;
}

int atls_stream_client_say(struct atls_stream_client *client, const void *bytes, size_t len)
{
	return atls_send_append(&client->send, bytes, len);
}

void atls_stream_client_end(struct atls_stream_client *client)
{
	atls_send_end(&client->send);
}

void atls_stream_client_abort(struct atls_stream_client *client)
{
	atls_send_abort(&client->send);
}

size_t atls_stream_client_take(struct atls_stream_client *client, const uint8_t **bytes)
{
	return atls_recv_take(&client->recv, bytes);
}

void atls_stream_client_credit(
	struct atls_stream_client *client, size_t window, size_t window_max, size_t unread)
{
	atls_recv_window(&client->recv, window, window_max);
	client->unread = unread;
	(void)atls_recv_promise(&client->recv, unread);
}

void atls_stream_client_heard(struct atls_stream_client *client, unsigned slot, int64_t now)
{
	if (client->gap && client->slots[slot].number < client->gap_number)
		client->gap_since = now;
}

uint64_t atls_stream_next_gen(const struct atls_stream_client *client)
{
	return (client->gen > client->offered ? client->gen : client->offered) + 1;
}

void atls_stream_new_gen(struct atls_stream_client *client)
{
	client->gen = atls_stream_next_gen(client);
	client->gap = false;
	client->gap_top = 0;
}

static bool older_outstanding(const struct atls_stream_client *client)
{
	for (unsigned i = 0; i < ATLS_STREAM_INFLIGHT_MAX; i++)
		if (client->slots[i].used && client->slots[i].number < client->gap_number)
			return true;
	return false;
}

void atls_stream_check_gap(struct atls_stream_client *client, int64_t now)
{
	if (!client->gap)
		return;
	if (client->recv.next >= client->gap_top) {
		client->gap = false;
		client->gap_top = 0;
	} else if (now - client->gap_since >= ATLS_GAP_MS || !older_outstanding(client)) {
		atls_stream_new_gen(client);
	}
}

/* ---- One request ---- */

static unsigned polls(const struct atls_stream_client *client, bool of_this_gen)
{
	unsigned count = 0;
	for (unsigned i = 0; i < ATLS_STREAM_INFLIGHT_MAX; i++) {
		const struct atls_slot *slot = &client->slots[i];
		count += slot->used && slot->poll && (!of_this_gen || slot->gen == client->gen);
	}
	return count;
}

static enum atls_stream_step post(struct atls_stream_client *client, int64_t now, bool poll,
	uint64_t up, bool fin, struct atls_stream_post *post)
{
	unsigned i = 0;
	while (client->slots[i].used)
		i++;
	client->told_max = atls_recv_promise(&client->recv, client->unread);
	post->slot = i;
	post->dict = (struct atls_stream_dict){
		.has = ATLS_DICT_REQUEST | (poll ? ATLS_DICT_POLL : 0u) |
		       (fin ? atls_send_end_bits(&client->send) : 0u),
		.gen = client->gen,
		.up = up,
		.ack = atls_recv_ack(&client->recv),
		.max = client->told_max,
		.poll = (uint64_t)(client->poll_ms / 1000),
	};
	memcpy(post->dict.id, client->limits.id, sizeof post->dict.id);
	post->timeout_ms = ATLS_STREAM_REPLY_MS + (poll ? client->poll_ms : 0);
	client->slots[i] = (struct atls_slot){
		.used = true,
		.poll = poll,
		.fin = fin,
		.from = up,
		.to = up + post->piece.len,
		.gen = client->gen,
		.number = client->numbers++,
		.sent_at = now,
	};
	client->used++;
	return ATLS_STREAM_SEND;
}

/* Whether a request with these few last bytes may wait for its answer: that carries what they bring
 * about in one exchange. One slot stays free of those. */
static bool may_be_held(const struct atls_stream_client *client, size_t len)
{
	return client->open && len < ATLS_STREAM_BULK && client->resends == 0 &&
	       atls_send_ready(&client->send) == 0 && !client->gap &&
	       !atls_recv_complete(&client->recv) && polls(client, false) + 1 < client->inflight;
}

/* The first of what was lost, and is not acknowledged meanwhile. */
static bool send_again(struct atls_stream_client *client, int64_t now, struct atls_stream_post *out)
{
	struct atls_send *send = &client->send;
	while (client->resends) {
		struct atls_resend *first = &client->resend[0];
		if (first->from < send->acked)
			first->from = send->acked;
		if (first->from < first->to) {
			uint64_t from = first->from;
			size_t len = (size_t)(first->to - from);
			if (len > send->block_size)
				len = send->block_size;
			atls_send_piece(send, from, len, &out->piece);
			first->from += out->piece.len;
			bool fin = first->from == send->end && atls_send_fin_ready(send);
			if (fin)
				send->fin_sent = send->fin_ever = true;
			post(client, now, may_be_held(client, len), from, fin, out);
			return true;
		}
		client->resends--;
		memmove(first, first + 1, client->resends * sizeof *first);
	}
	return false;
}

/* In the midst of bulk, when requests get few, a part of a body waits for the rest or for the next
 * answer. */
static bool may_grow(const struct atls_stream_client *client)
{
	const struct atls_send *send = &client->send;
	size_t ready = atls_send_ready(send);
	unsigned carrying = 0;
	if (ready < ATLS_STREAM_BULK || ready >= send->block_size || send->ended)
		return false;
	for (unsigned i = 0; i < ATLS_STREAM_INFLIGHT_MAX; i++) {
		const struct atls_slot *slot = &client->slots[i];
		carrying += slot->used && slot->to - slot->from >= ATLS_STREAM_BULK;
	}
	return carrying + 2 >= client->inflight;
}

static bool send_new(struct atls_stream_client *client, int64_t now, struct atls_stream_post *out)
{
	struct atls_send *send = &client->send;
	if ((atls_send_ready(send) == 0 && !atls_send_fin_ready(send)) || may_grow(client))
		return false;
	bool fin;
	uint64_t up = send->next;
	atls_send_cut(send, send->block_size, &out->piece, &fin);
	post(client, now, may_be_held(client, out->piece.len), up, fin, out);
	return true;
}

/* Who sends down may be waiting for it. */
static bool owes_credit(const struct atls_stream_client *client)
{
	const struct atls_recv *recv = &client->recv;
	size_t half = recv->window / 2;
	return !recv->has_fin && recv->max >= client->told_max + half &&
	       client->told_max < recv->next + half;
}

/* Requests at once: where a trial of more of them ended while polls hold all that remain, what is
 * to be said has one besides. */
static unsigned most_at_once(const struct atls_stream_client *client)
{
	unsigned held = polls(client, false);
	return held < client->inflight ? client->inflight : held + 1;
}

static bool wants_poll(const struct atls_stream_client *client)
{
	unsigned most = client->inflight - 1;
	return polls(client, false) < most && polls(client, true) < (client->busy ? most : 1);
}

static enum atls_stream_step opening(
	struct atls_stream_client *client, int64_t now, struct atls_stream_post *out)
{
	struct atls_send *send = &client->send;
	if (client->used || (send->end == 0 && !send->ended && !client->limits.silent))
		return ATLS_STREAM_WAIT;
	bool fin;
	uint64_t max = send->max;
	send->next = 0;
	send->fin_sent = false;
	send->max = ATLS_STREAM_WINDOW_FIRST;
	atls_send_cut(send, send->block_size, &out->piece, &fin);
	send->max = max;
	return post(client, now, false, 0, fin, out);
}

/* Both directions are over: a last acknowledgement or three, and their success decides nothing. */
static enum atls_stream_step closing(
	struct atls_stream_client *client, int64_t now, struct atls_stream_post *out)
{
	for (unsigned i = 0; i < ATLS_STREAM_INFLIGHT_MAX; i++)
		if (client->slots[i].used && client->slots[i].bye)
			return ATLS_STREAM_WAIT;
	if (client->bye_heard || client->byes == ATLS_STREAM_BYES)
		return ATLS_STREAM_DONE;
	if (now < client->not_before || client->used == ATLS_STREAM_INFLIGHT_MAX)
		return ATLS_STREAM_WAIT;
	client->byes++;
	(void)post(client, now, false, client->send.end, false, out);
	client->slots[out->slot].bye = true;
	out->timeout_ms = ATLS_STREAM_BYE_MS;
	return ATLS_STREAM_SEND;
}

static void sooner(int64_t *at, int64_t other)
{
	if (other < *at)
		*at = other;
}

/* When to give up, if nothing comes. */
static int64_t give_up_at(const struct atls_stream_client *client)
{
	if (client->lost_since == INT64_MAX)
		return INT64_MAX;
	int64_t resume = client->limits.resume_ms;
	int64_t least =
		client->lost_since + (resume < ATLS_GIVE_UP_MIN_MS ? resume : ATLS_GIVE_UP_MIN_MS);
	int64_t at = client->alive + resume;
	return at > least ? at : least;
}

/* All is said, heard and acknowledged: nothing is left to give up. */
static bool is_over(const struct atls_stream_client *client)
{
	return client->send.fin_acked && atls_recv_complete(&client->recv);
}

static enum atls_stream_step wait(const struct atls_stream_client *client, int64_t now, int64_t *at)
{
	*at = is_over(client) ? INT64_MAX : give_up_at(client);
	if (client->gap)
		sooner(at, client->gap_since + ATLS_GAP_MS);
	if (client->not_before > now)
		sooner(at, client->not_before);
	if (client->poll_not_before > now)
		sooner(at, client->poll_not_before);
	return ATLS_STREAM_WAIT;
}

enum atls_stream_step atls_stream_client_next(
	struct atls_stream_client *client, int64_t now, struct atls_stream_post *out, int64_t *at)
{
	*at = INT64_MAX;
	out->piece = (struct atls_piece){0};
	if (client->ws.on)
		return atls_stream_ws_step(client);
	atls_send_resize(&client->send, client->limits.body_max, client->limits.body_long,
		client->round_trip);
	atls_stream_check_gap(client, now);
	if (is_over(client)) {
		enum atls_stream_step step = closing(client, now, out);
		return step == ATLS_STREAM_WAIT ? wait(client, now, at) : step;
	}
	if (now >= give_up_at(client))
		return ATLS_STREAM_LOST;
	if (now < client->not_before || client->used >= most_at_once(client))
		return wait(client, now, at);
	if (!client->open) {
		enum atls_stream_step step = opening(client, now, out);
		return step == ATLS_STREAM_WAIT ? wait(client, now, at) : step;
	}
	if (send_again(client, now, out) || send_new(client, now, out))
		return ATLS_STREAM_SEND;
	if (owes_credit(client))
		return post(client, now, false, client->send.next, false, out);
	if (now >= client->poll_not_before && wants_poll(client))
		return post(client, now, true, client->send.next, false, out);
	return wait(client, now, at);
}
