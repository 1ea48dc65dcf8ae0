#ifndef ATLS_TRUST_VERDICT_H
#define ATLS_TRUST_VERDICT_H

#include "trust/policy.h"

/* The most telling of the faults, by which alert, word and hint are chosen; 0 for none. */
unsigned atls_fault_first(unsigned faults);

/* As atls_verdict_sentence(), of whose ("the service's") certificate it is. */
void atls_verdict_describe(const struct atls_verdict *verdict, const char *whose, const char *name,
	char *text, size_t cap);

#endif
