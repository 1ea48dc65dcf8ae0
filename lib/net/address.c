#include "net/address.h"

#include "core/err.h"
#include "net/listen.h"

#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

/* One allocation, so that freeing is one call whatever the family. */
struct unix_address {
	struct addrinfo info;
	struct sockaddr_un address;
};

static int resolve_unix(const char *path, struct addrinfo **list, struct atls_error *err)
{
	struct unix_address *made = calloc(1, sizeof *made);
	if (!made)
		return atls_error_set(err, ATLS_E_MEMORY, "out of memory");
	if (strlen(path) == 0 || strlen(path) >= sizeof made->address.sun_path) {
		free(made);
		return atls_error_set(err, ATLS_E_USAGE,
			"'unix:%s' is not a path of 1 to %zu bytes", path,
			sizeof made->address.sun_path - 1);
	}
	made->address.sun_family = AF_UNIX;
	memcpy(made->address.sun_path, path, strlen(path) + 1);
	made->info.ai_family = AF_UNIX;
	made->info.ai_socktype = SOCK_STREAM;
	made->info.ai_addr = (struct sockaddr *)&made->address;
	made->info.ai_addrlen = sizeof made->address;
	*list = &made->info;
	return ATLS_OK;
}

int atls_address_resolve(const char *text, struct addrinfo **list, struct atls_error *err)
{
	const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	if (strncmp(text, "unix:", 5) == 0)
		return resolve_unix(text + 5, list, err);
	char *copy = strdup(text);
	char *host, *port;
	int rc = ATLS_OK;
	if (!copy)
		return atls_error_set(err, ATLS_E_MEMORY, "out of memory");
	if (!atls_host_port_split(copy, &host, &port) || !host) {
		rc = atls_error_set(
			err, ATLS_E_USAGE, "'%s' is neither HOST:PORT nor unix:PATH", text);
	} else {
		int why = getaddrinfo(host, port, &hints, list);
		if (why)
			rc = atls_error_set(err, ATLS_E_LOCAL,
				"name resolution: no address for '%s' (%s)", text,
				gai_strerror(why));
	}
	free(copy);
	return rc;
}

void atls_address_free(struct addrinfo *list)
{
	if (list && list->ai_family == AF_UNIX)
		free(list);
	else if (list)
		freeaddrinfo(list);
}
