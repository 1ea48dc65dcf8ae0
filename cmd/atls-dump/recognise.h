/* Which form an input has, by how it begins. */
#ifndef ATLS_DUMP_RECOGNISE_H
#define ATLS_DUMP_RECOGNISE_H

#include "atls.h"

/* The form's name, or null. */
const char *recognise(const uint8_t *head, size_t len);

#endif
