#include "core/ws_upgrade.h"

#include "core/base64.h"
#include "core/err.h"

#include <gnutls/crypto.h>
#include <string.h>

#define GUID      "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* RFC 6455 section 1.3 */
#define KEY_BYTES 16u
#define SHA1_LEN  20u
#define SPACE     " \t"

/* A field's name and value, in the head. */
struct field {
	const char *name, *value;
	size_t name_len, value_len;
};

/* What an answer has to name. */
struct expected {
	const char *accept, *protocol;
};

/* What matters of an answer's fields. */
struct answer {
	bool upgrade, connection, accept, protocol, extensions;
};

int atls_ws_key(char key[ATLS_WS_KEY])
{
	uint8_t random[KEY_BYTES];
	if (gnutls_rnd(GNUTLS_RND_NONCE, random, sizeof random))
		return ATLS_E_MEMORY;
	atls_base64_encode((uint8_t *)key, random, sizeof random);
	key[ATLS_WS_KEY - 1] = '\0';
	return ATLS_OK;
}

int atls_ws_accept(const char *key, char accept[ATLS_WS_ACCEPT])
{
	uint8_t digest[SHA1_LEN];
	char text[ATLS_WS_KEY - 1 + sizeof GUID];
	size_t len = strlen(key);
	if (len >= ATLS_WS_KEY)
		return ATLS_E_USAGE;
	memcpy(text, key, len);
	memcpy(text + len, GUID, sizeof GUID - 1);
	if (gnutls_hash_fast(GNUTLS_DIG_SHA1, text, len + sizeof GUID - 1, digest))
		return ATLS_E_MEMORY;
	atls_base64_encode((uint8_t *)accept, digest, sizeof digest);
	accept[ATLS_WS_ACCEPT - 1] = '\0';
	return ATLS_OK;
}

/* Whether a comma-separated list has the token, in any case. */
static bool has_token(const char *list, size_t len, const char *token)
{
	size_t want = strlen(token);
	for (size_t at = 0; at < len;) {
		const char *comma = memchr(list + at, ',', len - at);
		size_t end = comma ? (size_t)(comma - list) : len;
		size_t from = at, to = end;
		while (from < to && strchr(SPACE, list[from]))
			from++;
		while (to > from && strchr(SPACE, list[to - 1]))
			to--;
		if (to - from == want && strncasecmp(list + from, token, want) == 0)
			return true;
		at = end + 1;
	}
	return false;
}

static bool names(const char *list, const char *token)
{
	return list && has_token(list, strlen(list), token);
}

static bool is_key(const char *key)
{
	uint8_t copy[ATLS_WS_KEY];
	if (!key || strlen(key) != ATLS_WS_KEY - 1)
		return false;
	memcpy(copy, key, sizeof copy);
	return atls_base64_decode(copy, ATLS_WS_KEY - 1) == (ssize_t)KEY_BYTES;
}

unsigned atls_ws_judge_request(
	const struct atls_ws_request *request, const char *protocol, struct atls_error *err)
{
	const char *wrong = NULL;
	if (!names(request->upgrade, "websocket") || !names(request->connection, "upgrade")) {
		atls_error_set(err, ATLS_E_PROTOCOL, "protocol: GET is for WebSockets alone here");
		return 426;
	}
	if (!request->version || strcmp(request->version, ATLS_WS_VERSION) != 0) {
		atls_error_set(err, ATLS_E_PROTOCOL,
			"protocol: WebSocket: another version than " ATLS_WS_VERSION);
		return 426;
	}
	if (!is_key(request->key))
		wrong = "Sec-WebSocket-Key";
	else if (!names(request->protocol, protocol))
		wrong = "Sec-WebSocket-Protocol";
	if (!wrong)
		return 101;
	atls_error_set(err, ATLS_E_PROTOCOL, "protocol: WebSocket: no usable %s", wrong);
	return 400;
}

/* The next line, without its end; null when it has none yet. *at moves behind it. */
static const char *next_line(const char *head, size_t len, size_t *at, size_t *line_len)
{
	const char *line = head + *at;
	const char *end = memchr(line, '\n', len - *at);
	if (!end)
		return NULL;
	*at = (size_t)(end - head) + 1;
	*line_len = (size_t)(end - line);
	if (*line_len && line[*line_len - 1] == '\r')
		--*line_len;
	return line;
}

/* "HTTP/1.1 NNN": the status, or 0. */
static unsigned read_status(const char *line, size_t len)
{
	unsigned status = 0;
	if (len < 12 || strncmp(line, "HTTP/1.", 7) != 0 || line[8] != ' ')
		return 0;
	for (size_t i = 9; i < 12; i++) {
		if (line[i] < '0' || line[i] > '9')
			return 0;
		status = status * 10 + (unsigned)(line[i] - '0');
	}
	return len == 12 || line[12] == ' ' ? status : 0;
}

