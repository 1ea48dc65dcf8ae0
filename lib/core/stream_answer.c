/* The client's half: what became of its requests. */
#include "core/stream_client_impl.h"

#include "core/base.h"
#include "core/err.h"

#include <string.h>

#define STRIPPED_MAX 2
#define UNKNOWN_MAX  3
/* A poll that ends otherwise than by an answer after this was cut. */
#define CUT_MIN_MS 1000

/* Requests at once: a period is measured over so long and so many answers; what carries a tenth
 * more stays; and after a trial that failed, so many periods pass before the next. */
#define PERIOD_MS   250
#define PERIOD_REST 16u
#define GAIN_NUM    11u
#define GAIN_DEN    10u

/* On a long path that would take seconds: there each answer in bulk that did not stand in a queue,
 * and may have waited for a connection, makes room for two requests more. */
#define QUEUED    5 / 2
#define LONG_MORE 2u

/* xorshift32: spreads clients that lost the same server, no more. */
static uint32_t next_random(struct atls_stream_client *client)
{
	uint32_t x = client->random;
	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return client->random = x;
}

static struct atls_slot take_slot(struct atls_stream_client *client, unsigned slot)
{
	struct atls_slot copy = client->slots[slot];
	client->slots[slot].used = false;
	client->used--;
	return copy;
}

/* ---- Losses ---- */

/* Its bytes are to be sent again, those that are not acknowledged. */
static void requeue(struct atls_stream_client *client, const struct atls_slot *slot)
{
	struct atls_send *send = &client->send;
	if (slot->fin && !send->fin_acked)
		send->fin_sent = false;
	if (slot->from == slot->to || slot->to <= send->acked)
		return;
	if (client->resends == ATLS_RESEND_MAX) {
		client->resends = 0;
		atls_send_rewind(send, send->acked);
		return;
	}
	client->resend[client->resends++] = (struct atls_resend){slot->from, slot->to};
}

static void note_cut(struct atls_stream_client *client, const struct atls_slot *slot, int64_t now)
{
	int64_t held = now - slot->sent_at;
	if (!slot->poll || held < CUT_MIN_MS || held >= client->poll_ms)
		return;
	client->cut_ms = held;
	client->poll_ms = client->poll_ms * 3 / 5;
	if (client->poll_ms < ATLS_STREAM_POLL_MIN_MS)
		client->poll_ms = ATLS_STREAM_POLL_MIN_MS;
}

void atls_stream_back_off(struct atls_stream_client *client, int64_t at_least, int64_t now)
{
	int64_t wait = client->backoff / 2 + next_random(client) % (client->backoff / 2 + 1);
	client->backoff *= 2;
	if (client->backoff > ATLS_BACKOFF_MAX_MS)
		client->backoff = ATLS_BACKOFF_MAX_MS;
	if (at_least > wait)
		wait = at_least;
	if (now + wait > client->not_before)
		client->not_before = now + wait;
}

/* Only what was lost of this generation is news: the same fault took the others with it. */
static void lose(struct atls_stream_client *client, const struct atls_slot *slot,
	int64_t retry_after, int64_t now)
{
	client->losses++;
	requeue(client, slot);
	if (client->lost_since == INT64_MAX)
		client->lost_since = now;
	if (slot->gen != client->gen)
		return;
	note_cut(client, slot, now);
	atls_stream_new_gen(client);
	atls_stream_back_off(client, retry_after, now);
}

int atls_stream_client_lost(struct atls_stream_client *client, unsigned number, bool unknown,
	int64_t retry_after, int64_t now)
{
	struct atls_slot slot = take_slot(client, number);
	if (unknown && slot.gen == client->gen && ++client->unknown >= UNKNOWN_MAX)
		return ATLS_E_PROTOCOL;
	lose(client, &slot, retry_after, now);
	return ATLS_OK;
}

void atls_stream_client_stripped(struct atls_stream_client *client, unsigned number, bool conflict,
	const struct atls_stream_dict *dict, int64_t now)
{
	struct atls_slot slot = take_slot(client, number);
	if (dict && (dict->has & ATLS_DICT_ACK))
		(void)atls_send_acked(&client->send, dict->ack, 0, NULL);
	if (conflict || ++client->stripped >= STRIPPED_MAX)
		client->in_body = true;
	lose(client, &slot, 0, now);
}

int atls_stream_client_too_large(struct atls_stream_client *client, unsigned number)
{
	struct atls_slot slot = take_slot(client, number);
	size_t half = (size_t)(slot.to - slot.from) / 2;
	requeue(client, &slot);
	/* A WebSocket took over what it was about. */
	if (slot.gen != client->gen && slot.from == slot.to)
		return ATLS_OK;
	if (half < ATLS_BODY_MIN)
		return ATLS_E_NETWORK;
	if (half < client->limits.body_max)
		client->limits.body_max = half;
	if (half < client->limits.body_long)
		client->limits.body_long = half;
	return ATLS_OK;
}

/* ---- Valid answers ---- */

static void add_requests(struct atls_stream_client *client, unsigned more)
{
	client->inflight += more;
	if (client->inflight > client->inflight_max)
		client->inflight = client->inflight_max;
}

static void decide(struct atls_stream_client *client, struct atls_tuning *tuning, uint64_t rate)
{
	if (tuning->before && rate * GAIN_DEN < tuning->rate * GAIN_NUM) {
		client->inflight = tuning->before;
		tuning->before = 0;
		tuning->rest = PERIOD_REST;
		return;
	}
	tuning->before = 0;
	tuning->rate = rate;
	if (tuning->rest) {
		tuning->rest--;
	} else if (client->inflight < client->inflight_max) {
		tuning->before = client->inflight;
		add_requests(client, client->inflight < 4 ? 1 : client->inflight / 2);
	}
}

