/* The file of --save and --baseline: what each target showed, a JSON object a line. */
#ifndef ATLS_PROBE_BASELINE_H
#define ATLS_PROBE_BASELINE_H

#include "run.h"

#include <stdio.h>

#define BASELINE_SCHEMA "atls-probe-baseline/1"

struct baselines;
struct probe;

/* Null with err filled: ATLS_E_LOCAL, also for another kind of file, or ATLS_E_MEMORY. */
struct baselines *baselines_read(const char *name, struct atls_error *err);
void baselines_free(struct baselines *baselines);

/* What the target of that name showed. False: there is none. */
bool baselines_find(
	const struct baselines *baselines, const char *target, struct atls_sight *sight);

int baseline_write(FILE *file, const char *name, const char *target, const struct probe *probe,
	struct atls_error *err);

#endif
