/* --atls: the proof. Through an inner session, verified end to end, the service says what its front
 * really shows; that is compared with what was seen on the very connection that carried it. */
#ifndef ATLS_PROBE_PROOF_H
#define ATLS_PROBE_PROOF_H

#include "run.h"

#include "net/http_client.h"

struct proof;

struct proof_config {
	struct atls_http_client *http;
	const char *url, *host;
	const struct atls_policy *policy; /* of the inner session */
	gnutls_certificate_credentials_t credentials;
	gnutls_priority_t priorities;
	int64_t max_ms;
	void (*done)(void *ctx, struct proof *proof);
	void *ctx;
};

/* Begins; done is called once, from the event base. Null with err filled. */
struct proof *proof_start(
	struct run *run, const struct proof_config *config, struct atls_error *err);

/* Null is allowed. */
void proof_free(struct proof *proof);

/* Once it is done: its error (no proof), or what came of it. */
const struct atls_error *proof_error(const struct proof *proof);
enum atls_report_finding proof_finding(const struct proof *proof);
const struct atls_report_seen *proof_seen(const struct proof *proof);
const struct atls_report_shown *proof_shown(const struct proof *proof);

#endif
