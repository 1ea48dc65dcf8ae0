#include "net/ws_link.h"

#include "core/err.h"
#include "core/ws.h"
#include "net/clock.h"
#include "net/timer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define CHUNK     (64u << 10)
#define READS_MAX 8u /* before others get their turn */
#define OUTPUT_MAX                                                                                 \
	(512u << 10)  /* what waits in the link; the rest waits where it can be taken back */
#define FRAME_MAX 16u /* of a frame beside its payload, rounded up */

struct atls_ws_link {
	struct atls_ws *ws;
	struct atls_ws_way way;
	struct atls_ws_link_events events;
	void *ctx;
	struct event *readable, *writable, *timer;
	int64_t heard;  /* when something came last */
	bool asked;     /* for a sign of life, since then */
	bool over;      /* ended() was called, or is about to be */
	unsigned depth; /* of calls that use the link */
	bool freed;     /* by the owner, amid one */
	struct atls_error err;
	uint8_t chunk[CHUNK];
};

static ssize_t result(ssize_t rc, struct atls_error *err)
{
	if (rc >= 0)
		return rc;
	if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
		return ATLS_E_AGAIN;
	return atls_error_set(
		err, ATLS_E_NETWORK, "connection: the WebSocket's is lost: %s", strerror(errno));
}

static ssize_t plain_receive(void *ctx, void *bytes, size_t cap, struct atls_error *err)
{
	return result(recv(*(const int *)ctx, bytes, cap, MSG_DONTWAIT), err);
}

static ssize_t plain_send(void *ctx, const void *bytes, size_t len, struct atls_error *err)
{
	return result(send(*(const int *)ctx, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL), err);
}

const struct atls_ws_way atls_ws_plain_way = {
	.fd = -1, .receive = plain_receive, .send = plain_send};

/* ---- Entering and leaving: the owner may free the link in any of its callbacks ---- */

static void destroy(struct atls_ws_link *link)
{
	atls_event_free(link->readable);
	atls_event_free(link->writable);
	atls_event_free(link->timer);
	atls_ws_free(link->ws);
	explicit_bzero(link, sizeof *link);
	free(link);
}

static void leave(struct atls_ws_link *link)
{
	if (--link->depth == 0 && link->freed)
		destroy(link);
}

/* The connection is of no use any more: ended() comes from the event base. */
static void end(struct atls_ws_link *link)
{
	if (link->over)
		return;
	link->over = true;
	event_del(link->readable);
	event_del(link->writable);
	event_active(link->timer, EV_TIMEOUT, 0);
}

static void fail(struct atls_ws_link *link, const struct atls_error *err)
{
	if (!link->err.code)
		link->err = *err;
	end(link);
}

static void send_pending(struct atls_ws_link *link)
{
	const uint8_t *bytes;
	size_t len;
	while (!link->over && (len = atls_ws_output(link->ws, &bytes))) {
		struct atls_error err = {0};
		ssize_t done = link->way.send(link->way.ctx, bytes, len, &err);
		if (done > 0) {
			atls_ws_output_done(link->ws, (size_t)done);
		} else if (done == ATLS_E_AGAIN) {
			event_add(link->writable, NULL);
			return;
		} else {
			fail(link, &err);
		}
	}
}

static void take_turn(struct atls_ws_link *link)
{
	if (!link->freed && !link->over)
		link->events.turn(link->ctx);
	if (!link->freed)
		send_pending(link);
}

/* ---- What comes ---- */

static int on_bytes(void *ctx, const uint8_t *bytes, size_t len)
{
	struct atls_ws_link *link = ctx;
	if (link->freed)
		return ATLS_E_AGAIN;
	return link->events.bytes(link->ctx, bytes, len, &link->err);
}

static int on_text(void *ctx, const char *text, size_t len)
{
	struct atls_ws_link *link = ctx;
	if (link->freed)
		return ATLS_E_AGAIN;
	return link->events.text(link->ctx, text, len, &link->err);
}

/* False when there is nothing more to hear. */
static bool hear(struct atls_ws_link *link, const void *bytes, size_t len)
{
	unsigned status;
	struct atls_error err = {0};
	link->heard = atls_now_ms();
	link->asked = false;
	int rc = atls_ws_feed(link->ws, bytes, len, &err);
	if (link->freed)
		return false;
	if (rc) {
		send_pending(link);
		fail(link, &err);
	} else if (atls_ws_closed(link->ws, &status)) {
		send_pending(link);
		atls_error_set(&err, ATLS_E_NETWORK,
			"connection: the WebSocket was closed by the other end with status %u",
			status);
		fail(link, &err);
	}
	return !link->over;
}

