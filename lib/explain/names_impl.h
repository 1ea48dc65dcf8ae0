#ifndef ATLS_EXPLAIN_NAMES_IMPL_H
#define ATLS_EXPLAIN_NAMES_IMPL_H

#include "explain/names.h"

struct name_entry {
	uint16_t number;
	const char *name;
};

/* In the order of the numbers. */
extern const struct name_entry atls_names_suites[];
extern const size_t atls_names_suite_count;

/* The name of number in a table that is in order; null if it has none. */
const char *atls_names_find(const struct name_entry *table, size_t count, unsigned number);

#define NAMES_FIND(table, number) atls_names_find(table, sizeof(table) / sizeof((table)[0]), number)

#endif
