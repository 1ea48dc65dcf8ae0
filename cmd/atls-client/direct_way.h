/* What all attempts at the direct way share: where it leads, what certificate it takes, what an
 * attempt that failed showed, and for how long that is remembered. */
#ifndef ATLS_CLIENT_DIRECT_WAY_H
#define ATLS_CLIENT_DIRECT_WAY_H

#include "session.h"

#include "net/dial.h"
#include "trust/judge.h"
#include "trust/report.h"

#define DIRECT_TARGET_TEXT 300u

struct direct_way;

/* What came of the direct way, for the log and the reports. Texts may hold bytes of a peer's. */
struct direct_tried {
	bool tried;
	bool remembered;         /* from an earlier attempt of this run */
	struct atls_error error; /* why it is not used; ATLS_OK: it is */
	int64_t took_ms;
	bool seen;                      /* a certificate was shown */
	struct atls_report_chain chain; /* owned */
	struct atls_verdict verdict;    /* of it, by what is expected of the service */
	enum atls_finding finding;
	char who[ATLS_NAME_TEXT]; /* may stand between, or "" */
};

void direct_tried_copy(struct direct_tried *to, const struct direct_tried *from);
void direct_tried_free(struct direct_tried *tried);

/* Reads --direct. Null with err filled: ATLS_E_USAGE for a value that has not its form. The client
 * has its host, policy and event base. */
struct direct_way *direct_way_new(struct client *client, struct atls_error *err);

void direct_way_free(struct direct_way *way);

/* Begins to connect there. */
struct atls_dial *direct_way_dial(
	struct direct_way *way, atls_dialed *dialed, void *ctx, struct atls_error *err);

/* "service.example:443" */
const char *direct_way_target(const struct direct_way *way);

/* An atls_verify_fn with a direct_way as its context: atls_policy_verify(), and where nothing but
 * the system's trust vouches, no root that was added on this machine: that is what an inspecting
 * box looks like from behind it. */
int direct_way_verify(void *way, const gnutls_datum_t *chain, unsigned count,
	gnutls_alert_description_t *alert, struct atls_error *err);

/* Judges what a session showed, and why it ended (err): fills tried. tls may be null. */
void direct_way_judge(struct direct_way *way, gnutls_session_t tls, const struct atls_error *err,
	struct direct_tried *tried);

/* The way did not work, at now and for the reason err: it is not tried again for a while. */
void direct_way_failed(struct direct_way *way, const struct direct_tried *tried,
	const struct atls_error *err, int64_t now);

/* Whether it failed not long ago; then *tried gets what was found. */
bool direct_way_barred(const struct direct_way *way, int64_t now, struct direct_tried *tried);

#endif
