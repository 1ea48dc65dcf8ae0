/* A binary body is its records, there and back; any label and any first byte can be asked about. */
#include "atls.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool condition)
{
	if (!condition)
		abort();
}

static void check_type(const uint8_t *data, size_t size)
{
	char *type = strndup((const char *)data, size);
	int encoding = atls_encoding_by_type(type);
	need(encoding >= -1 && encoding < ATLS_ENCODINGS);
	if (encoding >= 0)
		need(strlen(type) >= strlen(atls_body_codec(ATLS_ATLS)->content_type));
	free(type);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size)
		check_type(data, size);
	for (int encoding = ATLS_OCTET_STREAM; encoding <= ATLS_ATLS; encoding++) {
		const struct atls_body_codec *codec = atls_body_codec((enum atls_encoding)encoding);
		struct atls_error err = {0};
		struct atls_body body;
		uint8_t *copy = malloc(size), *out = malloc(size);
		if (size)
			memcpy(copy, data, size);
		need(codec->decode(copy, size, &body, &err) == ATLS_OK && err.code == ATLS_OK);
		need(body.records && body.len == size && !body.session && !body.session_len);
		need(codec->encoded_size("S", NULL, size) == size);
		need(codec->encode("S", NULL, body.records, body.len, out) == size);
		need(!size || (body.records == copy && memcmp(out, data, size) == 0));
		need(atls_body_is_json(copy, size) == (size && strchr("{ \t\r\n", *copy) && *copy));
		free(copy);
		free(out);
	}
	return 0;
}
