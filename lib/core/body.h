#ifndef ATLS_CORE_BODY_H
#define ATLS_CORE_BODY_H

#include "atls.h"

/* Whether a Content-Type value is that type (in lower case), parameters and case aside (RFC 9110
 * section 8.3.1). */
bool atls_body_type_is(const char *value, const char *type);

#endif
