#include "atls.h"

#include "core/ascii.h"
#include "core/body.h"
#include "core/body_binary.h"
#include "core/body_json.h"

#include <string.h>

static const struct atls_body_codec codecs[ATLS_ENCODINGS] = {
	[ATLS_JSON] =
		{
			.name = "json",
			.content_type = "application/atls+json",
			.path = "/atls",
			.session_in_body = true,
			.decode = atls_body_json_decode,
			.encoded_size = atls_body_json_encoded_size,
			.encode = atls_body_json_encode,
		},
	[ATLS_OCTET_STREAM] =
		{
			.name = "octet-stream",
			.content_type = "application/atls+octet-stream",
			.path = "/atls",
			.decode = atls_body_binary_decode,
			.encoded_size = atls_body_binary_encoded_size,
			.encode = atls_body_binary_encode,
		},
	[ATLS_ATLS] =
		{
			.name = "atls",
			.content_type = "application/atls",
			.path = "/.well-known/atls",
			.decode = atls_body_binary_decode,
			.encoded_size = atls_body_binary_encoded_size,
			.encode = atls_body_binary_encode,
		},
};

const struct atls_body_codec *atls_body_codec(enum atls_encoding encoding)
{
	return (unsigned)encoding < ATLS_ENCODINGS ? &codecs[encoding] : NULL;
}

int atls_encoding_by_name(const char *name)
{
	for (int i = 0; name && i < ATLS_ENCODINGS; i++)
		if (strcmp(name, codecs[i].name) == 0)
			return i;
	return -1;
}

bool atls_body_type_is(const char *value, const char *type)
{
	value += strspn(value, " \t");
	for (; *type; value++, type++)
		if (atls_lower(*value) != *type)
			return false;
	value += strspn(value, " \t");
	return *value == '\0' || *value == ';';
}

int atls_encoding_by_type(const char *content_type)
{
	for (int i = 0; content_type && i < ATLS_ENCODINGS; i++)
		if (atls_body_type_is(content_type, codecs[i].content_type))
			return i;
	return -1;
}

bool atls_body_is_json(const uint8_t *body, size_t len)
{
	return len && memchr("{ \t\n\r", body[0], 5);
}
