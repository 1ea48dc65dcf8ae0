#include "complete.h"

#include <gnutls/ocsp.h>
#include <gnutls/pkcs7.h>
#include <stdlib.h>
#include <string.h>

enum step { STEP_ISSUER, STEP_OCSP, STEP_CRL, STEP_DONE };

static void go_on(struct complete *complete);

static bool keep(gnutls_datum_t *to, const void *bytes, size_t len)
{
	free(to->data);
	to->data = malloc(len ? len : 1);
	to->size = to->data ? (unsigned)len : 0;
	if (to->data)
		memcpy(to->data, bytes, len);
	return to->data != NULL;
}

/* The certificates that stand at the top of what is there: fetched, or else sent. */
static const gnutls_datum_t *top(const struct complete *complete)
{
	if (complete->more_count)
		return &complete->more[complete->more_count - 1];
	return complete->shown->count ? &complete->shown->chain[complete->shown->count - 1] : NULL;
}

/* One certificate in DER, or the first of a PKCS #7 bundle. */
static void take_issuer(struct complete *complete, const uint8_t *body, size_t len)
{
	const gnutls_datum_t data = {(unsigned char *)(uintptr_t)body, (unsigned)len};
	struct atls_facts facts;
	gnutls_pkcs7_t bundle = NULL;
	gnutls_datum_t first = {0};
	bool kept = false;

	if (atls_facts_read(&facts, &data) == 0) {
		kept = keep(&complete->more[complete->more_count], body, len);
	} else if (gnutls_pkcs7_init(&bundle) == 0) {
		if (gnutls_pkcs7_import(bundle, &data, GNUTLS_X509_FMT_DER) == 0 &&
			gnutls_pkcs7_get_crt_raw2(bundle, 0, &first) == 0)
			kept = keep(&complete->more[complete->more_count], first.data, first.size);
		gnutls_free(first.data);
		gnutls_pkcs7_deinit(bundle);
	}
	complete->more_count += kept;
	if (!kept)
		complete->step++;
}

static void fetched(void *ctx, const uint8_t *body, size_t len)
{
	struct complete *complete = ctx;

	if (complete->step == STEP_ISSUER && body)
		take_issuer(complete, body, len);
	else if (complete->step == STEP_OCSP && body)
		keep(&complete->ocsp, body, len);
	else if (complete->step == STEP_CRL && body)
		keep(&complete->crl, body, len);
	if (complete->step != STEP_ISSUER || !body)
		complete->step++;
	atls_fetch_free(complete->fetch);
	complete->fetch = NULL;
	go_on(complete);
}

/* Whether it was begun. */
static bool begin(struct complete *complete, const char *url, const gnutls_datum_t *request)
{
	struct run *run = complete->run;

	if (!url[0])
		return false;
	memcpy(complete->url, url, sizeof complete->url);
	complete->fetch = atls_fetch_new(run->loop, &run->way, complete->url,
		"application/ocsp-request", request ? request->data : NULL,
		request ? request->size : 0, fetched, complete);
	return complete->fetch != NULL;
}

/* Whether the chain, with what was fetched, ends at an anchor already. */
static bool is_whole(const struct complete *complete)
{
	struct atls_sight sight = atls_shown_sight(complete->shown);
	struct atls_expected expected = complete->run->expected;
	struct atls_judgement *judgement = malloc(sizeof *judgement);

	sight.more = complete->more;
	sight.more_count = complete->more_count;
	bool whole = !judgement || atls_judge(&expected, &sight, NULL, judgement) ||
		     judgement->expected || judgement->anchor != ATLS_ANCHOR_NONE;
	free(judgement);
	return whole;
}

static bool begin_issuer(struct complete *complete)
{
	struct atls_facts facts;
	const gnutls_datum_t *last = top(complete);

	return last && complete->more_count < COMPLETE_MORE_MAX && !is_whole(complete) &&
	       atls_facts_read(&facts, last) == 0 && begin(complete, facts.issuer_url, NULL);
}

/* Asks for the leaf by its issuer, where that is at hand. */
static bool make_request(struct complete *complete, const gnutls_datum_t *issuer_der)
{
	struct atls_chain leaf = {0}, issuer = {0};
	gnutls_ocsp_req_t request = NULL;
	bool made = false;

	if (atls_chain_import(&leaf, &complete->shown->chain[0], 1) == 0 &&
		atls_chain_import(&issuer, issuer_der, 1) == 0 &&
		gnutls_x509_crt_check_issuer(leaf.crt[0], issuer.crt[0]) &&
		gnutls_ocsp_req_init(&request) == 0 &&
		gnutls_ocsp_req_add_cert(request, GNUTLS_DIG_SHA1, issuer.crt[0], leaf.crt[0]) == 0)
		made = gnutls_ocsp_req_export(request, &complete->request) == 0;
	if (request)
		gnutls_ocsp_req_deinit(request);
	atls_chain_free(&issuer);
	atls_chain_free(&leaf);
	return made;
}

static bool begin_ocsp(struct complete *complete, const struct atls_facts *leaf)
{
	bool made = false;

	if (!leaf->ocsp_url[0] || complete->shown->ocsp.size)
		return false;
	for (unsigned i = 1; !made && i < complete->shown->count; i++)
		made = make_request(complete, &complete->shown->chain[i]);
	for (unsigned i = 0; !made && i < complete->more_count; i++)
		made = make_request(complete, &complete->more[i]);
	return made && begin(complete, leaf->ocsp_url, &complete->request);
}

static void go_on(struct complete *complete)
{
	struct atls_facts leaf;

	if (complete->shown->count == 0 || atls_facts_read(&leaf, &complete->shown->chain[0]))
		complete->step = STEP_DONE;
	for (; complete->step < STEP_DONE; complete->step++) {
		if (complete->step == STEP_ISSUER && begin_issuer(complete))
			return;
		if (complete->step == STEP_OCSP && begin_ocsp(complete, &leaf))
			return;
		if (complete->step == STEP_CRL && begin(complete, leaf.crl_url, NULL))
			return;
	}
	complete->done(complete->ctx);
}

void complete_start(struct complete *complete, struct run *run, const struct atls_shown *shown,
	void (*done)(void *ctx), void *ctx)
{
	memset(complete, 0, sizeof *complete);
	complete->run = run;
	complete->shown = shown;
	complete->done = done;
	complete->ctx = ctx;
	go_on(complete);
}

void complete_free(struct complete *complete)
{
	atls_fetch_free(complete->fetch);
	for (unsigned i = 0; i < complete->more_count; i++)
		free(complete->more[i].data);
	free(complete->ocsp.data);
	free(complete->crl.data);
	gnutls_free(complete->request.data);
	memset(complete, 0, sizeof *complete);
}
