#include "explain/fingerprint.h"

#include "explain/names.h"

#include <nettle/md5.h>
#include <nettle/sha2.h>
#include <string.h>

/* More numbers than these in one list are no client's: the rest is left out. */
#define LIST_MAX 512u
/* Five lists of up to LIST_MAX numbers of up to 5 digits. */
#define TEXT_MAX (4u * LIST_MAX * 6u)

/* Text under way. What does not fit is counted and not written. */
struct text {
	char *at;
	size_t len, cap;
};

static inline void put(struct text *text, char byte)
{
	if (text->len < text->cap)
		text->at[text->len] = byte;
	text->len++;
}

static inline void put_all(struct text *text, const char *bytes, size_t len)
{
	if (text->len + len > text->cap) {
		for (size_t i = 0; i < len; i++)
			put(text, bytes[i]);
		return;
	}
	for (size_t i = 0; i < len; i++)
		text->at[text->len + i] = bytes[i];
	text->len += len;
}

/* Of 16 bits. */
static void put_decimal(struct text *text, unsigned value)
{
	size_t len = value < 10 ? 1 : value < 100 ? 2 : value < 1000 ? 3 : value < 10000 ? 4 : 5;
	char digits[5];
	for (size_t i = len; i > 0; value /= 10)
		digits[--i] = (char)('0' + value % 10);
	put_all(text, digits, len);
}

static inline char hex_digit(unsigned value)
{
	return "0123456789abcdef"[value & 15];
}

static void put_hex16(struct text *text, unsigned value)
{
	const char digits[4] = {hex_digit(value >> 12), hex_digit(value >> 8),
		hex_digit(value >> 4), hex_digit(value)};
	put_all(text, digits, sizeof digits);
}

/* The numbers of a span, without GREASE, joined with '-'. */
static void put_list(struct text *text, struct atls_span span)
{
	bool first = true;
	for (size_t i = 0; i < span.len / 2 && i < LIST_MAX; i++) {
		unsigned value = atls_span_u16(span, i);
		if (atls_is_grease(value))
			continue;
		if (!first)
			put(text, '-');
		put_decimal(text, value);
		first = false;
	}
}

static size_t type_count(const struct atls_hello *hello)
{
	return hello->extension_count < ATLS_HELLO_TYPES ? hello->extension_count
							 : ATLS_HELLO_TYPES;
}

static void put_extensions(struct text *text, const struct atls_hello *hello)
{
	bool first = true;
	for (size_t i = 0; i < type_count(hello); i++) {
		if (atls_is_grease(hello->types[i]))
			continue;
		if (!first)
			put(text, '-');
		put_decimal(text, hello->types[i]);
		first = false;
	}
}

static void put_client(struct text *text, const struct atls_hello *hello)
{
	put_decimal(text, hello->version);
	put(text, ',');
	put_list(text, hello->suites);
	put(text, ',');
	put_extensions(text, hello);
	put(text, ',');
	put_list(text, hello->groups);
	put(text, ',');
	for (size_t i = 0; i < hello->points.len && i < LIST_MAX; i++) {
		if (i)
			put(text, '-');
		put_decimal(text, hello->points.at[i]);
	}
}

size_t atls_ja3_text(const struct atls_hello *hello, char *out, size_t cap)
{
	struct text text = {out, 0, cap ? cap - 1 : 0};
	if (hello->client) {
		put_client(&text, hello);
	} else {
		put_decimal(&text, hello->version);
		put(&text, ',');
		put_decimal(&text, hello->suite);
		put(&text, ',');
		put_extensions(&text, hello);
	}
	if (cap)
		out[text.len < cap ? text.len : cap - 1] = '\0';
	return text.len;
}

static void write_hex(char *out, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		*out++ = hex_digit(bytes[i] >> 4);
		*out++ = hex_digit(bytes[i]);
	}
	*out = '\0';
}

void atls_ja3(const struct atls_hello *hello, char out[ATLS_JA3_TEXT])
{
	char text[TEXT_MAX];
	struct md5_ctx md5;
	uint8_t digest[MD5_DIGEST_SIZE];
	out[0] = '\0';
	if (hello->broken)
		return;
	size_t len = atls_ja3_text(hello, text, sizeof text);
	md5_init(&md5);
	md5_update(&md5, len < sizeof text ? len : sizeof text - 1, (const uint8_t *)text);
	md5_digest(&md5, sizeof digest, digest);
	write_hex(out, digest, sizeof digest);
}

/* ---- JA4 ------------------------------------------------------------------------------------ */

struct numbers {
	uint16_t at[LIST_MAX];
	size_t len;
};

