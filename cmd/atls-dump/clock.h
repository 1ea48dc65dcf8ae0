/* Times that inputs name. */
#ifndef ATLS_DUMP_CLOCK_H
#define ATLS_DUMP_CLOCK_H

#include "atls.h"

/* Microseconds since the epoch of an RFC 3339 time, "2026-11-23T16:00:00.123Z" or with an offset;
 * -1 if it is none. Null is allowed. */
int64_t clock_parse(const char *text);

/* The same of seconds since the epoch; -1 for what no clock shows. */
int64_t clock_from_seconds(double seconds);
int64_t clock_from_parts(int64_t seconds, int64_t micro);

#endif
