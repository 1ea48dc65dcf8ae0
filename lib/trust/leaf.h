#ifndef ATLS_TRUST_LEAF_H
#define ATLS_TRUST_LEAF_H

#include "trust/policy.h"

/* Fills verdict's evidence from the leaf. Returns 0; ATLS_E_TLS if its key cannot be read, so that
 * there is no pin; or ATLS_E_MEMORY. */
int atls_leaf_describe(struct atls_verdict *verdict, gnutls_x509_crt_t leaf);

#endif