static void add(struct numbers *numbers, unsigned value)
{
	if (!atls_is_grease(value) && numbers->len < LIST_MAX)
		numbers->at[numbers->len++] = (uint16_t)value;
}

/* By insertion: the lists are short. */
static void sort(struct numbers *numbers)
{
	for (size_t i = 1; i < numbers->len; i++) {
		uint16_t value = numbers->at[i];
		size_t k = i;
		for (; k > 0 && numbers->at[k - 1] > value; k--)
			numbers->at[k] = numbers->at[k - 1];
		numbers->at[k] = value;
	}
}

static void put_numbers(struct text *text, const struct numbers *numbers)
{
	for (size_t i = 0; i < numbers->len; i++) {
		if (i)
			put(text, ',');
		put_hex16(text, numbers->at[i]);
	}
}

/* The first 12 digits of the SHA-256; zeros for nothing. */
static void put_digest(struct text *to, const struct text *of)
{
	struct sha256_ctx sha256;
	uint8_t digest[SHA256_DIGEST_SIZE] = {0};
	if (of->len) {
		sha256_init(&sha256);
		sha256_update(
			&sha256, of->len < of->cap ? of->len : of->cap, (const uint8_t *)of->at);
		sha256_digest(&sha256, 6, digest);
	}
	for (size_t i = 0; i < 6; i++) {
		put(to, hex_digit(digest[i] >> 4));
		put(to, hex_digit(digest[i]));
	}
}

static void put_version(struct text *text, unsigned version)
{
	static const char *const names[] = {"s3", "10", "11", "12", "13"};
	const char *name = version == 2 ? "s2" : "00";
	if (version >= 0x0300 && version <= 0x0304)
		name = names[version & 7];
	put(text, name[0]);
	put(text, name[1]);
}

static bool alphanumeric(uint8_t byte)
{
	return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
	       (byte >= 'A' && byte <= 'Z');
}

/* First and last character of the first protocol; of their hexadecimal digits where one of them is
 * not alphanumeric. */
static void put_alpn(struct text *text, struct atls_span alpn)
{
	size_t len = alpn.len ? alpn.at[0] : 0;
	if (len == 0 || len >= alpn.len) {
		put(text, '0');
		put(text, '0');
		return;
	}
	uint8_t first = alpn.at[1], last = alpn.at[len];
	bool plain = alphanumeric(first) && alphanumeric(last);
	put(text, plain ? (char)first : hex_digit(first >> 4));
	put(text, plain ? (char)last : hex_digit(last));
}

static void put_count(struct text *text, size_t count)
{
	if (count > 99)
		count = 99;
	put(text, (char)('0' + count / 10));
	put(text, (char)('0' + count % 10));
}

/* Counts the extensions without GREASE and collects those that are digested: not server_name, nor
 * ALPN. */
static size_t collect_extensions(const struct atls_hello *hello, struct numbers *numbers)
{
	size_t count = 0;
	for (size_t i = 0; i < type_count(hello); i++) {
		unsigned type = hello->types[i];
		count += !atls_is_grease(type);
		if (type != 0 && type != 16)
			add(numbers, type);
	}
	sort(numbers);
	return count;
}

void atls_ja4(const struct atls_hello *hello, char out[ATLS_JA4_TEXT])
{
	char list[2 * LIST_MAX * 5];
	struct text text = {out, 0, ATLS_JA4_TEXT - 1}, digested = {list, 0, sizeof list};
	struct numbers numbers;
	numbers.len = 0;
	out[0] = '\0';
	if (hello->broken || !hello->client)
		return;
	for (size_t i = 0; i < hello->suites.len / 2; i++)
		add(&numbers, atls_span_u16(hello->suites, i));
	put(&text, 't');
	put_version(&text, atls_hello_version(hello));
	put(&text, hello->has_name ? 'd' : 'i');
	put_count(&text, numbers.len);
	sort(&numbers);
	put_numbers(&digested, &numbers);
	numbers.len = 0;
	put_count(&text, collect_extensions(hello, &numbers));
	put_alpn(&text, hello->alpn);
	put(&text, '_');
	put_digest(&text, &digested);
	put(&text, '_');

	digested.len = 0;
	put_numbers(&digested, &numbers);
	numbers.len = 0;
	for (size_t i = 0; i < hello->signatures.len / 2; i++)
		add(&numbers, atls_span_u16(hello->signatures, i));
	if (numbers.len && digested.len)
		put(&digested, '_');
	put_numbers(&digested, &numbers);
	put_digest(&text, &digested);
	out[ATLS_JA4_TEXT - 1] = '\0';
}
