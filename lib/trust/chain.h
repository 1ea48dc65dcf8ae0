#ifndef ATLS_TRUST_CHAIN_H
#define ATLS_TRUST_CHAIN_H

#include "trust/name.h"
#include "trust/policy.h"

struct atls_chain {
	gnutls_x509_crt_t crt[ATLS_CHAIN_MAX];
	unsigned count;
};

/* Imports at most ATLS_CHAIN_MAX certificates, up to the first that is malformed, for which it
 * returns ATLS_E_TLS. Also ATLS_E_MEMORY; atls_chain_free() is due in any case. */
int atls_chain_import(struct atls_chain *chain, const gnutls_datum_t *der, unsigned count);
void atls_chain_free(struct atls_chain *chain);

/* Sets *status to GnuTLS's gnutls_certificate_status_t for the chain, and the name and purpose if
 * policy has them; 0 only if GnuTLS's verification passed. policy must have anchors. Returns 0,
 * ATLS_E_MEMORY, or ATLS_E_TLS if there is no finding. */
int atls_chain_verify(const struct atls_policy *policy, struct atls_chain *chain,
	const struct atls_name *name, unsigned *status);

/* The faults that a status means, and those that GnuTLS does not come to look for behind them. */
unsigned atls_chain_faults(const struct atls_chain *chain, unsigned status);

/* ATLS_FAULT_EXPIRED or ATLS_FAULT_NOT_YET of one certificate. */
unsigned atls_crt_time_faults(gnutls_x509_crt_t crt);

#endif
