#include "http_head.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const methods[] = {
	"POST", "GET", "HEAD", "PUT", "OPTIONS", "CONNECT", "DELETE", "PATCH", "TRACE"};
#define METHODS (sizeof methods / sizeof methods[0])

/* Whether text begins with what: 1, 0, or -1 if it ends before that is told. */
static int begins(const char *text, size_t len, const char *what)
{
	size_t want = strlen(what);
	if (memcmp(text, what, len < want ? len : want) != 0)
		return 0;
	return len < want ? -1 : 1;
}

int http_looks_like(const uint8_t *bytes, size_t len)
{
	const char *text = (const char *)bytes;
	int looks = begins(text, len, "HTTP/");
	for (size_t i = 0; i < METHODS && looks == 0; i++) {
		size_t name = strlen(methods[i]);
		looks = begins(text, len, methods[i]);
		if (looks == 1)
			looks = len == name ? -1 : text[name] == ' ';
	}
	return looks;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "HTTP/1.1", "HTTP/2" */
static bool is_version(const char *text)
{
	return strncmp(text, "HTTP/", 5) == 0 && is_digit(text[5]) &&
	       (text[6] == '\0' || (text[6] == '.' && is_digit(text[7]) && text[8] == '\0'));
}

static const char *parse_status(struct http_message *message, char *line, const char **at)
{
	char *space = strchr(line, ' ');
	*at = line;
	message->answer = true;
	if (!space)
		return "an HTTP status line";
	*space++ = '\0';
	if (!is_version(line))
		return "an HTTP version";
	*at = space;
	for (int i = 0; i < 3; i++) {
		if (!is_digit(space[i]))
			return "an HTTP status of three digits";
		message->status = message->status * 10 + (space[i] - '0');
	}
	return space[3] == '\0' || space[3] == ' ' ? NULL : "an HTTP status of three digits";
}

static const char *parse_request(struct http_head *head, char *line, const char **at)
{
	struct http_message *message = &head->message;
	char *target = strchr(line, ' ');
	char *version = strrchr(line, ' ');
	*at = line;
	if (!target || target == version)
		return "an HTTP request line";
	*target++ = '\0';
	*version++ = '\0';
	message->method = line;
	message->path = target;
	*at = version;
	head->later = is_version(version) && version[5] > '1';
	return is_version(version) ? NULL : "an HTTP version";
}

/* ---- Fields ---- */

/* One NAME=VALUE; null if there is no '='. Cuts the text at the end of the value. */
static char *cookie_value(char *pair, bool *is_atls)
{
	char *value = strchr(pair, '=');
	if (!value)
		return NULL;
	*value++ = '\0';
	*is_atls = strcmp(pair, "atls") == 0;
	return value;
}

char *http_cookie(char *text, bool set_cookie, bool *is_atls)
{
	char *best = NULL;
	*is_atls = false;
	while (text && !*is_atls) {
		bool named = false;
		char *pair = text + strspn(text, " \t");
		char *end = strchr(pair, ';');
		text = end && !set_cookie ? end + 1 : NULL;
		if (end)
			*end = '\0';
		char *value = cookie_value(pair, &named);
		if (value && *value && (named || !best || strlen(value) > strlen(best))) {
			best = value;
			*is_atls = named;
		}
	}
	return best;
}

static void take_cookie(struct http_head *head, char *value)
{
	struct http_message *message = &head->message;
	bool is_atls;
	char *found = http_cookie(value, message->answer, &is_atls);
	if (!found || message->cookie_is_ours)
		return;
	if (is_atls || !message->cookie || strlen(found) > strlen(message->cookie))
		message->cookie = found;
	message->cookie_is_ours = is_atls;
}

void http_head_field(struct http_head *head, const char *name, char *value)
{
	struct http_message *message = &head->message;
	if (strcasecmp(name, "Content-Type") == 0)
		message->content_type = value;
	else if (strcasecmp(name, "Content-Encoding") == 0)
		message->coding = strcasecmp(value, "identity") == 0 ? NULL : value;
	else if (strcasecmp(name, message->answer ? "Set-Cookie" : "Cookie") == 0)
		take_cookie(head, value);
	else if (strcasecmp(name, "ATLS-Stream") == 0)
		message->stream = value;
	else if (strcasecmp(name, "Sec-WebSocket-Protocol") == 0)
		message->subprotocol = value;
	else if (strcasecmp(name, "Upgrade") == 0)
		message->websocket = strcasecmp(value, "websocket") == 0;
}

static const char *parse_length(struct http_head *head, const char *value)
{
	uint64_t length = 0;
	if (!is_digit(*value))
		return "a Content-Length in digits";
	for (; is_digit(*value); value++) {
		if (length > UINT64_MAX / 10 - 1)
			return "a Content-Length of 64 bits";
		length = length * 10 + (uint64_t)(*value - '0');
	}
	if (*value != '\0')
		return "a Content-Length in digits";
	if (head->has_length && head->length != length)
		return "one Content-Length";
	head->has_length = true;
	head->length = length;
	return NULL;
}

static bool ends_in_chunked(const char *value)
{
	static const char chunked[] = "chunked";
	size_t len = strlen(value);
	return len >= sizeof chunked - 1 &&
	       strcasecmp(value + len - (sizeof chunked - 1), chunked) == 0;
}

static const char *parse_field(struct http_head *head, char *line, const char **at)
{
	char *colon = strchr(line, ':');
	*at = line;
	if (line[0] == ' ' || line[0] == '\t')
		return NULL; /* a folded line: none of the fields that count is that long */
	if (!colon || colon == line)
		return "an HTTP field";
	*colon = '\0';
	char *value = colon + 1 + strspn(colon + 1, " \t");
	size_t len = strlen(value);
	while (len && (value[len - 1] == ' ' || value[len - 1] == '\t'))
		value[--len] = '\0';
	*at = value;
	if (strcasecmp(line, "Content-Length") == 0)
		return parse_length(head, value);
	if (strcasecmp(line, "Transfer-Encoding") == 0)
		head->chunked = ends_in_chunked(value);
	else
		http_head_field(head, line, value);
	return NULL;
}

/* Cuts the line at text off, and returns the next one. */
static char *cut_line(char *text, char *end)
{
	char *newline = memchr(text, '\n', (size_t)(end - text));
	if (!newline)
		return end;
	*newline = '\0';
	if (newline > text && newline[-1] == '\r')
		newline[-1] = '\0';
	return newline + 1;
}

const char *http_head_parse(struct http_head *head, char *text, size_t len, const char **at)
{
	char *end = text + len;
	char *next = cut_line(text, end);
	memset(head, 0, sizeof *head);
	const char *fault = strncmp(text, "HTTP/", 5) == 0 ? parse_status(&head->message, text, at)
							   : parse_request(head, text, at);
	while (!fault && next < end) {
		char *line = next;
		next = cut_line(line, end);
		if (*line)
			fault = parse_field(head, line, at);
	}
	return fault;
}

/* ---- Bodies ---- */

bool http_leaves(const struct http_message *message, const char *method)
{
	if (!message->answer)
		return false;
	return message->status == 101 ||
	       (method && strcmp(method, "CONNECT") == 0 && message->status / 100 == 2);
}

bool http_has_no_body(const struct http_message *message, const char *method)
{
	if (!message->answer)
		return false;
	return message->status / 100 == 1 || message->status == 204 || message->status == 304 ||
	       (method && strcmp(method, "HEAD") == 0);
}

int64_t http_chunk_size(const char *line, size_t len)
{
	int64_t size = 0;
	size_t i = 0;
	for (; i < len; i++) {
		static const char digits[] = "0123456789abcdef";
		char c = line[i] >= 'A' && line[i] <= 'F' ? (char)(line[i] | 0x20) : line[i];
		const char *digit = c ? strchr(digits, c) : NULL;
		if (!digit)
			break;
		if (size > INT64_MAX / 16 - 1)
			return -1;
		size = size * 16 + (digit - digits);
	}
	bool ended = i == len || strchr(" \t;\r", line[i]);
	return i && ended ? size : -1;
}

/* ---- Copies ---- */

static size_t text_size(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

/* Points *text to a copy at *to, and moves *to behind it. */
static void copy_text(const char **text, char **to)
{
	size_t size = text_size(*text);
	if (size == 0)
		return;
	memcpy(*to, *text, size);
	*text = *to;
	*to += size;
}

struct http_message *http_message_copy(
	const struct http_message *message, bool with_body, size_t *size)
{
	static const uint8_t nothing;
	size_t body = with_body ? message->body_len : 0;
	*size = sizeof *message + body + text_size(message->method) + text_size(message->path) +
		text_size(message->content_type) + text_size(message->cookie) +
		text_size(message->stream) + text_size(message->coding) +
		text_size(message->subprotocol) + text_size(message->session);
	struct http_message *copy = malloc(*size);
	if (!copy)
		return NULL;
	*copy = *message;
	char *to = (char *)(copy + 1);
	copy_text(&copy->method, &to);
	copy_text(&copy->path, &to);
	copy_text(&copy->content_type, &to);
	copy_text(&copy->cookie, &to);
	copy_text(&copy->stream, &to);
	copy_text(&copy->coding, &to);
	copy_text(&copy->subprotocol, &to);
	copy_text(&copy->session, &to);
	copy->body = body ? (uint8_t *)to : &nothing;
	copy->body_len = body;
	if (body)
		memcpy(to, message->body, body);
	return copy;
}
