#include "net/http_client.h"

#include <stdlib.h>
#include <string.h>

static const char *certificate_of(const struct curl_slist *fields)
{
	for (; fields; fields = fields->next)
		if (strncmp(fields->data, "Cert:", 5) == 0)
			return fields->data + 5;
	return NULL;
}

unsigned atls_http_outer_chain(struct atls_http_channel *channel, char ***pem)
{
	struct curl_certinfo *info = NULL;
	*pem = NULL;
	if (curl_easy_getinfo(atls_http_channel_easy(channel), CURLINFO_CERTINFO, &info) || !info ||
		info->num_of_certs <= 0)
		return 0;
	char **list = calloc((size_t)info->num_of_certs, sizeof *list);
	unsigned count = 0;
	for (int i = 0; list && i < info->num_of_certs; i++) {
		const char *text = certificate_of(info->certinfo[i]);
		list[count] = text ? strdup(text) : NULL;
		count += list[count] != NULL;
	}
	if (count == 0)
		free(list);
	else
		*pem = list;
	return count;
}
