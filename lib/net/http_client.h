/* HTTP requests out, answers in, over libcurl. One thread, driven by an event base. */
#ifndef ATLS_NET_HTTP_CLIENT_H
#define ATLS_NET_HTTP_CLIENT_H

#include "core/answer.h"

#include "trust/report.h"

#include <curl/curl.h>
#include <event2/event.h>

#define ATLS_ANSWER_MAX (4u << 20)   /* bytes of one HTTP answer's body */
#define ATLS_HEAD_MAX   (256u << 10) /* bytes of its headers, interim answers and trailers */
#define ATLS_COOKIE_MAX 8192u        /* bytes of all cookies of a session */

struct atls_curl_loop;

struct atls_http_client_config {
	const char *url; /* with the path to POST to */
	const char *proxy;
	const char *proxy_user;
	const char *interface;
	const char *unix_socket;
	const char *outer_cacert;
	const char *outer_pins;
	const char *ws_protocol;    /* Sec-WebSocket-Protocol; null: ATLS_WS_PROTOCOL */
	struct curl_slist *headers; /* all kept by reference */
	struct curl_slist *resolve;
	struct curl_slist *connect_to;
	long ip_version; /* CURL_IPRESOLVE_... */
	long connect_ms;
	long stall_s;     /* an exchange without a byte for this long is lost */
	long exchange_ms; /* and so is one that is not done after this long */
	bool outer_verify;
	bool proxy_anyauth; /* ask the proxy what it wants, instead of Basic at once */
};

/* The event base's curl: connections are shared by all channels. */
struct atls_http_client;

struct atls_http_client *atls_http_client_new(struct event_base *base, struct atls_error *err);
void atls_http_client_free(struct atls_http_client *client);

/* The loop of its transfers, for others beside them. */
struct atls_curl_loop *atls_http_client_loop(const struct atls_http_client *client);

/* A way to the service: one request at a time. A session may have several. */
struct atls_http_channel;

/* The answer's body is the channel's, until the next request. */
typedef void atls_http_answered(void *ctx, struct atls_http_answer *answer);

/* Null: memory, or a setting that libcurl refuses (err says which). */
struct atls_http_channel *atls_http_channel_new(struct atls_http_client *client,
	const struct atls_http_client_config *config, atls_http_answered *answered, void *ctx,
	struct atls_error *err);

/* Gives up a request that is under way. Null is allowed. */
void atls_http_channel_free(struct atls_http_channel *channel);

/* Another URL from the next request on. */
int atls_http_channel_url(struct atls_http_channel *channel, const char *url);

/* POSTs len bytes, which must stay until the answer; answered is called once, from the event base.
 * 0 or ATLS_E_MEMORY. */
int atls_http_post(
	struct atls_http_channel *channel, const char *content_type, const void *body, size_t len);

/* Of the next request: a header line more (null: none), and the time without a byte after which it
 * is lost, in seconds. */
void atls_http_channel_next(struct atls_http_channel *channel, const char *line, long stall_s);

/* Bytes of the answer under way that came so far. */
size_t atls_http_received(const struct atls_http_channel *channel);

/* Takes over the cookies of another channel of the same session, for good. */
void atls_http_channel_adopt(
	struct atls_http_channel *channel, const struct atls_http_channel *from);

/* The cookies of this channel, "a=b; c=d" or "", for a request beside it. */
const char *atls_http_channel_cookies(const struct atls_http_channel *channel);

/* Forgets the cookies of this channel. The first ones that come are kept for good. */
void atls_http_channel_forget(struct atls_http_channel *channel);

/* The certificates that the outer TLS showed on the connection that the last request went by, leaf
 * first, as PEM; 0 if there were none. They are the client's until the next request. */
unsigned atls_http_outer_chain(const struct atls_http_channel *channel, char *const **pem);

/* What else is known of that connection. Returns its number, by which it differs from all others of
 * the run; 0 if it is not known which one it was. */
unsigned long atls_http_outer(
	const struct atls_http_channel *channel, struct atls_report_connection *connection);

/* "2", "1.1": the HTTP version of the last answer. */
const char *atls_http_version(const struct atls_http_channel *channel);

#endif
