/* HTTP messages as they travel, one behind the other: what curl -i prints, what proxies save. */
#include "exchange.h"
#include "form.h"

#include <stdlib.h>
#include <string.h>

/* Curl prints bodies without chunks; then nothing but the next status line says where one ends. */
static const char pattern[] = "HTTP/1.# ###";
#define PATTERN (sizeof pattern - 1)

struct http_form {
	struct exchange exchange;
	uint64_t offset; /* of what comes next, which is not what matched */
	size_t matched;  /* so much of the pattern waits here */
	char waiting[PATTERN];
};

static void *http_open(const struct piece_sink *sink)
{
	struct http_form *form = calloc(1, sizeof *form);
	if (!form || exchange_init(&form->exchange, sink) == ATLS_OK)
		return form;
	exchange_free(&form->exchange);
	free(form);
	return NULL;
}

static bool fits(char c, size_t place)
{
	return pattern[place] == '#' ? c >= '0' && c <= '9' : c == pattern[place];
}

static int give(struct http_form *form, const void *bytes, size_t len)
{
	int rc = len ? exchange_feed(&form->exchange, false, bytes, len, form->offset) : ATLS_OK;
	form->offset += len;
	return rc;
}

static int give_waiting(struct http_form *form)
{
	size_t len = form->matched;
	form->matched = 0;
	return give(form, form->waiting, len);
}

static int http_form_feed(void *state, const uint8_t *bytes, size_t len)
{
	struct http_form *form = state;
	int rc = ATLS_OK;
	for (size_t i = 0; i < len && !rc;) {
		if (form->matched == 0) {
			const uint8_t *start = memchr(bytes + i, pattern[0], len - i);
			size_t plain = start ? (size_t)(start - bytes) - i : len - i;
			rc = give(form, bytes + i, plain);
			i += plain;
			if (i == len)
				break;
		}
		if (fits((char)bytes[i], form->matched)) {
			form->waiting[form->matched++] = (char)bytes[i++];
			if (!rc && form->matched == PATTERN)
				rc = http_mark(form->exchange.parsers[0], false);
			if (!rc && form->matched == PATTERN)
				rc = give_waiting(form);
		} else if (!rc) {
			rc = give_waiting(form);
			if (!rc && bytes[i] != (uint8_t)pattern[0])
				rc = give(form, bytes + i++, 1);
		}
	}
	return rc;
}

static int http_form_end(void *state)
{
	struct http_form *form = state;
	int rc = give_waiting(form);
	return rc ? rc : exchange_end(&form->exchange);
}

static void http_close(void *state)
{
	struct http_form *form = state;
	if (form)
		exchange_free(&form->exchange);
	free(form);
}

const struct form form_http = {"http", http_open, http_form_feed, http_form_end, http_close};
