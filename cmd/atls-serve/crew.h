/* The threads, each with its service: the first is the process's own, and takes the signals. */
#ifndef ATLS_SERVE_CREW_H
#define ATLS_SERVE_CREW_H

#include "house.h"

/* Makes the house's services, which crew_free() has to free in either case. 0, or the error's code.
 */
int crew_make(struct house *house, struct atls_error *err);

/* Serves until a signal comes and the sessions have had their time; *number is the signal's. 0, or
 * the error's code when it could not begin. */
int crew_run(struct house *house, int *number, struct atls_error *err);

void crew_free(struct house *house);

#endif
