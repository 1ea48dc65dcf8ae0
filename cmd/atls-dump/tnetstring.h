/* Tagged netstrings, "5:hello,": what mitmproxy writes flows in. */
#ifndef ATLS_DUMP_TNETSTRING_H
#define ATLS_DUMP_TNETSTRING_H

#include "atls.h"

/* One value, in the memory that was read. */
struct tnet {
	const uint8_t *bytes; /* null: there is none */
	size_t len;
	char type; /* ',' bytes, ';' text, '#' int, '^' float, '!' bool, '~' null, ']' list, '}'
		      dict; 0: not known, since it is cut */
	bool cut;  /* it has more bytes than are there */
};

/* Reads "LEN:" in front of a value; returns the bytes that takes, 0 if there is no such thing, or
 * -1 if more bytes would tell. */
int tnet_length(const uint8_t *bytes, size_t len, uint64_t *value);

/* Takes the next value of a list or dict, and moves the list behind it. False at its end, and where
 * no value can be read. */
bool tnet_next(struct tnet *list, struct tnet *value);

/* The value of that key in a dict, if it has that type; text and bytes are one, and so are int and
 * float. Else one without bytes. */
struct tnet tnet_get(const struct tnet *dict, const char *key, char type);

/* A number's value; 0 if it is none. */
double tnet_number(const struct tnet *value);

/* Whether a value is the bool true. */
bool tnet_true(const struct tnet *value);

#endif
