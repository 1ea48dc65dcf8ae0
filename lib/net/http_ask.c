#include "net/http_ask.h"

#include "net/clock.h"
#include "net/timer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HEAD_MAX    (16u << 10)
#define REQUEST_MAX 1024u

struct atls_http_ask {
	struct event_base *base;
	struct atls_dial *dial;
	struct atls_handshake *handshake;
	struct event *ready;
	int64_t deadline;
	char request[REQUEST_MAX];
	size_t request_len, sent;
	char head[HEAD_MAX];
	size_t len;
	atls_http_asked *asked;
	void *ctx;
};

/* ---- the head ---------------------------------------------------------------------------------
 */

static bool is_header(const char *line, size_t len, const char *name)
{
	size_t name_len = strlen(name);

	return len > name_len && line[name_len] == ':' && strncasecmp(line, name, name_len) == 0;
}

/* Keeps the first value of a header, trimmed; a NUL of the peer's ends it. */
static void keep(char text[ATLS_HEADER_TEXT], const char *value, size_t len)
{
	while (len && (*value == ' ' || *value == '\t')) {
		value++;
		len--;
	}
	if (!text[0])
		snprintf(text, ATLS_HEADER_TEXT, "%.*s", (int)len, value);
}

static void read_header(struct atls_http_sight *sight, const char *line, size_t len)
{
	static const char *const of_boxes[] = {"X-Cache", "X-Cache-Lookup", "X-Squid-Error",
		"Proxy-Agent", "Proxy-Connection", "X-Bluecoat-Via", "X-Proxy-Id",
		"X-Forwarded-Proxy", "X-Zscaler", "X-Sophos", "X-Netskope"};
	const char *colon = memchr(line, ':', len);

	if (!colon)
		return;
	size_t value_len = len - (size_t)(colon + 1 - line);
	if (is_header(line, len, "Via"))
		keep(sight->via, colon + 1, value_len);
	else if (is_header(line, len, "Server"))
		keep(sight->server, colon + 1, value_len);
	else if (is_header(line, len, "Location"))
		keep(sight->location, colon + 1, value_len);
	for (size_t i = 0; i < sizeof of_boxes / sizeof *of_boxes; i++)
		if (is_header(line, len, of_boxes[i]))
			keep(sight->box, line, len);
}

static unsigned read_status(const char *line, size_t len)
{
	unsigned status = 0;

	/* "HTTP/1.1 302" */
	if (len < 12 || memcmp(line, "HTTP/", 5) != 0 || line[8] != ' ')
		return 0;
	for (size_t i = 9; i < 12; i++) {
		if (line[i] < '0' || line[i] > '9')
			return 0;
		status = 10 * status + (unsigned)(line[i] - '0');
	}
	return status;
}

void atls_http_head_read(struct atls_http_sight *sight, const char *head, size_t len)
{
	bool first = true;

	while (len) {
		const char *end = memchr(head, '\n', len);
		size_t all = end ? (size_t)(end - head) : len;
		size_t line = all && head[all - 1] == '\r' ? all - 1 : all;
		if (first)
			sight->status = read_status(head, line);
		else if (line == 0)
			return;
		else if (sight->status)
			read_header(sight, head, line);
		first = false;
		all += end != NULL;
		head += all;
		len -= all;
	}
}

/* ---- the exchange -----------------------------------------------------------------------------
 */

static void finish(struct atls_http_ask *ask)
{
	struct atls_http_sight sight = {.plain = ask->handshake == NULL};

	atls_http_head_read(&sight, ask->head, ask->len);
	ask->asked(ask->ctx, &sight);
}

static void on_ready(evutil_socket_t fd, short what, void *ctx);

static bool wait_for(struct atls_http_ask *ask, short what)
{
	int64_t left = ask->deadline - atls_now_ms();
	struct timeval limit = atls_timeval(left > 0 ? left : 0);

	event_assign(ask->ready, ask->base, atls_dial_fd(ask->dial), what, on_ready, ask);
	return event_add(ask->ready, &limit) == 0;
}

static ssize_t send_more(struct atls_http_ask *ask)
{
	const char *at = ask->request + ask->sent;
	size_t left = ask->request_len - ask->sent;

	return ask->handshake ? atls_handshake_send(ask->handshake, at, left)
			      : atls_dial_send(ask->dial, at, left);
}

static ssize_t receive(struct atls_http_ask *ask)
{
	char *at = ask->head + ask->len;
	size_t room = sizeof ask->head - ask->len;

	return ask->handshake ? atls_handshake_recv(ask->handshake, at, room)
			      : atls_dial_recv(ask->dial, at, room);
}

/* True while there is more to come. */
static bool go_on(struct atls_http_ask *ask)
{
	while (ask->sent < ask->request_len) {
		ssize_t n = send_more(ask);
		if (n <= 0)
			return n < 0 && errno == EAGAIN && wait_for(ask, EV_WRITE);
		ask->sent += (size_t)n;
	}
	while (ask->len < sizeof ask->head) {
		ssize_t n = receive(ask);
		if (n <= 0)
			return n < 0 && errno == EAGAIN && wait_for(ask, EV_READ);
		ask->len += (size_t)n;
		if (memmem(ask->head, ask->len, "\r\n\r\n", 4))
			return false;
	}
	return false;
}

static void on_ready(evutil_socket_t fd, short what, void *ctx)
{
	struct atls_http_ask *ask = ctx;

	(void)fd;
	bool late = what == EV_TIMEOUT && atls_now_ms() >= ask->deadline;
	if (late || !go_on(ask))
		finish(ask);
}

struct atls_http_ask *atls_http_ask_new(struct event_base *base, struct atls_dial *dial,
	struct atls_handshake *handshake, const char *host, int64_t max_ms, atls_http_asked *asked,
	void *ctx)
{
	struct atls_http_ask *ask = calloc(1, sizeof *ask);

	if (!ask)
		return NULL;
	ask->base = base;
	ask->dial = dial;
	ask->handshake = handshake;
	ask->asked = asked;
	ask->ctx = ctx;
	ask->deadline = atls_now_ms() + max_ms;
	int len = snprintf(ask->request, sizeof ask->request,
		"GET / HTTP/1.1\r\nHost: %s\r\nUser-Agent: atls-probe/%s\r\nAccept: */*\r\n"
		"Connection: close\r\n\r\n",
		host, ATLS_VERSION);
	ask->request_len = len > 0 && (size_t)len < sizeof ask->request ? (size_t)len : 0;
	ask->ready = event_new(base, -1, 0, on_ready, ask);
	if (ask->ready && wait_for(ask, EV_WRITE))
		return ask;
	atls_http_ask_free(ask);
	return NULL;
}

void atls_http_ask_free(struct atls_http_ask *ask)
{
	if (!ask)
		return;
	atls_event_free(ask->ready);
	free(ask);
}
