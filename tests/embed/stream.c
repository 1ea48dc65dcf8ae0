/*
 * stream URL CA-FILE NAME: an ATLS client in stream carriage around an HTTP stack that knows
 * nothing of it, here libcurl's multi interface. What stands on standard input goes to the service
 * that has a certificate for NAME, and what it answers to standard output, whatever becomes of
 * connections in between. tests/embed.bats builds it against an installed copy, and atls(3) shows
 * its heart.
 */
#include <atls.h>
#include <curl/curl.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* The foreign stack: so many requests at once, each with the answer that it got. */
struct http {
	CURLM *multi;
	CURLSH *cookies; /* one jar for all */
	struct call {
		CURL *curl;
		struct curl_slist *headers;
		size_t len;
		uint8_t answer[1 << 20];
	} calls[ATLS_STREAM_INFLIGHT_MAX];
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
	struct call *call = ctx;
	size_t len = size * count;
	if (len > sizeof call->answer - call->len)
		return 0;
	memcpy(call->answer + call->len, bytes, len);
	call->len += len;
	return len;
}

static struct curl_slist *header(struct curl_slist *list, const char *name, const char *value)
{
	char line[512];
	snprintf(line, sizeof line, "%s: %s", name, value);
	return curl_slist_append(list, line);
}

/* Makes a request, beside those that are under way. */
static void post(struct http *http, const struct atls_stream_request *request)
{
	struct call *call = &http->calls[request->slot];
	call->len = 0;
	call->headers = header(NULL, "Content-Type", request->content_type);
	call->headers = header(call->headers, "Cache-Control", "no-store, no-transform");
	call->headers = curl_slist_append(call->headers, "Expect:");
	if (request->dict)
		call->headers = header(call->headers, ATLS_STREAM_HEADER, request->dict);
	curl_easy_setopt(call->curl, CURLOPT_HTTPHEADER, call->headers);
	curl_easy_setopt(call->curl, CURLOPT_POSTFIELDS, request->body);
	curl_easy_setopt(call->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->len);
	curl_easy_setopt(call->curl, CURLOPT_LOW_SPEED_TIME, (long)(request->timeout_ms / 1000));
	curl_multi_add_handle(http->multi, call->curl);
}

/* Tells what became of it. */
static void finish(struct http *http, struct atls_stream *stream, CURL *curl, CURLcode rc)
{
	struct call *call;
	struct curl_header *dict;
	curl_off_t wait;
	curl_easy_getinfo(curl, CURLINFO_PRIVATE, &call);
	struct atls_stream_response response = {.body = call->answer, .len = call->len};
	if (rc == CURLE_OK) {
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &response.status);
		curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &response.content_type);
		curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &wait);
		response.retry_after_ms = (int64_t)wait * 1000;
		if (!curl_easy_header(curl, ATLS_STREAM_HEADER, 0, CURLH_HEADER, -1, &dict))
			response.dict = dict->value;
	}
	atls_stream_answered(stream, (unsigned)(call - http->calls), &response, now_ms());
	curl_multi_remove_handle(http->multi, curl);
	curl_slist_free_all(call->headers);
	call->headers = NULL;
}

/* One session: standard input goes up, what comes down to standard output. */
static int talk(struct http *http, struct atls_engine *tls, struct atls_stream *stream)
{
	struct atls_stream_request request;
	enum atls_stream_step step;
	static char up[65536], down[65536], *rest;
	size_t left = 0;
	ssize_t n;

	for (;;) {
		while (left || (left = fread(rest = up, 1, sizeof up, stdin))) {
			if ((n = atls_engine_write(tls, rest, left)) <= 0)
				break;
			rest += n, left -= (size_t)n;
		}
		if (!left)
			(void)atls_engine_close(tls);
		while ((n = atls_engine_read(tls, down, sizeof down)) > 0)
			fwrite(down, 1, (size_t)n, stdout);

		int64_t at, now = now_ms();
		while ((step = atls_stream_next(stream, now, &request, &at)) == ATLS_STREAM_SEND)
			post(http, &request);
		if (step == ATLS_STREAM_DONE)
			return atls_engine_error(tls)->code;
		if (step == ATLS_STREAM_LOST)
			return atls_stream_error(stream)->code;

		int count, wait = at - now < 1000 ? (int)(at - now) : 1000;
		const CURLMsg *message;
		curl_multi_poll(http->multi, NULL, 0, wait, NULL);
		curl_multi_perform(http->multi, &count);
		while ((message = curl_multi_info_read(http->multi, &count)))
			finish(http, stream, message->easy_handle, message->data.result);
	}
}

