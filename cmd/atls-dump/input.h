/* The input forms: what a file holds, as pieces. */
#ifndef ATLS_DUMP_INPUT_H
#define ATLS_DUMP_INPUT_H

#include "piece.h"

struct input_options {
	const char *from; /* the form's name, as in --from; null: told by the content */
};

/* The names of the forms, "a|b|c", for the option table. */
#define INPUT_FORMS "raw|json|hex|base64|http|trace|har|pcap|flow|folder"

/* Reads all of fd, which may be a folder's, and gives its pieces to sink; name is for messages. 0;
 * ATLS_E_LOCAL (reading fails), ATLS_E_MEMORY or ATLS_E_PROTOCOL (no form is recognised) with err
 * filled; or what sink->piece() returned. What is malformed is no failure, and goes to
 * sink->malformed(). */
int input_read(const struct input_options *options, int fd, const char *name,
	const struct piece_sink *sink, struct atls_error *err);

#endif
