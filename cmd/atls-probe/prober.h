/* Many targets at once, in bounded memory. */
#ifndef ATLS_PROBE_PROBER_H
#define ATLS_PROBE_PROBER_H

#include "run.h"

/* Probes the canaries, then all targets, and prints what is found; with --watch, again and again.
 * Returns the exit code. */
int prober_run(struct run *run);

#endif
