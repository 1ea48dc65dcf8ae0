#include "inflate.h"

#include "atls.h"
#include "limits.h"

#include <string.h>
#include <strings.h>
#include <zlib.h>

#define STEP (16u << 10)

/* The window bits for inflateInit2(), or 0. What servers call deflate is zlib's format, or the bare
 * one. */
static int window_bits(const char *coding, const uint8_t *bytes, size_t len)
{
	if (strcasecmp(coding, "gzip") == 0 || strcasecmp(coding, "x-gzip") == 0)
		return MAX_WBITS + 16;
	if (strcasecmp(coding, "deflate") != 0)
		return 0;
	bool zlib =
		len >= 2 && (bytes[0] & 15) == Z_DEFLATED && (bytes[0] << 8 | bytes[1]) % 31 == 0;
	return zlib ? MAX_WBITS : -MAX_WBITS;
}

/* Returns zlib's code; Z_BUF_ERROR if out is full or the bytes end too early. */
static int unzip(z_stream *zip, struct atls_buf *out)
{
	int rc = Z_OK;
	while (rc == Z_OK) {
		uint8_t *room;
		size_t free = out->max - out->len;
		size_t step = free < STEP ? free : STEP;
		if (step == 0 || atls_buf_reserve(out, step, &room))
			return step ? Z_MEM_ERROR : Z_BUF_ERROR;
		zip->next_out = room;
		zip->avail_out = (uInt)step;
		rc = inflate(zip, Z_NO_FLUSH);
		atls_buf_commit(out, step - zip->avail_out);
	}
	return rc;
}

const char *inflate_body(const char *coding, const uint8_t *bytes, size_t len, struct atls_buf *out,
	const char **found)
{
	int bits = window_bits(coding, bytes, len);
	z_stream zip = {.next_in = (z_const Bytef *)(uintptr_t)bytes, .avail_in = (uInt)len};
	*found = coding;
	if (len == 0)
		return NULL;
	if (bits == 0)
		return "a body that is not coded, or in gzip or deflate";
	int rc = inflateInit2(&zip, bits);
	if (rc == Z_OK)
		rc = unzip(&zip, out);
	*found = zip.msg ? zip.msg : "its end";
	if (rc == Z_BUF_ERROR && out->len == out->max)
		*found = "more bytes than can be held";
	inflateEnd(&zip);
	return rc == Z_STREAM_END ? NULL : "a zipped body";
}
