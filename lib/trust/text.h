#ifndef ATLS_TRUST_TEXT_H
#define ATLS_TRUST_TEXT_H

#include <stddef.h>
#include <time.h>

/* Copies len bytes of a peer's text with a NUL behind, cut between UTF-8 characters if it is too
 * long; a NUL in it becomes '?'. */
void atls_text_copy(char *text, size_t cap, const void *bytes, size_t len);

/* Writes a time as RFC 3339 does, in UTC; "an unknown time" if it cannot be. */
#define ATLS_TRUST_TIME_TEXT 32u
void atls_text_time(char text[ATLS_TRUST_TIME_TEXT], time_t when);

#endif
