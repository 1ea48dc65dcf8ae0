/* What was seen before: baselines, and the keys that were seen first. */
#ifndef ATLS_PROBE_MEMORY_H
#define ATLS_PROBE_MEMORY_H

#include "run.h"

struct probe;

/* Reads --baseline and --known-keys, and opens --save. Null with err filled. */
struct memory *memory_open(const struct settings *settings, struct atls_error *err);
void memory_close(struct memory *memory);

/* What a target showed on a good network; its pointers are memory's. False: there is none. */
bool memory_baseline(
	const struct memory *memory, const struct target *target, struct atls_sight *sight);

/* The key that was seen first. False: this is the first time. */
bool memory_known_key(
	const struct memory *memory, const struct target *target, uint8_t pin[ATLS_PIN_LEN]);

/* Writes down what a probe saw: the chain for --save, and a first key unless it was intercepted. 0,
 * or ATLS_E_LOCAL or ATLS_E_MEMORY with err filled. */
int memory_note(struct memory *memory, const struct probe *probe, struct atls_error *err);

#endif
