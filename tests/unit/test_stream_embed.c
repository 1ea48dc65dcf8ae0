/* Stream carriage as embedders have it: both halves of atls.h around two engines, over an HTTP of
 * invented time that loses, repeats, delays, strips and falls silent. What the carriage itself does
 * then: test_stream_random. */
#include "pair.h"
#include "tap.h"

#include <stdlib.h>

#define BYTES 400000u
#define BODY  8192u
#define LIMIT 600000 /* ms */

struct faults {
	unsigned lost, repeated;    /* of a hundred */
	int64_t strip_from;         /* the header, from then on; 0: never */
	int64_t dark_from, dark_to; /* nothing passes */
	size_t body_max;            /* 413 above; 0: any */
	bool base;                  /* a service that knows no stream carriage */
	enum atls_encoding encoding;
	int64_t resume_ms;
};

/* A request under way, its copies, and its answer. */
struct message {
	bool used, copy, asked; /* copy: nobody waits for its answer; asked: the host has it */
	bool answered;          /* and its answer is under way... */
	int64_t at;             /* ...or it is itself, until then */
	unsigned slot;
	char content_type[64], dict[512];
	uint8_t *body;
	size_t len;
	struct atls_stream_response response;
};

struct world {
	const struct faults *faults;
	struct pair pair;
	struct atls_stream *stream;
	struct atls_stream_host *host;
	struct message messages[64];
	uint32_t random;
	int64_t now, next;
	char id[ATLS_STREAM_ID + 1];
	size_t written, heard;
	uint8_t up[BYTES], down[BYTES], held[65536];
	size_t held_len;
	unsigned refused; /* answers with 409 or 413 */
	bool json;        /* a request in json came */
};

static uint32_t chance(struct world *w, uint32_t below)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 17;
	w->random ^= w->random << 5;
	return w->random % below;
}

static bool is_dark(const struct world *w)
{
	return w->now >= w->faults->dark_from && w->now < w->faults->dark_to;
}

static bool strips(const struct world *w)
{
	return w->faults->strip_from && w->now >= w->faults->strip_from;
}

static struct message *message_new(struct world *w)
{
	struct message *m = w->messages;
	while (m->used)
		if (++m == w->messages + 64)
			abort();
	*m = (struct message){.used = true, .at = w->now + 1 + chance(w, 30)};
	return m;
}

static void message_free(struct message *m)
{
	free(m->body);
	*m = (struct message){0};
}

static uint8_t *copy_of(const uint8_t *bytes, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	if (!copy)
		abort();
	memcpy(copy, bytes, len);
	return copy;
}

static void set(char *to, size_t size, const char *text)
{
	if ((size_t)snprintf(to, size, "%s", text) >= size)
		abort();
}

/* ---- The client ---- */

static void post(struct world *w, const struct atls_stream_request *request, bool copy)
{
	struct message *m = message_new(w);
	m->copy = copy;
	m->slot = request->slot;
	m->len = request->len;
	m->body = copy_of(request->body, request->len);
	set(m->content_type, sizeof m->content_type, request->content_type);
	set(m->dict, sizeof m->dict, request->dict ? request->dict : "");
}

static enum atls_stream_step client_turn(struct world *w)
{
	struct atls_engine *tls = w->pair.client;
	struct atls_stream_request request;
	enum atls_stream_step step;
	ssize_t n;
	while (w->written < BYTES &&
		(n = atls_engine_write(tls, w->up + w->written, BYTES - w->written)) > 0)
		w->written += (size_t)n;
	if (w->written == BYTES)
		(void)atls_engine_close(tls);
	while (w->heard < BYTES &&
		(n = atls_engine_read(tls, w->down + w->heard, BYTES - w->heard)) > 0)
		w->heard += (size_t)n;
	if (w->heard == BYTES)
		eq_int(atls_engine_read(tls, w->held, 1) > 0, false);
	while ((step = atls_stream_next(w->stream, w->now, &request, &w->next)) ==
		ATLS_STREAM_SEND) {
		ok(request.body != NULL);
		ok(request.timeout_ms >= 1000);
		post(w, &request, false);
		if (chance(w, 100) < w->faults->repeated)
			post(w, &request, true);
	}
	return step;
}

static void client_hears(struct world *w, struct message *m)
{
	struct atls_stream_response response = {0};
	if (!is_dark(w) && chance(w, 100) >= w->faults->lost)
		response = m->response;
	if (response.status) {
		response.content_type = m->content_type;
		response.dict = m->dict[0] && !strips(w) ? m->dict : NULL;
		response.body = m->body;
		response.len = m->len;
	}
	if (!m->copy) {
		atls_stream_heard(w->stream, m->slot, w->now);
		(void)atls_stream_answered(w->stream, m->slot, &response, w->now);
	}
	message_free(m);
}

