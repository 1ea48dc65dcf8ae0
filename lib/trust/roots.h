/* Trust anchors by where they come from: the distribution's public roots, and what was added on
 * this machine. Whoever reads the files says which is which. */
#ifndef ATLS_TRUST_ROOTS_H
#define ATLS_TRUST_ROOTS_H

#include "trust/chain.h"

enum atls_origin { ATLS_ORIGIN_PUBLIC, ATLS_ORIGIN_ADDED };

struct atls_roots;

/* Null if memory is short. */
struct atls_roots *atls_roots_new(void);

/* Null is allowed. */
void atls_roots_free(struct atls_roots *roots);

/* Adds a root in DER; a copy is kept. One that is there already stays as it is, so that what is
 * public is to be added first. 0 or ATLS_E_MEMORY. */
int atls_roots_add(struct atls_roots *roots, const void *der, size_t len, enum atls_origin origin);

bool atls_roots_holds(const struct atls_roots *roots, const void *der, size_t len);

/* How many there are of an origin. */
unsigned atls_roots_count(const struct atls_roots *roots, enum atls_origin origin);

/* The roots that a chain may lead to, by the names of its issuers: public ones, and added ones too
 * if asked for. A new list for the caller to free; null if memory is short. Only these are parsed,
 * for a whole store takes longer than a handshake. */
gnutls_x509_trust_list_t atls_roots_for(
	const struct atls_roots *roots, const struct atls_chain *chain, bool added);

#endif
