/* What the network-layer TLS of each connection showed. */
#ifndef ATLS_NET_OUTER_H
#define ATLS_NET_OUTER_H

#include "trust/report.h"

#include <curl/curl.h>
#include <sys/queue.h>

struct atls_outer {
	unsigned long serial; /* above 0 */
	char where[128];      /* both its ends, by which it is known again */
	char **pem;           /* leaf first */
	unsigned count;
	struct atls_report_connection connection;
	TAILQ_ENTRY(atls_outer) entry;
};

/* The connections seen last. */
struct atls_outers {
	TAILQ_HEAD(atls_outer_list, atls_outer) list;
	unsigned count;
	unsigned long serial;
};

void atls_outers_init(struct atls_outers *outers);
void atls_outers_free(struct atls_outers *outers);

/* The connection on which easy's request travels: to be asked while it does, if the channel binding
 * is wanted. Null: it is not known. */
const struct atls_outer *atls_outer_note(struct atls_outers *outers, CURL *easy);

/* Null if it is not known any more. */
const struct atls_outer *atls_outer_find(const struct atls_outers *outers, unsigned long serial);

#endif
