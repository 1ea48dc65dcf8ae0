/* The sockets below libcurl's connections. A transfer that shares a connection with others (HTTP/2)
 * does not end it when it times out, and the next one would go out on it again: one that is dead
 * has to be ended from here. */
#ifndef ATLS_NET_CURL_SOCKETS_H
#define ATLS_NET_CURL_SOCKETS_H

#include <curl/curl.h>
#include <stdint.h>
#include <sys/queue.h>

struct atls_curl_socket;

/* All zero at first. It must outlive all connections that were made with it. */
struct atls_curl_sockets {
	LIST_HEAD(, atls_curl_socket) open;
};

/* After the last of these connections. */
void atls_curl_sockets_free(struct atls_curl_sockets *sockets);

/* The connections that easy makes from now on are noted here. */
void atls_curl_sockets_note(struct atls_curl_sockets *sockets, CURL *easy);

/* easy's transfer timed out: its connection is shut down if nothing came on it for so long. */
void atls_curl_sockets_end_silent(struct atls_curl_sockets *sockets, CURL *easy, int64_t ms);

#endif
