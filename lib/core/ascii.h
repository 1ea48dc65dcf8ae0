#ifndef ATLS_CORE_ASCII_H
#define ATLS_CORE_ASCII_H

/* Not tolower() or strcasecmp(), which ask the locale. */
static inline char atls_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

#endif
