#ifndef ATLS_NET_CURL_SETUP_H
#define ATLS_NET_CURL_SETUP_H

#include "net/http_client.h"

/* Tells libcurl where to, by which way, and what the network layer's certificates count. The first
 * refusal, or CURLE_OK. */
CURLcode atls_curl_setup(CURL *easy, const struct atls_http_client_config *config);

#endif
