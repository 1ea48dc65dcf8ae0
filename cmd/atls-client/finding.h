/* What was found of a session, for --check and --report. */
#ifndef ATLS_CLIENT_FINDING_H
#define ATLS_CLIENT_FINDING_H

#include "route.h"
#include "told.h"

#include "trust/report.h"

#include <jansson.h>
#include <time.h>

struct finding {
	struct atls_error error; /* how it ended; ATLS_OK: well */
	char url[4096];
	bool direct; /* its way; the rest is without HTTP then */
	struct direct_tried tried;
	char target[DIRECT_TARGET_TEXT];
	const char *encoding;
	const char *carriage;
	bool streams;                  /* stream carriage... */
	struct atls_stream_facts path; /* ...and what it found */
	struct ws_found websocket;
	unsigned long long exchanges;
	const char *http;
	bool unchecked; /* --insecure-inner */
	bool outer_seen;
	struct atls_verdict outer;
	char outer_sentence[TOLD_TEXT];
	const char *raw; /* TYPE of a stream without the inner TLS, or null */
	bool inner_seen;
	struct atls_verdict inner;
	char suite[TOLD_TEXT];
	int64_t handshake_ms; /* -1: it was not done */
	struct atls_report_chain outer_chain, inner_chain;
	json_t *report; /* what came of --report-outer; null: it was not asked for */
	char report_sentence[TOLD_TEXT];
};

/* Looks at a session as it stands; err is why it ended, or null. */
void finding_gather(struct finding *found, struct client *client, const struct route *route,
	const struct atls_error *err);

void finding_free(struct finding *found);

/* The finding as an object of that schema, for the caller; null if memory is short. */
json_t *finding_json(const struct finding *found, const char *schema);

/* What a session carried. */
struct traffic {
	time_t began;
	int64_t since; /* the same on the clock that only goes forward, ms */
	uint64_t up, down;
};

/* Appends a line to client->report; traffic may be null. A failure is logged. */
void report_write(
	struct client *client, const struct finding *found, const struct traffic *traffic);

#endif
