/* Listening sockets and addresses as text. */
#ifndef ATLS_NET_LISTEN_H
#define ATLS_NET_LISTEN_H

#include "atls.h"

#include <sys/socket.h>

#define ATLS_LISTEN_MAX 8 /* addresses of one name */

/* Non-blocking, close-on-exec stream sockets that listen at "[HOST:]PORT" (every address of HOST;
 * "*" is all; without HOST at host, null being all; port 0 is any free one, the same for all
 * addresses) or "unix:PATH" (a socket there that nobody listens on gives way). Returns their
 * number, with *bound the port (0 for a path), ATLS_E_USAGE for another form or ATLS_E_LOCAL. The
 * caller closes them, and then calls atls_unlisten(). */
int atls_listen(const char *where, const char *host, int fds[ATLS_LISTEN_MAX], unsigned *bound,
	struct atls_error *err);

/* Whether atls_listen() takes a text of that form. */
bool atls_listen_form(const char *where);

/* Removes the path of "unix:PATH"; nothing for other forms. */
void atls_unlisten(const char *where);

/* An address without its port: "127.0.0.1", "::1", "unix". Returns text. */
char *atls_address_text(const struct sockaddr *address, char *text, size_t cap);

/* Splits "[ADDR:]PORT" or "[V6]:PORT" in place: *host is null where there is none. False if it has
 * not that form. */
bool atls_host_port_split(char *text, char **host, char **port);

#endif
