#include "foyer.h"

#include "core/buf.h"
#include "core/stream_dict.h"
#include "core/ws.h"
#include "net/timer.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#define WAIT_MS   30000
#define HEARD_MAX (64u << 10)

struct foyer {
	int fd;
	struct event *readable;
	struct atls_ws *ws; /* reads along: who gets the connection hears all of it anew */
	struct atls_buf heard;
	struct atls_stream_dict dict;
	foyer_named_fn *named;
	void *ctx;
};

static int on_bytes(void *ctx, const uint8_t *bytes, size_t len)
{
	(void)ctx;
	(void)bytes;
	(void)len;
	return ATLS_E_PROTOCOL;
}

static int on_text(void *ctx, const char *text, size_t len)
{
	struct foyer *foyer = ctx;
	struct atls_error err = {0};
	return foyer->dict.has ? ATLS_OK : atls_stream_dict_read(&foyer->dict, text, len, &err);
}

/* Whether there is no more to wait for. */
static bool hear(struct foyer *foyer, size_t len)
{
	struct atls_error err = {0};
	const uint8_t *bytes = atls_buf_bytes(&foyer->heard) + foyer->heard.len - len;
	return len && (atls_ws_feed(foyer->ws, bytes, len, &err) || foyer->dict.has);
}

/* The same. */
static bool receive(struct foyer *foyer)
{
	uint8_t *room;
	size_t cap = HEARD_MAX - foyer->heard.len;
	if (cap == 0 || atls_buf_reserve(&foyer->heard, cap, &room))
		return true;
	ssize_t len = recv(foyer->fd, room, cap, MSG_DONTWAIT);
	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (len <= 0)
		return true;
	atls_buf_commit(&foyer->heard, (size_t)len);
	return hear(foyer, (size_t)len);
}

static void on_readable(evutil_socket_t fd, short what, void *ctx)
{
	struct foyer *foyer = ctx;
	(void)fd;
	if ((what & EV_TIMEOUT) || receive(foyer))
		foyer->named(foyer->ctx, foyer->dict.has & ATLS_DICT_ID ? foyer->dict.id : NULL);
}

struct foyer *foyer_new(struct event_base *base, const struct atls_http_upgraded *connection,
	foyer_named_fn *named, void *ctx)
{
	static const struct atls_ws_events events = {on_bytes, on_text};
	const struct timeval wait = atls_timeval(WAIT_MS);
	struct foyer *foyer = calloc(1, sizeof *foyer);
	if (!foyer)
		return NULL;
	*foyer = (struct foyer){.fd = connection->fd, .named = named, .ctx = ctx};
	atls_buf_init(&foyer->heard, SIZE_MAX);
	foyer->ws = atls_ws_new(ATLS_SERVER, &events, foyer);
	foyer->readable = event_new(base, connection->fd, EV_READ | EV_PERSIST, on_readable, foyer);
	if (!foyer->ws || !foyer->readable || event_add(foyer->readable, &wait) ||
		atls_buf_append(&foyer->heard, connection->early, connection->early_len)) {
		foyer_free(foyer);
		return NULL;
	}
	if (hear(foyer, connection->early_len))
		event_active(foyer->readable, EV_TIMEOUT, 0);
	return foyer;
}

void foyer_quit(struct foyer *foyer)
{
	event_free(foyer->readable);
	foyer->readable = NULL;
}

const void *foyer_heard(const struct foyer *foyer, size_t *len)
{
	*len = foyer->heard.len;
	return atls_buf_bytes(&foyer->heard);
}

void foyer_free(struct foyer *foyer)
{
	if (!foyer)
		return;
	atls_event_free(foyer->readable);
	atls_ws_free(foyer->ws);
	atls_buf_free(&foyer->heard);
	free(foyer);
}
