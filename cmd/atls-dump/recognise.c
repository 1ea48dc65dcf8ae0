#include "recognise.h"

#include "body.h"
#include "http.h"
#include "text.h"
#include "tnetstring.h"

#include <string.h>

static bool is_pcap(const uint8_t *head, size_t len)
{
	static const uint8_t magics[][4] = {
		{0xd4, 0xc3, 0xb2, 0xa1}, /* microseconds, in either order */
		{0xa1, 0xb2, 0xc3, 0xd4}, {0x4d, 0x3c, 0xb2, 0xa1}, /* nanoseconds */
		{0xa1, 0xb2, 0x3c, 0x4d}, {0x0a, 0x0d, 0x0d, 0x0a}, /* pcapng */
	};
	for (size_t i = 0; len >= 4 && i < sizeof magics / sizeof magics[0]; i++)
		if (memcmp(head, magics[i], 4) == 0)
			return true;
	return false;
}

static bool is_tls(const uint8_t *head, size_t len)
{
	return len && body_looks_like_tls(head, len) != 0;
}

/* A dict begins with the length of a key, which is a word. A time of day does not. */
static bool is_flow(const uint8_t *head, size_t len)
{
	uint64_t value;
	int prefix = tnet_length(head, len, &value);
	if (prefix <= 0)
		return false;
	int key = tnet_length(head + prefix, len - (size_t)prefix, &value);
	size_t at = (size_t)prefix + (size_t)(key > 0 ? key : 0);
	return key > 0 && value > 0 && at < len && head[at] >= 'a' && head[at] <= 'z';
}

static bool has(const uint8_t *head, size_t len, const char *text)
{
	return memmem(head, len, text, strlen(text)) != NULL;
}

static bool is_trace(const uint8_t *head, size_t len)
{
	return has(head, len, "== Info: ") || has(head, len, "=> Send ") ||
	       has(head, len, "<= Recv ");
}

static bool is_http(const uint8_t *head, size_t len)
{
	return http_looks_like(head, len) == 1;
}

/* The outermost object's first member is "log". */
static bool is_har(const uint8_t *head, size_t len)
{
	size_t i = 0;
	if (len == 0 || head[0] != '{')
		return false;
	for (i++; i < len && memchr(" \t\r\n", head[i], 4);)
		i++;
	return len - i >= 5 && memcmp(head + i, "\"log\"", 5) == 0;
}

static bool is_json(const uint8_t *head, size_t len)
{
	return len &&
	       (head[0] == '{' || has(head, len, "\"records\"") || has(head, len, "\"session\""));
}

/* A first line of digits, in groups or not, that may have an offset and characters beside it. */
static bool is_hex(const uint8_t *head, size_t len)
{
	size_t digits = 0, i = 0;
	if (len >= 2 && head[0] == '0' && (head[1] | 0x20) == 'x')
		i = 2;
	for (; i < len &&
		(text_hex_digit((char)head[i]) >= 0 || (digits && memchr(" :,\t", head[i], 4)));
		i++)
		digits += text_hex_digit((char)head[i]) >= 0;
	bool ended = i == len || memchr("\r\n|xX", head[i], 5);
	bool dump = digits >= 10 && i < len && memchr(head, ' ', i);
	return digits >= 2 && (ended || dump);
}

static bool is_base64(const uint8_t *head, size_t len)
{
	static const char armour[] = "-----BEGIN";
	size_t digits = 0;
	if (len >= sizeof armour - 1 && memcmp(head, armour, sizeof armour - 1) == 0)
		return true;
	for (size_t i = 0; i < len; i++) {
		if (text_base64_digit((char)head[i]) >= 0)
			digits++;
		else if (!memchr("=\r\n", head[i], 3))
			return false;
	}
	return digits >= 2;
}

static const struct {
	const char *name;
	bool (*is)(const uint8_t *head, size_t len);
	bool text; /* white space and a byte order mark may stand in front */
} kinds[] = {
	{"pcap", is_pcap, false},
	{"raw", is_tls, false},
	{"flow", is_flow, false},
	{"http", is_http, true},
	{"trace", is_trace, true},
	{"har", is_har, true},
	{"json", is_json, true},
	{"hex", is_hex, true},
	{"base64", is_base64, true},
};

const char *recognise(const uint8_t *head, size_t len)
{
	size_t skip = len >= 3 && memcmp(head, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
	while (skip < len && memchr(" \t\r\n", head[skip], 4))
		skip++;
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		size_t from = kinds[i].text ? skip : 0;
		if (kinds[i].is(head + from, len - from))
			return kinds[i].name;
	}
	return NULL;
}
