/*
 * Seeded schedules of loss, repetition, reordering, delay, stripping, refusal and silence between
 * two ends of stream carriage: each has to end with every byte once and in order, in bounded
 * memory.
 *
 *   test_stream_random [FIRST-SEED [COUNT]]    SCHEDULES in the environment is another count
 *
 * With one seed alone, its schedule is told event by event.
 */
#include "stream_world.h"
#include "tap.h"

#define SCHEDULES_DEFAULT 2000
#define EVENTS_MAX        400000

static void client_pump(struct world *w);
static void server_flush(struct world *w, struct served *s);

static void tell(const struct world *w, const char *what, uint64_t a, uint64_t b, uint64_t c)
{
	if (w->verbose)
		printf("# %8.3f %-22s %llu %llu %llu\n", (double)w->now / 1000, what,
			(unsigned long long)a, (unsigned long long)b, (unsigned long long)c);
}

/* ---- The network ---- */

static bool quiet(const struct world *w)
{
	return w->now >= w->faults.quiet;
}

static bool strikes(struct world *w, int permille)
{
	return !quiet(w) && often(&w->chance, permille);
}

static bool dark(const struct world *w)
{
	return w->now >= w->faults.dark_from && w->now < w->faults.dark_to;
}

static int64_t delay(struct world *w)
{
	struct chance *c = &w->chance;
	int64_t ms = w->faults.rtt / 2 * between(c, 50, 150) / 100;
	if (often(c, w->faults.tail_permille))
		ms += between(c, 0, w->faults.tail);
	return ms;
}

static struct message *copy_of(const struct message *m)
{
	struct message *copy = malloc(sizeof *copy);
	if (!copy)
		abort();
	*copy = *m;
	copy->body = malloc(m->len ? m->len : 1);
	if (!copy->body)
		abort();
	if (m->len)
		memcpy(copy->body, m->body, m->len);
	return copy;
}

static void message_free(struct message *m)
{
	free(m->body);
	free(m);
}

static void client_hears(struct world *w, void *ctx, uint64_t number);
static void server_hears(struct world *w, void *ctx, uint64_t number);

/* Turns a request into the network's own answer to it. */
static void network_answers(struct world *w, struct message *m, int status, int64_t ms)
{
	m->status = status;
	m->len = 0;
	m->has_dict = false;
	world_at(w, ms, client_hears, m, 0);
}

static void answer(struct world *w, struct message *m)
{
	if (m->has_dict && !m->json && w->faults.strip_down && w->now >= w->faults.strip_from &&
		w->now < w->faults.strip_to)
		m->has_dict = false;
	if (m->lonely || dark(w)) {
		message_free(m);
		return;
	}
	if (m->answer_lost)
		network_answers(w, m, (int)ONE_OF(&w->chance, 0, 502, 504), delay(w));
	else
		world_at(w, delay(w), client_hears, m, 0);
}

static void request(struct world *w, struct message *m)
{
	struct faults *f = &w->faults;
	w->posted++;
	if (dark(w) || strikes(w, f->swallowed)) {
		if (dark(w) && often(&w->chance, 500))
			network_answers(w, m, 0, 20);
		else
			message_free(m);
		return;
	}
	if (strikes(w, f->request_lost)) {
		network_answers(w, m, 0, delay(w));
		return;
	}
	if (strikes(w, f->refused)) {
		network_answers(w, m, (int)ONE_OF(&w->chance, 502, 503, 504, 429), delay(w));
		return;
	}
	if (w->now >= f->large_from && m->len > f->large) {
		network_answers(w, m, 413, delay(w));
		return;
	}
	if (f->cut && !quiet(w)) {
		struct message *cut = copy_of(m);
		network_answers(w, cut, 504, f->cut);
	}
	if (m->has_dict && !m->json && f->strip_up && w->now >= f->strip_from &&
		w->now < f->strip_to)
		m->has_dict = false;
	m->answer_lost = strikes(w, f->answer_lost);
	if (strikes(w, f->repeated)) {
		struct message *again = copy_of(m);
		m->lonely = often(&w->chance, 500);
		world_at(w, delay(w) + ONE_OF(&w->chance, 0, 10, 1500), server_hears, again, 0);
	}
	world_at(w, delay(w), server_hears, m, 0);
}

/* ---- The server ---- */

