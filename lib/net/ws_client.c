#include "net/ws_client.h"

#include "core/buf.h"
#include "core/err.h"
#include "core/ws_upgrade.h"
#include "net/curl_error.h"
#include "net/curl_loop.h"
#include "net/curl_setup.h"
#include "net/timer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define REQUEST_MAX (64u << 10)

struct atls_ws_client {
	struct atls_curl_loop *loop;
	struct event_base *base;
	CURL *easy;
	struct atls_curl_job job;
	char detail[CURL_ERROR_SIZE];
	bool connect_to, added;
	char key[ATLS_WS_KEY];
	const char *protocol;
	struct atls_buf request, head;
	struct event *io, *timer;
	struct atls_ws_link *link;
	struct atls_ws_client_events events;
	void *ctx;
};

/* ---- Bytes ---- */

static int curl_failed(CURL *easy, CURLcode rc, struct atls_error *err)
{
	if (rc == CURLE_AGAIN)
		return ATLS_E_AGAIN;
	atls_curl_error(easy, rc, "", false, err);
	return err->code ? err->code : ATLS_E_NETWORK;
}

static ssize_t way_receive(void *ctx, void *bytes, size_t cap, struct atls_error *err)
{
	size_t done = 0;
	CURLcode rc = curl_easy_recv(ctx, bytes, cap, &done);
	return rc == CURLE_OK ? (ssize_t)done : curl_failed(ctx, rc, err);
}

static ssize_t way_send(void *ctx, const void *bytes, size_t len, struct atls_error *err)
{
	size_t done = 0;
	CURLcode rc = curl_easy_send(ctx, bytes, len, &done);
	if (rc == CURLE_OK && done == 0)
		return ATLS_E_AGAIN;
	return rc == CURLE_OK ? (ssize_t)done : curl_failed(ctx, rc, err);
}

/* ---- The request ---- */

static int add(struct atls_buf *buf, const char *text)
{
	return atls_buf_append(buf, text, strlen(text));
}

static int add_line(struct atls_buf *buf, const char *name, const char *value)
{
	int rc = add(buf, name);
	if (!rc)
		rc = add(buf, value);
	return rc ? rc : add(buf, "\r\n");
}

static bool user_has(const struct curl_slist *headers, const char *name)
{
	for (; headers; headers = headers->next)
		if (strncasecmp(headers->data, name, strlen(name)) == 0)
			return true;
	return false;
}

/* "NAME:" and "NAME;" are libcurl's ways to leave a header out or empty. */
static int add_users(struct atls_buf *buf, const struct curl_slist *headers, const char *cookies)
{
	int rc = ATLS_OK;
	for (; headers && !rc; headers = headers->next) {
		size_t len = strlen(headers->data);
		bool cookie = strncasecmp(headers->data, "Cookie:", 7) == 0;
		if (len == 0 || headers->data[len - 1] == ':' || !strchr(headers->data, ':'))
			continue;
		rc = add(buf, headers->data);
		if (!rc && cookie && *cookies)
			rc = add(buf, "; ");
		rc = rc ? rc : add_line(buf, cookie ? cookies : "", "");
	}
	return rc;
}

static int add_target(struct atls_buf *buf, CURLU *url, bool host_given)
{
	char *path = NULL, *query = NULL, *host = NULL, *port = NULL;
	(void)curl_url_get(url, CURLUPART_PATH, &path, 0);
	(void)curl_url_get(url, CURLUPART_QUERY, &query, 0);
	(void)curl_url_get(url, CURLUPART_HOST, &host, 0);
	(void)curl_url_get(url, CURLUPART_PORT, &port, 0);
	int rc = path && host ? add(buf, "GET ") : ATLS_E_MEMORY;
	if (!rc)
		rc = add(buf, path);
	if (!rc && query)
		rc = add(buf, "?");
	if (!rc && query)
		rc = add(buf, query);
	if (!rc)
		rc = add(buf, " HTTP/1.1\r\n");
	if (!rc && !host_given)
		rc = add(buf, "Host: ");
	if (!rc && !host_given)
		rc = add(buf, host);
	if (!rc && !host_given && port)
		rc = add(buf, ":");
	if (!rc && !host_given)
		rc = add_line(buf, port ? port : "", "");
	curl_free(path);
	curl_free(query);
	curl_free(host);
	curl_free(port);
	return rc;
}

