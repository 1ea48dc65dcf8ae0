#include "net/http_client.h"

#include "core/buf.h"
#include "core/err.h"
#include "net/curl_error.h"
#include "net/curl_setup.h"
#include "net/http_head.h"
#include "net/outer.h"
#include "net/timer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct atls_http_client {
	struct event_base *base;
	CURLM *multi;
	struct event *timer;
};

struct atls_http_channel {
	struct atls_http_client *client;
	CURL *easy;
	struct curl_slist *headers; /* of the request under way */
	const struct curl_slist *user_headers;
	struct atls_http_head head;
	bool busy;
	char detail[CURL_ERROR_SIZE];
	struct atls_buf body;
	struct atls_http_answer answer;
	atls_http_answered *answered;
	void *ctx;
	struct atls_outer outer;
	bool connect_to; /* connections may go elsewhere than the URL says */
};

static void fail(struct atls_http_channel *channel, CURLcode rc)
{
	struct atls_error *err = &channel->answer.error;
	curl_off_t began = 0;
	curl_easy_getinfo(channel->easy, CURLINFO_STARTTRANSFER_TIME_T, &began);
	/* What libcurl says of a line that is longer than it keeps. */
	if (rc == CURLE_OUT_OF_MEMORY && began > 0 && !channel->head.whole)
		atls_error_set(err, ATLS_E_PROTOCOL,
			"HTTP: the answer has a header line that is too long to keep");
	atls_curl_error(channel->easy, rc, channel->detail, channel->connect_to, err);
}

static void finish_all(struct atls_http_client *client)
{
	int left;
	const CURLMsg *message;
	while ((message = curl_multi_info_read(client->multi, &left))) {
		if (message->msg != CURLMSG_DONE)
			continue;
		struct atls_http_channel *channel;
		CURL *easy = message->easy_handle;
		CURLcode rc = message->data.result;
		curl_easy_getinfo(easy, CURLINFO_PRIVATE, &channel);
		curl_multi_remove_handle(client->multi, easy);
		channel->busy = false;
		struct atls_http_answer *answer = &channel->answer;
		atls_outer_note(&channel->outer, easy);
		curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &answer->status);
		if (rc != CURLE_OK)
			fail(channel, rc);
		else if (!channel->head.whole)
			/* libcurl takes an end amid the headers for the end of an answer. */
			atls_error_set(&answer->error, ATLS_E_NETWORK,
				"HTTP: the answer was cut short, amid its headers");
		if (answer->error.code)
			answer->status = 0;
		answer->body = channel->body.mem + channel->body.head;
		answer->len = channel->body.len;
		channel->answered(channel->ctx, answer);
	}
}

static void on_socket(evutil_socket_t fd, short what, void *ctx)
{
	struct atls_http_client *client = ctx;
	int running;
	int flags =
		(what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0);
	curl_multi_socket_action(client->multi, fd, flags, &running);
	finish_all(client);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	struct atls_http_client *client = ctx;
	int running;
	curl_multi_socket_action(client->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	finish_all(client);
}

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_ctx)
{
	(void)easy;
	struct atls_http_client *client = ctx;
	struct event *event = socket_ctx;
	if (event)
		event_free(event);
	event = NULL;
	if (what != CURL_POLL_REMOVE) {
		short flags = (short)(EV_PERSIST | (what & CURL_POLL_IN ? EV_READ : 0) |
				      (what & CURL_POLL_OUT ? EV_WRITE : 0));
		event = event_new(client->base, fd, flags, on_socket, client);
		if (!event || event_add(event, NULL))
			return -1;
	}
	curl_multi_assign(client->multi, fd, event);
	return 0;
}

static int watch_timer(CURLM *multi, long ms, void *ctx)
{
	(void)multi;
	struct atls_http_client *client = ctx;
	if (ms < 0)
		return event_del(client->timer);
	return atls_timer_set(client->timer, ms);
}

struct atls_http_client *atls_http_client_new(struct event_base *base, struct atls_error *err)
{
	struct atls_http_client *client = calloc(1, sizeof *client);
	if (client) {
		client->base = base;
		client->multi = curl_multi_init();
		client->timer = event_new(base, -1, 0, on_timer, client);
	}
	if (!client || !client->multi || !client->timer) {
		atls_http_client_free(client);
		atls_error_set(err, ATLS_E_MEMORY, "out of memory for the HTTP client");
		return NULL;
	}
	curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
	curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
	curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, watch_timer);
	curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
	return client;
}

void atls_http_client_free(struct atls_http_client *client)
{
	if (!client)
		return;
	if (client->multi)
		curl_multi_cleanup(client->multi);
	if (client->timer)
		event_free(client->timer);
	free(client);
}

static size_t on_body(char *data, size_t size, size_t count, void *ctx)
{
	struct atls_http_channel *channel = ctx;
	if (atls_buf_append(&channel->body, data, size * count)) {
		atls_error_set(&channel->answer.error, ATLS_E_PROTOCOL,
			"HTTP: the answer is longer than %u bytes", ATLS_ANSWER_MAX);
		return 0;
	}
	return size * count;
}

static size_t on_header(char *data, size_t size, size_t count, void *ctx)
{
	struct atls_http_channel *channel = ctx;
	size_t len = size * count;
	return atls_http_head_line(&channel->head, &channel->answer, data, len) ? 0 : len;
}