/* ---- The server ---- */

static void reply(struct world *w, struct message *m, long status, const char *type,
	const char *dict, const uint8_t *body, size_t len)
{
	free(m->body);
	m->asked = false;
	m->answered = true;
	m->at = w->now + 1 + chance(w, 30);
	m->response.status = status;
	m->body = copy_of(body, len);
	m->len = len;
	set(m->content_type, sizeof m->content_type, type);
	set(m->dict, sizeof m->dict, dict);
}

static void refuse(struct world *w, struct message *m, long status)
{
	char dict[ATLS_STREAM_TEXT] = "";
	w->refused++;
	if (status == 409 && w->host)
		atls_stream_host_dict(w->host, dict);
	reply(w, m, status, "text/plain", dict, (const uint8_t *)"", 0);
}

static void server_hears(struct world *w, struct message *m)
{
	struct atls_error err = {0};
	struct atls_stream_call call;
	if (w->faults->base) {
		reply(w, m, 200, "application/atls", "", (const uint8_t *)"", 0);
		return;
	}
	if (w->faults->body_max && m->len > w->faults->body_max) {
		refuse(w, m, 413);
		return;
	}
	int rc = atls_stream_call_read(&call, m->content_type,
		m->dict[0] && !strips(w) ? m->dict : NULL, m->body, m->len, &err);
	if (rc == 0) {
		refuse(w, m, 409);
		return;
	}
	eq_int(rc, 1);
	w->json = w->json || call.encoding == ATLS_JSON;
	if (!w->host) {
		ok(call.may_begin);
		memcpy(w->id, call.id, sizeof w->id);
		const struct atls_stream_host_config config = {.body_max = BODY};
		w->host = atls_stream_host_new(w->pair.server, &call, &config, &err);
		ok(w->host != NULL);
	}
	eq_str(call.id, w->id);
	rc = atls_stream_host_request(w->host, m, &call, w->now, &err);
	eq_int(rc, 0);
	m->asked = true;
}

/* An application that says again what it hears. */
static void server_turn(struct world *w)
{
	struct atls_engine *tls = w->pair.server;
	struct atls_stream_reply out;
	int64_t at;
	ssize_t n;
	if (!w->host)
		return;
	for (;;) {
		if (w->held_len == 0) {
			n = atls_engine_read(tls, w->held, sizeof w->held);
			if (n == 0)
				(void)atls_engine_close(tls);
			if (n <= 0)
				break;
			w->held_len = (size_t)n;
		}
		n = atls_engine_write(tls, w->held, w->held_len);
		if (n <= 0)
			break;
		w->held_len -= (size_t)n;
		memmove(w->held, w->held + n, w->held_len);
	}
	while (atls_stream_host_next(w->host, w->now, &out, &at)) {
		struct message *m = out.request;
		ok(m->asked);
		reply(w, m, (long)out.status, out.content_type, out.dict, out.body, out.len);
		atls_stream_reply_free(&out);
	}
	if (at < w->next)
		w->next = at;
}

/* ---- The network ---- */

static void arrive(struct world *w, struct message *m)
{
	if (m->answered)
		client_hears(w, m);
	else if (is_dark(w) || chance(w, 100) < w->faults->lost)
		m->answered = true, m->at = w->now + 20; /* the connection is cut */
	else
		server_hears(w, m);
}

/* Who gives up waiting: in the dark, nothing tells that a held request is lost. */
static void time_passes(struct world *w)
{
	int64_t next = w->next;
	for (struct message *m = w->messages; m < w->messages + 64; m++)
		if (m->used && !m->asked && m->at < next)
			next = m->at;
	w->now = next > w->now ? next : w->now + 1;
	for (struct message *m = w->messages; m < w->messages + 64; m++)
		if (m->used && !m->asked && m->at <= w->now)
			arrive(w, m);
}

static void world_new(struct world *w, const struct faults *faults, const struct pair_spec *spec)
{
	struct atls_error err = {0};
	const struct atls_stream_config config = {
		.body_max = BODY, .inflight = 8, .resume_ms = faults->resume_ms};
	memset(w, 0, sizeof *w);
	w->faults = faults;
	w->random = 12345;
	pair_new(&w->pair, spec);
	for (size_t i = 0; i < BYTES; i++)
		w->up[i] = (uint8_t)chance(w, 256);
	w->stream = atls_stream_new(w->pair.client, faults->encoding, &config, 0, &err);
	ok(w->stream != NULL);
}

