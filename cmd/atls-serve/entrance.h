/* Where connections come in: the sockets of --listen, which all threads take them from. */
#ifndef ATLS_SERVE_ENTRANCE_H
#define ATLS_SERVE_ENTRANCE_H

#include "house.h"

/* How many connections of each listener each thread may have, so that descriptors suffice. 0 with
 * err filled: they do not. */
unsigned entrance_connections(const struct settings *settings, struct atls_error *err);

/* Listens at all places, for all of the house's services, and says so. 0, or the error's code. */
int entrance_open(struct house *house, struct atls_error *err);

/* Removes what listening left. */
void entrance_close(const struct house *house);

#endif
