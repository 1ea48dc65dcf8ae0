/* A hostile peer of either half of stream carriage, on requests and on a WebSocket. The first byte
 * says whether it lies about what stands where, the second which limits there are, the third which
 * half it meets. Behind them each byte is a step, with what it needs: what the peer sends, loses
 * and repeats, when its answers come, and what the owner does meanwhile. */
#include "stream_peer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- The client's half ---- */

static void client_send(struct run *run)
{
	struct atls_stream_post post;
	int64_t at;
	enum atls_stream_step what = atls_stream_client_next(run->client, run->now, &post, &at);
	if (what == ATLS_STREAM_SEND) {
		struct held *held = &run->held[post.slot];
		need(post.slot < HELD_MAX && !held->used && post.timeout_ms > 0);
		*held = (struct held){true, post.piece, post.dict.up};
		check_said(run, &post.dict, held);
	} else if (what == ATLS_STREAM_WAIT) {
		need(at > run->now);
		if (step(run) & 1)
			run->now = at < run->now + 60000 ? at : run->now;
	}
	run->over = what == ATLS_STREAM_DONE || what == ATLS_STREAM_LOST;
}

static void client_answer(struct run *run, unsigned slot, const struct atls_stream_dict *dict,
	const uint8_t *bytes, size_t len)
{
	struct atls_error err = {0};
	end_held(&run->held[slot]);
	outcome(run,
		atls_stream_client_answered(run->client, slot, dict, bytes, len, run->now, &err));
}

static void client_ends(struct run *run, unsigned how, unsigned slot)
{
	struct atls_stream_dict dict = dictionary(run);
	uint8_t bytes[BODY_MAX + 64];
	size_t len;
	int rc = ATLS_OK;
	switch (how) {
	case 0:
		rc = atls_stream_client_lost(
			run->client, slot, step(run) & 1, step(run) * 16, run->now);
		need(rc == ATLS_OK || rc == ATLS_E_PROTOCOL);
		break;
	case 1:
		if (!facts(run).open)
			return;
		atls_stream_client_stripped(
			run->client, slot, step(run) & 1, step(run) & 1 ? &dict : NULL, run->now);
		break;
	case 2:
		rc = atls_stream_client_too_large(run->client, slot);
		need(rc == ATLS_OK || rc == ATLS_E_NETWORK);
		break;
	default:
		if (atls_stream_dict_need(&dict, ATLS_DICT_ANSWER, NULL))
			return;
		len = body(run, dict.down, bytes);
		client_answer(run, slot, &dict, bytes, len);
		return;
	}
	end_held(&run->held[slot]);
	run->over = rc != ATLS_OK;
}

/* Many small answers, each before or behind the last. */
static void client_flood(struct run *run)
{
	struct atls_stream_dict dict = dictionary(run);
	unsigned count = step(run) * 4 + 1;
	int by = (int)step(run) - 128;
	dict.has = ATLS_DICT_ANSWER;
	for (unsigned i = 0; i < count && i < FLOOD_MAX && !run->over; i++) {
		uint8_t bytes[2] = {theirs(run, dict.down), theirs(run, dict.down + 1)};
		unsigned slot = 0;
		client_send(run);
		while (slot < HELD_MAX && !run->held[slot].used)
			slot++;
		if (slot < HELD_MAX && !run->over)
			client_answer(run, slot, &dict, bytes, 1 + (i & 1));
		dict.down += (uint64_t)(int64_t)by;
		if (dict.down > GREATEST)
			return;
	}
}

static void client_step(struct run *run, unsigned what)
{
	unsigned slot = step(run) % HELD_MAX;
	while (slot < HELD_MAX && !run->held[slot].used)
		slot++;
	if (what < 4)
		client_send(run);
	else if (what < 10 && slot < HELD_MAX)
		client_ends(run, what - 4, slot);
	else if (what == 10 && slot < HELD_MAX)
		atls_stream_client_heard(run->client, slot, run->now);
	else if (what == 11)
		client_flood(run);
}

/* ---- The server's half ---- */