static int make_request(struct atls_ws_client *client, const char *url, const char *cookies,
	const struct curl_slist *headers)
{
	struct atls_buf *buf = &client->request;
	CURLU *parsed = curl_url();
	int rc = parsed && curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK
			 ? add_target(buf, parsed, user_has(headers, "Host:"))
			 : ATLS_E_MEMORY;
	curl_url_cleanup(parsed);
	if (!rc && !user_has(headers, "User-Agent:"))
		rc = add(buf, "User-Agent: atls/" ATLS_VERSION "\r\n");
	if (!rc)
		rc = add(buf, "Upgrade: websocket\r\nConnection: Upgrade\r\n"
			      "Sec-WebSocket-Version: " ATLS_WS_VERSION "\r\n"
			      "Cache-Control: no-store, no-transform\r\n");
	if (!rc)
		rc = add_line(buf, "Sec-WebSocket-Protocol: ", client->protocol);
	if (!rc)
		rc = atls_ws_key(client->key);
	if (!rc)
		rc = add_line(buf, "Sec-WebSocket-Key: ", client->key);
	if (!rc && *cookies && !user_has(headers, "Cookie:"))
		rc = add_line(buf, "Cookie: ", cookies);
	if (!rc)
		rc = add_users(buf, headers, cookies);
	return rc ? rc : add(buf, "\r\n");
}

/* ---- The course of it ---- */

static void refuse(struct atls_ws_client *client, unsigned status, const struct atls_error *err)
{
	event_del(client->timer);
	if (client->io)
		event_del(client->io);
	client->events.refused(client->ctx, status, err);
}

static void open_link(struct atls_ws_client *client, size_t head_len)
{
	const struct atls_ws_way way = {.fd = event_get_fd(client->io),
		.receive = way_receive,
		.send = way_send,
		.ctx = client->easy};
	struct atls_error err = {0};
	event_del(client->timer);
	event_free(client->io);
	client->io = NULL;
	client->link = atls_ws_link_new(
		client->base, ATLS_CLIENT, &way, &client->events.link, client->ctx);
	if (!client->link) {
		atls_error_set(&err, ATLS_E_MEMORY, "out of memory for a WebSocket");
		refuse(client, 0, &err);
		return;
	}
	atls_buf_consume(&client->head, head_len);
	client->events.opened(client->ctx, client->link);
	atls_ws_link_feed(client->link, atls_buf_bytes(&client->head), client->head.len);
}

/* True while there may be more to read. */
static bool read_head(struct atls_ws_client *client)
{
	uint8_t *room;
	unsigned status = 0;
	struct atls_error err = {0};
	size_t cap = ATLS_WS_HEAD_MAX - client->head.len;
	if (atls_buf_reserve(&client->head, cap, &room)) {
		atls_error_set(&err, ATLS_E_MEMORY, "out of memory for a WebSocket");
		refuse(client, 0, &err);
		return false;
	}
	ssize_t len = way_receive(client->easy, room, cap, &err);
	if (len == ATLS_E_AGAIN)
		return false;
	if (len == 0)
		atls_error_set(&err, ATLS_E_NETWORK,
			"HTTP: the connection was closed without an answer to the upgrade");
	if (len <= 0) {
		refuse(client, 0, &err);
		return false;
	}
	atls_buf_commit(&client->head, (size_t)len);
	ssize_t head = atls_ws_read_answer((const char *)atls_buf_bytes(&client->head),
		client->head.len, client->key, client->protocol, &status, &err);
	if (head == ATLS_E_AGAIN)
		return true;
	if (head > 0)
		open_link(client, (size_t)head);
	else
		refuse(client, status, &err);
	return false;
}

