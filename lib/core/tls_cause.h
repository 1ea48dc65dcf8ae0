#ifndef ATLS_CORE_TLS_CAUSE_H
#define ATLS_CORE_TLS_CAUSE_H

#include <gnutls/gnutls.h>

/* What a fatal GnuTLS code means to a person; the library's own words may follow in parentheses. */
const char *atls_tls_cause(int rc);

/* An alert's name as RFC 8446 section 6 has it, "unknown_ca". Returns name. */
#define ATLS_ALERT_NAME 48u
char *atls_alert_name(gnutls_alert_description_t alert, char name[ATLS_ALERT_NAME]);

#endif
