#include "net/http_head.h"

#include "core/err.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* More than a day is as long as that. */
#define RETRY_AFTER_MAX 86400
#define SWITCHING       101u /* a status */
#define OK              200u /* another */

void atls_http_head_begin(struct atls_http_head *head)
{
	/* A box's own refusal names no session. */
	if (!head->cookies_fixed && head->status != OK)
		head->cookies[0] = '\0';
	head->cookies_fixed = head->cookies[0] != '\0';
	head->size = 0;
	head->status = 0;
	head->whole = head->has_length = false;
}

/* The value of a header line if it has that name: trimmed, and cut to cap. */
static bool header_value(const char *line, size_t len, const char *name, char *out, size_t cap)
{
	size_t skip = strlen(name);
	if (len <= skip || strncasecmp(line, name, skip) != 0 || line[skip] != ':')
		return false;
	line += skip + 1;
	len -= skip + 1;
	while (len && (*line == ' ' || *line == '\t')) {
		line++;
		len--;
	}
	while (len && strchr(" \t\r\n", line[len - 1]))
		len--;
	if (len >= cap)
		len = cap - 1;
	memcpy(out, line, len);
	out[len] = '\0';
	return true;
}

/* Keeps NAME=VALUE of a Set-Cookie, all of the first answer's that has any. Whether there is one to
 * send then. */
static bool add_cookie(struct atls_http_head *head, char *value)
{
	value[strcspn(value, ";")] = '\0';
	if (head->cookies_fixed)
		return true;
	if (!strchr(value, '='))
		return false;
	size_t have = strlen(head->cookies);
	size_t need = strlen(value) + (have ? 2 : 0);
	if (need >= sizeof head->cookies - have)
		return false;
	if (have)
		memcpy(head->cookies + have, "; ", 2);
	memcpy(head->cookies + have + (have ? 2 : 0), value, strlen(value) + 1);
	return true;
}

/* A number, or the same one several times over (RFC 9110 section 8.6). False for all else, which
 * libcurl would read up to where it stops to be a number. */
static bool read_length(struct atls_http_head *head, const char *value)
{
	for (;;) {
		char *end;
		size_t digits = strspn(value, "0123456789");
		uint64_t length = digits < 19 ? strtoull(value, &end, 10) : UINT64_MAX;
		if (!digits || (head->has_length && length != head->length))
			return false;
		head->has_length = true;
		head->length = length;
		value += digits;
		value += strspn(value, " \t");
		if (*value == '\0')
			return true;
		if (*value != ',')
			return false;
		value += 1 + strspn(value + 1, " \t");
	}
}

static int take_length(
	struct atls_http_head *head, struct atls_http_answer *answer, const char *value)
{
	if (!read_length(head, value))
		return atls_error_set(&answer->error, ATLS_E_PROTOCOL,
			"HTTP: the answer's length is not clear: its Content-Length is no number, "
			"or not one alone");
	if (head->status == 200 && head->length > ATLS_ANSWER_MAX)
		return atls_error_set(&answer->error, ATLS_E_PROTOCOL,
			"HTTP: the answer is longer than %u bytes", ATLS_ANSWER_MAX);
	return ATLS_OK;
}

/* "HTTP/1.1 NNN", which no NUL ends; 0 if there is no number. */
static unsigned read_status(const char *line, size_t len)
{
	const char *end = line + len, *at = memchr(line, ' ', len);
	unsigned status = 0;
	for (at = at ? at + 1 : end; at < end && *at >= '0' && *at <= '9' && status < 1000; at++)
		status = status * 10 + (unsigned)(*at - '0');
	return status;
}

/* Interim answers, or a proxy's 407, came before: only the last head counts. */
static int begin_answer(
	struct atls_http_head *head, struct atls_http_answer *answer, const char *line, size_t len)
{
	head->whole = head->has_length = false;
	head->status = read_status(line, len);
	if (!head->cookies_fixed)
		head->cookies[0] = '\0';
	answer->content_type[0] = answer->accept[0] = '\0';
	answer->encoded = answer->cookies = answer->has_stream = false;
	answer->retry_after_s = 0;
	if (head->status == SWITCHING)
		return atls_error_set(&answer->error, ATLS_E_PROTOCOL,
			"HTTP: status 101: what answers there changes the protocol unasked");
	return ATLS_OK;
}

int atls_http_head_line(
	struct atls_http_head *head, struct atls_http_answer *answer, const char *line, size_t len)
{
	char value[ATLS_COOKIE_MAX];
	head->size += len;
	if (head->size > ATLS_HEAD_MAX)
		return atls_error_set(&answer->error, ATLS_E_PROTOCOL,
			"HTTP: the headers of an answer are longer than %u bytes", ATLS_HEAD_MAX);
	if (len > 5 && memcmp(line, "HTTP/", 5) == 0)
		return begin_answer(head, answer, line, len);
	if (head->whole)
		return ATLS_OK;
	if (len <= 2) {
		head->whole = true;
	} else if (header_value(line, len, "Set-Cookie", value, sizeof value)) {
		answer->cookies |= add_cookie(head, value);
	} else if (header_value(line, len, "ATLS-Stream", answer->stream, sizeof answer->stream)) {
		answer->has_stream = true;
	} else if (header_value(line, len, "Content-Encoding", value, sizeof value)) {
		answer->encoded = strcasecmp(value, "identity") != 0;
	} else if (header_value(line, len, "Content-Length", value, sizeof value)) {
		return take_length(head, answer, value);
	} else if (header_value(line, len, "Retry-After", value, sizeof value)) {
		long wait = strtol(value, NULL, 10);
		answer->retry_after_s = wait < RETRY_AFTER_MAX ? wait : RETRY_AFTER_MAX;
	} else if (!header_value(line, len, "Accept", answer->accept, sizeof answer->accept)) {
		(void)header_value(line, len, "Content-Type", answer->content_type,
			sizeof answer->content_type);
	}
	return ATLS_OK;
}
