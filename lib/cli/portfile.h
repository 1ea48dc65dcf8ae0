#ifndef ATLS_CLI_PORTFILE_H
#define ATLS_CLI_PORTFILE_H

#include "atls.h"

/* Writes the ports, a line each, to a file that appears whole; to a FIFO, a device or, for "-",
 * standard output as they are. 0, or ATLS_E_LOCAL with err naming the file. */
int atls_port_file(const char *path, const unsigned *ports, unsigned count, struct atls_error *err);

#endif
