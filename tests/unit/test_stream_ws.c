/*
 * Stream sessions on WebSockets that are cut and opened again, with requests in between: scripted,
 * and as seeded schedules that have to end with every byte once and in order.
 *
 *   test_stream_ws [FIRST-SEED [COUNT]]
 */
#include "tap.h"

#include "core/stream_ws.h"

#include <stdlib.h>

#define SCHEDULES 200
#define STEPS_MAX 200000
#define QUEUE_MAX 64
#define SAY_MAX   (96u << 10)

struct message {
	bool text;
	struct atls_stream_dict dict;
	struct atls_piece piece;
};

/* One direction of a WebSocket. */
struct queue {
	struct message messages[QUEUE_MAX];
	unsigned count;
};

struct end {
	struct queue queue; /* what is on its way to it */
	uint64_t said, total, heard;
	bool wrong;
	bool aborts; /* it has more to say, and will not */
};

/* Over all schedules: WebSockets that took over from requests, and those that a loss overtook. */
static unsigned taken_up, late;

struct world {
	struct atls_stream_client *client;
	struct atls_stream_server *server;
	struct end up, down; /* the server's ears, the client's */
	bool open;           /* a WebSocket is between them */
	bool greeted;        /* its first message arrived */
	bool beside;         /* requests went on while it was opened */
	int64_t now;
	uint32_t random;
	unsigned cuts, posts;
	struct atls_error err;
};

static uint32_t dice(struct world *w, uint32_t sides)
{
	uint32_t x = w->random;
	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	w->random = x;
	return x % sides;
}

static uint8_t pattern(uint64_t position)
{
	return (uint8_t)(position * 31 + (position >> 8) * 7);
}

static void hear(struct end *end, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		end->wrong |= bytes[i] != pattern(end->heard + i);
	end->heard += len;
}

static void take_all(struct world *w)
{
	const uint8_t *bytes;
	size_t len;
	while ((len = atls_stream_client_take(w->client, &bytes)))
		hear(&w->down, bytes, len);
	while ((len = atls_stream_server_take(w->server, &bytes)))
		hear(&w->up, bytes, len);
	atls_stream_client_credit(w->client, 256u << 10, 1u << 20, 0);
	atls_stream_server_credit(w->server, 256u << 10, 1u << 20, 0);
}

static void world_init(struct world *w, uint32_t seed)
{
	struct atls_stream_limits limits = {.window = ATLS_STREAM_WINDOW_FIRST,
		.body_max = ATLS_STREAM_BODY,
		.inflight = 4,
		.inflight_max = 4,
		.poll_ms = 5000,
		.resume_ms = 300000,
		.seed = seed,
		.id = "0123456789012345678901"};
	const struct atls_stream_server_limits theirs = {.body_max = ATLS_STREAM_BODY,
		.window = ATLS_STREAM_WINDOW_FIRST,
		.keep_max = 1u << 20,
		.inflight = 4,
		.hold_max_ms = 25000,
		.keep_ms = 330000};
	*w = (struct world){.random = seed * 2654435761u | 1};
	w->client = atls_stream_client_new(&limits, 0);
	w->server = atls_stream_server_new(&theirs);
	w->up.total = dice(w, 4) ? dice(w, 2u << 20) : dice(w, 100);
	w->down.total = dice(w, 4) ? dice(w, 2u << 20) : dice(w, 100);
	w->up.aborts = seed % 4 == 1;
	w->down.aborts = seed % 4 == 2;
}

static void queue_clear(struct queue *queue)
{
	for (unsigned i = 0; i < queue->count; i++)
		atls_block_release(queue->messages[i].piece.block);
	queue->count = 0;
}

static void world_free(struct world *w)
{
	queue_clear(&w->up.queue);
	queue_clear(&w->down.queue);
	atls_stream_client_free(w->client);
	atls_stream_server_free(w->server);
}

static void put(struct queue *queue, const struct atls_stream_words *words)
{
	queue->messages[queue->count++] = (struct message){words->text, words->dict, words->piece};
}

/* ---- What the ends do ---- */

