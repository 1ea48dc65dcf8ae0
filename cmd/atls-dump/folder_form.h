/* A folder that atls-client or atls-serve captured to. */
#ifndef ATLS_DUMP_FOLDER_FORM_H
#define ATLS_DUMP_FOLDER_FORM_H

#include "piece.h"

/* Reads the folder's index.jsonl, and the bodies that it names. 0, ATLS_E_MEMORY, ATLS_E_LOCAL with
 * err filled (there is no index), or what the sink returned. Offsets are those in the body's file,
 * and for what is malformed in the index, in that. */
int folder_form_read(
	int dir, const char *name, const struct piece_sink *sink, struct atls_error *err);

#endif
