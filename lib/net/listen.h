/* Listening sockets and addresses as text. */
#ifndef ATLS_NET_LISTEN_H
#define ATLS_NET_LISTEN_H

#include "atls.h"

#include <sys/socket.h>

#define ATLS_LISTEN_MAX 8 /* addresses of one name */

/* Non-blocking, close-on-exec stream sockets that listen on every address of host (null or "*":
 * all) at port ("0": any free one, the same for all). Returns their number, with *port the bound
 * one, or ATLS_E_LOCAL with err filled. The caller closes them. */
int atls_listen(const char *host, const char *port, int fds[ATLS_LISTEN_MAX], unsigned *bound,
	struct atls_error *err);

/* An address without its port: "127.0.0.1", "::1", "unix". Returns text. */
char *atls_address_text(const struct sockaddr *address, char *text, size_t cap);

/* Splits "[ADDR:]PORT" or "[V6]:PORT" in place: *host is null where there is none. False if it has
 * not that form. */
bool atls_host_port_split(char *text, char **host, char **port);

#endif
