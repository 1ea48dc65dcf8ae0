/* What a certificate says is to be had by plain HTTP: its issuer, a revocation list, an OCSP
 * response. */
#ifndef ATLS_NET_FETCH_H
#define ATLS_NET_FETCH_H

#include "net/curl_loop.h"
#include "net/dial.h"

#define ATLS_FETCH_MAX (4u << 20)

struct atls_fetch;

/* The body of a 200, or null with len 0; it is the fetch's. Called once, from the event base. */
typedef void atls_fetched(void *ctx, const uint8_t *body, size_t len);

/* Begins to GET url; or with a body of that type, which is kept by reference, to POST it. Null:
 * memory, or no http URL. */
struct atls_fetch *atls_fetch_new(struct atls_curl_loop *loop, const struct atls_way *way,
	const char *url, const char *type, const void *body, size_t len, atls_fetched *fetched,
	void *ctx);

/* Null is allowed. */
void atls_fetch_free(struct atls_fetch *fetch);

#endif