static void say(struct world *w, bool client)
{
	static uint8_t bytes[SAY_MAX];
	struct end *end = client ? &w->up : &w->down;
	size_t room =
		client ? atls_stream_client_room(w->client) : atls_stream_server_room(w->server);
	size_t len = end->total - end->said < SAY_MAX ? (size_t)(end->total - end->said) : SAY_MAX;
	if (len > room)
		len = room;
	if (len)
		len = 1 + dice(w, (uint32_t)len);
	for (size_t i = 0; i < len; i++)
		bytes[i] = pattern(end->said + i);
	end->said += len;
	if (client ? atls_stream_client_say(w->client, bytes, len)
		   : atls_stream_server_say(w->server, bytes, len))
		abort();
	if (end->said < end->total)
		return;
	if (client)
		(end->aborts ? atls_stream_client_abort : atls_stream_client_end)(w->client);
	else
		(end->aborts ? atls_stream_server_abort : atls_stream_server_end)(w->server);
}

static void open_ws(struct world *w)
{
	struct atls_stream_words greeting = {.text = true};
	w->beside = atls_stream_client_facts(w->client).open && dice(w, 2);
	(w->beside ? atls_stream_client_offer : atls_stream_client_attach)(
		w->client, &greeting.dict);
	put(&w->up.queue, &greeting);
	w->open = true;
	w->greeted = false;
}

static void cut_ws(struct world *w)
{
	queue_clear(&w->up.queue);
	queue_clear(&w->down.queue);
	atls_stream_client_detach(w->client, w->now);
	/* The server may notice much later. */
	if (dice(w, 2))
		atls_stream_server_detach(w->server);
	w->open = false;
	w->cuts++;
}

static void speak(struct world *w)
{
	struct atls_stream_words words;
	if (w->up.queue.count < QUEUE_MAX &&
		atls_stream_client_ws_next(w->client, 1 + dice(w, 100000), &words))
		put(&w->up.queue, &words);
	if (w->down.queue.count < QUEUE_MAX && w->greeted &&
		atls_stream_server_ws_next(w->server, 1 + dice(w, 100000), &words))
		put(&w->down.queue, &words);
}

static int to_server(struct world *w, const struct message *m)
{
	if (!m->text)
		return atls_stream_server_ws_bytes(
			w->server, m->piece.bytes, m->piece.len, &w->err);
	if (w->greeted)
		return atls_stream_server_ws_text(w->server, &m->dict, &w->err);
	w->greeted = true;
	struct atls_stream_words greeting = {.text = true};
	int rc = atls_stream_server_attach(w->server, &m->dict, &greeting.dict, &w->err);
	if (!rc)
		put(&w->down.queue, &greeting);
	if (rc != ATLS_E_USAGE || !w->beside)
		return rc;
	/* A loss overtook it. */
	late++;
	cut_ws(w);
	return 0;
}

/* What comes on a WebSocket that a loss overtook ends that, and nothing else. */
static int to_client(struct world *w, const struct message *m)
{
	if (!m->text)
		return atls_stream_client_ws_bytes(
			w->client, m->piece.bytes, m->piece.len, w->now, &w->err);
	bool was = atls_stream_client_attached(w->client);
	int rc = atls_stream_client_ws_text(w->client, &m->dict, w->now, &w->err);
	taken_up += !rc && !was;
	if (rc != ATLS_E_NETWORK)
		return rc;
	late++;
	cut_ws(w);
	return 0;
}

/* The first message of a queue arrives. */
static int arrive(struct world *w, bool up)
{
	struct queue *queue = up ? &w->up.queue : &w->down.queue;
	if (queue->count == 0)
		return 0;
	struct message m = queue->messages[0];
	queue->count--;
	memmove(queue->messages, queue->messages + 1, queue->count * sizeof m);
	int rc = up ? to_server(w, &m) : to_client(w, &m);
	take_all(w);
	atls_block_release(m.piece.block);
	return rc;
}