static struct served *find(struct world *w, const struct message *m)
{
	for (unsigned i = 0; i < w->session_count; i++) {
		struct served *s = &w->sessions[i];
		if (m->has_dict && s->stream && strcmp(s->id, m->dict.id) == 0)
			return s;
		if (!m->has_dict && m->cookie && s->cookie == m->cookie)
			return s;
	}
	return NULL;
}

static void server_drive(struct world *w, void *ctx, uint64_t number)
{
	struct served *s = ctx;
	(void)number;
	if (!s->stream || atls_stream_server_facts(s->half).gone || w->done)
		return;
	uint64_t more = (uint64_t)ONE_OF(&w->chance, 0, 50, 300, 1500);
	s->made = s->made + more < w->down ? s->made + more : w->down;
	size_t eaten = often(&w->chance, 800) ? (size_t)ONE_OF(&w->chance, 100, 600, 5000) : 0;
	s->unread -= eaten < s->unread ? eaten : s->unread;
	server_flush(w, s);
	world_at(w, between(&w->chance, 10, 300), server_drive, s, 0);
}

static struct served *begin(struct world *w, const struct message *m)
{
	if (w->session_count == SESSIONS_MAX) {
		world_fail(w, "too many sessions");
		return NULL;
	}
	const struct atls_stream_server_limits limits = {
		.body_max = w->body,
		.window = w->window_up,
		.keep_max = w->window_down,
		.inflight = w->inflight,
		.hold_max_ms = 25 * SECOND,
		.keep_ms = 330 * SECOND,
	};
	struct served *s = &w->sessions[w->session_count++];
	*s = (struct served){.world = w,
		.cookie = (int64_t)w->session_count,
		.stream = m->has_dict,
		.made = w->body / 2 < w->down ? w->body / 2 : w->down,
		.woken = INT64_MAX};
	if (m->has_dict) {
		memcpy(s->id, m->dict.id, sizeof s->id);
		s->half = atls_stream_server_new(&limits);
	}
	world_at(w, between(&w->chance, 10, 300), server_drive, s, 0);
	return s;
}

static void server_wakes(struct world *w, void *ctx, uint64_t number)
{
	struct served *s = ctx;
	(void)number;
	s->woken = INT64_MAX;
	server_flush(w, s);
}

static bool stopped(const struct world *w)
{
	return w->now >= w->faults.stop_from && w->now < w->faults.stop_to;
}

static void server_flush(struct world *w, struct served *s)
{
	uint8_t bytes[2000];
	size_t room;
	struct atls_stream_answer out;
	int64_t at;
	if (stopped(w)) {
		world_at(w, w->faults.stop_to - w->now, server_wakes, s, 0);
		return;
	}
	while ((room = atls_stream_server_room(s->half)) && s->said < s->made) {
		size_t len = (size_t)(s->made - s->said);
		len = len < room ? len : room;
		len = len < sizeof bytes ? len : sizeof bytes;
		bytes_at(w->seed, true, s->said, bytes, len);
		(void)atls_stream_server_say(s->half, bytes, len);
		s->said += len;
	}
	if (s->said == w->down)
		atls_stream_server_end(s->half);
	atls_stream_server_credit(s->half, w->window_up, w->window_up, s->unread);
	while (atls_stream_server_next(s->half, w->now, &out, &at)) {
		struct message *m = out.request;
		free(m->body);
		m->status = 200;
		m->has_dict = true;
		m->dict = out.dict;
		m->cookie = s->cookie;
		m->len = out.piece.len;
		m->body = malloc(m->len ? m->len : 1);
		if (m->len)
			memcpy(m->body, out.piece.bytes, m->len);
		atls_block_release(out.piece.block);
		tell(w, "  server answers", m->request, out.dict.down, m->len);
		answer(w, m);
	}
	if (atls_stream_server_facts(s->half).kept > w->window_up + w->window_down)
		world_fail(w, "the server keeps too much");
	if (at != INT64_MAX && at < s->woken) {
		s->woken = at;
		world_at(w, at > w->now ? at - w->now : 1, server_wakes, s, 0);
	}
}

static void check_bytes(struct world *w, bool down, uint64_t at, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (bytes[i] != byte_at(w->seed, down, at + i))
			world_fail(w, down ? "other bytes came down" : "other bytes came up");
}

static void refuse(struct world *w, struct message *m, int status)
{
	m->status = status;
	m->len = 0;
	answer(w, m);
}

