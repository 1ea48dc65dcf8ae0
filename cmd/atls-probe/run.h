/* What all probes of a run share. */
#ifndef ATLS_PROBE_RUN_H
#define ATLS_PROBE_RUN_H

#include "options.h"
#include "target.h"

#include "cli/capture.h"
#include "net/http_ask.h"
#include "net/http_client.h"
#include "trust/judge.h"

struct memory;

struct run {
	struct settings settings;
	struct atls_log log;
	struct event_base *base;
	struct atls_curl_loop *loop;
	struct atls_way way;
	gnutls_certificate_credentials_t credentials;
	gnutls_priority_t priorities;
	struct atls_expected expected; /* without what each target has of its own */
	struct atls_roots *roots;
	struct atls_issuers *issuers;
	struct atls_http_client *http; /* of the proof; null without --atls */
	struct atls_policy inner;
	gnutls_priority_t inner_priorities;
	struct memory *memory; /* baselines and known keys */
	struct atls_capture *capture;
	struct atls_other canaries[CANARIES_MAX]; /* those that were reached */
	unsigned canary_count;
	struct targets targets;
};

#endif
