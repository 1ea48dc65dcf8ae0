#ifndef ATLS_CLI_FILE_H
#define ATLS_CLI_FILE_H

#include "atls.h"
#include "core/buf.h"

#include <sys/stat.h>

#define ATLS_FILE_MAX (16u << 20)

/* Appends a file, a pipe too, to a buffer. 0, or ATLS_E_LOCAL with err "cannot read ROLE file
 * 'NAME': ..."; an empty one is an error, too. */
int atls_file_read(
	struct atls_buf *buf, const char *role, const char *name, struct atls_error *err);

/* Writes len bytes to the file of that name, which appears whole or stays as it was, also after a
 * loss of power; a new one has the mode, less the umask. 0 or an errno. */
int atls_file_replace(const char *name, const void *bytes, size_t len, mode_t mode);

#endif
