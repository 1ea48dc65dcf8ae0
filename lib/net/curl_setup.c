#include "net/curl_setup.h"

/* A body goes out in one piece, and comes in few. */
#define SEND_BUFFER    (512u << 10)
#define RECEIVE_BUFFER (128u << 10)

static CURLcode set_network(CURL *easy, const struct atls_http_client_config *config)
{
	CURLcode rc = curl_easy_setopt(easy, CURLOPT_URL, config->url);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	if (rc == CURLE_OK && config->proxy)
		rc = curl_easy_setopt(easy, CURLOPT_PROXY, config->proxy);
	if (rc == CURLE_OK && config->proxy_user)
		rc = curl_easy_setopt(easy, CURLOPT_PROXYUSERPWD, config->proxy_user);
	if (rc == CURLE_OK && config->interface)
		rc = curl_easy_setopt(easy, CURLOPT_INTERFACE, config->interface);
	curl_easy_setopt(
		easy, CURLOPT_PROXYAUTH, config->proxy_anyauth ? CURLAUTH_ANY : CURLAUTH_BASIC);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "atls/" ATLS_VERSION);
	if (rc == CURLE_OK && config->unix_socket)
		rc = curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, config->unix_socket);
	curl_easy_setopt(easy, CURLOPT_RESOLVE, config->resolve);
	curl_easy_setopt(easy, CURLOPT_CONNECT_TO, config->connect_to);
	curl_easy_setopt(easy, CURLOPT_IPRESOLVE, config->ip_version);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, config->connect_ms);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, config->stall_s);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, config->exchange_ms);
	curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	/* Nothing of the user's ~/.netrc, nothing followed: a body goes where the user said. */
	curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	return rc;
}

static CURLcode set_outer_trust(CURL *easy, const struct atls_http_client_config *config)
{
	CURLcode rc = CURLE_OK;
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, config->outer_verify ? 1L : 0L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, config->outer_verify ? 2L : 0L);
	curl_easy_setopt(easy, CURLOPT_PROXY_SSL_VERIFYPEER, config->outer_verify ? 1L : 0L);
	curl_easy_setopt(easy, CURLOPT_PROXY_SSL_VERIFYHOST, config->outer_verify ? 2L : 0L);
	curl_easy_setopt(easy, CURLOPT_CERTINFO, 1L);
	/* Loading the system's store takes longer than all the rest of a connection. */
	if (!config->outer_verify) {
		curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
		curl_easy_setopt(easy, CURLOPT_PROXY_CAINFO, NULL);
		curl_easy_setopt(easy, CURLOPT_PROXY_CAPATH, NULL);
	} else if (config->outer_cacert)
		rc = curl_easy_setopt(easy, CURLOPT_CAINFO, config->outer_cacert);
	if (rc == CURLE_OK && config->outer_verify && config->outer_cacert)
		rc = curl_easy_setopt(easy, CURLOPT_PROXY_CAINFO, config->outer_cacert);
	if (rc == CURLE_OK && config->outer_pins)
		rc = curl_easy_setopt(easy, CURLOPT_PINNEDPUBLICKEY, config->outer_pins);
	return rc;
}

CURLcode atls_curl_setup(CURL *easy, const struct atls_http_client_config *config)
{
	CURLcode rc = set_network(easy, config);
	if (rc == CURLE_OK)
		rc = set_outer_trust(easy, config);
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)RECEIVE_BUFFER);
	curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)SEND_BUFFER);
	return rc;
}
