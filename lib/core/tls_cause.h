#ifndef ATLS_CORE_TLS_CAUSE_H
#define ATLS_CORE_TLS_CAUSE_H

/* What a fatal GnuTLS code means to a person; the library's own words may follow in parentheses. */
const char *atls_tls_cause(int rc);

#endif