struct atls_http_channel *atls_http_channel_new(struct atls_http_client *client,
	const struct atls_http_client_config *config, atls_http_answered *answered, void *ctx,
	struct atls_error *err)
{
	struct atls_http_channel *channel = calloc(1, sizeof *channel);
	if (channel)
		channel->easy = curl_easy_init();
	if (!channel || !channel->easy) {
		free(channel);
		atls_error_set(err, ATLS_E_MEMORY, "out of memory for an HTTP channel");
		return NULL;
	}
	channel->client = client;
	channel->answered = answered;
	channel->ctx = ctx;
	channel->user_headers = config->headers;
	channel->connect_to = config->connect_to != NULL;
	atls_buf_init(&channel->body, ATLS_ANSWER_MAX);
	CURLcode rc = atls_curl_setup(channel->easy, config);
	if (rc != CURLE_OK) {
		atls_error_set(err, ATLS_E_USAGE, "libcurl refuses the settings (%s)",
			curl_easy_strerror(rc));
		atls_http_channel_free(channel);
		return NULL;
	}
	curl_easy_setopt(channel->easy, CURLOPT_PRIVATE, channel);
	curl_easy_setopt(channel->easy, CURLOPT_ERRORBUFFER, channel->detail);
	curl_easy_setopt(channel->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(channel->easy, CURLOPT_WRITEDATA, channel);
	curl_easy_setopt(channel->easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(channel->easy, CURLOPT_HEADERDATA, channel);
	curl_easy_setopt(channel->easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	return channel;
}

void atls_http_channel_free(struct atls_http_channel *channel)
{
	if (!channel)
		return;
	if (channel->busy)
		curl_multi_remove_handle(channel->client->multi, channel->easy);
	curl_easy_cleanup(channel->easy);
	curl_slist_free_all(channel->headers);
	atls_buf_free(&channel->body);
	atls_outer_free(&channel->outer);
	explicit_bzero(channel, sizeof *channel);
	free(channel);
}

int atls_http_channel_url(struct atls_http_channel *channel, const char *url)
{
	return curl_easy_setopt(channel->easy, CURLOPT_URL, url) == CURLE_OK ? ATLS_OK
									     : ATLS_E_MEMORY;
}

void atls_http_channel_forget(struct atls_http_channel *channel)
{
	explicit_bzero(channel->head.cookies, sizeof channel->head.cookies);
}

static bool append(struct curl_slist **list, const char *line)
{
	struct curl_slist *grown = curl_slist_append(*list, line);
	if (grown)
		*list = grown;
	return grown != NULL;
}

/* Our headers and the user's; a Cookie of his goes into one line with the session's. */
static bool make_headers(struct atls_http_channel *channel, const char *content_type)
{
	char line[2 * ATLS_COOKIE_MAX];
	const char *sep = channel->head.cookies[0] ? "; " : "";
	struct curl_slist **list = &channel->headers;
	curl_slist_free_all(*list);
	*list = NULL;
	snprintf(line, sizeof line, "Content-Type: %s", content_type);
	bool done = append(list, line) && append(list, "Accept-Encoding: identity") &&
		    append(list, "Cache-Control: no-store, no-transform") &&
		    append(list, "Expect:");
	bool merged = false;
	for (const struct curl_slist *h = channel->user_headers; h && done; h = h->next) {
		if (strncasecmp(h->data, "Cookie:", 7) == 0 && !merged) {
			snprintf(line, sizeof line, "%s%s%s", h->data, sep, channel->head.cookies);
			merged = true;
			done = append(list, line);
		} else {
			done = append(list, h->data);
		}
	}
	if (!merged && channel->head.cookies[0] && done) {
		snprintf(line, sizeof line, "Cookie: %s", channel->head.cookies);
		done = append(list, line);
	}
	explicit_bzero(line, sizeof line);
	return done;
}

int atls_http_post(
	struct atls_http_channel *channel, const char *content_type, const void *body, size_t len)
{
	CURL *easy = channel->easy;
	atls_http_head_begin(&channel->head);
	if (!make_headers(channel, content_type))
		return ATLS_E_MEMORY;
	memset(&channel->answer, 0, sizeof channel->answer);
	channel->detail[0] = '\0';
	atls_buf_consume(&channel->body, channel->body.len);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, channel->headers);
	curl_easy_setopt(easy, CURLOPT_POST, 1L);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, len ? body : "");
	if (curl_multi_add_handle(channel->client->multi, easy) != CURLM_OK)
		return ATLS_E_MEMORY;
	channel->busy = true;
	/* Now, not a turn of the loop later; what comes of it at once is looked at there. */
	int running;
	curl_multi_socket_action(channel->client->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	event_active(channel->client->timer, EV_TIMEOUT, 0);
	return ATLS_OK;
}

unsigned atls_http_outer_chain(const struct atls_http_channel *channel, char *const **pem)
{
	*pem = channel->outer.pem;
	return channel->outer.count;
}

const char *atls_http_version(const struct atls_http_channel *channel)
{
	long version = 0;
	curl_easy_getinfo(channel->easy, CURLINFO_HTTP_VERSION, &version);
	switch (version) {
	case CURL_HTTP_VERSION_1_0:
		return "1.0";
	case CURL_HTTP_VERSION_1_1:
		return "1.1";
	case CURL_HTTP_VERSION_2_0:
		return "2";
	default:
		return "?";
	}
}
