#ifndef ATLS_TRUST_NAME_H
#define ATLS_TRUST_NAME_H

#include <gnutls/x509.h>
#include <stdbool.h>
#include <stddef.h>

/* A name to expect of a peer, as GnuTLS and the certificates spell it. */
struct atls_name {
	unsigned char address[16];
	unsigned address_len; /* 4 or 16; 0: a DNS name */
	char dns[256];        /* A-labels, no dot at the end; empty: nothing can match */
};

void atls_name_parse(struct atls_name *name, const char *text);

/* Whether the subject alternative names have it (RFC 9525 section 6): a DNS name among the DNS
 * names, with a wildcard as a whole leftmost label only, an address among the addresses. */
bool atls_name_matches(const struct atls_name *name, gnutls_x509_crt_t crt);

/* Writes the DNS names and addresses of crt as "a, b"; "..." ends a list that is cut. */
void atls_name_list(gnutls_x509_crt_t crt, char *text, size_t cap);

#endif
