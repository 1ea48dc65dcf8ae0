/* What the service's front shows: the files of --outer-chain, and its own --outer-cert. */
#ifndef ATLS_SERVE_FRONT_H
#define ATLS_SERVE_FRONT_H

#include "options.h"

#include "trust/report.h"

#include <sys/stat.h>

struct fronts {
	struct atls_report_shown shown; /* without a connection */
	const char *const *files;       /* of shown.fronts, in order */
	struct timespec changed[ATLS_FRONTS_MAX];
};

/* Reads them; cert is the PEM text of --outer-cert, or null. 0, or ATLS_E_LOCAL with err naming the
 * file; to be freed in either case. */
int fronts_load(struct fronts *fronts, const struct settings *settings, const char *cert,
	struct atls_error *err);

/* Reads again what was renewed meanwhile. A file that cannot be read is logged, and what it held
 * before goes on counting. */
void fronts_refresh(struct fronts *fronts, const struct atls_log *log);

void fronts_free(struct fronts *fronts);

#endif
