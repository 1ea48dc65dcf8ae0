/* What the network-layer TLS of a connection showed. */
#ifndef ATLS_NET_OUTER_H
#define ATLS_NET_OUTER_H

#include <curl/curl.h>

struct atls_outer {
	char **pem; /* leaf first */
	unsigned count;
};

/* After a request: keeps the chain if the request made a connection; one that was reused shows
 * none. */
void atls_outer_note(struct atls_outer *outer, CURL *easy);

void atls_outer_free(struct atls_outer *outer);

#endif
