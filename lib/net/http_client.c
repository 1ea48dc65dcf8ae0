#include "net/http_client.h"

#include "core/buf.h"
#include "core/err.h"
#include "net/curl_error.h"
#include "net/curl_loop.h"
#include "net/curl_setup.h"
#include "net/curl_sockets.h"
#include "net/http_head.h"
#include "net/outer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* libcurl looks at the clock once a second. */
#define SLACK_MS 1000

struct atls_http_client {
	struct atls_curl_loop *loop;
	struct atls_outers outers;
	struct atls_curl_sockets sockets;
	bool one_each; /* the last answer was HTTP/1's: a connection carries a request at a time */
};

struct atls_http_channel {
	struct atls_http_client *client;
	CURL *easy;
	struct atls_curl_job job;
	struct curl_slist *headers; /* of the request under way */
	const struct curl_slist *user_headers;
	char line[ATLS_DICT_TEXT]; /* of the next request, or "" */
	struct atls_http_head head;
	bool busy;
	char detail[CURL_ERROR_SIZE];
	struct atls_buf body;
	struct atls_http_answer answer;
	atls_http_answered *answered;
	void *ctx;
	unsigned long outer; /* the serial of the connection that the last request went by */
	bool outer_noted;
	bool connect_to; /* connections may go elsewhere than the URL says */
	bool secure;     /* outer TLS says which HTTP it is */
	long version;    /* libcurl's word for that of the last answer, or 0 */
	long stall_s;    /* of the request under way */
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

/* Once a request; while it travels, if possible. */
static void note_outer(struct atls_http_channel *channel)
{
	if (channel->outer_noted)
		return;
	channel->outer_noted = true;
	const struct atls_outer *outer = atls_outer_note(&channel->client->outers, channel->easy);
	channel->outer = outer ? outer->serial : 0;
}

static void note_version(struct atls_http_channel *channel)
{
	curl_easy_getinfo(channel->easy, CURLINFO_HTTP_VERSION, &channel->version);
	channel->client->one_each = channel->version < CURL_HTTP_VERSION_2_0;
}

/* Whether to wait for a connection that is being made, if it may turn out to speak HTTP/2: many
 * requests share that one. Where HTTP/1 is spoken, and without TLS to tell it at once, nothing is
 * gained. */
static bool shares(const struct atls_http_channel *channel)
{
	return channel->secure && !channel->client->one_each;
}

static void finish(void *ctx, CURLcode rc)
{
	struct atls_http_channel *channel = ctx;
	CURL *easy = channel->easy;
	channel->busy = false;
	struct atls_http_answer *answer = &channel->answer;
	note_outer(channel);
	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &answer->status);
	long request_size = 0;
	curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &request_size);
	answer->sent = request_size > 0;
	if (rc == CURLE_OK)
		note_version(channel);
	else if (rc == CURLE_OPERATION_TIMEDOUT)
		atls_curl_sockets_end_silent(
			&channel->client->sockets, easy, channel->stall_s * 1000 - SLACK_MS);
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

struct atls_http_client *atls_http_client_new(struct event_base *base, struct atls_error *err)
{
	struct atls_http_client *client = calloc(1, sizeof *client);
	if (!client) {
		atls_error_set(err, ATLS_E_MEMORY, "out of memory for the HTTP client");
		return NULL;
	}
	atls_outers_init(&client->outers);
	client->loop = atls_curl_loop_new(base, err);
	if (client->loop)
		return client;
	free(client);
	return NULL;
}

void atls_http_client_free(struct atls_http_client *client)
{
	if (!client)
		return;
	atls_curl_loop_free(client->loop);
	atls_curl_sockets_free(&client->sockets);
	atls_outers_free(&client->outers);
	free(client);
}

struct atls_curl_loop *atls_http_client_loop(const struct atls_http_client *client)
{
	return client->loop;
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
	note_outer(channel);
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
	channel->stall_s = config->stall_s;
	channel->secure = strncasecmp(config->url, "https:", 6) == 0;
	atls_buf_init(&channel->body, ATLS_ANSWER_MAX);
	CURLcode rc = atls_curl_setup(channel->easy, config);
	if (rc != CURLE_OK) {
		atls_error_set(err, ATLS_E_USAGE, "libcurl refuses the settings (%s)",
			curl_easy_strerror(rc));
		atls_http_channel_free(channel);
		return NULL;
	}
	channel->job = (struct atls_curl_job){.done = finish, .ctx = channel};
	atls_curl_sockets_note(&client->sockets, channel->easy);
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
		atls_curl_loop_remove(channel->client->loop, channel->easy);
	curl_easy_cleanup(channel->easy);
	curl_slist_free_all(channel->headers);
	atls_buf_free(&channel->body);
	explicit_bzero(channel, sizeof *channel);
	free(channel);
}

int atls_http_channel_url(struct atls_http_channel *channel, const char *url)
{
	return curl_easy_setopt(channel->easy, CURLOPT_URL, url) == CURLE_OK ? ATLS_OK
									     : ATLS_E_MEMORY;
}

void atls_http_channel_next(struct atls_http_channel *channel, const char *line, long stall_s)
{
	snprintf(channel->line, sizeof channel->line, "%s", line ? line : "");
	channel->stall_s = stall_s;
	curl_easy_setopt(channel->easy, CURLOPT_LOW_SPEED_TIME, stall_s);
}

size_t atls_http_received(const struct atls_http_channel *channel)
{
	return channel->body.len;
}

void atls_http_channel_adopt(
	struct atls_http_channel *channel, const struct atls_http_channel *from)
{
	memcpy(channel->head.cookies, from->head.cookies, sizeof channel->head.cookies);
	channel->head.cookies_fixed = channel->head.cookies[0] != '\0';
}

const char *atls_http_channel_cookies(const struct atls_http_channel *channel)
{
	return channel->head.cookies;
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
		    append(list, "Expect:") && (!channel->line[0] || append(list, channel->line));
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
	channel->outer_noted = false;
	atls_buf_consume(&channel->body, channel->body.len);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, channel->headers);
	curl_easy_setopt(easy, CURLOPT_PIPEWAIT, shares(channel) ? 1L : 0L);
	curl_easy_setopt(easy, CURLOPT_POST, 1L);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, len ? body : "");
	if (atls_curl_loop_add(channel->client->loop, easy, &channel->job))
		return ATLS_E_MEMORY;
	channel->busy = true;
	return ATLS_OK;
}

unsigned atls_http_outer_chain(const struct atls_http_channel *channel, char *const **pem)
{
	const struct atls_outer *outer = atls_outer_find(&channel->client->outers, channel->outer);
	*pem = outer ? outer->pem : NULL;
	return outer ? outer->count : 0;
}

unsigned long atls_http_outer(
	const struct atls_http_channel *channel, struct atls_report_connection *connection)
{
	const struct atls_outer *outer = atls_outer_find(&channel->client->outers, channel->outer);
	memset(connection, 0, sizeof *connection);
	if (!outer)
		return 0;
	*connection = outer->connection;
	return outer->serial;
}

const char *atls_http_version(const struct atls_http_channel *channel)
{
	switch (channel->version) {
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
