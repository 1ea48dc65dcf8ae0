/* --fetch: what the certificates say is to be had elsewhere: issuers that were not sent, and what
 * their CA says of the leaf now. */
#ifndef ATLS_PROBE_COMPLETE_H
#define ATLS_PROBE_COMPLETE_H

#include "run.h"

#include "net/fetch.h"

#define COMPLETE_MORE_MAX 3u

struct complete {
	struct run *run;
	const struct atls_shown *shown;
	gnutls_datum_t more[COMPLETE_MORE_MAX];
	unsigned more_count;
	gnutls_datum_t ocsp, crl;

	struct atls_fetch *fetch;
	gnutls_datum_t request;
	char url[ATLS_URL_TEXT];
	unsigned step;
	void (*done)(void *ctx);
	void *ctx;
};

/* Begins; done is called once, perhaps before it returns. */
void complete_start(struct complete *complete, struct run *run, const struct atls_shown *shown,
	void (*done)(void *ctx), void *ctx);

void complete_free(struct complete *complete);

#endif
