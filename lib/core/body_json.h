#ifndef ATLS_CORE_BODY_JSON_H
#define ATLS_CORE_BODY_JSON_H

#include "atls.h"

/*
 * The functions of struct atls_body_codec for `{"session": S, "records": BASE64}`.
 *
 * Decoding takes one JSON object (RFC 8259) in strict UTF-8 and nothing else but white space around
 * it. Known members (session, records, stream) stand at most once and are strings, however their
 * names and contents are escaped; session has 1 to ATLS_SESSION_MAX bytes and no control
 * characters, records is canonical base64. Members of other names are skipped.
 */
int atls_body_json_decode(uint8_t *body, size_t len, struct atls_body *out, struct atls_error *err);
size_t atls_body_json_encoded_size(const char *session, const char *stream, size_t len);
size_t atls_body_json_encode(
	const char *session, const char *stream, const void *records, size_t len, uint8_t *out);

#endif
