#include "pending.h"

#include <stdio.h>

void pending_capture(const struct pending *pending, const char *id, unsigned status,
	const char *type, const char *stream, const void *bytes, size_t len)
{
	char name[ATLS_ID_SHORT + 1];
	const struct atls_capture_body about = {.session = id ? atls_id_short(id, name) : NULL,
		.request = pending->number,
		.down = status != 0,
		.content_type = type,
		.status = (long)status,
		.stream = stream};
	house_capture(pending->service->house, &about, bytes, len);
}

void pending_refuse(struct pending *pending, unsigned status, const char *retry_after,
	const struct atls_stream_dict *dict, const char *why)
{
	struct atls_http_header headers[3] = {{"Content-Type", "text/plain; charset=utf-8"}};
	char text[ATLS_STREAM_TEXT], *body = NULL;
	size_t count = 1;
	if (retry_after)
		headers[count++] = (struct atls_http_header){"Retry-After", retry_after};
	if (dict) {
		atls_stream_dict_write(dict, text);
		headers[count++] = (struct atls_http_header){ATLS_STREAM_HEADER, text};
	}
	int len = asprintf(&body, "atls-serve: %s\n", why);
	if (len >= 0)
		pending_capture(pending, NULL, status, headers[0].value, dict ? text : NULL, body,
			(size_t)len);
	tell_refusal(pending->service, pending->request, status, why);
	atls_http_reply(pending->request, status, headers, count, len < 0 ? NULL : body,
		len < 0 ? 0 : (size_t)len);
}

void pending_cookie(const struct pending *pending, const char *id, char text[COOKIE_TEXT])
{
	snprintf(text, COOKIE_TEXT, COOKIE "=%s; Path=/; HttpOnly; SameSite=Lax%s", id,
		atls_http_request_secure(pending->request) ? "; Secure" : "");
}