/* One request and its answer, either of which may be lost. */
static int exchange(struct world *w)
{
	struct atls_stream_post post;
	struct atls_stream_answer answer;
	int64_t at;
	if (atls_stream_client_next(w->client, w->now, &post, &at) != ATLS_STREAM_SEND) {
		w->now += 50;
		return 0;
	}
	w->posts++;
	int rc = 0;
	bool answered = false;
	if (dice(w, 8)) {
		rc = atls_stream_server_request(w->server, &post, &post.dict, post.piece.bytes,
			post.piece.len, w->now, &w->err);
		take_all(w);
		atls_stream_server_release(w->server);
		answered = !rc && atls_stream_server_next(w->server, w->now, &answer, &at);
	}
	if (answered && dice(w, 8)) {
		rc = atls_stream_client_answered(w->client, post.slot, &answer.dict,
			answer.piece.bytes, answer.piece.len, w->now, &w->err);
		take_all(w);
	} else {
		(void)atls_stream_client_lost(w->client, post.slot, false, 0, w->now);
	}
	if (answered)
		atls_block_release(answer.piece.block);
	atls_block_release(post.piece.block);
	return rc;
}

static bool over(struct world *w)
{
	return atls_stream_server_facts(w->server).gone &&
	       atls_stream_client_facts(w->client).fin_acked &&
	       atls_stream_client_facts(w->client).complete;
}

static int step(struct world *w)
{
	w->now += 1;
	say(w, dice(w, 2));
	if (w->open && dice(w, 400) == 0)
		cut_ws(w);
	else if (!w->open && dice(w, 5) == 0)
		open_ws(w);
	if (!w->open)
		return exchange(w);
	if (!atls_stream_client_attached(w->client) && dice(w, 2))
		return exchange(w);
	speak(w);
	return arrive(w, dice(w, 2));
}

/* Whether the schedule of a seed ends as it should. */
static bool schedule(uint32_t seed)
{
	struct world w;
	int rc = 0;
	unsigned steps = 0;
	world_init(&w, seed);
	while (!rc && steps++ < STEPS_MAX && !over(&w))
		rc = step(&w);
	bool good = !rc && over(&w) && !w.up.wrong && !w.down.wrong && w.up.heard == w.up.total &&
		    w.down.heard == w.down.total &&
		    atls_stream_server_facts(w.server).aborted == w.up.aborts &&
		    atls_stream_client_facts(w.client).aborted == w.down.aborts;
	if (!good)
		TAP_FAIL("seed %u: %d (%s), %u steps, %u cuts, up %llu of %llu, down %llu of %llu",
			seed, rc, w.err.text, steps, w.cuts, (unsigned long long)w.up.heard,
			(unsigned long long)w.up.total, (unsigned long long)w.down.heard,
			(unsigned long long)w.down.total);
	world_free(&w);
	return good;
}

static uint32_t first_seed = 1, seeds = SCHEDULES;

static void every_byte_once_whatever_is_cut(void)
{
	for (uint32_t i = 0; i < seeds && schedule(first_seed + i); i++)
		;
	ok(taken_up > 0 && late > 0);
}

/* ---- Scripts ---- */

static void world_small(struct world *w)
{
	world_init(w, 7);
	w->up.total = w->down.total = 5;
}

static void carry(struct world *w)
{
	for (int i = 0; i < 100; i++) {
		speak(w);
		eq_int(arrive(w, true), 0);
		eq_int(arrive(w, false), 0);
	}
}

static void a_websocket_opens_a_session_in_one_round_trip(void)
{
	struct world w;
	world_small(&w);
	eq_int(atls_stream_client_say(w.client, "\0\x1f\x3e\x5d\x7c", 5), 0);
	open_ws(&w);
	speak(&w);
	eq_int(w.up.queue.count, 2); /* the greeting, and bytes right behind it */
	eq_int(arrive(&w, true), 0);
	eq_int(arrive(&w, true), 0);
	ok(w.up.heard == 5 && !w.up.wrong);
	ok(!atls_stream_client_greeted(w.client));
	eq_int(arrive(&w, false), 0);
	ok(atls_stream_client_greeted(w.client));
	world_free(&w);
}

