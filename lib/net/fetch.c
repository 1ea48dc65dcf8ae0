#include "net/fetch.h"

#include "core/buf.h"

#include <stdio.h>
#include <stdlib.h>

struct atls_fetch {
	struct atls_curl_loop *loop;
	CURL *easy;
	struct atls_curl_job job;
	struct curl_slist *headers;
	struct atls_buf body;
	bool busy;
	atls_fetched *fetched;
	void *ctx;
};

static size_t on_body(char *data, size_t size, size_t count, void *ctx)
{
	struct atls_fetch *fetch = ctx;

	return atls_buf_append(&fetch->body, data, size * count) ? 0 : size * count;
}

static void finish(void *ctx, CURLcode rc)
{
	struct atls_fetch *fetch = ctx;
	long status = 0;

	fetch->busy = false;
	curl_easy_getinfo(fetch->easy, CURLINFO_RESPONSE_CODE, &status);
	bool good = rc == CURLE_OK && status == 200 && fetch->body.len;
	fetch->fetched(
		fetch->ctx, good ? atls_buf_bytes(&fetch->body) : NULL, good ? fetch->body.len : 0);
}

static CURLcode set_up(struct atls_fetch *fetch, const struct atls_way *way, const char *url)
{
	CURL *easy = fetch->easy;
	CURLcode rc = curl_easy_setopt(easy, CURLOPT_URL, url);

	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "atls/" ATLS_VERSION);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, way->connect_ms);
	curl_easy_setopt(easy, CURLOPT_RESOLVE, way->resolve);
	curl_easy_setopt(easy, CURLOPT_CONNECT_TO, way->connect_to);
	curl_easy_setopt(easy, CURLOPT_IPRESOLVE, way->ip_version);
	if (rc == CURLE_OK && way->proxy)
		rc = curl_easy_setopt(easy, CURLOPT_PROXY, way->proxy);
	if (rc == CURLE_OK && way->proxy_user)
		rc = curl_easy_setopt(easy, CURLOPT_PROXYUSERPWD, way->proxy_user);
	if (rc == CURLE_OK && way->interface)
		rc = curl_easy_setopt(easy, CURLOPT_INTERFACE, way->interface);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, fetch);
	return rc;
}

static bool set_post(struct atls_fetch *fetch, const char *type, const void *body, size_t len)
{
	char line[128];

	if (!body)
		return true;
	snprintf(line, sizeof line, "Content-Type: %s", type);
	fetch->headers = curl_slist_append(NULL, line);
	curl_easy_setopt(fetch->easy, CURLOPT_HTTPHEADER, fetch->headers);
	curl_easy_setopt(fetch->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
	curl_easy_setopt(fetch->easy, CURLOPT_POSTFIELDS, body);
	return fetch->headers != NULL;
}

struct atls_fetch *atls_fetch_new(struct atls_curl_loop *loop, const struct atls_way *way,
	const char *url, const char *type, const void *body, size_t len, atls_fetched *fetched,
	void *ctx)
{
	struct atls_fetch *fetch = calloc(1, sizeof *fetch);

	if (fetch)
		fetch->easy = curl_easy_init();
	if (!fetch || !fetch->easy) {
		free(fetch);
		return NULL;
	}
	fetch->loop = loop;
	fetch->fetched = fetched;
	fetch->ctx = ctx;
	fetch->job = (struct atls_curl_job){.done = finish, .ctx = fetch};
	atls_buf_init(&fetch->body, ATLS_FETCH_MAX);
	if (set_up(fetch, way, url) == CURLE_OK && set_post(fetch, type, body, len) &&
		atls_curl_loop_add(loop, fetch->easy, &fetch->job) == 0) {
		fetch->busy = true;
		return fetch;
	}
	atls_fetch_free(fetch);
	return NULL;
}

void atls_fetch_free(struct atls_fetch *fetch)
{
	if (!fetch)
		return;
	if (fetch->busy)
		atls_curl_loop_remove(fetch->loop, fetch->easy);
	curl_easy_cleanup(fetch->easy);
	curl_slist_free_all(fetch->headers);
	atls_buf_free(&fetch->body);
	free(fetch);
}