/* The outer TLS is a middlebox's, and no matter: the inner one is what counts. */
static bool http_open(struct http *http, const char *url)
{
	http->multi = curl_multi_init();
	http->cookies = curl_share_init();
	curl_share_setopt(http->cookies, CURLSHOPT_SHARE, CURL_LOCK_DATA_COOKIE);
	for (size_t i = 0; i < ATLS_STREAM_INFLIGHT_MAX; i++) {
		struct call *call = &http->calls[i];
		CURL *curl = call->curl = curl_easy_init();
		if (!curl)
			return false;
		curl_easy_setopt(curl, CURLOPT_PRIVATE, call);
		curl_easy_setopt(curl, CURLOPT_SHARE, http->cookies);
		curl_easy_setopt(curl, CURLOPT_COOKIEFILE, "");
		curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
		curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
		curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep);
		curl_easy_setopt(curl, CURLOPT_WRITEDATA, call);
		curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
		if (curl_easy_setopt(curl, CURLOPT_URL, url) != CURLE_OK)
			return false;
	}
	return http->multi && http->cookies;
}

static void http_close(struct http *http)
{
	for (size_t i = 0; i < ATLS_STREAM_INFLIGHT_MAX; i++) {
		struct call *call = &http->calls[i];
		if (call->headers)
			curl_multi_remove_handle(http->multi, call->curl);
		curl_easy_cleanup(call->curl);
		curl_slist_free_all(call->headers);
	}
	curl_multi_cleanup(http->multi);
	curl_share_cleanup(http->cookies);
}

int main(int argc, char **argv)
{
	static struct http http;
	struct atls_error err = {0};
	struct atls_policy policy = {.purpose = GNUTLS_KP_TLS_WWW_SERVER};
	struct atls_engine_config config = {
		.role = ATLS_CLIENT, .verify = atls_policy_verify, .verify_ctx = &policy};

	if (argc != 4)
		return fputs("usage: stream URL CA-FILE NAME\n", stderr), 2;
	policy.name = config.server_name = argv[3];
	if (gnutls_certificate_allocate_credentials(&config.credentials) < 0)
		return 1;
	if (gnutls_certificate_set_x509_trust_file(
		    config.credentials, argv[2], GNUTLS_X509_FMT_PEM) < 1)
		return fprintf(stderr, "%s: no certificate in it\n", argv[2]), 1;
	gnutls_certificate_get_trust_list(config.credentials, &policy.anchors);

	curl_global_init(CURL_GLOBAL_DEFAULT);
	int rc = 1;
	struct atls_engine *tls = atls_engine_new(&config, &err);
	struct atls_stream *stream =
		tls ? atls_stream_new(tls, ATLS_ATLS, NULL, now_ms(), &err) : NULL;
	if (stream && http_open(&http, argv[1])) {
		rc = talk(&http, tls, stream) ? 1 : 0;
		const struct atls_stream_numbers numbers = atls_stream_numbers(stream);
		fprintf(stderr, "%llu answers, %llu requests lost\n",
			(unsigned long long)numbers.exchanges, (unsigned long long)numbers.lost);
		err = *atls_stream_error(stream);
		if (!err.code)
			err = *atls_engine_error(tls);
	}
	if (err.code)
		fprintf(stderr, "%s\n", err.text);

	http_close(&http);
	atls_stream_free(stream);
	atls_engine_free(tls);
	gnutls_certificate_free_credentials(config.credentials);
	curl_global_cleanup();
	return rc;
}