static void both_ends_close(void)
{
	struct world w;
	struct atls_stream_post post;
	int64_t at;
	world_small(&w);
	open_ws(&w);
	carry(&w);
	eq_int(atls_stream_client_next(w.client, 0, &post, &at), ATLS_STREAM_WAIT);
	w.up.said = w.down.said = 5;
	eq_int(atls_stream_client_say(w.client, "\0\x1f\x3e\x5d\x7c", 5), 0);
	eq_int(atls_stream_server_say(w.server, "\0\x1f\x3e\x5d\x7c", 5), 0);
	atls_stream_client_end(w.client);
	carry(&w);
	ok(!over(&w) && w.down.heard == 5);
	atls_stream_server_end(w.server);
	carry(&w);
	ok(over(&w));
	eq_int(atls_stream_client_next(w.client, 0, &post, &at), ATLS_STREAM_DONE);
	world_free(&w);
}

static void a_request_ends_a_websocket(void)
{
	struct world w;
	world_small(&w);
	open_ws(&w);
	carry(&w);
	ok(atls_stream_server_attached(w.server));
	atls_stream_client_detach(w.client, w.now);
	eq_int(atls_stream_client_say(w.client, "\0", 1), 0);
	w.random = 12345;
	for (int i = 0; i < 100 && w.up.heard == 0; i++)
		eq_int(exchange(&w), 0);
	ok(!atls_stream_server_attached(w.server));
	world_free(&w);
}

static void a_late_websocket_is_refused(void)
{
	struct world w;
	struct atls_stream_dict first, second, greeting;
	world_small(&w);
	atls_stream_client_attach(w.client, &first);
	atls_stream_client_detach(w.client, 0);
	atls_stream_client_attach(w.client, &second);
	ok(second.gen > first.gen);
	eq_int(atls_stream_server_attach(w.server, &second, &greeting, &w.err), 0);
	eq_int(atls_stream_server_attach(w.server, &first, &greeting, &w.err), ATLS_E_USAGE);
	ok(atls_stream_server_attached(w.server));
	world_free(&w);
}

static void who_breaks_the_rules_ends_the_session(void)
{
	static const struct atls_stream_dict good = {.has = ATLS_DICT_ANSWER, .max = 1000};
	struct world w;
	struct atls_stream_dict dict, greeting;
	world_small(&w);
	atls_stream_client_attach(w.client, &greeting);
	eq_int(atls_stream_client_ws_bytes(w.client, "x", 1, 0, &w.err), ATLS_E_PROTOCOL);
	dict = good;
	dict.down = 1;
	eq_int(atls_stream_client_ws_text(w.client, &dict, 0, NULL), ATLS_E_PROTOCOL);
	dict = good;
	dict.has &= ~(unsigned)ATLS_DICT_ACK;
	eq_int(atls_stream_client_ws_text(w.client, &dict, 0, NULL), ATLS_E_PROTOCOL);
	dict = good;
	dict.ack = 1;
	eq_int(atls_stream_client_ws_text(w.client, &dict, 0, NULL), ATLS_E_PROTOCOL);
	eq_int(atls_stream_client_ws_text(w.client, &good, 0, NULL), 0);
	dict = good;
	dict.down = 3;
	dict.has |= ATLS_DICT_FIN;
	eq_int(atls_stream_client_ws_text(w.client, &dict, 0, NULL), ATLS_E_PROTOCOL);
	uint8_t *flood = calloc(1, ATLS_STREAM_WINDOW_FIRST + 1);
	eq_int(atls_stream_client_ws_bytes(w.client, flood, ATLS_STREAM_WINDOW_FIRST + 1, 0, NULL),
		ATLS_E_PROTOCOL);
	free(flood);
	world_free(&w);
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		first_seed = (uint32_t)strtoul(argv[1], NULL, 10);
		seeds = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 1;
	}
	run(a_websocket_opens_a_session_in_one_round_trip);
	run(both_ends_close);
	run(a_request_ends_a_websocket);
	run(a_late_websocket_is_refused);
	run(who_breaks_the_rules_ends_the_session);
	run(every_byte_once_whatever_is_cut);
	return tap_done();
}
