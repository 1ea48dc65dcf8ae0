#include "service.h"

#include "net/timer.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECORD_MAX (16u << 10)

static void try_next(struct tunnel *tunnel, int error);

static void on_io(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	tunnel_pump(ctx);
}

static void free_event(struct event **event)
{
	atls_event_free(*event);
	*event = NULL;
}

void backend_close(struct tunnel *tunnel, bool reset)
{
	free_event(&tunnel->readable);
	free_event(&tunnel->writable);
	free_event(&tunnel->connecting);
	if (tunnel->fd < 0)
		return;
	if (reset) {
		/* An application must not take a stream that was cut for one that ended. */
		const struct linger now = {.l_onoff = 1, .l_linger = 0};
		setsockopt(tunnel->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	}
	close(tunnel->fd);
	tunnel->fd = -1;
}

static void on_connected(evutil_socket_t fd, short what, void *ctx)
{
	struct tunnel *tunnel = ctx;
	int error = ETIMEDOUT;
	socklen_t len = sizeof error;
	if (!(what & EV_TIMEOUT))
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
	if (error) {
		try_next(tunnel, error);
	} else {
		tunnel->connected = true;
		free_event(&tunnel->connecting);
	}
	tunnel_pump(tunnel);
}

static bool watch(struct tunnel *tunnel)
{
	struct event_base *base = tunnel->service->base;
	const struct timeval wait =
		atls_timeval((int64_t)tunnel->service->house->settings.connect_ms);
	tunnel->readable = event_new(base, tunnel->fd, EV_READ, on_io, tunnel);
	tunnel->writable = event_new(base, tunnel->fd, EV_WRITE, on_io, tunnel);
	tunnel->connecting = event_new(base, tunnel->fd, EV_WRITE, on_connected, tunnel);
	return tunnel->readable && tunnel->writable && tunnel->connecting &&
	       event_add(tunnel->connecting, &wait) == 0;
}

/* Begins with the next address; error is why the one before failed. */
static void try_next(struct tunnel *tunnel, int error)
{
	while (tunnel->next_address) {
		const struct addrinfo *address = tunnel->next_address;
		int one = 1;
		tunnel->next_address = address->ai_next;
		backend_close(tunnel, false);
		tunnel->fd =
			socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (tunnel->fd < 0) {
			error = errno;
			continue;
		}
		if (address->ai_family != AF_UNIX)
			setsockopt(tunnel->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		int rc = connect(tunnel->fd, address->ai_addr, address->ai_addrlen);
		if ((rc == 0 || errno == EINPROGRESS) && watch(tunnel))
			return;
		error = errno;
	}
	backend_close(tunnel, false);
	tunnel_abort(tunnel, "backend: cannot connect to %s: %s",
		tunnel->service->house->settings.backend, strerror(error));
}

void backend_connect(struct tunnel *tunnel)
{
	tunnel->next_address = tunnel->service->house->backend;
	try_next(tunnel, ECONNREFUSED);
}

/* The backend takes no more. If it had ended its own direction before, the client has that end and
 * keeps it; else the session is cut. */
static void write_failed(struct tunnel *tunnel)
{
	if (!tunnel->backend_eof) {
		tunnel_abort(tunnel, "backend: connection lost while writing: %s", strerror(errno));
		return;
	}
	tunnel->up_dead = true;
}

/* Decrypts what is here although the backend may not take it yet: an alert behind it counts at
 * once. */
static void take_plaintext(struct tunnel *tunnel)
{
	uint8_t *room;
	ssize_t len = 1;
	while (len > 0 && atls_buf_reserve(&tunnel->queue, RECORD_MAX, &room) == ATLS_OK) {
		len = atls_engine_read(tunnel->session->engine, room, RECORD_MAX);
		if (len > 0)
			atls_buf_commit(&tunnel->queue, (size_t)len);
	}
}

/* Sends what is queued. True if nothing is left. */
static bool flush_queue(struct tunnel *tunnel)
{
	while (tunnel->queue.len) {
		ssize_t done = send(tunnel->fd, atls_buf_bytes(&tunnel->queue), tunnel->queue.len,
			MSG_NOSIGNAL);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0 && errno == EAGAIN) {
			event_add(tunnel->writable, NULL);
			return false;
		}
		if (done < 0) {
			write_failed(tunnel);
			return false;
		}
		atls_buf_consume(&tunnel->queue, (size_t)done);
		tunnel->up += (uint64_t)done;
	}
	return true;
}

void backend_push(struct tunnel *tunnel)
{
	if (tunnel->up_dead || tunnel->backend_shut)
		return;
	take_plaintext(tunnel);
	if (!tunnel->connected || !flush_queue(tunnel) ||
		!(atls_engine_state(tunnel->session->engine) & ATLS_PEER_CLOSED))
		return;
	tunnel->backend_shut = true;
	shutdown(tunnel->fd, SHUT_WR);
}

size_t tunnel_fair_share(const struct service *service)
{
	unsigned live = service->house->live;
	uint64_t share = service->house->settings.max_buffered / 4 / (live ? live : 1);
	return share < BULK_BYTES ? BULK_BYTES : share > SIZE_MAX ? SIZE_MAX : (size_t)share;
}

static bool has_room(const struct tunnel *tunnel)
{
	const uint8_t *bytes;
	return (atls_engine_state(tunnel->session->engine) & ATLS_CAN_WRITE) &&
	       atls_engine_output(tunnel->session->engine, &bytes) <
		       tunnel_fair_share(tunnel->service);
}

void backend_pull(struct tunnel *tunnel)
{
	uint8_t data[RECORD_MAX];
	while (tunnel->connected && !tunnel->backend_eof && has_room(tunnel)) {
		ssize_t len = recv(tunnel->fd, data, sizeof data, 0);
		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0 && errno == EAGAIN) {
			event_add(tunnel->readable, NULL);
			break;
		}
		if (len < 0) {
			tunnel_abort(tunnel, "backend: connection lost while reading: %s",
				strerror(errno));
			break;
		}
		if (len == 0) {
			tunnel->backend_eof = true;
			(void)atls_engine_close(tunnel->session->engine);
			break;
		}
		/* One record at most, and there is room for one: it is taken whole. */
		ssize_t taken = atls_engine_write(tunnel->session->engine, data, (size_t)len);
		if (taken > 0)
			tunnel->down += (uint64_t)taken;
		if (taken != len)
			break;
	}
	explicit_bzero(data, sizeof data);
}
