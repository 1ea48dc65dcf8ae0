/* What was found of the two TLS layers, for -v and --check. */
#ifndef ATLS_CLIENT_TOLD_H
#define ATLS_CLIENT_TOLD_H

#include "direct_way.h"
#include "session.h"

#include "trust/report.h"

#define TOLD_TEXT 768

/* The network layer's certificate, judged as a browser on this machine would (or by
 * --outer-cacert). False if there was none: plain http, or the chain could not be read. */
bool outer_judge(struct client *client, struct atls_http_channel *channel,
	struct atls_verdict *verdict, char *sentence, size_t cap);

/* Both layers' certificates, as they were shown; what cannot be read or kept is left out. */
void outer_chain(const struct atls_http_channel *channel, struct atls_report_chain *chain);
void inner_chain(const struct atls_engine *engine, struct atls_report_chain *chain);

/* The inner session's, in DER, leaf first; null if there are none. */
const gnutls_datum_t *inner_peers(const struct atls_engine *engine, unsigned *count);

/* "TLS1.3, AES-128-GCM, ECDHE-SECP256R1": what an engine negotiated. Returns text. */
char *inner_suite(const struct atls_engine *engine, char *text, size_t cap);

/* The service's certificate as the inner session showed it, judged by the client's policy. */
void inner_judge(const struct client *client, const struct atls_engine *engine,
	struct atls_verdict *verdict);

/* Under -v: that the direct way is taken (by a session of that number), or why it is not. Nothing
 * where it was not asked for. */
void tell_direct(const struct client *client, const struct atls_engine *engine,
	const struct direct_tried *tried, unsigned number);
void tell_not_direct(const struct client *client, const struct direct_tried *tried);

/* Under -v: once a run, and once a session. Without the inner TLS, that there is none. */
void tell_outer(struct client *client, struct atls_http_channel *channel);
void tell_inner(struct client *client, const struct session *session, unsigned number);

#endif
