/* Whatever is decoded lies in the body, and decodes to the same after encoding. */
#include "atls.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool condition)
{
	if (!condition)
		abort();
}

static bool is_inside(const void *part, size_t part_len, const uint8_t *body, size_t len)
{
	const uint8_t *first = part;
	return first >= body && part_len <= len && first + part_len <= body + len;
}

static void check_again(const struct atls_body_codec *codec, const struct atls_body *body)
{
	char *session = body->session ? strndup(body->session, body->session_len) : NULL;
	bool text = body->stream && !memchr(body->stream, '\0', body->stream_len);
	char *stream = text ? strndup(body->stream, body->stream_len) : NULL;
	size_t size = codec->encoded_size(session, stream, body->len);
	uint8_t *encoded = malloc(size);
	need(encoded != NULL);
	size_t wrote = codec->encode(session, stream, body->records, body->len, encoded);
	need(body->records ? wrote == size : wrote < size);
	size = wrote;
	struct atls_error err = {0};
	struct atls_body again;
	need(codec->decode(encoded, size, &again, &err) == ATLS_OK);
	need(again.len == body->len && again.session_len == body->session_len);
	need(!again.records == !body->records);
	need(!body->records || memcmp(again.records, body->records, body->len) == 0);
	need((again.session != NULL) == (session != NULL));
	need(!session || (strlen(session) == body->session_len &&
				 memcmp(again.session, session, body->session_len) == 0));
	need((again.stream != NULL) == (stream != NULL));
	need(!stream || (again.stream_len == body->stream_len &&
				memcmp(again.stream, stream, body->stream_len) == 0));
	free(encoded);
	free(session);
	free(stream);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct atls_body_codec *codec = atls_body_codec(ATLS_JSON);
	struct atls_error err = {0};
	struct atls_body body;
	uint8_t *copy = malloc(size);
	if (size)
		memcpy(copy, data, size);
	int rc = codec->decode(copy, size, &body, &err);
	need(rc == err.code && (rc == ATLS_OK || (rc == ATLS_E_PROTOCOL && err.text[0])));
	need(rc == ATLS_OK || (!body.records && !body.session && !body.stream));
	need(!body.records || is_inside(body.records, body.len, copy, size));
	need(!body.session || is_inside(body.session, body.session_len, copy, size));
	need(!body.stream || is_inside(body.stream, body.stream_len, copy, size));
	need(!body.session || (body.session_len >= 1 && body.session_len <= ATLS_SESSION_MAX));
	if (rc == ATLS_OK)
		check_again(codec, &body);
	free(copy);
	return 0;
}
