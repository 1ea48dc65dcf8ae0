#include "text.h"

#include <string.h>

void lines_init(struct lines *lines, lines_fn *take, void *ctx)
{
	lines->take = take;
	lines->ctx = ctx;
	lines->offset = 0;
	lines->len = 0;
}

static int give(struct lines *lines, bool more)
{
	size_t len = lines->len;
	uint64_t at = lines->offset - len;
	if (!more && len && lines->line[len - 1] == '\r')
		len--;
	for (char *nul = lines->line; (nul = memchr(nul, '\0', len - (size_t)(nul - lines->line)));)
		*nul = '?';
	lines->line[len] = '\0';
	lines->len = 0;
	return lines->take(lines->ctx, lines->line, len, at, more);
}

int lines_feed(struct lines *lines, const uint8_t *bytes, size_t len)
{
	int rc = ATLS_OK;
	while (len && !rc) {
		size_t room = LINE_MAX_BYTES - lines->len;
		const uint8_t *end = memchr(bytes, '\n', len < room ? len : room);
		size_t part = end ? (size_t)(end - bytes) : len < room ? len : room;
		memcpy(lines->line + lines->len, bytes, part);
		lines->len += part;
		lines->offset += part;
		bytes += part;
		len -= part;
		if (end)
			rc = give(lines, false);
		else if (lines->len == LINE_MAX_BYTES)
			rc = give(lines, true);
		if (end) {
			lines->offset++;
			bytes++;
			len--;
		}
	}
	return rc;
}

int lines_end(struct lines *lines)
{
	return lines->len ? give(lines, false) : ATLS_OK;
}

int text_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

uint8_t text_hex_byte(const char *digits)
{
	return (uint8_t)((unsigned)text_hex_digit(digits[0]) << 4 |
			 (unsigned)text_hex_digit(digits[1]));
}

int text_base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	return c == '/' || c == '_' ? 63 : -1;
}

size_t text_base64_decode(uint8_t *to, const char *text, size_t len)
{
	uint32_t bits = 0;
	unsigned count = 0;
	size_t out = 0;
	for (size_t i = 0; i < len; i++) {
		int digit = text_base64_digit(text[i]);
		if (digit < 0)
			continue;
		bits = bits << 6 | (uint32_t)digit;
		count += 6;
		if (count >= 8) {
			count -= 8;
			to[out++] = (uint8_t)(bits >> count);
		}
	}
	return out;
}