static void receive(struct atls_ws_link *link)
{
	for (unsigned i = 0; i < READS_MAX; i++) {
		struct atls_error err = {0};
		ssize_t len = link->way.receive(link->way.ctx, link->chunk, CHUNK, &err);
		if (len == ATLS_E_AGAIN)
			return;
		if (len == 0)
			atls_error_set(&err, ATLS_E_NETWORK,
				"connection: the WebSocket's was closed without a word");
		if (len <= 0) {
			fail(link, &err);
			return;
		}
		if (!hear(link, link->chunk, (size_t)len))
			return;
	}
	/* What TLS has decrypted already does not show on the descriptor. */
	event_active(link->readable, EV_READ, 0);
}

static void on_readable(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	struct atls_ws_link *link = ctx;
	link->depth++;
	if (!link->over)
		receive(link);
	take_turn(link);
	leave(link);
}

static void on_writable(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	struct atls_ws_link *link = ctx;
	link->depth++;
	send_pending(link);
	take_turn(link);
	leave(link);
}

/* The end is told; or it is time to ask for a sign of life, or to give up waiting for one. */
static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	struct atls_ws_link *link = ctx;
	int64_t silence = atls_now_ms() - link->heard;
	link->depth++;
	if (!link->over && silence >= ATLS_WS_PING_MS + ATLS_WS_DEAD_MS && link->asked) {
		atls_error_set(&link->err, ATLS_E_NETWORK,
			"connection: the WebSocket's other end gave no sign of life for %d s",
			(ATLS_WS_PING_MS + ATLS_WS_DEAD_MS) / 1000);
		link->over = true;
	} else if (!link->over && silence >= ATLS_WS_PING_MS && !link->asked) {
		link->asked = true;
		(void)atls_ws_ping(link->ws);
		send_pending(link);
	}
	if (link->over)
		link->events.ended(link->ctx, &link->err);
	else
		atls_timer_set(link->timer,
			(link->asked ? ATLS_WS_PING_MS + ATLS_WS_DEAD_MS : ATLS_WS_PING_MS) -
				silence);
	leave(link);
}

struct atls_ws_link *atls_ws_link_new(struct event_base *base, enum atls_role role,
	const struct atls_ws_way *way, const struct atls_ws_link_events *events, void *ctx)
{
	static const struct atls_ws_events inner = {on_bytes, on_text};
	struct atls_ws_link *link = calloc(1, sizeof *link);
	if (!link)
		return NULL;
	link->way = *way;
	link->events = *events;
	link->ctx = ctx;
	link->heard = atls_now_ms();
	link->ws = atls_ws_new(role, &inner, link);
	link->readable = event_new(base, way->fd, EV_READ | EV_PERSIST, on_readable, link);
	link->writable = event_new(base, way->fd, EV_WRITE, on_writable, link);
	link->timer = event_new(base, -1, 0, on_timer, link);
	if (!link->ws || !link->readable || !link->writable || !link->timer ||
		event_add(link->readable, NULL)) {
		destroy(link);
		return NULL;
	}
	atls_timer_set(link->timer, ATLS_WS_PING_MS);
	return link;
}

void atls_ws_link_free(struct atls_ws_link *link)
{
	if (!link)
		return;
	link->freed = link->over = true;
	/* Its descriptor may be closed, by another thread even, before the last call is over. */
	event_del(link->readable);
	event_del(link->writable);
	event_del(link->timer);
	if (link->depth == 0)
		destroy(link);
}

void atls_ws_link_feed(struct atls_ws_link *link, const void *bytes, size_t len)
{
	link->depth++;
	if (!link->over && (len == 0 || hear(link, bytes, len)))
		event_active(link->readable, EV_READ, 0);
	leave(link);
}

size_t atls_ws_link_room(const struct atls_ws_link *link)
{
	const uint8_t *bytes;
	size_t len = atls_ws_output(link->ws, &bytes) + FRAME_MAX;
	return link->over || len >= OUTPUT_MAX ? 0 : OUTPUT_MAX - len;
}

int atls_ws_link_bytes(struct atls_ws_link *link, const void *bytes, size_t len)
{
	return atls_ws_bytes(link->ws, bytes, len);
}

int atls_ws_link_text(struct atls_ws_link *link, const char *text, size_t len)
{
	return atls_ws_text(link->ws, text, len);
}

void atls_ws_link_flush(struct atls_ws_link *link)
{
	link->depth++;
	send_pending(link);
	leave(link);
}

void atls_ws_link_close(struct atls_ws_link *link, unsigned status)
{
	if (!link->over)
		(void)atls_ws_close(link->ws, status);
	atls_ws_link_flush(link);
}
