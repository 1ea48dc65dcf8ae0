#include "clock.h"

#include <time.h>

#define MICRO 1000000

int64_t clock_parse(const char *text)
{
	struct tm tm = {0};
	int64_t micro = 0;
	text = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;
	if (!text)
		return -1;
	if (*text == '.')
		text++;
	for (int64_t unit = MICRO / 10; *text >= '0' && *text <= '9'; text++, unit /= 10)
		micro += (*text - '0') * unit;
	text = strptime(text, "%z", &tm);
	if (!text || *text || tm.tm_year < 70)
		return -1;
	long east = tm.tm_gmtoff; /* which timegm() sets to 0 */
	return ((int64_t)timegm(&tm) - east) * MICRO + micro;
}

int64_t clock_from_seconds(double seconds)
{
	return seconds >= 0 && seconds < 1e11 ? (int64_t)(seconds * MICRO) : -1;
}
