/* HTTP requests in, answers out, over libmicrohttpd. One thread, driven by an event base. */
#ifndef ATLS_NET_HTTP_SERVER_H
#define ATLS_NET_HTTP_SERVER_H

#include "atls.h"

#include "trust/report.h"

#include <event2/event.h>

struct atls_http_server;
struct atls_http_request;

struct atls_http_header {
	const char *name;
	const char *value;
};

struct atls_http_server_config {
	struct event_base *base;
	size_t body_max;          /* a larger body gets 413 */
	size_t bodies_max;        /* all that are under way; beyond: 503 */
	unsigned connections_max; /* of each listener; more wait in the backlog */
	int64_t request_ms;       /* for a request to come in, and for an answer to go out */
	bool upgrades;            /* connections may leave HTTP, see atls_http_upgrade() */

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

struct atls_http_listen {
	const char *where; /* as atls_listen() takes it; without an address: all */
	const char *cert;  /* PEM text for https; null: http */
	const char *key;
};

/* 0 with *port set to the bound port, or what atls_listen() answered. */
int atls_http_server_listen(struct atls_http_server *server, const struct atls_http_listen *where,
	unsigned *port, struct atls_error *err);

/* Answers, and takes over body (malloc'd or null) whether it can or not. headers are copied. */
void atls_http_reply(struct atls_http_request *request, unsigned status,
	const struct atls_http_header *headers, size_t count, void *body, size_t len);

/* The same with a body that stays the caller's: release(ctx) is called once, when it is not needed
 * any more, which may be in this call or long after the request is done. */
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
 * and done() follows that. If the connection is lost before, done() comes without opened. Not over
 * https (atls_http_request_secure()), where libmicrohttpd would copy all bytes through a socket
 * pair.
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
