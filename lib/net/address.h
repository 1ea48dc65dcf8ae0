/* Where to connect to. */
#ifndef ATLS_NET_ADDRESS_H
#define ATLS_NET_ADDRESS_H

#include "atls.h"

#include <netdb.h>

/* The stream addresses of "HOST:PORT", "[V6]:PORT" or "unix:PATH", in the order to try them: a list
 * for atls_address_free(). 0, ATLS_E_USAGE for another form, or ATLS_E_LOCAL. */
int atls_address_resolve(const char *text, struct addrinfo **list, struct atls_error *err);

void atls_address_free(struct addrinfo *list);

#endif
