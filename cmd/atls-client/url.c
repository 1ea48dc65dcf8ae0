#include "url.h"

#include "core/err.h"

#include <stdlib.h>
#include <string.h>

int url_read(struct client *client, struct atls_error *err)
{
	char *host = NULL, *path = NULL, *scheme = NULL, *port = NULL;
	CURLU *url = curl_url();
	CURLUcode rc =
		url ? curl_url_set(url, CURLUPART_URL, client->settings.url, CURLU_DEFAULT_SCHEME)
		    : CURLUE_OUT_OF_MEMORY;
	if (!rc)
		rc = curl_url_get(url, CURLUPART_HOST, &host, 0);
	if (!rc)
		rc = curl_url_get(url, CURLUPART_PATH, &path, 0);
	if (!rc)
		rc = curl_url_get(url, CURLUPART_SCHEME, &scheme, 0);
	if (!rc)
		rc = curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
	if (rc) {
		atls_error_set(err, ATLS_E_USAGE, "'%s' is not a URL (%s)", client->settings.url,
			curl_url_strerror(rc));
	} else if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0) {
		atls_error_set(err, ATLS_E_USAGE, "'%s' is neither an http nor an https URL",
			client->settings.url);
	} else {
		size_t len = strlen(host);
		bool brackets = len > 2 && host[0] == '[';
		client->host = brackets ? strndup(host + 1, len - 2) : strdup(host);
		client->path_given = strcmp(path, "/") != 0;
		if (strcmp(scheme, "https") == 0)
			client->https_port = (unsigned)strtoul(port, NULL, 10);
	}
	curl_free(host);
	curl_free(path);
	curl_free(scheme);
	curl_free(port);
	curl_url_cleanup(url);
	return err->code;
}

char *url_for(const struct client *client, const struct atls_body_codec *codec)
{
	char *url = NULL, *text = NULL;
	CURLU *parts = curl_url();
	if (parts &&
		!curl_url_set(parts, CURLUPART_URL, client->settings.url, CURLU_DEFAULT_SCHEME) &&
		(client->path_given || !curl_url_set(parts, CURLUPART_PATH, codec->path, 0)) &&
		!curl_url_get(parts, CURLUPART_URL, &text, 0))
		url = strdup(text);
	curl_free(text);
	curl_url_cleanup(parts);
	return url;
}
