#include "net/dial.h"

#include "core/err.h"
#include "net/curl_error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct atls_dial {
	struct atls_curl_loop *loop;
	CURL *easy;
	struct atls_curl_job job;
	char detail[CURL_ERROR_SIZE];
	bool elsewhere; /* --connect-to may lead to another host */
	bool added;
	curl_socket_t fd;
	char *address; /* libcurl's */
	atls_dialed *dialed;
	void *ctx;
};

const char *atls_way_environment(bool tls)
{
	static const char *const names[][4] = {
		{"http_proxy", "all_proxy", "ALL_PROXY"},
		{"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"},
	};

	for (size_t i = 0; i < 4 && names[tls][i]; i++) {
		const char *value = getenv(names[tls][i]);
		if (value)
			return *value ? value : NULL;
	}
	return NULL;
}

static void connected(void *ctx, CURLcode rc)
{
	struct atls_dial *dial = ctx;
	struct atls_error err = {0};

	if (rc == CURLE_OK)
		rc = curl_easy_getinfo(dial->easy, CURLINFO_ACTIVESOCKET, &dial->fd);
	if (rc == CURLE_OK && dial->fd == CURL_SOCKET_BAD)
		rc = CURLE_COULDNT_CONNECT;
	curl_easy_getinfo(dial->easy, CURLINFO_PRIMARY_IP, &dial->address);
	if (rc != CURLE_OK)
		atls_curl_error(dial->easy, rc, dial->detail, dial->elsewhere, &err);
	dial->dialed(dial->ctx, &err);
}

/* The scheme is http whatever is spoken there: the TLS is not libcurl's. */
static CURLcode set_url(CURL *easy, const char *host, unsigned port)
{
	char url[512];
	const bool v6 = strchr(host, ':') != NULL;
	int len = snprintf(
		url, sizeof url, "http://%s%s%s:%u/", v6 ? "[" : "", host, v6 ? "]" : "", port);

	if (len < 0 || (size_t)len >= sizeof url)
		return CURLE_URL_MALFORMAT;
	return curl_easy_setopt(easy, CURLOPT_URL, url);
}

static CURLcode set_way(CURL *easy, const struct atls_way *way)
{
	const char *proxy = way->proxy ? way->proxy : atls_way_environment(true);
	CURLcode rc = curl_easy_setopt(easy, CURLOPT_PROXY, proxy ? proxy : "");

	if (rc == CURLE_OK && way->proxy_user)
		rc = curl_easy_setopt(easy, CURLOPT_PROXYUSERPWD, way->proxy_user);
	if (rc == CURLE_OK && way->interface)
		rc = curl_easy_setopt(easy, CURLOPT_INTERFACE, way->interface);
	curl_easy_setopt(
		easy, CURLOPT_PROXYAUTH, way->proxy_anyauth ? CURLAUTH_ANY : CURLAUTH_BASIC);
	curl_easy_setopt(easy, CURLOPT_HTTPPROXYTUNNEL, 1L);
	curl_easy_setopt(easy, CURLOPT_RESOLVE, way->resolve);
	curl_easy_setopt(easy, CURLOPT_CONNECT_TO, way->connect_to);
	curl_easy_setopt(easy, CURLOPT_IPRESOLVE, way->ip_version);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, way->connect_ms);
	return rc;
}

/* A proxy is asked as atls-client asks it; whose certificate an https proxy has is not judged. */
static void set_rest(CURL *easy)
{
	curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "atls/" ATLS_VERSION);
	curl_easy_setopt(easy, CURLOPT_PROXY_SSL_VERIFYPEER, 0L);
	curl_easy_setopt(easy, CURLOPT_PROXY_SSL_VERIFYHOST, 0L);
	curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
	curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(easy, CURLOPT_PROXY_CAINFO, NULL);
	curl_easy_setopt(easy, CURLOPT_PROXY_CAPATH, NULL);
}

struct atls_dial *atls_dial_new(struct atls_curl_loop *loop, const struct atls_way *way,
	const char *host, unsigned port, atls_dialed *dialed, void *ctx, struct atls_error *err)
{
	struct atls_dial *dial = calloc(1, sizeof *dial);

	if (dial)
		dial->easy = curl_easy_init();
	if (!dial || !dial->easy) {
		free(dial);
		atls_error_set(err, ATLS_E_MEMORY, "out of memory for a connection");
		return NULL;
	}
	*dial = (struct atls_dial){.loop = loop,
		.easy = dial->easy,
		.job = {.done = connected, .ctx = dial, .stays = true},
		.elsewhere = way->connect_to != NULL,
		.fd = CURL_SOCKET_BAD,
		.dialed = dialed,
		.ctx = ctx};
	CURLcode rc = set_url(dial->easy, host, port);
	if (rc == CURLE_OK)
		rc = set_way(dial->easy, way);
	set_rest(dial->easy);
	curl_easy_setopt(dial->easy, CURLOPT_ERRORBUFFER, dial->detail);
	if (rc != CURLE_OK)
		atls_error_set(err, ATLS_E_USAGE, "libcurl refuses the settings (%s)",
			curl_easy_strerror(rc));
	else if (atls_curl_loop_add(loop, dial->easy, &dial->job))
		atls_error_set(err, ATLS_E_MEMORY, "out of memory for a connection");
	else {
		dial->added = true;
		return dial;
	}
	atls_dial_free(dial);
	return NULL;
}

void atls_dial_free(struct atls_dial *dial)
{
	if (!dial)
		return;
	if (dial->added)
		atls_curl_loop_remove(dial->loop, dial->easy);
	curl_easy_cleanup(dial->easy);
	free(dial);
}

int atls_dial_fd(const struct atls_dial *dial)
{
	return dial->fd;
}

/* libcurl's code as an errno. */
static ssize_t result(CURLcode rc, size_t done, int why)
{
	if (rc == CURLE_OK)
		return (ssize_t)done;
	errno = rc == CURLE_AGAIN ? EAGAIN : why ? why : ECONNRESET;
	return -1;
}

ssize_t atls_dial_send(struct atls_dial *dial, const void *bytes, size_t len)
{
	size_t done = 0;

	errno = 0;
	CURLcode rc = curl_easy_send(dial->easy, bytes, len, &done);
	return result(rc, done, errno);
}

ssize_t atls_dial_recv(struct atls_dial *dial, void *bytes, size_t cap)
{
	size_t done = 0;

	errno = 0;
	CURLcode rc = curl_easy_recv(dial->easy, bytes, cap, &done);
	return result(rc, done, errno);
}

const char *atls_dial_address(const struct atls_dial *dial)
{
	return dial->address ? dial->address : "";
}
