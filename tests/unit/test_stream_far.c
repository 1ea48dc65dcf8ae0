/* Stream carriage over a long path: both halves, and between them 100 ms round trip on a clock of
 * the test's own. A path as wide as one likes: what counts is how soon it is filled. */
#include "tap.h"

#include "core/stream.h"

#include <stdlib.h>

#define ROUND_TRIP 100
#define TRANSFER   (64ull << 20)
/* What base carriage needs: a body of 256 KiB in each round trip. */
#define BASE_MS ((int64_t)(TRANSFER / ATLS_STREAM_BODY) * ROUND_TRIP)

static uint8_t zeros[ATLS_STREAM_BODY_LONG];

/* One slot: a connection of its own, and what travels on it. */
struct travel {
	enum { NOTHING, REQUEST, HELD, ANSWER } what;
	int64_t arrives;
	struct atls_stream_dict dict;
	struct atls_piece piece;
	bool connected;
};

struct path {
	struct atls_stream_client *client;
	struct atls_stream_server *server;
	struct travel travels[ATLS_STREAM_INFLIGHT_MAX];
	int64_t now;
	uint64_t up, down; /* that came */
	uint64_t to_say_up, to_say_down;
	size_t largest;
	unsigned most; /* requests at once */
};

static void path_begin(struct path *path, size_t body_max, size_t body_long)
{
	const struct atls_stream_limits mine = {.window = ATLS_STREAM_WINDOW_FIRST,
		.body_max = body_max,
		.body_long = body_long,
		.inflight = ATLS_STREAM_INFLIGHT,
		.inflight_max = ATLS_STREAM_INFLIGHT_MAX,
		.poll_ms = ATLS_STREAM_POLL_MS,
		.resume_ms = 60000,
		.seed = 1,
		.id = "0123456789012345678901"};
	const struct atls_stream_server_limits theirs = {.body_max = ATLS_STREAM_BODY,
		.body_long = body_long,
		.window = ATLS_STREAM_WINDOW_FIRST,
		.keep_max = ATLS_STREAM_WINDOW_MAX,
		.inflight = ATLS_STREAM_INFLIGHT_MAX,
		.hold_max_ms = 60000,
		.keep_ms = 330000};
	*path = (struct path){.client = atls_stream_client_new(&mine, 0),
		.server = atls_stream_server_new(&theirs)};
}

static void path_end(struct path *path)
{
	for (unsigned i = 0; i < ATLS_STREAM_INFLIGHT_MAX; i++)
		atls_block_release(path->travels[i].piece.block);
	atls_stream_client_free(path->client);
	atls_stream_server_free(path->server);
}

static void client_turn(struct path *path)
{
	struct atls_stream_post post;
	const uint8_t *bytes;
	size_t len;
	int64_t at;
	while ((len = atls_stream_client_take(path->client, &bytes)))
		path->down += len;
	atls_stream_client_credit(path->client, ATLS_STREAM_WINDOW, ATLS_STREAM_WINDOW_MAX, 0);
	do {
		while (path->to_say_up && (len = atls_stream_client_room(path->client))) {
			len = len < path->to_say_up ? len : (size_t)path->to_say_up;
			eq_int(atls_stream_client_say(path->client, zeros, len), 0);
			path->to_say_up -= len;
		}
		if (atls_stream_client_next(path->client, path->now, &post, &at) !=
			ATLS_STREAM_SEND)
			return;
		struct travel *travel = &path->travels[post.slot];
		travel->what = REQUEST;
		travel->dict = post.dict;
		travel->piece = post.piece;
		travel->arrives = path->now + ROUND_TRIP / 2;
		if (!travel->connected)
			travel->arrives += ROUND_TRIP;
		travel->connected = true;
		if (post.piece.len > path->largest)
			path->largest = post.piece.len;
	} while (true);
}

