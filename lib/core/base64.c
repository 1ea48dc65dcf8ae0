#include "core/base64.h"

#include "atls.h"

#include <nettle/base64.h>

/* The mark of a character that is in the alphabet. Shifted left by 6 or more it is gone, and
 * unshifted it lies above the 24 bits of a group, so the decoding needs no masks. */
#define VALID 0x80000000u

/* Two, ten and 26 characters in a row, from c on, with values from n on. */
#define V2(c, n)  [c] = VALID | (n), [(c) + 1] = VALID | ((n) + 1)
#define V10(c, n) V2(c, n), V2(c + 2, n + 2), V2(c + 4, n + 4), V2(c + 6, n + 6), V2(c + 8, n + 8)
#define V26(c, n)                                                                                  \
	V10(c, n), V10(c + 10, n + 10), V2(c + 20, n + 20), V2(c + 22, n + 22), V2(c + 24, n + 24)

static const uint32_t values[256] = {
	V26('A', 0), V26('a', 26), V10('0', 52), ['+'] = VALID | 62, ['/'] = VALID | 63};

/* The last group when it is padded: one or two bytes, or -1. */
static int decode_padded(const uint8_t group[4], uint8_t *to)
{
	uint32_t a = values[group[0]], b = values[group[1]], c = values[group[2]];
	uint32_t bits = a << 18 | b << 12;
	uint32_t valid = a & b;
	uint32_t unused = 0xf000;
	int count = 1;
	if (group[2] != '=') {
		bits |= c << 6;
		valid &= c;
		unused = 0xc0;
		count = 2;
	}
	if (!(valid & VALID) || (bits & unused))
		return -1;
	to[0] = (uint8_t)(bits >> 16);
	if (count == 2)
		to[1] = (uint8_t)(bits >> 8);
	return count;
}

ssize_t atls_base64_decode(uint8_t *text, size_t len)
{
	if (len % 4 != 0)
		return ATLS_E_PROTOCOL;
	const uint8_t *from = text;
	const uint8_t *end = text + len;
	bool padded = len && end[-1] == '=';
	if (padded)
		end -= 4;
	uint8_t *to = text;
	uint32_t valid = VALID;
	for (; from != end; from += 4, to += 3) {
		uint32_t a = values[from[0]], b = values[from[1]];
		uint32_t c = values[from[2]], d = values[from[3]];
		uint32_t bits = a << 18 | b << 12 | c << 6 | d;
		valid &= a & b & c & d;
		to[0] = (uint8_t)(bits >> 16);
		to[1] = (uint8_t)(bits >> 8);
		to[2] = (uint8_t)bits;
	}
	int rest = padded ? decode_padded(from, to) : 0;
	if (!(valid & VALID) || rest < 0)
		return ATLS_E_PROTOCOL;
	return to - text + rest;
}

size_t atls_base64_encoded_size(size_t len)
{
	size_t groups = len / 3 + (len % 3 != 0);
	return groups > SIZE_MAX / 4 ? SIZE_MAX : groups * 4;
}

void atls_base64_encode(uint8_t *text, const void *bytes, size_t len)
{
	if (len)
		base64_encode_raw((char *)text, len, bytes);
}
