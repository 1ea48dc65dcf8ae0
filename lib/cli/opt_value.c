#include "cli/opt.h"

#include "core/err.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX 24 /* a number and a suffix */

/* Reads the digits at *text, which moves behind them. False if there are none or too many. */
static bool read_digits(const char **text, uint64_t *out)
{
	const char *at = *text;
	uint64_t number = 0;

	for (; *at >= '0' && *at <= '9'; at++) {
		unsigned digit = (unsigned)(*at - '0');
		if (number > (UINT64_MAX - digit) / 10)
			return false;
		number = number * 10 + digit;
	}
	bool any = at != *text;
	*text = at;
	*out = number;
	return any;
}

int atls_opt_number(
	const char *value, uint64_t min, uint64_t max, uint64_t *out, struct atls_error *err)
{
	const char *at = value;
	uint64_t number;

	if (read_digits(&at, &number) && !*at && number >= min && number <= max) {
		*out = number;
		return ATLS_OK;
	}
	return atls_error_set(err, ATLS_E_USAGE,
		"'%.200s' is not a number from %" PRIu64 " to %" PRIu64, value, min, max);
}

/* ---- Sizes ---------------------------------------------------------------------------------- */

static const char suffixes[] = "kMG";

/* The power of 1024 that a suffix stands for; -1 if it is none. */
static int power_of(const char *suffix)
{
	if (!*suffix)
		return 0;
	if (suffix[1])
		return -1;
	switch (*suffix | 0x20) {
	case 'k':
		return 1;
	case 'm':
		return 2;
	case 'g':
		return 3;
	default:
		return -1;
	}
}

static const char *size_text(uint64_t size, char text[TEXT_MAX])
{
	int power = 0;

	for (; size && size % 1024 == 0 && power < 3; power++)
		size /= 1024;
	snprintf(text, TEXT_MAX, "%" PRIu64 "%.*s", size, power > 0,
		&suffixes[power > 0 ? power - 1 : 0]);
	return text;
}

int atls_opt_size(
	const char *value, uint64_t min, uint64_t max, uint64_t *out, struct atls_error *err)
{
	const char *at = value;
	char from[TEXT_MAX], to[TEXT_MAX];
	uint64_t number;
	int power;

	if (read_digits(&at, &number) && (power = power_of(at)) >= 0 &&
		number <= UINT64_MAX >> (10 * power) && number << (10 * power) >= min &&
		number << (10 * power) <= max) {
		*out = number << (10 * power);
		return ATLS_OK;
	}
	return atls_error_set(err, ATLS_E_USAGE, "'%.200s' is not a size from %s to %s", value,
		size_text(min, from), size_text(max, to));
}

/* ---- Seconds -------------------------------------------------------------------------------- */

/* Reads ".DIGITS" as thousandths, rounded up: what is not zero must not become it. */
static bool read_fraction(const char **text, uint64_t *thousandths)
{
	unsigned scale = 100, sum = 0;
	bool more = false;
	const char *at = *text + 1;

	for (; *at >= '0' && *at <= '9'; at++, scale /= 10) {
		sum += scale * (unsigned)(*at - '0');
		more = more || (!scale && *at != '0');
	}
	bool any = at != *text + 1;
	*text = at;
	*thousandths = sum + more;
	return any;
}

static bool read_seconds(const char *at, uint64_t *ms)
{
	uint64_t seconds = 0, thousandths = 0;

	if (*at != '.' && !read_digits(&at, &seconds))
		return false;
	if (*at == '.' && !read_fraction(&at, &thousandths))
		return false;
	if (*at || seconds > (UINT64_MAX - thousandths) / 1000)
		return false;
	*ms = seconds * 1000 + thousandths;
	return true;
}

static const char *seconds_text(uint64_t ms, char text[TEXT_MAX])
{
	size_t len;

	if (ms % 1000 == 0) {
		snprintf(text, TEXT_MAX, "%" PRIu64, ms / 1000);
		return text;
	}
	snprintf(text, TEXT_MAX, "%" PRIu64 ".%03u", ms / 1000, (unsigned)(ms % 1000));
	for (len = strlen(text); text[len - 1] == '0'; len--)
		text[len - 1] = '\0';
	return text;
}

int atls_opt_seconds(const char *value, uint64_t min_ms, uint64_t max_ms, uint64_t *out_ms,
	struct atls_error *err)
{
	char from[TEXT_MAX], to[TEXT_MAX];
	uint64_t ms;

	if (read_seconds(value, &ms) && ms >= min_ms && ms <= max_ms) {
		*out_ms = ms;
		return ATLS_OK;
	}
	return atls_error_set(err, ATLS_E_USAGE,
		"'%.200s' is not a number of seconds from %s to %s", value,
		seconds_text(min_ms, from), seconds_text(max_ms, to));
}
