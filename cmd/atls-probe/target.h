/* What is to be probed: from the command line and from files. */
#ifndef ATLS_PROBE_TARGET_H
#define ATLS_PROBE_TARGET_H

#include "options.h"

#define TARGETS_MAX 1000000u

struct target {
	char *text; /* as it was written */
	char *host; /* a name, or an address without brackets */
	unsigned port;
	bool proof; /* by --atls */
};

struct targets {
	struct target *target;
	size_t count, cap;
};

/* Takes "https://HOST[:PORT]/...", "HOST", "HOST:PORT", "[V6]:PORT" or a bare address. 0;
 * ATLS_E_USAGE with err saying what is wrong; or ATLS_E_MEMORY. */
int target_read(struct target *target, const char *text, struct atls_error *err);
void target_free(struct target *target);

/* All of them. Empty lines of a file, and what is behind '#', do not count. */
int targets_gather(
	struct targets *targets, const struct settings *settings, struct atls_error *err);
void targets_free(struct targets *targets);

#endif
