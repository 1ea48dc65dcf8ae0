#ifndef ATLS_NET_CURL_ERROR_H
#define ATLS_NET_CURL_ERROR_H

#include "atls.h"

#include <curl/curl.h>

/* One sentence, naming the layer, for a transfer that failed; detail is libcurl's own text or "".
 * elsewhere: connections may go to another host than the URL's although no proxy is used. */
void atls_curl_error(
	CURL *easy, CURLcode rc, const char *detail, bool elsewhere, struct atls_error *err);

#endif
