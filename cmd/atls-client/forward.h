/* -L: local ports, each connection a session of its own. */
#ifndef ATLS_CLIENT_FORWARD_H
#define ATLS_CLIENT_FORWARD_H

#include "session.h"

/* Listens where the settings say, and forwards until a signal. Returns the exit code. */
int forward_run(struct client *client);

#endif