static void server_hears(struct world *w, void *ctx, uint64_t number)
{
	struct message *m = ctx;
	const uint8_t *bytes;
	size_t len;
	(void)number;
	if (stopped(w)) {
		world_at(w, w->faults.stop_to - w->now, server_hears, m, 0);
		return;
	}
	struct served *s = find(w, m);
	if (!s && (m->has_dict ? m->dict.up || m->dict.ack : m->cookie != 0)) {
		m->has_dict = false;
		refuse(w, m, 422);
		return;
	}
	if (!s)
		s = begin(w, m);
	if (!s)
		return;
	m->cookie = s->cookie;
	if (!s->stream) {
		/* Base carriage: some bytes of its own session. */
		m->has_dict = false;
		refuse(w, m, 200);
		return;
	}
	if (!m->has_dict) {
		m->has_dict = true;
		atls_stream_server_dict(s->half, &m->dict);
		refuse(w, m, 409);
		return;
	}
	tell(w, "  server hears", m->request, m->dict.up, m->len);
	int rc = atls_stream_server_request(s->half, m, &m->dict, m->body, m->len, w->now, NULL);
	if (rc == ATLS_E_LIMIT) {
		atls_stream_server_dict(s->half, &m->dict);
		refuse(w, m, 409);
	} else if (rc == ATLS_E_AGAIN) {
		refuse(w, m, 503);
	} else if (rc) {
		world_fail(w, "the server calls it wrong");
	} else {
		while ((len = atls_stream_server_take(s->half, &bytes))) {
			check_bytes(w, false, s->heard, bytes, len);
			s->heard += len;
			s->unread += len;
		}
		server_flush(w, s);
	}
}

/* ---- The client ---- */

static void client_begin(struct world *w)
{
	struct atls_stream_limits limits = {
		.body_max = w->body,
		.window = w->window_down,
		.inflight = w->inflight,
		.inflight_max = w->inflight,
		.poll_ms = 25 * SECOND,
		.resume_ms = 300 * SECOND,
		.seed = (uint32_t)chance_next(&w->chance),
	};
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	for (unsigned i = 0; i < ATLS_STREAM_ID; i++)
		limits.id[i] = digits[between(&w->chance, 0, 63)];
	atls_stream_client_free(w->client);
	w->client = atls_stream_client_new(&limits, w->now);
	w->era++;
	w->said = w->heard = 0;
	w->unread = 0;
	w->open = false;
	w->cookie = 0;
	memset(w->outstanding, 0, sizeof w->outstanding);
}

/* A new session: new id, new handshake; only handshake bytes are given up. */
static void restart(struct world *w)
{
	if (w->json)
		world_fail(w, "a body lost its dictionary");
	w->json = true;
	w->restarts++;
	client_begin(w);
	tell(w, "a new session", w->era, 0, 0);
}

static void take(struct world *w)
{
	const uint8_t *bytes;
	size_t len;
	while ((len = atls_stream_client_take(w->client, &bytes))) {
		check_bytes(w, true, w->heard, bytes, len);
		w->heard += len;
		w->unread += len;
	}
}

static void opening_answer(struct world *w, unsigned slot, struct message *m)
{
	struct atls_error err = {0};
	if (m->status == 409 || (m->status == 200 && !m->has_dict)) {
		restart(w);
	} else if (m->status == 200) {
		w->open = true;
		w->cookie = m->cookie;
		if (atls_stream_client_answered(
			    w->client, slot, &m->dict, m->body, m->len, w->now, &err))
			world_fail(w, "the client calls the first answer wrong");
		take(w);
	} else if (m->status == 413) {
		if (atls_stream_client_too_large(w->client, slot))
			world_fail(w, "bodies cannot get smaller");
	} else if (atls_stream_client_lost(w->client, slot, m->status == 422, 0, w->now)) {
		world_fail(w, "422 at the opening");
	}
}

static void later_answer(struct world *w, unsigned slot, struct message *m)
{
	struct atls_error err = {0};
	if (m->status == 409 || (m->status == 200 && !m->has_dict)) {
		atls_stream_client_stripped(
			w->client, slot, m->status == 409, m->has_dict ? &m->dict : NULL, w->now);
	} else if (m->status == 200) {
		if (atls_stream_client_answered(
			    w->client, slot, &m->dict, m->body, m->len, w->now, &err))
			world_fail(w, "the client calls an answer wrong");
		take(w);
	} else if (m->status == 413) {
		if (atls_stream_client_too_large(w->client, slot))
			world_fail(w, "bodies cannot get smaller");
	} else if (atls_stream_client_lost(w->client, slot, m->status == 422, 0, w->now)) {
		world_fail(w, "422 three times");
	}
	if (atls_stream_client_facts(w->client).in_body)
		w->json = true;
}

