#ifndef ATLS_CLI_FILE_H
#define ATLS_CLI_FILE_H

#include "atls.h"
#include "core/buf.h"

#define ATLS_FILE_MAX (16u << 20)

/* Appends a file, a pipe too, to a buffer. 0, or ATLS_E_LOCAL with err "cannot read ROLE file
 * 'NAME': ..."; an empty one is an error, too. */
int atls_file_read(
	struct atls_buf *buf, const char *role, const char *name, struct atls_error *err);

#endif
