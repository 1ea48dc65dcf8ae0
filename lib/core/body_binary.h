#ifndef ATLS_CORE_BODY_BINARY_H
#define ATLS_CORE_BODY_BINARY_H

#include "atls.h"

/* The functions of struct atls_body_codec for bodies that are the TLS bytes themselves. Decoding
 * cannot fail; records is never null, also for an empty body. */
int atls_body_binary_decode(
	uint8_t *body, size_t len, struct atls_body *out, struct atls_error *err);
size_t atls_body_binary_encoded_size(const char *session, const char *stream, size_t len);
size_t atls_body_binary_encode(
	const char *session, const char *stream, const void *records, size_t len, uint8_t *out);

#endif
