/* --watch: what is no news is not said again, also after a restart. */
#ifndef ATLS_PROBE_WATCH_H
#define ATLS_PROBE_WATCH_H

#include "probe.h"

struct watch;

/* Reads --state, if it is there. Null with err filled. */
struct watch *watch_open(struct run *run, struct atls_error *err);
void watch_close(struct watch *watch);

/* Whether the target's finding differs from its last: verdict, faults, who, or the issuer. */
bool watch_is_news(struct watch *watch, const struct probe *probe);

/* Writes --state, which appears whole. 0, or ATLS_E_LOCAL with err filled. */
int watch_keep(struct watch *watch, struct atls_error *err);

#endif
