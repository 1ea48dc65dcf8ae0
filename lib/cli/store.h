/* The machine's trust store, with what the distribution ships told apart from what was added here.
 */
#ifndef ATLS_CLI_STORE_H
#define ATLS_CLI_STORE_H

#include "atls.h"
#include "trust/roots.h"

/* Files or directories of PEM; null: where the system has them. */
struct atls_store_files {
	const char *store;        /* what the machine trusts */
	const char *public_roots; /* what of it counts as the distribution's */
};

/*
 * Reads the store. On Debian, what of it the package ca-certificates ships is public, and all else
 * is added; elsewhere, what stands in the directories for local roots is added, and all else is
 * public. A new object for the caller to free, or null: ATLS_E_LOCAL (an empty store is no error,
 * for then nothing is trusted) or ATLS_E_MEMORY.
 */
struct atls_roots *atls_store_load(const struct atls_store_files *files, struct atls_error *err);

/* The certificates of a PEM text, in DER, calling take for each until it answers other than 0.
 * Returns what take answered last, or 0. What is not base64 is passed over. The text is changed. */
int atls_pem_each(
	uint8_t *text, size_t len, int (*take)(void *ctx, const void *der, size_t len), void *ctx);

#endif