static bool read_field(const char *line, size_t len, struct field *field)
{
	const char *colon = memchr(line, ':', len);
	if (!colon || colon == line)
		return false;
	const char *end = line + len;
	*field = (struct field){line, colon + 1, (size_t)(colon - line), 0};
	while (field->value < end && strchr(SPACE, *field->value))
		field->value++;
	while (end > field->value && strchr(SPACE, end[-1]))
		end--;
	field->value_len = (size_t)(end - field->value);
	return true;
}

static bool is_called(const struct field *field, const char *name)
{
	return strlen(name) == field->name_len &&
	       strncasecmp(field->name, name, field->name_len) == 0;
}

static bool has_value(const struct field *field, const char *value)
{
	return strlen(value) == field->value_len &&
	       memcmp(field->value, value, field->value_len) == 0;
}

static void note(struct answer *answer, const struct field *field, const struct expected *expected)
{
	if (is_called(field, "Upgrade"))
		answer->upgrade = has_token(field->value, field->value_len, "websocket");
	else if (is_called(field, "Connection"))
		answer->connection |= has_token(field->value, field->value_len, "upgrade");
	else if (is_called(field, "Sec-WebSocket-Accept"))
		answer->accept = has_value(field, expected->accept);
	else if (is_called(field, "Sec-WebSocket-Protocol"))
		answer->protocol = has_value(field, expected->protocol);
	else if (is_called(field, "Sec-WebSocket-Extensions"))
		answer->extensions = true;
}

static int judge(const struct answer *answer, struct atls_error *err)
{
	const char *wrong = NULL;
	if (!answer->upgrade || !answer->connection)
		wrong = "it does not upgrade to websocket";
	else if (!answer->accept)
		wrong = "it is not for this request (Sec-WebSocket-Accept)";
	else if (!answer->protocol)
		wrong = "it is for another protocol (Sec-WebSocket-Protocol)";
	else if (answer->extensions)
		wrong = "it has extensions that nobody asked for";
	if (!wrong)
		return ATLS_OK;
	return atls_error_set(
		err, ATLS_E_PROTOCOL, "protocol: WebSocket: the answer with status 101: %s", wrong);
}

/* The fields up to the empty line; ATLS_E_AGAIN if that has not come. */
static int read_fields(const char *head, size_t len, size_t *at, const struct expected *expected,
	struct answer *answer, struct atls_error *err)
{
	const char *line;
	size_t line_len;
	while ((line = next_line(head, len, at, &line_len)) && line_len) {
		struct field field;
		if (!read_field(line, line_len, &field))
			return atls_error_set(err, ATLS_E_PROTOCOL,
				"protocol: WebSocket: a malformed header in the answer");
		note(answer, &field, expected);
	}
	return line ? ATLS_OK : ATLS_E_AGAIN;
}

/* One head, interim or not, from *at on. */
static int read_head(const char *head, size_t len, size_t *at, const struct expected *expected,
	unsigned *status, struct atls_error *err)
{
	struct answer answer = {0};
	size_t line_len;
	const char *line = next_line(head, len, at, &line_len);
	if (!line)
		return ATLS_E_AGAIN;
	*status = read_status(line, line_len);
	if (*status == 0)
		return atls_error_set(err, ATLS_E_PROTOCOL,
			"protocol: WebSocket: what answers there does not speak HTTP/1");
	if (*status >= 200)
		return atls_error_set(err, ATLS_E_NETWORK,
			"HTTP: the upgrade to a WebSocket was refused with status %u", *status);
	int rc = read_fields(head, len, at, expected, &answer, err);
	return rc || *status != 101 ? rc : judge(&answer, err);
}

ssize_t atls_ws_read_answer(const char *head, size_t len, const char *key, const char *protocol,
	unsigned *status, struct atls_error *err)
{
	char accept[ATLS_WS_ACCEPT];
	const struct expected expected = {accept, protocol};
	size_t at = 0;
	int rc = ATLS_OK;
	*status = 0;
	if (atls_ws_accept(key, accept))
		return atls_error_set(err, ATLS_E_MEMORY, "out of memory for a WebSocket");
	while (!rc && *status != 101)
		rc = read_head(head, len, &at, &expected, status, err);
	if (rc == ATLS_E_AGAIN && len >= ATLS_WS_HEAD_MAX)
		return atls_error_set(err, ATLS_E_PROTOCOL,
			"protocol: WebSocket: the answer's head is longer than %u bytes",
			ATLS_WS_HEAD_MAX);
	return rc ? rc : (ssize_t)at;
}
