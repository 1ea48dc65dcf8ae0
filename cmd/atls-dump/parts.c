#include "parts.h"

#include <stdlib.h>
#include <string.h>

char *parts_text(struct parts *parts, const void *bytes, size_t len)
{
	char *copy = parts->count < PARTS_MAX ? malloc(len + 1) : NULL;
	if (!copy)
		return NULL;
	if (len)
		memcpy(copy, bytes, len);
	copy[len] = '\0';
	for (char *nul = copy; (nul = memchr(nul, '\0', len - (size_t)(nul - copy)));)
		*nul = '?';
	parts->texts[parts->count++] = copy;
	return copy;
}

int parts_field(struct parts *parts, const char *name, const void *value, size_t len)
{
	if (parts->count == PARTS_MAX)
		return ATLS_OK;
	char *copy = parts_text(parts, value, len);
	if (!copy)
		return ATLS_E_MEMORY;
	http_head_field(&parts->head, name, copy);
	return ATLS_OK;
}

void parts_free(struct parts *parts)
{
	for (size_t i = 0; i < parts->count; i++)
		free(parts->texts[i]);
	parts->count = 0;
}