static void server_turn(struct path *path)
{
	struct atls_stream_answer answer;
	const uint8_t *bytes;
	size_t len;
	int64_t at;
	while ((len = atls_stream_server_take(path->server, &bytes)))
		path->up += len;
	atls_stream_server_credit(path->server, ATLS_STREAM_WINDOW, ATLS_STREAM_WINDOW_MAX, 0);
	do {
		while (path->to_say_down && (len = atls_stream_server_room(path->server))) {
			len = len < path->to_say_down ? len : (size_t)path->to_say_down;
			eq_int(atls_stream_server_say(path->server, zeros, len), 0);
			path->to_say_down -= len;
		}
		if (!atls_stream_server_next(path->server, path->now, &answer, &at))
			return;
		struct travel *travel = answer.request;
		travel->what = ANSWER;
		travel->dict = answer.dict;
		travel->piece = answer.piece;
		travel->arrives = path->now + ROUND_TRIP / 2;
		if (answer.piece.len > path->largest)
			path->largest = answer.piece.len;
	} while (true);
}

static void arrive(struct path *path, struct travel *travel)
{
	struct atls_error err = {0};
	struct atls_piece piece = travel->piece;
	travel->piece = (struct atls_piece){0};
	if (travel->what == REQUEST) {
		travel->what = HELD;
		eq_int(atls_stream_server_request(path->server, travel, &travel->dict, piece.bytes,
			       piece.len, path->now, &err),
			0);
		server_turn(path);
	} else {
		travel->what = NOTHING;
		eq_int(atls_stream_client_answered(path->client, (unsigned)(travel - path->travels),
			       &travel->dict, piece.bytes, piece.len, path->now, &err),
			0);
		client_turn(path);
	}
	atls_block_release(piece.block);
	unsigned inflight = atls_stream_client_facts(path->client).inflight;
	if (inflight > path->most)
		path->most = inflight;
}

/* Until so many bytes came; how long it took, or -1 if nothing travels any more. */
static int64_t carry(struct path *path, uint64_t up, uint64_t down)
{
	int64_t began = path->now;
	server_turn(path);
	client_turn(path);
	while (path->up < up || path->down < down) {
		struct travel *first = NULL;
		for (unsigned i = 0; i < ATLS_STREAM_INFLIGHT_MAX; i++) {
			struct travel *travel = &path->travels[i];
			if ((travel->what == REQUEST || travel->what == ANSWER) &&
				(!first || travel->arrives < first->arrives))
				first = travel;
		}
		if (!first)
			return -1;
		path->now = first->arrives;
		arrive(path, first);
	}
	return path->now - began;
}

/* A handshake's worth of words, then bulk. */
static int64_t transfer(struct path *path, uint64_t up, uint64_t down)
{
	path->to_say_up = 400;
	path->to_say_down = 900;
	ok(carry(path, 400, 900) >= 0);
	path->largest = 0;
	path->to_say_up = up;
	path->to_say_down = down;
	return carry(path, 400 + up, 900 + down);
}

static void tell(const char *way, const struct path *path, int64_t ms)
{
	printf("# %s: %llu MiB in %lld ms, bodies of up to %zu KiB, %u requests at once\n", way,
		TRANSFER >> 20, (long long)ms, path->largest >> 10, path->most);
}

static void an_upload_fills_the_path_soon(void)
{
	struct path path;
	path_begin(&path, ATLS_STREAM_BODY, ATLS_STREAM_BODY_LONG);
	int64_t ms = transfer(&path, TRANSFER, 0);
	tell("up", &path, ms);
	ok(ms > 0 && ms * 20 <= BASE_MS);
	ok(path.largest <= ATLS_STREAM_BODY_LONG);
	path_end(&path);
}

static void a_download_fills_the_path_soon(void)
{
	struct path path;
	path_begin(&path, ATLS_STREAM_BODY, ATLS_STREAM_BODY_LONG);
	int64_t ms = transfer(&path, 0, TRANSFER);
	tell("down", &path, ms);
	ok(ms > 0 && ms * 20 <= BASE_MS);
	ok(path.largest <= ATLS_STREAM_BODY_LONG);
	path_end(&path);
}

static void a_size_that_is_asked_for_is_kept_to(void)
{
	struct path path;
	path_begin(&path, 64u << 10, 0);
	int64_t ms = transfer(&path, TRANSFER, 0);
	tell("up, small bodies", &path, ms);
	ok(ms > 0);
	eq_int(path.largest, 64 << 10);
	path_end(&path);
}

int main(void)
{
	run(an_upload_fills_the_path_soon);
	run(a_download_fills_the_path_soon);
	run(a_size_that_is_asked_for_is_kept_to);
	return tap_done();
}
