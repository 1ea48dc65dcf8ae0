#include "net/http_impl.h"

#include "core/err.h"
#include "net/clock.h"
#include "net/timer.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* 32 to 128 KiB is right: each request costs its connection's pool. */
#define CONNECTION_MEMORY (64u << 10)
/* An idle connection is kept this long: longer than the usual proxies do, so that they close first.
 */
#define KEEPALIVE_MS 75000
#define SWEEP_MS     1000

static void arm(struct atls_http_daemon *daemon)
{
	MHD_UNSIGNED_LONG_LONG ms;
	if (MHD_get_timeout(daemon->mhd, &ms) != MHD_YES) {
		event_del(daemon->timer);
		return;
	}
	atls_timer_set(daemon->timer, (int64_t)ms);
}

static void run_daemon(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	struct atls_http_daemon *daemon = ctx;
	MHD_run(daemon->mhd);
	arm(daemon);
}

/* Whether the client has ended its side: no request of which a part is missing will be whole. */
static bool peer_ended(int fd)
{
	struct pollfd state = {.fd = fd, .events = POLLRDHUP};
	return poll(&state, 1, 0) > 0 && (state.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

uint64_t atls_http_received(struct MHD_Connection *mhd)
{
	struct tcp_info tcp = {0};
	socklen_t len = sizeof tcp;
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	if (!info || getsockopt(info->connect_fd, IPPROTO_TCP, TCP_INFO, &tcp, &len))
		return 0;
	return tcp.tcpi_bytes_received;
}

/* Whether a head has been under way for too long: libmicrohttpd tells only of whole ones. */
static bool head_is_late(struct atls_http_connection *connection, int64_t now, int64_t limit_ms)
{
	if (connection->request || atls_http_received(connection->mhd) <= connection->received)
		connection->head_since = 0;
	else if (!connection->head_since)
		connection->head_since = now;
	return connection->head_since && now - connection->head_since >= limit_ms;
}

/* Connections that drip, since libmicrohttpd's own time-out starts anew with every byte, and those
 * that ended amid a request, which it keeps until then. */
static void sweep(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	struct atls_http_server *server = ctx;
	int64_t now = atls_now_ms();
	struct atls_http_connection *connection;
	TAILQ_FOREACH(connection, &server->connections, entry)
	{
		struct atls_http_request *request = connection->request;
		if (request && request->left_http)
			continue;
		bool working = request && (request->ready || request->queued);
		bool late = now - connection->since >=
				    (request ? server->config.request_ms : KEEPALIVE_MS) ||
			    head_is_late(connection, now, server->config.request_ms);
		const union MHD_ConnectionInfo *info =
			MHD_get_connection_info(connection->mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
		bool ended = info && !working && now - connection->since >= SWEEP_MS &&
			     peer_ended(info->connect_fd);
		if (!info || (working && !request->queued) || !(late || ended))
			continue;
		if (late && request && !request->queued) {
			server->config.refused(
				server->config.ctx, request, MHD_HTTP_REQUEST_TIMEOUT);
			atls_http_say_last(request, MHD_HTTP_REQUEST_TIMEOUT);
		}
		shutdown(info->connect_fd, SHUT_RDWR);
	}
}

static void on_connection(void *ctx, struct MHD_Connection *mhd, void **socket_ctx,
	enum MHD_ConnectionNotificationCode what)
{
	struct atls_http_daemon *daemon = ctx;
	struct atls_http_connection *connection = *socket_ctx;
	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		connection = calloc(1, sizeof *connection);
		if (!connection)
			return;
		connection->mhd = mhd;
		connection->since = atls_now_ms();
		TAILQ_INSERT_TAIL(&daemon->server->connections, connection, entry);
		*socket_ctx = connection;
	} else if (connection) {
		TAILQ_REMOVE(&daemon->server->connections, connection, entry);
		free(connection);
		*socket_ctx = NULL;
	}
}

struct atls_http_server *atls_http_server_new(
	const struct atls_http_server_config *config, struct atls_error *err)
{
	const struct timeval interval = atls_timeval(SWEEP_MS);
	struct atls_http_server *server = calloc(1, sizeof *server);
	if (server) {
		server->config = *config;
		SLIST_INIT(&server->daemons);
		TAILQ_INIT(&server->connections);
		server->sweep = event_new(config->base, -1, EV_PERSIST, sweep, server);
	}
	if (!server || !server->sweep || event_add(server->sweep, &interval)) {
		atls_http_server_free(server);
		atls_error_set(err, ATLS_E_MEMORY, "out of memory for the HTTP server");
		return NULL;
	}
	return server;
}

static void daemon_free(struct atls_http_daemon *daemon)
{
	if (daemon->mhd)
		MHD_stop_daemon(daemon->mhd);
	atls_event_free(daemon->ready);
	atls_event_free(daemon->timer);
	atls_event_free(daemon->wake);
	free(daemon);
}

void atls_http_server_free(struct atls_http_server *server)
{
	if (!server)
		return;
	/* libmicrohttpd insists that nothing is suspended or upgraded when it stops. */
	struct atls_http_connection *connection;
	TAILQ_FOREACH(connection, &server->connections, entry)
	{
		if (connection->request && connection->request->suspended)
			atls_http_reply(connection->request, MHD_HTTP_SERVICE_UNAVAILABLE, NULL, 0,
				NULL, 0);
		if (connection->request && connection->request->upgraded)
			atls_http_upgrade_close(connection->request);
	}
	while (!SLIST_EMPTY(&server->daemons)) {
		struct atls_http_daemon *daemon = SLIST_FIRST(&server->daemons);
		SLIST_REMOVE_HEAD(&server->daemons, entry);
		daemon_free(daemon);
	}
	atls_event_free(server->sweep);
	free(server);
}

static struct MHD_Daemon *start_mhd(
	struct atls_http_daemon *daemon, int fd, const struct atls_http_outer *outer)
{
	bool upgrades = daemon->server->config.upgrades && !outer->cert;
	unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME |
			 (outer->cert ? MHD_USE_TLS : 0u) | (upgrades ? MHD_ALLOW_UPGRADE : 0u);
	struct MHD_OptionItem tls[] = {
		{MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)outer->cert},
		{MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)outer->key},
		{MHD_OPTION_END, 0, NULL},
	};
	const struct atls_http_server_config *config = &daemon->server->config;
	return MHD_start_daemon(flags, 0, NULL, NULL, atls_http_on_request, daemon,
		MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED, atls_http_on_completed,
		daemon, MHD_OPTION_NOTIFY_CONNECTION, on_connection, daemon,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
		MHD_OPTION_CONNECTION_LIMIT, config->connections_max, MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned)(KEEPALIVE_MS / 1000), MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
		MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_ARRAY, outer->cert ? tls : tls + 2,
		MHD_OPTION_END);
}

