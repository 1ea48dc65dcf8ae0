/* A connection to where a TLS server should be: directly, or through a proxy's CONNECT. libcurl
 * makes it, and whoever asked for it speaks on it. */
#ifndef ATLS_NET_DIAL_H
#define ATLS_NET_DIAL_H

#include "net/curl_loop.h"

/* How to get there; all kept by reference. */
struct atls_way {
	const char *proxy; /* null: that of the environment; "": none */
	const char *proxy_user;
	const char *interface;
	struct curl_slist *resolve;
	struct curl_slist *connect_to;
	long ip_version; /* CURL_IPRESOLVE_... */
	long connect_ms;
	bool proxy_anyauth;
};

/* The proxy by the environment, as libcurl takes it: https_proxy or HTTPS_PROXY for TLS, else
 * http_proxy, in small letters alone; then all_proxy, ALL_PROXY. Null: none. no_proxy is libcurl's
 * to honour. */
const char *atls_way_environment(bool tls);

struct atls_dial;

/* It stands, or err says why not: called once, from the event base. */
typedef void atls_dialed(void *ctx, const struct atls_error *err);

/* Begins to connect. host is a name or an address without brackets. Null: memory, or a setting that
 * libcurl refuses (err says which). */
struct atls_dial *atls_dial_new(struct atls_curl_loop *loop, const struct atls_way *way,
	const char *host, unsigned port, atls_dialed *dialed, void *ctx, struct atls_error *err);

/* Closes it. Null is allowed. */
void atls_dial_free(struct atls_dial *dial);

/* Of a connection that stands: its descriptor, to wait on. */
int atls_dial_fd(const struct atls_dial *dial);

/* As send(2) and recv(2) that do not block: a count, 0 for the end, or -1 with errno. */
ssize_t atls_dial_send(struct atls_dial *dial, const void *bytes, size_t len);
ssize_t atls_dial_recv(struct atls_dial *dial, void *bytes, size_t cap);

/* The address that was connected to, the proxy's if there is one: "192.0.2.1"; or "". */
const char *atls_dial_address(const struct atls_dial *dial);

#endif
