#include "tnetstring.h"

#include <stdlib.h>
#include <string.h>

#define DIGITS_MAX 12u

int tnet_length(const uint8_t *bytes, size_t len, uint64_t *value)
{
	size_t digits = 0;
	*value = 0;
	for (; digits < len && bytes[digits] >= '0' && bytes[digits] <= '9'; digits++) {
		if (digits == DIGITS_MAX)
			return 0;
		*value = *value * 10 + (uint64_t)(bytes[digits] - '0');
	}
	if (digits == len)
		return -1;
	return digits && bytes[digits] == ':' ? (int)digits + 1 : 0;
}

bool tnet_next(struct tnet *list, struct tnet *value)
{
	uint64_t len;
	int prefix = list->len ? tnet_length(list->bytes, list->len, &len) : 0;
	if (prefix <= 0)
		return false;
	size_t left = list->len - (size_t)prefix;
	*value = (struct tnet){.bytes = list->bytes + prefix, .cut = len >= left};
	value->len = value->cut ? (size_t)left : (size_t)len;
	value->type = value->cut ? '\0' : (char)value->bytes[len];
	size_t whole = (size_t)prefix + value->len + !value->cut;
	list->bytes += whole;
	list->len -= whole;
	return true;
}

static bool fits(char is, char wanted)
{
	if (is == '\0' || is == wanted)
		return true;
	return (is == ';' && wanted == ',') || (is == '#' && wanted == '^');
}

struct tnet tnet_get(const struct tnet *dict, const char *key, char type)
{
	struct tnet rest = *dict, name, value;
	size_t len = strlen(key);
	while (rest.bytes && tnet_next(&rest, &name) && tnet_next(&rest, &value))
		if (name.len == len && memcmp(name.bytes, key, len) == 0 && fits(value.type, type))
			return value;
	return (struct tnet){0};
}

double tnet_number(const struct tnet *value)
{
	char text[32];
	if (!value->bytes || value->cut || !fits(value->type, '^') || value->len >= sizeof text)
		return 0;
	memcpy(text, value->bytes, value->len);
	text[value->len] = '\0';
	return strtod(text, NULL);
}

bool tnet_true(const struct tnet *value)
{
	return value->type == '!' && value->len == 4 && memcmp(value->bytes, "true", 4) == 0;
}