static void client_hears(struct world *w, void *ctx, uint64_t number)
{
	struct message *m = ctx;
	unsigned slot = 0;
	(void)number;
	while (slot < ATLS_STREAM_INFLIGHT_MAX && w->outstanding[slot] != m->request)
		slot++;
	if (slot < ATLS_STREAM_INFLIGHT_MAX && m->era == w->era && !w->done) {
		w->outstanding[slot] = 0;
		tell(w, m->has_dict ? "client hears" : "client hears bare", m->request,
			(uint64_t)m->status, m->len);
		(w->open ? later_answer : opening_answer)(w, slot, m);
		client_pump(w);
	}
	message_free(m);
}

static void client_times_out(struct world *w, void *ctx, uint64_t number)
{
	(void)ctx;
	for (unsigned slot = 0; slot < ATLS_STREAM_INFLIGHT_MAX && !w->done; slot++) {
		if (w->outstanding[slot] != number)
			continue;
		w->outstanding[slot] = 0;
		tell(w, "client waited in vain", number, 0, 0);
		(void)atls_stream_client_lost(w->client, slot, false, 0, w->now);
		client_pump(w);
	}
}

static void client_wakes(struct world *w, void *ctx, uint64_t number)
{
	(void)ctx;
	(void)number;
	w->client_woken = INT64_MAX;
	client_pump(w);
}

static void post(struct world *w, const struct atls_stream_post *post)
{
	struct message *m = calloc(1, sizeof *m);
	if (!m)
		abort();
	m->request = ++w->requests;
	m->era = w->era;
	m->json = w->json;
	m->has_dict = true;
	m->dict = post->dict;
	m->cookie = w->cookie;
	m->len = post->piece.len;
	m->body = malloc(m->len ? m->len : 1);
	if (m->len)
		memcpy(m->body, post->piece.bytes, m->len);
	atls_block_release(post->piece.block);
	w->outstanding[post->slot] = m->request;
	tell(w, post->dict.has & ATLS_DICT_POLL ? "client polls" : "client posts", m->request,
		m->dict.up, m->len);
	world_at(w, post->timeout_ms, client_times_out, NULL, m->request);
	request(w, m);
}

static void client_says(struct world *w)
{
	uint8_t bytes[2000];
	size_t room;
	while ((room = atls_stream_client_room(w->client)) && w->said < w->made) {
		size_t len = (size_t)(w->made - w->said);
		len = len < room ? len : room;
		len = len < sizeof bytes ? len : sizeof bytes;
		bytes_at(w->seed, false, w->said, bytes, len);
		(void)atls_stream_client_say(w->client, bytes, len);
		w->said += len;
	}
	if (w->said == w->up)
		atls_stream_client_end(w->client);
}

static void client_pump(struct world *w)
{
	struct atls_stream_post out;
	int64_t at;
	while (!w->done && !w->failed) {
		client_says(w);
		atls_stream_client_credit(w->client, w->window_down, w->window_down, w->unread);
		size_t kept = atls_stream_client_facts(w->client).kept;
		if (kept > w->window_up + w->window_down + w->body)
			world_fail(w, "the client keeps too much");
		switch (atls_stream_client_next(w->client, w->now, &out, &at)) {
		case ATLS_STREAM_SEND:
			post(w, &out);
			continue;
		case ATLS_STREAM_WAIT:
			if (at != INT64_MAX && at < w->client_woken) {
				w->client_woken = at;
				world_at(w, at > w->now ? at - w->now : 1, client_wakes, NULL, 0);
			}
			return;
		case ATLS_STREAM_DONE:
			w->done = true;
			return;
		case ATLS_STREAM_LOST:
			world_fail(w, "the client gave up");
			return;
		}
	}
}

static void client_drive(struct world *w, void *ctx, uint64_t number)
{
	(void)ctx;
	(void)number;
	if (w->done)
		return;
	uint64_t more = (uint64_t)ONE_OF(&w->chance, 0, 50, 300, 1500);
	w->made = w->made + more < w->up ? w->made + more : w->up;
	size_t eaten = often(&w->chance, 800) ? (size_t)ONE_OF(&w->chance, 100, 600, 5000) : 0;
	w->unread -= eaten < w->unread ? eaten : w->unread;
	client_pump(w);
	world_at(w, between(&w->chance, 10, 300), client_drive, NULL, 0);
}

