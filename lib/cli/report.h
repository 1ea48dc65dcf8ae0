/* The objects of a transport report (trust/report.h) as JSON, one line each; a peer's are parsed
 * strictly. */
#ifndef ATLS_CLI_REPORT_H
#define ATLS_CLI_REPORT_H

#include "trust/report.h"

#include <jansson.h>

#define ATLS_REPORT_HOST 256u

/* A chain as an array of {"sha256": HEX, "der": BASE64}. Null if memory is short. */
json_t *atls_report_chain_json(const struct atls_report_chain *chain);

/* What a service shows, without schema and finding. Null if memory is short. */
json_t *atls_report_shown_json(const struct atls_report_shown *shown);

/* What the client says, host being the name that it went to; what the service answers and finds. A
 * line with its newline, for the caller to free. Null if memory is short. */
char *atls_report_seen_text(const struct atls_report_seen *seen, const char *host);
char *atls_report_shown_text(
	const struct atls_report_shown *shown, enum atls_report_finding finding);

/* Reads len bytes of a peer's: one object of the schema, at most ATLS_REPORT_MAX long, without
 * duplicate members. Unknown members are ignored. 0, ATLS_E_MEMORY, or ATLS_E_PROTOCOL with err
 * "transport report: ..."; the struct is to be freed in either case. host is cut to its size. */
int atls_report_seen_parse(const char *text, size_t len, struct atls_report_seen *seen,
	char host[ATLS_REPORT_HOST], struct atls_error *err);
int atls_report_shown_parse(
	const char *text, size_t len, struct atls_report_shown *shown, struct atls_error *err);

#endif