/* How it ends. */
static enum atls_stream_step world_run(struct world *w)
{
	enum atls_stream_step step;
	while ((step = client_turn(w)) == ATLS_STREAM_WAIT && w->now < LIMIT) {
		server_turn(w);
		time_passes(w);
	}
	server_turn(w);
	return step;
}

static void world_free(struct world *w)
{
	for (struct message *m = w->messages; m < w->messages + 64; m++) {
		if (m->used && m->asked)
			atls_stream_host_forget(w->host, m);
		message_free(m);
	}
	atls_stream_free(w->stream);
	atls_stream_host_free(w->host);
	pair_free(&w->pair);
}

static struct world w;

/* All of it arrives and comes back, whatever the faults. */
static struct atls_stream_numbers carries(const struct faults *faults)
{
	world_new(&w, faults, &(struct pair_spec){0});
	eq_int(world_run(&w), ATLS_STREAM_DONE);
	eq_int(atls_engine_error(w.pair.client)->code, ATLS_OK);
	eq_int(atls_stream_error(w.stream)->code, ATLS_OK);
	eq_mem(w.down, w.heard, w.up, BYTES);
	ok(atls_stream_host_over(w.host));
	const struct atls_stream_numbers numbers = atls_stream_numbers(w.stream);
	ok(numbers.open);
	eq_int(numbers.kept, 0);
	ok(numbers.acked > BYTES && numbers.received > BYTES);
	return numbers;
}

static void nothing_is_wrong(void)
{
	eq_int(carries(&(struct faults){.encoding = ATLS_ATLS}).lost, 0);
	ok(!w.json);
	world_free(&w);
	eq_int(carries(&(struct faults){.encoding = ATLS_JSON}).lost, 0);
	ok(w.json);
	world_free(&w);
}

static void losses_and_repetitions(void)
{
	const struct faults faults = {.encoding = ATLS_ATLS, .lost = 15, .repeated = 20};
	ok(carries(&faults).lost > 5);
	world_free(&w);
	const struct faults json = {.encoding = ATLS_JSON, .lost = 15, .repeated = 20};
	ok(carries(&json).lost > 5);
	world_free(&w);
}

static void headers_are_stripped(void)
{
	const struct faults faults = {.encoding = ATLS_OCTET_STREAM, .strip_from = 150};
	ok(carries(&faults).lost > 0);
	ok(w.refused > 0 && w.json);
	world_free(&w);
}

static void bodies_have_to_be_small(void)
{
	carries(&(struct faults){.encoding = ATLS_ATLS, .body_max = 3000});
	ok(w.refused > 0);
	world_free(&w);
}

static void silence_is_outlived(void)
{
	const struct faults faults = {
		.encoding = ATLS_ATLS, .dark_from = 200, .dark_to = 100200, .resume_ms = 200000};
	ok(carries(&faults).lost > 0);
	ok(w.now > 100200);
	world_free(&w);
}

static void silence_is_too_long(void)
{
	world_new(&w,
		&(struct faults){.encoding = ATLS_ATLS,
			.dark_from = 200,
			.dark_to = LIMIT,
			.resume_ms = 30000},
		&(struct pair_spec){0});
	eq_int(world_run(&w), ATLS_STREAM_LOST);
	eq_int(atls_stream_error(w.stream)->code, ATLS_E_NETWORK);
	ok(strstr(atls_stream_error(w.stream)->text, "are not") != NULL);
	ok(w.now > 30000 && w.now < 60000);
	ok(atls_stream_numbers(w.stream).open);
	world_free(&w);
}

static void another_service(void)
{
	world_new(
		&w, &(struct faults){.encoding = ATLS_ATLS, .base = true}, &(struct pair_spec){0});
	eq_int(world_run(&w), ATLS_STREAM_LOST);
	eq_int(atls_stream_error(w.stream)->code, ATLS_E_PROTOCOL);
	ok(!atls_stream_numbers(w.stream).open);
	world_free(&w);
}

/* The alert arrives before it ends. */
static void a_stranger(void)
{
	world_new(&w, &(struct faults){.encoding = ATLS_ATLS, .lost = 15},
		&(struct pair_spec){.untrusted = true});
	eq_int(world_run(&w), ATLS_STREAM_DONE);
	eq_int(atls_engine_error(w.pair.client)->code, ATLS_E_TLS);
	eq_int(atls_engine_error(w.pair.server)->code, ATLS_E_TLS);
	ok(atls_stream_host_over(w.host));
	world_free(&w);
}

