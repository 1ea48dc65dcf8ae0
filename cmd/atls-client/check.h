/* --check: the handshake, what it found, and nothing else. */
#ifndef ATLS_CLIENT_CHECK_H
#define ATLS_CLIENT_CHECK_H

#include "session.h"

/* Returns the exit code. */
int check_run(struct client *client);

#endif
