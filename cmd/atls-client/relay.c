#include "relay.h"

#include "finding.h"
#include "route.h"

#include "core/err.h"
#include "net/clock.h"
#include "net/timer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK      (64u << 10)
#define RECORD_MAX (16u << 10)

/* One direction's local end. A regular file cannot be waited for, and need not be. */
struct side {
	int fd;
	struct event *event; /* null: always ready */
	bool socket;
	bool blocks; /* it could not be made private: look before each call */
	bool over;   /* end of input; or end of output was passed on */
};

struct relay {
	struct client *client;
	struct route *route;
	struct side in;
	struct side out;
	relay_ended *ended;
	void *ctx;
	uint8_t *chunk; /* plaintext on its way to out */
	size_t chunk_at, chunk_len;
	uint8_t *input; /* what the engine had no room for */
	size_t input_at, input_len;
	uint64_t up, down;
	time_t began;
	int64_t since;
	bool finished; /* the session is over */
	struct atls_error error;
};

static bool in_is_tty(const struct relay *relay)
{
	return isatty(relay->in.fd) == 1;
}

static bool ready(int fd, short events)
{
	struct pollfd wait = {.fd = fd, .events = events};
	if (poll(&wait, 1, 0) > 0)
		return true;
	errno = EAGAIN;
	return false;
}

static void fail_local(struct relay *relay, const char *what)
{
	struct atls_error err = {0};
	atls_error_set(&err, ATLS_E_LOCAL, "%s: %s", what, strerror(errno));
	relay->in.over = relay->out.over = true;
	relay->chunk_at = relay->chunk_len = 0;
	relay->input_at = relay->input_len = 0;
	if (!relay->finished)
		route_abort(relay->route, &err);
	else if (relay->error.code == ATLS_OK)
		relay->error = err;
}

/* One write that does not wait; a blocking pipe takes PIPE_BUF bytes at once when it is writable.
 */
static ssize_t put(const struct side *side, const uint8_t *bytes, size_t len)
{
	if (side->socket)
		return send(side->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (side->blocks && !ready(side->fd, POLLOUT))
		return -1;
	return write(side->fd, bytes, side->blocks && len > PIPE_BUF ? PIPE_BUF : len);
}

static ssize_t get(const struct side *side, uint8_t *bytes, size_t cap)
{
	if (side->socket)
		return recv(side->fd, bytes, cap, MSG_DONTWAIT);
	if (side->blocks && !ready(side->fd, POLLIN))
		return -1;
	return read(side->fd, bytes, cap);
}

/* Writes what is pending. False when out takes no more for now. */
static bool flush_out(struct relay *relay)
{
	while (relay->chunk_at < relay->chunk_len) {
		const uint8_t *bytes = relay->chunk + relay->chunk_at;
		size_t len = relay->chunk_len - relay->chunk_at;
		ssize_t done = put(&relay->out, bytes, len);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			if (relay->out.event)
				event_add(relay->out.event, NULL);
			return false;
		}
		if (done < 0) {
			fail_local(
				relay, relay->out.socket ? "local connection" : "standard output");
			return true;
		}
		relay->chunk_at += (size_t)done;
		relay->down += (uint64_t)done;
	}
	relay->chunk_at = relay->chunk_len = 0;
	return true;
}

static void end_out(struct relay *relay)
{
	if (relay->out.over)
		return;
	relay->out.over = true;
	if (relay->out.socket) {
		shutdown(relay->out.fd, SHUT_WR);
	} else if (relay->out.fd >= 0) {
		/* A full disk may show only now. */
		int rc = close(relay->out.fd);
		relay->out.fd = -1;
		if (rc && errno != EINTR)
			fail_local(relay, "standard output");
	}
	/* Who sits at a terminal has no half-close in mind. */
	if (!relay->in.over && !relay->in.socket && in_is_tty(relay))
		route_stop(relay->route);
}

static void from_engine(struct relay *relay, struct atls_engine *engine)
{
	while (flush_out(relay) && !relay->out.over) {
		/* Several records make one write. */
		ssize_t len = 1;
		while (len > 0 && CHUNK - relay->chunk_len >= RECORD_MAX) {
			len = atls_engine_read(
				engine, relay->chunk + relay->chunk_len, CHUNK - relay->chunk_len);
			if (len > 0)
				relay->chunk_len += (size_t)len;
		}
		if (len > 0)
			continue;
		if (flush_out(relay) && len == 0)
			end_out(relay);
		return;
	}
}

/* Reads until there is no more for now. False when the engine has no room. */
static bool to_engine(struct relay *relay)
{
	while (relay->input_at < relay->input_len) {
		ssize_t done = route_write(relay->route, relay->input + relay->input_at,
			relay->input_len - relay->input_at);
		if (done <= 0)
			return false;
		relay->input_at += (size_t)done;
		relay->up += (uint64_t)done;
	}
	relay->input_at = relay->input_len = 0;
	return true;
}

static bool read_in(struct relay *relay)
{
	ssize_t len = get(&relay->in, relay->input, CHUNK);
	if (len > 0) {
		relay->input_len = (size_t)len;
		return true;
	}
	if (len == 0) {
		relay->in.over = true;
	} else if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
		if (relay->in.event)
			event_add(relay->in.event, NULL);
	} else {
		fail_local(relay, relay->in.socket ? "local connection" : "standard input");
	}
	return false;
}

