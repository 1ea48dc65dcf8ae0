#include "net/curl_error.h"

#include "core/err.h"

#include <errno.h>
#include <string.h>

/* libcurl's code, the layer it belongs to and what it means. */
static const struct {
	CURLcode rc;
	int code;
	const char *text;
	const char *hint;
} causes[] = {
	{CURLE_COULDNT_RESOLVE_HOST, ATLS_E_NETWORK,
		"name resolution: no address for the service's host", NULL},
	{CURLE_COULDNT_RESOLVE_PROXY, ATLS_E_NETWORK, "name resolution: no address for the proxy",
		NULL},
	{CURLE_PROXY, ATLS_E_NETWORK, "proxy: it refused or failed the connection", NULL},
	{CURLE_COULDNT_CONNECT, ATLS_E_NETWORK, "connection: it could not be made", NULL},
	{CURLE_OPERATION_TIMEDOUT, ATLS_E_NETWORK, "connection: timed out", NULL},
	{CURLE_INTERFACE_FAILED, ATLS_E_LOCAL, "connection: the interface cannot be used", NULL},
	{CURLE_SSL_CONNECT_ERROR, ATLS_E_NETWORK, "outer TLS: the handshake failed",
		"is it https that listens there, or plain http?"},
	{CURLE_PEER_FAILED_VERIFICATION, ATLS_E_NETWORK,
		"outer TLS: the certificate is not trusted",
		"this check is only made for --outer-verify; the inner session does not need it"},
	{CURLE_SSL_PINNEDPUBKEYNOTMATCH, ATLS_E_NETWORK, "outer TLS: the key is not the pinned one",
		NULL},
	{CURLE_SSL_CACERT_BADFILE, ATLS_E_LOCAL,
		"outer TLS: cannot read the file of --outer-cacert", NULL},
	{CURLE_SEND_ERROR, ATLS_E_NETWORK, "connection: lost while sending", NULL},
	{CURLE_RECV_ERROR, ATLS_E_NETWORK, "connection: lost while receiving", NULL},
	{CURLE_GOT_NOTHING, ATLS_E_NETWORK, "HTTP: the connection was closed without an answer",
		"is it https that listens there, and not http?"},
	{CURLE_PARTIAL_FILE, ATLS_E_NETWORK, "HTTP: the answer was cut short", NULL},
	{CURLE_BAD_CONTENT_ENCODING, ATLS_E_NETWORK,
		"HTTP: the answer's transfer coding is none that was asked for", NULL},
	{CURLE_WEIRD_SERVER_REPLY, ATLS_E_PROTOCOL, "HTTP: what answers there does not speak HTTP",
		NULL},
	{CURLE_UNSUPPORTED_PROTOCOL, ATLS_E_PROTOCOL,
		"HTTP: what answers there does not speak HTTP", NULL},
	{CURLE_OUT_OF_MEMORY, ATLS_E_MEMORY, "HTTP: out of memory", NULL},
	{CURLE_URL_MALFORMAT, ATLS_E_USAGE, "the URL cannot be understood", NULL},
};

/* libcurl names the host that it could not connect to: if it is not the URL's, it is the proxy. */
static bool failed_at_proxy(CURL *easy, const char *detail)
{
	static const char words[] = "Failed to connect to ";
	const char *at = strstr(detail, words);
	const char *effective = NULL;
	char *host = NULL;
	bool other = false;
	CURLU *url = curl_url();
	if (at && url && !curl_easy_getinfo(easy, CURLINFO_EFFECTIVE_URL, &effective) &&
		!curl_url_set(url, CURLUPART_URL, effective, 0) &&
		!curl_url_get(url, CURLUPART_HOST, &host, 0)) {
		/* An IPv6 address has brackets in the URL only. */
		const char *name = host[0] == '[' ? host + 1 : host;
		size_t len = strcspn(name, "]");
		at += sizeof words - 1;
		other = strncmp(at, name, len) != 0 || at[len] != ' ';
	}
	curl_free(host);
	curl_url_cleanup(url);
	return other;
}

void atls_curl_error(
	CURL *easy, CURLcode rc, const char *detail, bool elsewhere, struct atls_error *err)
{
	const char *words = detail && detail[0] ? detail : curl_easy_strerror(rc);
	long proxy_status = 0;
	curl_easy_getinfo(easy, CURLINFO_HTTP_CONNECTCODE, &proxy_status);
	if (proxy_status == 407) {
		atls_error_set(
			err, ATLS_E_NETWORK, "proxy: it wants other credentials (status 407)");
		atls_error_hint(err, "give them with --proxy-user USER:PASSWORD or @FILE");
		return;
	}
	if (proxy_status >= 300) {
		atls_error_set(err, ATLS_E_NETWORK, "proxy: it refused CONNECT with status %ld",
			proxy_status);
		return;
	}
	if (rc == CURLE_COULDNT_CONNECT && !elsewhere && failed_at_proxy(easy, words)) {
		atls_error_set(err, ATLS_E_NETWORK, "proxy: no connection to it could be made (%s)",
			words);
		return;
	}
	/* The codes are those of a reset, and of a callback that failed. */
	if ((rc == CURLE_RECV_ERROR || rc == CURLE_WRITE_ERROR) && strstr(words, "chunked-encod")) {
		atls_error_set(err, ATLS_E_NETWORK, "HTTP: the answer's chunks cannot be read (%s)",
			words);
		return;
	}
	for (size_t i = 0; i < sizeof causes / sizeof causes[0]; i++) {
		if (causes[i].rc != rc)
			continue;
		atls_error_set(err, causes[i].code, "%s (%s)", causes[i].text, words);
		if (causes[i].hint)
			atls_error_hint(err, "%s", causes[i].hint);
		return;
	}
	atls_error_set(err, ATLS_E_NETWORK, "HTTP: the request failed (%s)", words);
}
