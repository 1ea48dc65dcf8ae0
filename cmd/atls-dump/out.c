#include "out.h"

#include "cli/log.h"
#include "core/err.h"

#include <errno.h>
#include <unistd.h>

void out_drain(struct out *out)
{
	size_t done = 0;
	while (done < out->len && !out->error) {
		ssize_t wrote = write(out->fd, out->block + done, out->len - done);
		if (wrote >= 0)
			done += (size_t)wrote;
		else if (errno != EINTR)
			out->error = errno;
	}
	out->len = 0;
}

int out_flush(struct out *out, struct atls_error *err)
{
	out_drain(out);
	if (!out->error)
		return ATLS_OK;
	return atls_error_set(err, ATLS_E_LOCAL, "standard output: %s", strerror(out->error));
}

void out_bytes_slow(struct out *out, const void *bytes, size_t len)
{
	const char *at = bytes;
	while (len > OUT_BLOCK - out->len) {
		size_t part = OUT_BLOCK - out->len;
		memcpy(out->block + out->len, at, part);
		out->len += part;
		at += part;
		len -= part;
		out_drain(out);
	}
	if (len)
		memcpy(out->block + out->len, at, len);
	out->len += len;
}

size_t out_digits(char *to, uint64_t value)
{
	static const char pairs[] = "00010203040506070809101112131415161718192021222324"
				    "25262728293031323334353637383940414243444546474849"
				    "50515253545556575859606162636465666768697071727374"
				    "75767778798081828384858687888990919293949596979899";
	size_t len = 1;
	for (uint64_t next = 10; len < 20 && value >= next; next *= 10)
		len++;
	char *at = to + len;
	for (; value >= 10; value /= 100)
		memcpy(at -= 2, pairs + value % 100 * 2, 2);
	if (at > to)
		*to = (char)('0' + value);
	return len;
}

void out_number(struct out *out, uint64_t value)
{
	out->len += out_digits(out_room(out), value);
}

static void pad(struct out *out, size_t used, size_t width)
{
	static const char spaces[] = "                                ";
	if (used < width)
		out_bytes(out, spaces, width - used < 32 ? width - used : 32);
}

void out_padded(struct out *out, const char *text, size_t width)
{
	size_t len = strlen(text);
	out_bytes(out, text, len);
	pad(out, len, width);
}

void out_number_padded(struct out *out, uint64_t value, size_t width)
{
	size_t len = out_digits(out_room(out), value);
	out->len += len;
	pad(out, len, width);
}

void out_hex(struct out *out, const uint8_t *bytes, size_t len)
{
	static const char hex[] = "0123456789abcdef";
	for (size_t i = 0; i < len; i++) {
		char *to = out_room(out);
		to[0] = hex[bytes[i] >> 4];
		to[1] = hex[bytes[i] & 15];
		out->len += 2;
	}
}

void out_escaped(struct out *out, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;
	while (len > 0) {
		size_t plain = 0;
		while (plain < len && at[plain] >= 0x20 && at[plain] < 0x7f)
			plain++;
		out_bytes(out, at, plain);
		at += plain;
		len -= plain;
		if (len == 0)
			break;
		char one[5] = "", *to = out_room(out);
		const char *from = one;
		memcpy(one, at, len < 4 ? len : 4);
		size_t width = 0;
		if (*one)
			width = atls_log_escape_char(&from, to);
		else
			memcpy(to, "\\x00", width = 4);
		from += *one == 0;
		out->len += width;
		at += from - one;
		len -= (size_t)(from - one);
	}
}

void out_time(struct out *out, int64_t time_us)
{
	int64_t second = time_us / 1000000, us = time_us % 1000000;
	if (out->second != second || !out->second_len) {
		atls_out_time((time_t)second, out->second_text);
		out->second = second;
		out->second_len = strlen(out->second_text);
	}
	if (out->second_len == 0) { /* a year that RFC 3339 has no text for */
		out_char(out, '-');
		return;
	}
	out_bytes(out, out->second_text, out->second_len - 1);
	char *to = out_room(out);
	to[0] = '.';
	for (int i = 6; i > 0; i--, us /= 10)
		to[i] = (char)('0' + us % 10);
	to[7] = 'Z';
	out->len += 8;
}