static void from_local(struct relay *relay, struct atls_engine *engine)
{
	while (to_engine(relay) && !relay->in.over &&
		(atls_engine_state(engine) & ATLS_CAN_WRITE) && read_in(relay))
		;
	if (relay->in.over && relay->input_len == 0)
		(void)atls_engine_close(engine);
}

static void progress(void *ctx, struct atls_engine *engine)
{
	struct relay *relay = ctx;
	from_engine(relay, engine);
	from_local(relay, engine);
}

static void on_local(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	struct relay *relay = ctx;
	if (!relay->finished)
		route_kick(relay->route);
	else if (flush_out(relay))
		relay->ended(relay->ctx, relay, &relay->error);
}

static void report(struct relay *relay, const struct atls_error *err)
{
	struct finding found = {0};
	const struct traffic traffic = {relay->began, relay->since, relay->up,
		relay->down + relay->chunk_len - relay->chunk_at};
	finding_gather(&found, relay->client, relay->route, err);
	report_write(relay->client, &found, &traffic);
	finding_free(&found);
}

/* The session is over: what came of it still goes out. */
static void on_ended(void *ctx, const struct atls_error *err)
{
	struct relay *relay = ctx;
	relay->finished = true;
	relay->error = *err;
	if (relay->client->report)
		report(relay, err);
	if (relay->in.event)
		event_del(relay->in.event);
	if (err->code && relay->out.socket) {
		/* A reset: the local program must not take this for an end. */
		const struct linger now = {.l_onoff = 1, .l_linger = 0};
		setsockopt(relay->out.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	}
	if (flush_out(relay))
		relay->ended(relay->ctx, relay, &relay->error);
}

/* A descriptor of our own that does not block: O_NONBLOCK belongs to the open file, which a shell
 * may share with us, so it is opened again where the kernel allows it. */
static int private_fd(int fd, int flags, bool *blocks)
{
	char path[64];
	struct stat info;
	if (fstat(fd, &info) || S_ISSOCK(info.st_mode) || S_ISREG(info.st_mode))
		return fd;
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	int own = open(path, flags | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	*blocks = own < 0;
	if (own < 0)
		return fd;
	close(fd);
	return own;
}

/* epoll refuses regular files and some devices: they are always ready. */
static bool can_wait(int fd)
{
	struct epoll_event event = {.events = 0};
	int set = epoll_create1(EPOLL_CLOEXEC);
	bool can = set < 0 || epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) == 0 || errno != EPERM;
	if (set >= 0)
		close(set);
	return can;
}

static int side_init(struct relay *relay, struct side *side, int fd, bool output)
{
	struct stat info;
	side->fd = private_fd(fd, output ? O_WRONLY : O_RDONLY, &side->blocks);
	if (fstat(side->fd, &info))
		return ATLS_E_LOCAL;
	side->socket = S_ISSOCK(info.st_mode);
	side->event = event_new(
		relay->client->base, side->fd, output ? EV_WRITE : EV_READ, on_local, relay);
	if (!side->event)
		return ATLS_E_MEMORY;
	if (!can_wait(side->fd)) {
		event_free(side->event);
		side->event = NULL;
	}
	return ATLS_OK;
}

struct relay *relay_new(struct client *client, int in, int out, relay_ended *ended, void *ctx,
	struct atls_error *err)
{
	static const struct session_events events = {progress, on_ended};
	struct relay *relay = calloc(1, sizeof *relay);
	if (!relay) {
		close(in);
		if (out != in)
			close(out);
		atls_error_set(err, ATLS_E_MEMORY, "out of memory for a connection");
		return NULL;
	}
	relay->client = client;
	relay->began = time(NULL);
	relay->since = atls_now_ms();
	relay->ended = ended;
	relay->ctx = ctx;
	relay->in.fd = in;
	relay->out.fd = out;
	relay->chunk = malloc(CHUNK);
	relay->input = malloc(CHUNK);
	int rc = relay->chunk && relay->input ? ATLS_OK : ATLS_E_MEMORY;
	if (!rc)
		rc = side_init(relay, &relay->in, in, false);
	if (!rc && in == out) {
		relay->out.fd = relay->in.fd;
		relay->out.socket = relay->in.socket;
		relay->out.event =
			event_new(client->base, relay->out.fd, EV_WRITE, on_local, relay);
	} else if (!rc) {
		rc = side_init(relay, &relay->out, out, true);
	}
	if (rc)
		atls_error_set(err, rc, "%s: %s",
			in == 0 ? "standard input or output" : "local connection", strerror(errno));
	else
		relay->route = route_new(client, &events, relay, err);
	if (!relay->route) {
		relay_free(relay);
		return NULL;
	}
	return relay;
}

void relay_free(struct relay *relay)
{
	if (!relay)
		return;
	route_free(relay->route);
	atls_event_free(relay->in.event);
	atls_event_free(relay->out.event);
	if (relay->in.fd >= 0)
		close(relay->in.fd);
	if (relay->out.fd >= 0 && relay->out.fd != relay->in.fd)
		close(relay->out.fd);
	if (relay->chunk)
		explicit_bzero(relay->chunk, CHUNK);
	if (relay->input)
		explicit_bzero(relay->input, CHUNK);
	free(relay->chunk);
	free(relay->input);
	free(relay);
}

void relay_stop(struct relay *relay)
{
	if (!relay->finished)
		route_stop(relay->route);
}

void relay_bytes(const struct relay *relay, uint64_t *up, uint64_t *down)
{
	*up = relay->up;
	*down = relay->down;
}
