#include "trust/text.h"

#include <stdio.h>
#include <string.h>

void atls_text_copy(char *text, size_t cap, const void *bytes, size_t len)
{
	const unsigned char *from = bytes;
	size_t n = len < cap ? len : cap - 1;

	if (n < len)
		while (n > 0 && (from[n] & 0xc0) == 0x80)
			n--;
	for (size_t i = 0; i < n; i++)
		text[i] = from[i] ? (char)from[i] : '?';
	text[n] = '\0';
}

void atls_text_time(char text[ATLS_TRUST_TIME_TEXT], time_t when)
{
	struct tm tm;

	if (when == (time_t)-1 || !gmtime_r(&when, &tm) ||
		strftime(text, ATLS_TRUST_TIME_TEXT, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		snprintf(text, ATLS_TRUST_TIME_TEXT, "an unknown time");
}
