#include "net/http_server.h"

#include "core/buf.h"
#include "core/err.h"
#include "net/clock.h"
#include "net/listen.h"
#include "net/timer.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

/* 32 to 128 KiB is right: each request costs its connection's pool. */
#define CONNECTION_MEMORY (64u << 10)
/* An idle connection is kept this long: longer than the usual proxies do, so that they close first.
 */
#define KEEPALIVE_MS 75000
#define SWEEP_MS     1000
/* A body that is too long is read on to its end up to this, so that the client sees the 413 instead
 * of a reset. */
#define DISCARD_MAX (16u << 20)
#define PEER_TEXT   64

struct daemon {
	struct atls_http_server *server;
	struct MHD_Daemon *mhd;
	struct event *ready;
	struct event *timer;
	bool secure;
	SLIST_ENTRY(daemon) entry;
};

struct connection {
	struct MHD_Connection *mhd;
	struct atls_http_request *request; /* under way, or null */
	int64_t since; /* of what it is doing now: waiting, receiving, answering */
	TAILQ_ENTRY(connection) entry;
};

struct atls_http_request {
	struct daemon *daemon;
	struct MHD_Connection *mhd;
	struct connection *connection;
	char *method;
	char *path;
	struct atls_buf body;
	size_t discarded;
	unsigned refusal; /* status to answer with once the body is through */
	struct MHD_Response *response;
	unsigned status;
	bool ready;
	bool answered;
	bool suspended;
	bool queued;
	char peer[PEER_TEXT];
	void *user;
};

struct atls_http_server {
	struct atls_http_server_config config;
	struct event *sweep;
	SLIST_HEAD(, daemon) daemons;
	TAILQ_HEAD(, connection) connections;
};

static void arm(struct daemon *daemon)
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
	struct daemon *daemon = ctx;
	MHD_run(daemon->mhd);
	arm(daemon);
}