static void tune(struct atls_stream_client *client, uint64_t bytes, int64_t round_trip, int64_t now)
{
	struct atls_tuning *tuning = &client->tuning;
	if (bytes < ATLS_STREAM_BULK || client->used + 2 < client->inflight) {
		tuning->since = 0;
		return;
	}
	if (client->round_trip >= ATLS_STREAM_LONG_MS &&
		round_trip <= client->round_trip * QUEUED &&
		client->inflight < client->inflight_max) {
		*tuning = (struct atls_tuning){0};
		add_requests(client, LONG_MORE);
		return;
	}
	if (tuning->since == 0) {
		tuning->since = now;
		tuning->bytes = tuning->answers = 0;
		return;
	}
	tuning->bytes += bytes;
	tuning->answers++;
	int64_t ms = now - tuning->since;
	if (ms < PERIOD_MS || tuning->answers < 2 * client->inflight)
		return;
	decide(client, tuning, tuning->bytes * 1000 / (uint64_t)ms);
	tuning->since = 0;
}

/* What is missing before these bytes may still be on its way. */
static void note_gap(struct atls_stream_client *client, uint64_t top, int64_t now)
{
	if (top <= client->recv.next)
		return;
	if (top > client->gap_top)
		client->gap_top = top;
	if (client->gap)
		return;
	client->gap = true;
	client->gap_number = client->numbers;
	client->gap_since = now;
}

void atls_stream_open(struct atls_stream_client *client, const struct atls_stream_dict *dict)
{
	client->open = true;
	client->inflight_max = client->limits.inflight_max;
	if (dict->inflight < client->inflight_max)
		client->inflight_max = (unsigned)dict->inflight;
	if (client->inflight_max < 2)
		client->inflight_max = 2;
	client->inflight = client->limits.inflight < client->inflight_max ? client->limits.inflight
									  : client->inflight_max;
}

void atls_stream_alive(struct atls_stream_client *client, int64_t now)
{
	client->stripped = client->unknown = 0;
	client->alive = now;
	client->lost_since = INT64_MAX;
	client->backoff = ATLS_BACKOFF_MIN_MS;
	client->exchanges++;
}

/* A poll that has its answer at once, while something is missing or a WebSocket is on its way,
 * is not repeated at once. */
static void pace_polls(
	struct atls_stream_client *client, const struct atls_slot *slot, size_t len, int64_t now)
{
	if (len) {
		client->poll_pause = ATLS_PACE_MIN_MS;
		client->poll_not_before = 0;
	} else if (slot->poll && slot->gen == client->gen && (client->gap || client->offering)) {
		client->poll_not_before = now + client->poll_pause;
		client->poll_pause *= 2;
		if (client->poll_pause > ATLS_PACE_MAX_MS)
			client->poll_pause = ATLS_PACE_MAX_MS;
	}
}

int atls_stream_client_answered(struct atls_stream_client *client, unsigned number,
	const struct atls_stream_dict *dict, const void *bytes, size_t len, int64_t now,
	struct atls_error *err)
{
	struct atls_slot slot = take_slot(client, number);
	struct atls_recv *recv = &client->recv;
	uint64_t acked = client->send.acked, got = recv->next;
	if (!client->open)
		atls_stream_open(client, dict);
	atls_stream_alive(client, now);
	client->bye_heard = client->bye_heard || slot.bye;
	int rc = atls_send_acked(&client->send, dict->ack, dict->max, err);
	if (!rc)
		rc = atls_recv_put(recv, dict->down, bytes, len, dict->has & ATLS_DICT_FIN, err);
	if (rc == ATLS_E_LIMIT)
		return ATLS_E_PROTOCOL;
	if (!rc)
		atls_recv_end(recv, dict->has);
	if (rc && rc != ATLS_E_AGAIN)
		return rc;
	if (rc == ATLS_E_AGAIN) {
		/* More gaps than can be kept: as if it had not come. */
		requeue(client, &slot);
		if (slot.gen == client->gen)
			atls_stream_new_gen(client);
		return ATLS_OK;
	}
	client->carried += client->send.acked > acked || recv->next > got;
	/* Small talk that answers what was said brings no more of itself. */
	client->busy = len && (len >= ATLS_STREAM_BULK || slot.from == slot.to);
	pace_polls(client, &slot, len, now);
	if (slot.gen == client->gen)
		note_gap(client, dict->down + len, now);
	atls_stream_check_gap(client, now);
	int64_t round_trip = now - slot.sent_at;
	if (round_trip < client->round_trip)
		client->round_trip = round_trip;
	tune(client, slot.to - slot.from + len, round_trip, now);
	return ATLS_OK;
}

struct atls_stream_facts atls_stream_client_facts(const struct atls_stream_client *client)
{
	return (struct atls_stream_facts){
		.open = client->open,
		.in_body = client->in_body,
		.fin_acked = client->send.fin_acked,
		.complete = atls_recv_complete(&client->recv),
		.aborted = client->recv.aborted,
		.delivered = atls_send_delivered(&client->send),
		.said = client->send.end,
		.sent = client->send.top,
		.acked = client->send.acked,
		.received = client->recv.next,
		.inflight = client->inflight,
		.body_max = client->limits.body_max,
		.poll_ms = client->poll_ms,
		.cut_ms = client->cut_ms,
		.exchanges = client->exchanges,
		.carried = client->carried,
		.lost = client->losses,
		.kept = (size_t)(client->send.end - client->send.acked) + client->recv.stored,
	};
}