static void server_request(struct run *run, unsigned slot, const struct atls_stream_dict *dict,
	const uint8_t *bytes, size_t len)
{
	struct atls_error err = {0};
	int rc = atls_stream_server_request(
		run->server, &run->requests[slot], dict, bytes, len, run->now, &err);
	if (rc != ATLS_E_LIMIT && rc != ATLS_E_AGAIN)
		outcome(run, rc);
}

static void server_answer(struct run *run)
{
	struct atls_stream_answer answer;
	int64_t at;
	if (!atls_stream_server_next(run->server, run->now, &answer, &at)) {
		need(at > run->now);
		if (step(run) & 1)
			run->now = at < run->now + 60000 ? at : run->now;
		return;
	}
	struct held *held = &run->held[(size_t)((char *)answer.request - run->requests)];
	end_held(held);
	*held = (struct held){true, answer.piece, answer.dict.down};
	check_said(run, &answer.dict, held);
}

static void server_flood(struct run *run)
{
	struct atls_stream_dict dict = dictionary(run);
	unsigned count = step(run) * 4 + 1;
	int by = (int)step(run) - 128;
	dict.has = ATLS_DICT_REQUEST;
	for (unsigned i = 0; i < count && i < FLOOD_MAX && !run->over; i++) {
		uint8_t bytes[2] = {theirs(run, dict.up), theirs(run, dict.up + 1)};
		server_request(run, i % HELD_MAX, &dict, bytes, 1 + (i & 1));
		server_answer(run);
		dict.up += (uint64_t)(int64_t)by;
		if (dict.up > GREATEST)
			return;
	}
}

static void server_step(struct run *run, unsigned what)
{
	unsigned slot = step(run) % HELD_MAX;
	uint8_t bytes[BODY_MAX + 64];
	if (what < 6) {
		struct atls_stream_dict dict = dictionary(run);
		size_t len = body(run, dict.up, bytes);
		server_request(run, slot, &dict, bytes, len);
	} else if (what < 9) {
		server_answer(run);
	} else if (what == 9) {
		atls_stream_server_forget(run->server, &run->requests[slot]);
	} else if (what == 10) {
		atls_stream_server_release(run->server);
	} else if (what == 11) {
		server_flood(run);
	}
}

/* ---- Either half on a WebSocket ---- */

static void attach(struct run *run)
{
	struct held nothing = {.used = false};
	struct atls_stream_dict dict, greeting;
	struct atls_error err = {0};
	if (run->client) {
		atls_stream_client_attach(run->client, &greeting);
		nothing.position = run->ws_out = greeting.up;
		check_said(run, &greeting, &nothing);
		return;
	}
	dict = dictionary(run);
	int rc = atls_stream_server_attach(run->server, &dict, &greeting, &err);
	if (rc == ATLS_E_USAGE)
		return;
	outcome(run, rc);
	if (rc)
		return;
	run->ws_in = dict.up;
	nothing.position = run->ws_out = greeting.down;
	check_said(run, &greeting, &nothing);
}

static void hear_text(struct run *run)
{
	struct atls_error err = {0};
	struct atls_stream_dict dict = dictionary(run);
	run->ws_in = run->client ? dict.down : dict.up;
	outcome(run, run->client ? atls_stream_client_ws_text(run->client, &dict, run->now, &err)
				 : atls_stream_server_ws_text(run->server, &dict, &err));
}

static void hear_bytes(struct run *run)
{
	struct atls_error err = {0};
	uint8_t bytes[BODY_MAX + 64];
	size_t len = body(run, run->ws_in, bytes);
	run->ws_in += len;
	outcome(run, run->client
			     ? atls_stream_client_ws_bytes(run->client, bytes, len, run->now, &err)
			     : atls_stream_server_ws_bytes(run->server, bytes, len, &err));
}

