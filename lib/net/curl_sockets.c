#include "net/curl_sockets.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct atls_curl_socket {
	curl_socket_t fd;
	LIST_ENTRY(atls_curl_socket) entry;
};

static void forget(struct atls_curl_sockets *sockets, curl_socket_t fd)
{
	struct atls_curl_socket *note;
	LIST_FOREACH(note, &sockets->open, entry) if (note->fd == fd) break;
	if (note) {
		LIST_REMOVE(note, entry);
		free(note);
	}
}

/* A socket that was never connected libcurl may close without a word: its note goes when its number
 * is given out again. */
static curl_socket_t on_open(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
	(void)purpose;
	struct atls_curl_sockets *sockets = ctx;
	struct atls_curl_socket *note = malloc(sizeof *note);
	if (!note)
		return CURL_SOCKET_BAD;
	note->fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
	if (note->fd < 0) {
		free(note);
		return CURL_SOCKET_BAD;
	}
	forget(sockets, note->fd);
	LIST_INSERT_HEAD(&sockets->open, note, entry);
	return note->fd;
}

static int on_close(void *ctx, curl_socket_t fd)
{
	forget(ctx, fd);
	return close(fd);
}

void atls_curl_sockets_free(struct atls_curl_sockets *sockets)
{
	struct atls_curl_socket *note;
	while ((note = LIST_FIRST(&sockets->open))) {
		LIST_REMOVE(note, entry);
		free(note);
	}
}

void atls_curl_sockets_note(struct atls_curl_sockets *sockets, CURL *easy)
{
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, sockets);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, sockets);
}

/* 0 for a socket that has none. */
static long local_port(int fd)
{
	struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
	socklen_t len = sizeof address;
	if (getsockname(fd, (struct sockaddr *)&address, &len))
		return 0;
	if (address.ss_family == AF_INET)
		return ntohs(((struct sockaddr_in *)&address)->sin_port);
	return address.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&address)->sin6_port)
					     : 0;
}

static bool is_silent(int fd, int64_t ms)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof info;
	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 &&
	       info.tcpi_last_data_recv >= ms;
}

/* libcurl tells the port of a transfer's connection, and its descriptor only to who is alone on it.
 */
void atls_curl_sockets_end_silent(struct atls_curl_sockets *sockets, CURL *easy, int64_t ms)
{
	const struct atls_curl_socket *note;
	long port = 0;
	curl_easy_getinfo(easy, CURLINFO_LOCAL_PORT, &port);
	if (port == 0)
		return;
	LIST_FOREACH(note, &sockets->open, entry)
	if (local_port(note->fd) == port && is_silent(note->fd, ms))
		shutdown(note->fd, SHUT_RDWR);
}