/* Connections that drip: libmicrohttpd's own time-out starts anew with every byte. */
static void sweep(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	struct atls_http_server *server = ctx;
	int64_t now = atls_now_ms();
	struct connection *connection;
	TAILQ_FOREACH(connection, &server->connections, entry)
	{
		const struct atls_http_request *request = connection->request;
		bool working = request && request->ready && !request->queued;
		int64_t limit = request ? server->config.request_ms : KEEPALIVE_MS;
		if (working || now - connection->since < limit)
			continue;
		const union MHD_ConnectionInfo *info =
			MHD_get_connection_info(connection->mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
		if (info)
			shutdown(info->connect_fd, SHUT_RDWR);
	}
}

static void on_connection(void *ctx, struct MHD_Connection *mhd, void **socket_ctx,
	enum MHD_ConnectionNotificationCode what)
{
	struct daemon *daemon = ctx;
	struct connection *connection = *socket_ctx;
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

static void request_free(struct atls_http_request *request)
{
	if (request->response)
		MHD_destroy_response(request->response);
	atls_buf_free(&request->body);
	free(request->method);
	free(request->path);
	free(request);
}

static void on_completed(
	void *ctx, struct MHD_Connection *mhd, void **con_cls, enum MHD_RequestTerminationCode why)
{
	(void)mhd;
	(void)why;
	struct daemon *daemon = ctx;
	struct atls_http_request *request = *con_cls;
	if (!request)
		return;
	if (request->connection) {
		request->connection->request = NULL;
		request->connection->since = atls_now_ms();
	}
	if (request->ready)
		daemon->server->config.done(daemon->server->config.ctx, request);
	request_free(request);
	*con_cls = NULL;
}

static struct atls_http_request *request_new(
	struct daemon *daemon, struct MHD_Connection *mhd, const char *path, const char *method)
{
	struct atls_http_request *request = calloc(1, sizeof *request);
	if (!request)
		return NULL;
	request->daemon = daemon;
	request->mhd = mhd;
	request->method = strdup(method);
	request->path = strdup(path);
	atls_buf_init(&request->body, daemon->server->config.body_max);
	if (!request->method || !request->path) {
		request_free(request);
		return NULL;
	}
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	atls_address_text(info ? info->client_addr : NULL, request->peer, sizeof request->peer);
	info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	request->connection = info ? info->socket_context : NULL;
	if (request->connection) {
		request->connection->request = request;
		request->connection->since = atls_now_ms();
	}
	return request;
}

static enum MHD_Result queue_reply(struct atls_http_request *request)
{
	request->queued = true;
	if (request->connection)
		request->connection->since = atls_now_ms();
	return request->response
		       ? MHD_queue_response(request->mhd, request->status, request->response)
		       : MHD_NO;
}

static uint64_t declared_length(struct atls_http_request *request)
{
	const char *value = atls_http_request_header(request, MHD_HTTP_HEADER_CONTENT_LENGTH);
	return value ? strtoull(value, NULL, 10) : 0;
}

/* Headers are in. A refusal whose body is short waits for the body, so that the connection and the
 * answer survive; one whose body is long is answered at once. */
static enum MHD_Result admit(struct atls_http_request *request)
{
	const struct atls_http_server_config *config = &request->daemon->server->config;
	uint64_t length = declared_length(request);
	struct atls_http_header extra = {NULL, NULL};
	size_t room = length < config->body_max ? (size_t)length : config->body_max;
	request->refusal = length > config->body_max
				   ? MHD_HTTP_CONTENT_TOO_LARGE
				   : config->admit(config->ctx, request, room, &extra);
	if (request->refusal == 0) {
		uint8_t *at;
		if (room && atls_buf_reserve(&request->body, room, &at))
			request->refusal = MHD_HTTP_SERVICE_UNAVAILABLE;
		else
			return MHD_YES;
	}
	atls_http_reply(request, request->refusal, &extra, extra.name ? 1 : 0, NULL, 0);
	return length > DISCARD_MAX ? queue_reply(request) : MHD_YES;
}

static enum MHD_Result receive(struct atls_http_request *request, const char *data, size_t *len)
{
	size_t count = *len;
	*len = 0;
	if (!request->refusal) {
		int rc = atls_buf_append(&request->body, data, count);
		if (rc == ATLS_OK)
			return MHD_YES;
		request->refusal = rc == ATLS_E_LIMIT ? MHD_HTTP_CONTENT_TOO_LARGE
						      : MHD_HTTP_SERVICE_UNAVAILABLE;
		atls_buf_free(&request->body);
		atls_http_reply(request, request->refusal, NULL, 0, NULL, 0);
	}
	request->discarded += count;
	return request->discarded <= DISCARD_MAX ? MHD_YES : MHD_NO;
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *mhd, const char *path,
	const char *method, const char *version, const char *data, size_t *len, void **con_cls)
{
	(void)version;
	struct daemon *daemon = ctx;
	struct atls_http_request *request = *con_cls;
	if (!request) {
		request = request_new(daemon, mhd, path, method);
		*con_cls = request;
		return request ? admit(request) : MHD_NO;
	}
	if (*len)
		return receive(request, data, len);
	if (!request->ready && !request->refusal) {
		request->ready = true;
		daemon->server->config.ready(daemon->server->config.ctx, request);
	}
	if (request->answered)
		return request->queued ? MHD_YES : queue_reply(request);
	request->suspended = true;
	MHD_suspend_connection(mhd);
	return MHD_YES;
}

static struct MHD_Response *make_response(
	const struct atls_http_header *headers, size_t count, void *body, size_t len)
{
	static char nothing[1];
	struct MHD_Response *response = MHD_create_response_from_buffer(body ? len : 0,
		body ? body : nothing, body ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
	if (!response) {
		free(body);
		return NULL;
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store, no-transform");
	for (size_t i = 0; i < count; i++)
		MHD_add_response_header(response, headers[i].name, headers[i].value);
	return response;
}

void atls_http_reply(struct atls_http_request *request, unsigned status,
	const struct atls_http_header *headers, size_t count, void *body, size_t len)
{
	if (request->answered) {
		free(body);
		return;
	}
	request->answered = true;
	request->status = status;
	request->response = make_response(headers, count, body, len);
	if (request->suspended) {
		request->suspended = false;
		MHD_resume_connection(request->mhd);
		event_active(request->daemon->timer, EV_TIMEOUT, 0);
	}
}

const char *atls_http_request_method(const struct atls_http_request *request)
{
	return request->method;
}

const char *atls_http_request_path(const struct atls_http_request *request)
{
	return request->path;
}

const char *atls_http_request_header(const struct atls_http_request *request, const char *name)
{
	return MHD_lookup_connection_value(request->mhd, MHD_HEADER_KIND, name);
}

const char *atls_http_request_cookie(const struct atls_http_request *request, const char *name)
{
	return MHD_lookup_connection_value(request->mhd, MHD_COOKIE_KIND, name);
}

const char *atls_http_request_peer(const struct atls_http_request *request)
{
	return request->peer;
}

bool atls_http_request_secure(const struct atls_http_request *request)
{
	return request->daemon->secure;
}

uint8_t *atls_http_request_body(struct atls_http_request *request, size_t *len)
{
	*len = request->body.len;
	return request->body.mem + request->body.head;
}

void atls_http_request_body_done(struct atls_http_request *request)
{
	atls_buf_free(&request->body);
}

void **atls_http_request_user(struct atls_http_request *request)
{
	return &request->user;
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

static void daemon_free(struct daemon *daemon)
{
	if (daemon->mhd)
		MHD_stop_daemon(daemon->mhd);
	if (daemon->ready)
		event_free(daemon->ready);
	if (daemon->timer)
		event_free(daemon->timer);
	free(daemon);
}

void atls_http_server_free(struct atls_http_server *server)
{
	if (!server)
		return;
	/* libmicrohttpd insists that nothing is suspended when it stops. */
	struct connection *connection;
	TAILQ_FOREACH(connection, &server->connections, entry)
	{
		if (connection->request && connection->request->suspended)
			atls_http_reply(connection->request, MHD_HTTP_SERVICE_UNAVAILABLE, NULL, 0,
				NULL, 0);
	}
	while (!SLIST_EMPTY(&server->daemons)) {
		struct daemon *daemon = SLIST_FIRST(&server->daemons);
		SLIST_REMOVE_HEAD(&server->daemons, entry);
		daemon_free(daemon);
	}
	if (server->sweep)
		event_free(server->sweep);
	free(server);
}

static struct MHD_Daemon *start_mhd(
	struct daemon *daemon, int fd, const struct atls_http_listen *where)
{
	unsigned flags =
		MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | (where->cert ? MHD_USE_TLS : 0u);
	struct MHD_OptionItem tls[] = {
		{MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)where->cert},
		{MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)where->key},
		{MHD_OPTION_END, 0, NULL},
	};
	const struct atls_http_server_config *config = &daemon->server->config;
	return MHD_start_daemon(flags, 0, NULL, NULL, on_request, daemon, MHD_OPTION_LISTEN_SOCKET,
		fd, MHD_OPTION_NOTIFY_COMPLETED, on_completed, daemon, MHD_OPTION_NOTIFY_CONNECTION,
		on_connection, daemon, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)CONNECTION_MEMORY, MHD_OPTION_CONNECTION_LIMIT, config->connections_max,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)(KEEPALIVE_MS / 1000),
		MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_ARRAY, where->cert ? tls : tls + 2,
		MHD_OPTION_END);
}

/* Takes fd over. */
static int start_daemon(struct atls_http_server *server, int fd,
	const struct atls_http_listen *where, struct atls_error *err)
{
	struct daemon *daemon = calloc(1, sizeof *daemon);
	if (!daemon) {
		close(fd);
		return atls_error_set(err, ATLS_E_MEMORY, "out of memory for a listener");
	}
	daemon->server = server;
	daemon->secure = where->cert != NULL;
	daemon->mhd = start_mhd(daemon, fd, where);
	if (!daemon->mhd) {
		close(fd);
		free(daemon);
		return atls_error_set(err, ATLS_E_LOCAL, "cannot start the HTTP%s server%s",
			where->cert ? "S" : "",
			where->cert ? ": is the outer certificate's key the right one?" : "");
	}
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(daemon->mhd, MHD_DAEMON_INFO_EPOLL_FD);
	struct event_base *base = server->config.base;
	daemon->ready = event_new(base, info->epoll_fd, EV_READ | EV_PERSIST, run_daemon, daemon);
	daemon->timer = event_new(base, -1, 0, run_daemon, daemon);
	if (!daemon->ready || !daemon->timer || event_add(daemon->ready, NULL)) {
		daemon_free(daemon);
		return atls_error_set(err, ATLS_E_MEMORY, "out of memory for a listener");
	}
	SLIST_INSERT_HEAD(&server->daemons, daemon, entry);
	return ATLS_OK;
}

int atls_http_server_listen(struct atls_http_server *server, const struct atls_http_listen *where,
	unsigned *port, struct atls_error *err)
{
	int fds[ATLS_LISTEN_MAX];
	int count = atls_listen(where->host, where->port, fds, port, err);
	if (count < 0)
		return count;
	int rc = ATLS_OK;
	for (int i = 0; i < count; i++) {
		if (rc)
			close(fds[i]);
		else
			rc = start_daemon(server, fds[i], where, err);
	}
	return rc;
}
