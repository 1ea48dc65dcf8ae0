#ifndef ATLS_CORE_ERR_H
#define ATLS_CORE_ERR_H

#include "atls.h"

/* Fills err with code and a sentence "LAYER: cause", unless it holds an error already: the first
 * specific message wins. err may be null. Returns code, so that a caller can write
 * `return atls_error_set(...)`. Text that does not fit is cut. */
int atls_error_set(struct atls_error *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Adds the next thing to try, unless there is a hint already or no error. Returns err's code. */
int atls_error_hint(struct atls_error *err, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Empties err for another use. */
void atls_error_clear(struct atls_error *err);

#endif
