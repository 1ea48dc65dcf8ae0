#ifndef ATLS_CLI_CREDS_H
#define ATLS_CLI_CREDS_H

#include "atls.h"

#include <gnutls/x509.h>

/* Where a side's keys and trust come from; null: not given. */
struct atls_creds_files {
	const char *const *certs; /* PEM chains, leaf first; of several, SNI chooses */
	const char *const *keys;  /* PEM, in the same order */
	unsigned cert_count;
	unsigned key_count; /* 0: each key is in the file of its certificate */
	const char *cacert; /* PEM trust anchors */
	const char *capath; /* a directory of them */
	bool system_trust;  /* without both: the machine's store */
};

struct atls_creds {
	gnutls_certificate_credentials_t credentials; /* own certificate; what GnuTLS asks for */
	gnutls_x509_trust_list_t anchors;             /* null: none was asked for */
};

/* Reads the files. 0, or ATLS_E_LOCAL (ATLS_E_USAGE for a key that does not fit its certificate)
 * with err naming the file. creds is to be freed in either case. */
int atls_creds_load(
	struct atls_creds *creds, const struct atls_creds_files *files, struct atls_error *err);

void atls_creds_free(struct atls_creds *creds);

/* The machine's trust store alone: a new list for the caller to free, or null with err filled. */
gnutls_x509_trust_list_t atls_creds_system_trust(struct atls_error *err);

/* The TLS versions to speak, up to max ("1.2", or null and "1.3" for all), and the rest as the
 * system has it. A new cache for the caller to free. 0, or ATLS_E_LOCAL with err filled. */
int atls_creds_priorities(gnutls_priority_t *priorities, const char *max, struct atls_error *err);

#endif
