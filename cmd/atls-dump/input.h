/* The input forms: what a file holds, as pieces. */
#ifndef ATLS_DUMP_INPUT_H
#define ATLS_DUMP_INPUT_H

#include "piece.h"

struct input_options {
	const char *from; /* the form's name, as in --from; null: told by the content */
};

/* The names of the forms, "a|b|c", for the option table. */
#define INPUT_FORMS "raw"

/* Reads all of fd and gives its pieces to sink; name is for messages. 0; ATLS_E_LOCAL (reading
 * fails) or ATLS_E_MEMORY with err filled; or what sink->piece() returned. What is malformed is no
 * failure, and goes to sink->malformed(). */
int input_read(const struct input_options *options, int fd, const char *name,
	const struct piece_sink *sink, struct atls_error *err);

#endif
