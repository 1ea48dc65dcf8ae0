#include "clock.h"

#include <time.h>

#define MICRO       1000000
#define SECONDS_MAX 100000000000 /* in the year 5138 */

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

int64_t clock_from_parts(int64_t seconds, int64_t micro)
{
	bool sound = seconds >= 0 && seconds < SECONDS_MAX && micro >= 0 && micro < MICRO;
	return sound ? seconds * MICRO + micro : -1;
}

int64_t clock_from_seconds(double seconds)
{
	return seconds >= 0 && seconds < SECONDS_MAX ? (int64_t)(seconds * MICRO) : -1;
}