/* ---- One schedule ---- */

static void judge(struct world *w)
{
	if (w->failed)
		return;
	if (!w->done) {
		world_fail(w, w->events > EVENTS_MAX ? "it runs in circles" : "it stands still");
		return;
	}
	if (w->heard != w->down)
		world_fail(w, "not all came down");
	const struct served *s = &w->sessions[w->session_count - 1];
	for (unsigned i = 0; i < w->session_count; i++)
		if (w->sessions[i].stream && w->sessions[i].heard > s->heard)
			s = &w->sessions[i];
	if (s->heard != w->up)
		world_fail(w, "not all came up");
}

static void event_drop(const struct event *event)
{
	if (event->fn == client_hears || event->fn == server_hears)
		message_free(event->ctx);
}

static void finish(struct world *w)
{
	struct atls_stream_answer out;
	int64_t at;
	while (w->count) {
		struct event event = world_pop(w);
		event_drop(&event);
	}
	for (unsigned i = 0; i < w->session_count; i++) {
		if (!w->sessions[i].half)
			continue;
		atls_stream_server_release(w->sessions[i].half);
		while (atls_stream_server_next(w->sessions[i].half, w->now, &out, &at)) {
			atls_block_release(out.piece.block);
			message_free(out.request);
		}
		atls_stream_server_free(w->sessions[i].half);
	}
	atls_stream_client_free(w->client);
	free(w->heap);
}

static const char *schedule(uint64_t seed, bool verbose, uint64_t *posted)
{
	static struct world world;
	struct world *w = &world;
	*w = (struct world){.seed = seed, .chance = {seed}, .verbose = verbose};
	struct chance *c = &w->chance;
	w->window_up = (size_t)ONE_OF(c, 1500, 4096, 9000, 40000);
	w->window_down = (size_t)ONE_OF(c, 1500, 4096, 9000, 40000);
	w->inflight = (unsigned)ONE_OF(c, 2, 4, 8, 16);
	w->body = (size_t)ONE_OF(c, 100, 600, 1400, 6000);
	if (w->body > w->window_up) /* what opens a session fits the first credit */
		w->body = w->window_up;
	w->up = (uint64_t)ONE_OF(c, 1, 300, 3000, 20000, 60000);
	w->down = (uint64_t)ONE_OF(c, 0, 300, 3000, 20000, 60000);
	w->faults = faults_of(c);
	w->json = often(c, 300);
	w->made = w->body / 2 < w->up ? w->body / 2 : w->up;
	w->client_woken = INT64_MAX;
	client_begin(w);
	world_at(w, 0, client_drive, NULL, 0);
	while (w->count && !w->done && !w->failed && w->events++ < EVENTS_MAX) {
		struct event event = world_pop(w);
		w->now = event.at;
		if (w->now > LIMIT) {
			event_drop(&event);
			break;
		}
		event.fn(w, event.ctx, event.number);
	}
	judge(w);
	*posted += w->posted;
	tell(w, w->failed ? w->failed : "every byte once", w->up, w->down, w->posted);
	const char *failed = w->failed;
	finish(w);
	return failed;
}

static uint64_t first_seed = 1, count;
static bool alone;

static void every_byte_once_and_in_order(void)
{
	uint64_t posted = 0, wrong = 0;
	for (uint64_t seed = first_seed; seed < first_seed + count; seed++) {
		const char *why = schedule(seed, alone, &posted);
		if (why && ++wrong <= 10)
			TAP_FAIL("seed %llu: %s; replay it with this number as argument",
				(unsigned long long)seed, why);
	}
	if (wrong)
		TAP_FAIL("%llu of %llu schedules failed", (unsigned long long)wrong,
			(unsigned long long)count);
	printf("# %llu schedules, %llu requests\n", (unsigned long long)count,
		(unsigned long long)posted);
}

int main(int argc, char **argv)
{
	const char *schedules = getenv("SCHEDULES");
	count = schedules ? strtoull(schedules, NULL, 10) : SCHEDULES_DEFAULT;
	if (argc > 1)
		first_seed = strtoull(argv[1], NULL, 10);
	if (argc > 1)
		count = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	alone = argc == 2;
	run(every_byte_once_and_in_order);
	return tap_done();
}