static void what_is_no_configuration(void)
{
	struct pair pair;
	const struct atls_stream_config bad[] = {{.body_max = ATLS_BODY_MIN - 1},
		{.body_max = ATLS_BODY_MAX + 1}, {.inflight = 1},
		{.inflight = ATLS_STREAM_INFLIGHT_MAX + 1}, {.poll_ms = 999}, {.resume_ms = -1}};
	const struct atls_stream_host_config bad_host[] = {
		{.body_max = 1}, {.keep_max = 1}, {.hold_ms = -1}, {.keep_ms = -1}};
	struct atls_stream_call call = {0};
	pair_new(&pair, &(struct pair_spec){0});
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct atls_error err = {0};
		ok(!atls_stream_new(pair.client, ATLS_ATLS, &bad[i], 0, &err));
		eq_int(err.code, ATLS_E_USAGE);
	}
	for (size_t i = 0; i < sizeof bad_host / sizeof bad_host[0]; i++) {
		struct atls_error err = {0};
		ok(!atls_stream_host_new(pair.server, &call, &bad_host[i], &err));
		eq_int(err.code, ATLS_E_USAGE);
	}
	ok(!atls_stream_new(pair.server, ATLS_ATLS, NULL, 0, NULL));
	ok(!atls_stream_new(pair.client, ATLS_ENCODINGS, NULL, 0, NULL));
	ok(!atls_stream_host_new(pair.client, &call, NULL, NULL));
	struct atls_stream *stream = atls_stream_new(pair.client, ATLS_ATLS, NULL, 0, NULL);
	eq_int(atls_stream_answered(stream, 0, &(struct atls_stream_response){0}, 0), ATLS_E_USAGE);
	eq_int(atls_stream_answered(stream, 99, &(struct atls_stream_response){0}, 0),
		ATLS_E_USAGE);
	atls_stream_free(stream);
	atls_stream_free(NULL);
	atls_stream_host_free(NULL);
	pair_free(&pair);
}

#define CALL "id=\"0123456789012345678901\", gen=1, max=65536, "
static const uint8_t hello[] = {22, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3};

static int call_read(struct atls_stream_call *call, const char *type, const char *dict)
{
	static uint8_t body[sizeof hello];
	memcpy(body, hello, sizeof hello);
	return atls_stream_call_read(call, type, dict, body, sizeof body, NULL);
}

static void calls(void)
{
	struct atls_stream_call call;
	eq_int(call_read(&call, "application/atls", CALL "up=0, ack=0"), 1);
	eq_str(call.id, "0123456789012345678901");
	eq_int(call.encoding, ATLS_ATLS);
	eq_mem(call.body.records, call.body.len, hello, sizeof hello);
	ok(call.may_begin && !call.dict_in_body);
	eq_int(call_read(&call, "application/atls", CALL "up=1, ack=0"), 1);
	ok(!call.may_begin);
	eq_int(call_read(&call, "application/atls", CALL "up=0, ack=1"), 1);
	ok(!call.may_begin);
	eq_int(call_read(&call, "application/atls", NULL), 0);
	eq_int(call_read(&call, "application/atls", CALL "up=0"), ATLS_E_PROTOCOL);
	eq_int(call_read(&call, "application/atls", ""), ATLS_E_PROTOCOL);
	eq_int(call_read(&call, "text/plain", CALL "up=0, ack=0"), ATLS_E_USAGE);
	eq_int(call_read(&call, NULL, CALL "up=0, ack=0"), ATLS_E_USAGE);
	eq_int(call_read(&call, "application/atls+json", CALL "up=0, ack=0"), ATLS_E_PROTOCOL);
	char json[] = "{\"records\": \"\", \"stream\": \""
		      "id=\\\"0123456789012345678901\\\", "
		      "gen=1, max=65536, up=7, ack=0\"}";
	eq_int(atls_stream_call_read(&call, "application/atls+json", CALL "up=0, ack=0",
		       (uint8_t *)json, strlen(json), NULL),
		1);
	ok(!call.may_begin && call.dict_in_body);
	char bare[] = "{\"session\": \"s\"}";
	eq_int(atls_stream_call_read(&call, "application/atls+json", CALL "up=0, ack=0",
		       (uint8_t *)bare, strlen(bare), NULL),
		ATLS_E_PROTOCOL);
}

int main(void)
{
	run(nothing_is_wrong);
	run(losses_and_repetitions);
	run(headers_are_stripped);
	run(bodies_have_to_be_small);
	run(silence_is_outlived);
	run(silence_is_too_long);
	run(another_service);
	run(a_stranger);
	run(what_is_no_configuration);
	run(calls);
	return tap_done();
}
