#ifndef ATLS_CORE_BASE64_H
#define ATLS_CORE_BASE64_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Decodes len characters of RFC 4648 section 4 base64 in place; the bytes stand where the text
 * began. Strict: padded, no white space, unused bits zero, so that each byte string has exactly one
 * text. Returns the count of bytes, or ATLS_E_PROTOCOL with the text destroyed. */
ssize_t atls_base64_decode(uint8_t *text, size_t len);

/* The size of len bytes in base64; SIZE_MAX if that overflows. */
size_t atls_base64_encoded_size(size_t len);

/* Writes that many characters to text, which must not overlap bytes. */
void atls_base64_encode(uint8_t *text, const void *bytes, size_t len);

#endif
