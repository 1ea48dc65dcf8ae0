/* HTTP requests in, answers out, over libmicrohttpd. A server is driven by an event base, and so
 * one thread's; but a request whose body is in may be lent to another thread. */
#ifndef ATLS_NET_HTTP_SERVER_H
#define ATLS_NET_HTTP_SERVER_H

#include "atls.h"

#include "net/mailbox.h"
#include "trust/report.h"

#include <event2/event.h>

struct atls_http_server;
struct atls_http_request;

struct atls_http_header {
	const char *name;
	const char *value;
};

/* What all bodies under way may have together, of one server or of several. */
struct atls_http_bodies {
	size_t max; /* beyond: 503 */
	_Atomic size_t in_flight;
};

struct atls_http_server_config {
	struct event_base *base;
	struct atls_mailbox *mailbox;    /* of the same base; null: no request is lent */
	size_t body_max;                 /* a larger body gets 413 */
	struct atls_http_bodies *bodies; /* the caller's, longer than the server lives */
	unsigned connections_max;        /* of each listener; more wait in the backlog */
	int64_t request_ms;              /* for a request to come in, and for an answer to go out */
	bool upgrades;                   /* connections may leave HTTP, see atls_http_upgrade() */

	/* The headers are in. 0 to take the body, else the status to answer with, and *extra one
	 * header for it. */
	unsigned (*admit)(
		void *ctx, struct atls_http_request *request, struct atls_http_header *extra);
	/* It was refused before its body was in: by admit(), or for its length (413) or its time
	 * (408).
	 */
	void (*refused)(void *ctx, const struct atls_http_request *request, unsigned status);
	/* The body is in: answer now or later, once. */
	void (*ready)(void *ctx, struct atls_http_request *request);
	/* The exchange is over, answered or not; the request is freed after this call. */
	void (*done)(void *ctx, struct atls_http_request *request);
	void *ctx;
};

struct atls_http_server *atls_http_server_new(
	const struct atls_http_server_config *config, struct atls_error *err);

/* Closes all listeners and connections. Null is allowed. */
void atls_http_server_free(struct atls_http_server *server);

/* A certificate for https, both PEM text; null for http. */
struct atls_http_outer {
	const char *cert;
	const char *key;
};

/* Takes connections from a listening socket, which other servers may do as well: fd is copied. 0,
 * ATLS_E_LOCAL or ATLS_E_MEMORY. */
int atls_http_server_listen(struct atls_http_server *server, int fd,
	const struct atls_http_outer *outer, struct atls_error *err);

/*
 * Lends a request of ready() to the thread whose mailbox that is: open(ctx) is called there, and
 * all but the answer is that thread's until it answers. Here nothing may be done with the request
 * until done(), which comes after the answer; and there nothing after it.
 */
void atls_http_lend(struct atls_http_request *request, struct atls_mailbox *to,
	void (*open)(void *ctx), void *ctx);

/* Answers, and takes over body (malloc'd or null) whether it can or not. headers are copied. */
void atls_http_reply(struct atls_http_request *request, unsigned status,
	const struct atls_http_header *headers, size_t count, void *body, size_t len);

/* The same with a body that stays the caller's: release(ctx) is called once, when it is not needed
 * any more, which may be in this call or long after the request is done, and by the server's own
 * thread when the request was lent. */
void atls_http_reply_borrowed(struct atls_http_request *request, unsigned status,
	const struct atls_http_header *headers, size_t count, const void *body, size_t len,
	void (*release)(void *ctx), void *ctx);

/* What an upgraded connection is from then on. */
struct atls_http_upgraded {
	int fd;            /* it does not block; not to be closed */
	const void *early; /* bytes that came behind the request already */
	size_t early_len;
};

typedef void atls_http_upgrade_fn(
	void *ctx, struct atls_http_request *request, const struct atls_http_upgraded *connection);

/*
 * Answers 101 with headers (copied); "Connection: Upgrade" is added. opened is called from the
 * event base when the answer is out, after which the request lives until atls_http_upgrade_end(),
 * and done() follows that; meanwhile it may be lent. If the connection is lost before, done() comes
 * without opened. Not over https (atls_http_request_secure()), where libmicrohttpd would copy all
 * bytes through a socket pair.
 */
void atls_http_upgrade(struct atls_http_request *request, const struct atls_http_header *headers,
	size_t count, atls_http_upgrade_fn *opened, void *ctx);

/* Closes an upgraded connection. */
void atls_http_upgrade_end(struct atls_http_request *request);

const char *atls_http_request_method(const struct atls_http_request *request);
const char *atls_http_request_path(const struct atls_http_request *request);
/* A header's value, or null; name's case does not matter. */
const char *atls_http_request_header(const struct atls_http_request *request, const char *name);
/* A cookie's value, or null. */
const char *atls_http_request_cookie(const struct atls_http_request *request, const char *name);
/* The client's address as text. */
const char *atls_http_request_peer(const struct atls_http_request *request);
/* Whether it came over https. */
bool atls_http_request_secure(const struct atls_http_request *request);
/* The TLS of the connection that it came on. */
void atls_http_request_connection(
	const struct atls_http_request *request, struct atls_report_connection *connection);
/* The body; the caller may change its bytes. */
uint8_t *atls_http_request_body(struct atls_http_request *request, size_t *len);
/* Gives the body's memory back before the answer. */
void atls_http_request_body_done(struct atls_http_request *request);
/* The owner's pointer, null at first. */
void **atls_http_request_user(struct atls_http_request *request);

#endif
