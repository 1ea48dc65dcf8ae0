/*
 * example URL CA-FILE NAME REQUEST: an ATLS client around an HTTP stack that knows nothing of it,
 * here libcurl's easy interface. Sends REQUEST to the service that has a certificate for NAME, and
 * prints what it answers. tests/embed.bats builds it against an installed copy, and atls(3) shows
 * talk().
 */
#include <atls.h>
#include <curl/curl.h>
#include <gnutls/gnutls.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* The foreign stack: a handle that keeps connection and cookies, and its last answer. */
struct http {
	CURL *curl;
	size_t len;
	uint8_t answer[1 << 20];
};

static int64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* An answer that does not fit is an error of curl's. */
static size_t keep(char *bytes, size_t size, size_t count, void *ctx)
{
	struct http *http = ctx;
	size_t len = size * count;
	if (len > sizeof http->answer - http->len)
		return 0;
	memcpy(http->answer + http->len, bytes, len);
	http->len += len;
	return len;
}

/* The answer's status, or 0 if none came. One with 200 is valid if it is labelled as ours. */
static long post(struct http *http, const void *body, size_t len)
{
	long status = 0;
	const char *type = NULL;

	http->len = 0;
	curl_easy_setopt(http->curl, CURLOPT_POSTFIELDS, len ? body : "");
	curl_easy_setopt(http->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
	CURLcode rc = curl_easy_perform(http->curl);
	if (rc == CURLE_OK) {
		curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &status);
		curl_easy_getinfo(http->curl, CURLINFO_CONTENT_TYPE, &type);
		if (status == 200 && atls_encoding_by_type(type) != ATLS_ATLS)
			status = 404;
	}
	if (status != 200)
		fprintf(stderr, "HTTP: status %ld, %s\n", status, curl_easy_strerror(rc));
	return status;
}

/* One session: request goes up, answers are printed. 0: both sides closed it. */
static int talk(struct http *http, struct atls_base *base, const char *request)
{
	struct atls_engine *tls = base->engine;
	const uint8_t *body;
	size_t len;
	ssize_t n;
	char data[4096];

	for (;;) {
		while ((n = atls_engine_write(tls, request, strlen(request))) > 0)
			request += n;
		if (*request == '\0')
			(void)atls_engine_close(tls);
		while ((n = atls_engine_read(tls, data, sizeof data)) > 0)
			fwrite(data, 1, (size_t)n, stdout);

		int64_t at, now = now_ms();
		enum atls_base_step step = atls_base_next(base, now, &body, &len, &at);
		if (step == ATLS_BASE_DONE)
			return atls_engine_error(tls)->code;
		if (step == ATLS_BASE_WAIT) {
			poll(NULL, 0, (int)(at - now));
			continue;
		}

		int rc = ATLS_E_NETWORK;
		long status = post(http, body, len);
		bool later = status == 0 || status == 429 || status >= 500;
		if (status == 200)
			rc = atls_base_answered(base, http->answer, http->len, now_ms());
		else if (status == 413)
			rc = atls_base_too_large(base);
		else if (later && base->answered)
			rc = atls_base_lost(base, 0, now_ms());
		if (rc == ATLS_E_NETWORK || rc == ATLS_E_LIMIT)
			return rc;
	}
}

/* The outer TLS is a middlebox's, and no matter: the inner one is what counts. */
static bool http_open(struct http *http, struct curl_slist *headers, const char *url)
{
	CURL *curl = http->curl = curl_easy_init();
	if (!curl)
		return false;
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_COOKIEFILE, ""); /* a cookie names the session */
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, http);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, 35L);
	return curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK;
}

int main(int argc, char **argv)
{
	static struct http http;
	struct atls_error err = {0};
	struct atls_base base;
	struct atls_policy policy = {.purpose = GNUTLS_KP_TLS_WWW_SERVER};
	struct atls_engine_config config = {
		.role = ATLS_CLIENT, .verify = atls_policy_verify, .verify_ctx = &policy};
	const struct atls_base_limits limits = {.body_max = ATLS_BODY_DEFAULT,
		.idle_ms = ATLS_POLL_IDLE_MS,
		.resume_ms = ATLS_RESUME_MS,
		.seed = (uint32_t)now_ms()};

	if (argc != 5)
		return fputs("usage: example URL CA-FILE NAME REQUEST\n", stderr), 2;
	policy.name = config.server_name = argv[3];
	if (gnutls_certificate_allocate_credentials(&config.credentials) < 0)
		return 1;
	if (gnutls_certificate_set_x509_trust_file(
		    config.credentials, argv[2], GNUTLS_X509_FMT_PEM) < 1)
		return fprintf(stderr, "%s: no certificate in it\n", argv[2]), 1;
	gnutls_certificate_get_trust_list(config.credentials, &policy.anchors);

	curl_global_init(CURL_GLOBAL_DEFAULT);
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/atls");
	headers = curl_slist_append(headers, "Cache-Control: no-store, no-transform");
	headers = curl_slist_append(headers, "Expect:");
	struct atls_engine *tls = atls_engine_new(&config, &err);
	int rc = 1;
	if (tls && http_open(&http, headers, argv[1])) {
		atls_base_init(&base, tls, &limits, now_ms());
		rc = talk(&http, &base, argv[4]) ? 1 : 0;
		err = *atls_engine_error(tls);
	}
	if (err.code)
		fprintf(stderr, "%s\n", err.text);

	atls_engine_free(tls);
	gnutls_certificate_free_credentials(config.credentials);
	curl_easy_cleanup(http.curl);
	curl_slist_free_all(headers);
	curl_global_cleanup();
	return rc;
}
