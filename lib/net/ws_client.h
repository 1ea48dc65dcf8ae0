/* A WebSocket to the service: libcurl makes the connection, by whatever proxies and outer TLS, and
 * the upgrade is asked for on it (RFC 6455 section 4.1). */
#ifndef ATLS_NET_WS_CLIENT_H
#define ATLS_NET_WS_CLIENT_H

#include "net/http_client.h"
#include "net/ws_link.h"

#define ATLS_WS_ANSWER_MS 10000 /* for the answer to the upgrade */

struct atls_ws_client;

struct atls_ws_client_events {
	/* The WebSocket stands. The link is the client's, and freed with it; not in here. */
	void (*opened)(void *ctx, struct atls_ws_link *link);
	/* It does not come to be: with the HTTP status of a refusal, or 0. Called once, last. */
	void (*refused)(void *ctx, unsigned status, const struct atls_error *err);
	struct atls_ws_link_events link; /* of one that stands */
};

/*
 * Begins to connect to url (http or https), as config has it, with its headers, and cookies ("a=b;
 * c=d", or ""). All are called from the event base with ctx, and the client may be freed in each.
 * Null: memory, or a setting that libcurl refuses (err says which).
 */
struct atls_ws_client *atls_ws_client_new(struct atls_http_client *http, struct event_base *base,
	const struct atls_http_client_config *config, const char *url, const char *cookies,
	const struct atls_ws_client_events *events, void *ctx, struct atls_error *err);

/* Closes it. Null is allowed. */
void atls_ws_client_free(struct atls_ws_client *client);

#endif
