/* The result of a probe, as text, as JSON or as TAP, on standard output. */
#ifndef ATLS_PROBE_OUTPUT_H
#define ATLS_PROBE_OUTPUT_H

#include "probe.h"

#include "trust/verdict.h"

#include <jansson.h>

/* Prints one result; number counts from 1. 0, or ATLS_E_LOCAL or ATLS_E_MEMORY with err filled. */
int output_probe(const struct probe *probe, unsigned long number, struct atls_error *err);

/* TAP: the plan. */
int output_end(const struct run *run, unsigned long count, struct atls_error *err);

/* Text, with the evidence or without. */
void output_text(const struct probe *probe, bool evidence);

/* The handshake and the chain, for --explain. */
void output_chain(const struct probe *probe, const char *indent);

/* The object of schema atls-probe/1; null if memory is short. */
json_t *output_json(const struct probe *probe);

/* The faults as words with ", " between them, or "none". */
#define FAULTS_TEXT 160u
char *output_faults(unsigned faults, char text[FAULTS_TEXT]);

#endif
