#include "net/outer.h"

#include <stdlib.h>
#include <string.h>

static const char *certificate_of(const struct curl_slist *fields)
{
	for (; fields; fields = fields->next)
		if (strncmp(fields->data, "Cert:", 5) == 0)
			return fields->data + 5;
	return NULL;
}

void atls_outer_free(struct atls_outer *outer)
{
	for (unsigned i = 0; i < outer->count; i++)
		free(outer->pem[i]);
	free(outer->pem);
	outer->pem = NULL;
	outer->count = 0;
}

void atls_outer_note(struct atls_outer *outer, CURL *easy)
{
	struct curl_certinfo *info = NULL;
	long made = 0;
	if (curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &made) || made == 0 ||
		curl_easy_getinfo(easy, CURLINFO_CERTINFO, &info) || !info ||
		info->num_of_certs <= 0)
		return;
	atls_outer_free(outer);
	outer->pem = calloc((size_t)info->num_of_certs, sizeof *outer->pem);
	for (int i = 0; outer->pem && i < info->num_of_certs; i++) {
		const char *text = certificate_of(info->certinfo[i]);
		outer->pem[outer->count] = text ? strdup(text) : NULL;
		outer->count += outer->pem[outer->count] != NULL;
	}
}