static void say_words(struct run *run)
{
	struct atls_stream_words words;
	if (!(run->client ? atls_stream_client_ws_next(run->client, BODY_MAX, &words)
			  : atls_stream_server_ws_next(run->server, BODY_MAX, &words)))
		return;
	if (words.text)
		run->ws_out = run->client ? words.dict.up : words.dict.down;
	struct held held = {true, words.piece, run->ws_out};
	check_said(run, words.text ? &words.dict : NULL, &held);
	run->ws_out += words.piece.len;
	end_held(&held);
}

static void ws_step(struct run *run, unsigned what)
{
	bool on = run->client ? atls_stream_client_attached(run->client)
			      : atls_stream_server_attached(run->server);
	if (!on || what == 1)
		attach(run);
	else if (what == 0 && run->client)
		atls_stream_client_detach(run->client, run->now);
	else if (what == 0)
		atls_stream_server_detach(run->server);
	else if (what < 4)
		hear_text(run);
	else if (what < 6)
		hear_bytes(run);
	else
		say_words(run);
}

/* ---- The owner ---- */

static void say(struct run *run)
{
	uint8_t bytes[BODY_MAX];
	size_t room = run->client ? atls_stream_client_room(run->client)
				  : atls_stream_server_room(run->server);
	size_t len = (size_t)step(run) * 16;
	if (len > room)
		len = room;
	for (size_t i = 0; i < len; i++)
		bytes[i] = ours(run->said + i);
	need((run->client ? atls_stream_client_say(run->client, bytes, len)
			  : atls_stream_server_say(run->server, bytes, len)) == ATLS_OK);
	run->said += len;
}

static void owner_step(struct run *run, unsigned what)
{
	size_t unread = step(run) * 16u;
	if (unread > run->heard)
		unread = (size_t)run->heard;
	if (what < 2 && !run->ended)
		say(run);
	else if (what == 2) {
		run->ended = true;
		if (run->client)
			atls_stream_client_end(run->client);
		else
			atls_stream_server_end(run->server);
	} else if (what == 3) {
		run->now += (int64_t)step(run) * step(run);
	} else if (what == 4 && run->client) {
		atls_stream_client_credit(run->client, run->window / 2, run->window, unread);
	} else if (what == 4) {
		atls_stream_server_credit(run->server, run->window / 2, run->window, unread);
	} else if (run->server) {
		end_held(&run->held[unread / 16 % HELD_MAX]);
	}
}

static void start(struct run *run, unsigned limits)
{
	run->window = (size_t)1024 << (limits & 7);
	struct atls_stream_limits mine = {.window = run->window,
		.body_max = BODY_MAX,
		.inflight = 1 + (limits >> 3 & 3),
		.inflight_max = 1 + (limits >> 3 & 15),
		.poll_ms = 5000,
		.resume_ms = 300000,
		.seed = limits,
		.id = "0123456789012345678901"};
	const struct atls_stream_server_limits server = {.body_max = BODY_MAX,
		.window = run->window,
		.keep_max = KEEP_MAX,
		.inflight = 1 + (limits >> 3 & 15),
		.hold_max_ms = 25000,
		.keep_ms = 330000};
	if (__sanitizer_get_current_allocated_bytes)
		run->allocated = __sanitizer_get_current_allocated_bytes();
	if (step(run) & 1)
		run->client = atls_stream_client_new(&mine, 0);
	else
		run->server = atls_stream_server_new(&server);
	need(run->client || run->server);
	run->max = run->window;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 3 || size > STEPS_MAX)
		return 0;
	struct run run = {.at = data + 2, .end = data + size, .lies = data[0] & 1, .gen = 1};
	start(&run, data[1]);
	while (run.at < run.end && !run.over) {
		unsigned what = step(&run);
		if (what & 0x80)
			owner_step(&run, what % 6);
		else if (what & 0x40)
			ws_step(&run, what % 8);
		else if (run.client)
			client_step(&run, what % 12);
		else
			server_step(&run, what % 12);
		check_memory(&run);
	}
	for (unsigned i = 0; i < HELD_MAX; i++)
		end_held(&run.held[i]);
	atls_stream_client_free(run.client);
	atls_stream_server_free(run.server);
	return 0;
}