static void on_io(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	struct atls_ws_client *client = ctx;
	struct atls_error err = {0};
	while (client->request.len) {
		ssize_t done = way_send(
			client->easy, atls_buf_bytes(&client->request), client->request.len, &err);
		if (done == ATLS_E_AGAIN)
			return;
		if (done < 0) {
			refuse(client, 0, &err);
			return;
		}
		atls_buf_consume(&client->request, (size_t)done);
	}
	/* From here on only what comes is of interest. */
	event_del(client->io);
	event_assign(client->io, client->base, event_get_fd(client->io), EV_READ | EV_PERSIST,
		on_io, client);
	event_add(client->io, NULL);
	while (read_head(client))
		;
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	struct atls_error err = {0};
	atls_error_set(&err, ATLS_E_NETWORK,
		"HTTP: no answer to the upgrade to a WebSocket within %d s",
		ATLS_WS_ANSWER_MS / 1000);
	refuse(ctx, 0, &err);
}

static void connected(void *ctx, CURLcode rc)
{
	struct atls_ws_client *client = ctx;
	struct atls_error err = {0};
	curl_socket_t fd = CURL_SOCKET_BAD;
	if (rc == CURLE_OK)
		rc = curl_easy_getinfo(client->easy, CURLINFO_ACTIVESOCKET, &fd);
	if (rc == CURLE_OK && fd == CURL_SOCKET_BAD)
		rc = CURLE_COULDNT_CONNECT;
	if (rc != CURLE_OK) {
		atls_curl_error(client->easy, rc, client->detail, client->connect_to, &err);
		refuse(client, 0, &err);
		return;
	}
	client->io = event_new(client->base, fd, EV_READ | EV_WRITE | EV_PERSIST, on_io, client);
	if (!client->io || event_add(client->io, NULL)) {
		atls_error_set(&err, ATLS_E_MEMORY, "out of memory for a WebSocket");
		refuse(client, 0, &err);
		return;
	}
	atls_timer_set(client->timer, ATLS_WS_ANSWER_MS);
}

static CURLcode setup(struct atls_ws_client *client, const struct atls_http_client_config *config,
	const char *url)
{
	CURL *easy = client->easy;
	CURLcode rc = atls_curl_setup(easy, config);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
	/* An upgrade is HTTP/1.1's, and passes a proxy only in a tunnel. */
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_HTTPPROXYTUNNEL, 1L);
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 0L);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, 0L);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, client->detail);
	return rc;
}

struct atls_ws_client *atls_ws_client_new(struct atls_http_client *http, struct event_base *base,
	const struct atls_http_client_config *config, const char *url, const char *cookies,
	const struct atls_ws_client_events *events, void *ctx, struct atls_error *err)
{
	struct atls_ws_client *client = calloc(1, sizeof *client);
	if (client)
		client->easy = curl_easy_init();
	if (!client || !client->easy) {
		free(client);
		atls_error_set(err, ATLS_E_MEMORY, "out of memory for a WebSocket");
		return NULL;
	}
	client->loop = atls_http_client_loop(http);
	client->base = base;
	client->job = (struct atls_curl_job){.done = connected, .ctx = client, .stays = true};
	client->connect_to = config->connect_to != NULL;
	client->protocol = config->ws_protocol ? config->ws_protocol : ATLS_WS_PROTOCOL;
	client->events = *events;
	client->ctx = ctx;
	atls_buf_init(&client->request, REQUEST_MAX);
	atls_buf_init(&client->head, ATLS_WS_HEAD_MAX);
	client->timer = event_new(base, -1, 0, on_timer, client);
	CURLcode rc = setup(client, config, url);
	if (rc != CURLE_OK)
		atls_error_set(err, ATLS_E_USAGE, "libcurl refuses the settings (%s)",
			curl_easy_strerror(rc));
	else if (!client->timer || make_request(client, url, cookies, config->headers) ||
		 atls_curl_loop_add(client->loop, client->easy, &client->job))
		atls_error_set(err, ATLS_E_MEMORY, "out of memory for a WebSocket");
	else {
		client->added = true;
		return client;
	}
	atls_ws_client_free(client);
	return NULL;
}

void atls_ws_client_free(struct atls_ws_client *client)
{
	if (!client)
		return;
	atls_ws_link_free(client->link);
	atls_event_free(client->io);
	atls_event_free(client->timer);
	if (client->added)
		atls_curl_loop_remove(client->loop, client->easy);
	curl_easy_cleanup(client->easy);
	atls_buf_free(&client->request);
	atls_buf_free(&client->head);
	explicit_bzero(client, sizeof *client);
	free(client);
}
