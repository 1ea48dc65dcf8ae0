#include "tap.h"

#include "core/base64.h"

#include <stdlib.h>

/* How many of the 256 bytes at that position make the text base64; those must be canonical. */
static int count_valid(const char *text, size_t position)
{
	int count = 0;
	for (int byte = 0; byte < 256; byte++) {
		uint8_t changed[8], decoded[8], again[8];
		memcpy(changed, text, 8);
		changed[position] = (uint8_t)byte;
		memcpy(decoded, changed, 8);
		ssize_t len = atls_base64_decode(decoded, 8);
		if (len < 0)
			continue;
		count++;
		eq_int(atls_base64_encoded_size((size_t)len), 8);
		atls_base64_encode(again, decoded, (size_t)len);
		eq_mem(again, 8, changed, 8);
	}
	return count;
}

static void base64_takes_each_byte_only_where_it_belongs(void)
{
	for (size_t position = 0; position < 7; position++)
		eq_int(count_valid("AAAAAAAA", position), 64);
	eq_int(count_valid("AAAAAAAA", 7), 65); /* and padding */
	eq_int(count_valid("AAAAAAA=", 4), 64);
	eq_int(count_valid("AAAAAAA=", 5), 64);
	eq_int(count_valid("AAAAAAA=", 6), 17); /* four bits and two zero, and padding */
	eq_int(count_valid("AAAAAAA=", 7), 65);
	eq_int(count_valid("AAAAAA==", 4), 64);
	eq_int(count_valid("AAAAAA==", 5), 4); /* two bits and four zero */
	eq_int(count_valid("AAAAAA==", 6), 17);
	eq_int(count_valid("AAAAAA==", 7), 1);
}

static void base64_is_rfc_4648s(void)
{
	static const char *const pairs[][2] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="},
		{"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="},
		{"foobar", "Zm9vYmFy"}};
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		uint8_t text[8];
		size_t len = strlen(pairs[i][0]), size = atls_base64_encoded_size(len);
		atls_base64_encode(text, pairs[i][0], len);
		eq_mem(text, size, pairs[i][1], strlen(pairs[i][1]));
		eq_int(atls_base64_decode(text, size), len);
		eq_mem(text, len, pairs[i][0], len);
	}
}

static void base64_refuses_a_bad_byte_at_any_distance(void)
{
	enum { LEN = 64 };
	for (size_t position = 0; position < LEN; position++) {
		uint8_t *text = malloc(LEN);
		if (!text)
			abort();
		memset(text, 'Q', LEN);
		text[position] = '=';
		eq_int(atls_base64_decode(text, LEN) < 0, position != LEN - 1);
		memset(text, 'Q', LEN);
		eq_int(atls_base64_decode(text, position) < 0, position % 4 != 0);
		free(text);
	}
}

static void base64_size_tells_overflow(void)
{
	const size_t largest = SIZE_MAX / 4 * 3;
	eq_int(atls_base64_encoded_size(0), 0);
	eq_int(atls_base64_encoded_size(1), 4);
	eq_int(atls_base64_encoded_size(3), 4);
	eq_int(atls_base64_encoded_size(4), 8);
	ok(atls_base64_encoded_size(largest) == SIZE_MAX - 3);
	ok(atls_base64_encoded_size(largest + 1) == SIZE_MAX);
	ok(atls_base64_encoded_size(SIZE_MAX) == SIZE_MAX);
}

int main(void)
{
	run(base64_takes_each_byte_only_where_it_belongs);
	run(base64_is_rfc_4648s);
	run(base64_refuses_a_bad_byte_at_any_distance);
	run(base64_size_tells_overflow);
	return tap_done();
}
