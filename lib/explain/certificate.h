/* Certificates, raw public keys, OCSP responses and timestamps, as trees: GnuTLS reads them. */
#ifndef ATLS_EXPLAIN_CERTIFICATE_H
#define ATLS_EXPLAIN_CERTIFICATE_H

#include "explain/node.h"

/* Says what an X.509 certificate in DER holds; what GnuTLS cannot read is said, too. */
void atls_certificate_explain(const uint8_t *der, size_t len, const struct atls_nodes *nodes);

/* The same for a SubjectPublicKeyInfo (RFC 7250). */
void atls_raw_key_explain(const uint8_t *der, size_t len, const struct atls_nodes *nodes);

/* The same for an OCSP response (RFC 6960). */
void atls_ocsp_explain(const uint8_t *der, size_t len, const struct atls_nodes *nodes);

#endif