/* Takes fd over. */
static int start_daemon(struct atls_http_server *server, int fd,
	const struct atls_http_outer *outer, struct atls_error *err)
{
	struct atls_http_daemon *daemon = calloc(1, sizeof *daemon);
	if (!daemon) {
		close(fd);
		return atls_error_set(err, ATLS_E_MEMORY, "out of memory for a listener");
	}
	daemon->server = server;
	daemon->secure = outer->cert != NULL;
	daemon->mhd = start_mhd(daemon, fd, outer);
	if (!daemon->mhd) {
		close(fd);
		free(daemon);
		return atls_error_set(err, ATLS_E_LOCAL, "cannot start the HTTP%s server%s",
			outer->cert ? "S" : "",
			outer->cert ? ": is the outer certificate's key the right one?" : "");
	}
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(daemon->mhd, MHD_DAEMON_INFO_EPOLL_FD);
	struct event_base *base = server->config.base;
	daemon->ready = event_new(base, info->epoll_fd, EV_READ | EV_PERSIST, run_daemon, daemon);
	daemon->timer = event_new(base, -1, 0, run_daemon, daemon);
	daemon->wake = event_new(base, -1, 0, run_daemon, daemon);
	if (!daemon->ready || !daemon->timer || !daemon->wake || event_add(daemon->ready, NULL)) {
		daemon_free(daemon);
		return atls_error_set(err, ATLS_E_MEMORY, "out of memory for a listener");
	}
	SLIST_INSERT_HEAD(&server->daemons, daemon, entry);
	return ATLS_OK;
}

int atls_http_server_listen(struct atls_http_server *server, int fd,
	const struct atls_http_outer *outer, struct atls_error *err)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (copy < 0)
		return atls_error_set(
			err, ATLS_E_LOCAL, "cannot share a listener: %s", strerror(errno));
	return start_daemon(server, copy, outer, err);
}
