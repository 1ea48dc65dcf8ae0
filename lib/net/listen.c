#include "net/listen.h"

#include "core/err.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG     1024
#define UNIX_PREFIX "unix:"

static unsigned port_of(int fd)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} address = {.in6 = {0}};
	socklen_t len = sizeof address;
	if (getsockname(fd, &address.any, &len))
		return 0;
	return ntohs(
		address.any.sa_family == AF_INET6 ? address.in6.sin6_port : address.in.sin_port);
}

static void set_port(struct sockaddr *address, unsigned port)
{
	if (address->sa_family == AF_INET6)
		((struct sockaddr_in6 *)(void *)address)->sin6_port = htons((uint16_t)port);
	else
		((struct sockaddr_in *)(void *)address)->sin_port = htons((uint16_t)port);
}

static int listen_on(const struct addrinfo *info)
{
	int one = 1;
	int fd = socket(info->ai_family, info->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	/* The IPv4 wildcard gets a socket of its own. */
	if (info->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
	if (bind(fd, info->ai_addr, info->ai_addrlen) || listen(fd, BACKLOG)) {
		int saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

static int listen_all(struct addrinfo *list, int fds[ATLS_LISTEN_MAX], unsigned *bound)
{
	int count = 0;
	bool any_port = false;
	for (struct addrinfo *info = list; info && count < ATLS_LISTEN_MAX; info = info->ai_next) {
		if (any_port)
			set_port(info->ai_addr, *bound);
		int fd = listen_on(info);
		/* A name may have an address family that this machine has not. */
		if (fd < 0 && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL) &&
			(count || info->ai_next))
			continue;
		if (fd < 0) {
			int saved = errno;
			while (count)
				close(fds[--count]);
			errno = saved;
			return -1;
		}
		fds[count++] = fd;
		*bound = port_of(fd);
		any_port = true;
	}
	return count;
}

static int cannot(const char *where, const char *why, struct atls_error *err)
{
	return atls_error_set(err, ATLS_E_LOCAL, "cannot listen on %s: %s", where, why);
}

/* Whether a socket lies there that nobody listens on any more; connecting to an ordinary file is
 * refused, too. */
static bool is_stale(const struct sockaddr_un *address)
{
	struct stat info;
	if (lstat(address->sun_path, &info) || !S_ISSOCK(info.st_mode))
		return false;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int rc = fd < 0 ? 0 : connect(fd, (const struct sockaddr *)address, sizeof *address);
	bool refused = rc && errno == ECONNREFUSED;
	if (fd >= 0)
		close(fd);
	return refused;
}

static int listen_unix(const char *where, int fds[ATLS_LISTEN_MAX], struct atls_error *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const char *path = where + strlen(UNIX_PREFIX);
	const struct addrinfo info = {.ai_family = AF_UNIX,
		.ai_socktype = SOCK_STREAM,
		.ai_addr = (struct sockaddr *)&address,
		.ai_addrlen = sizeof address};
	if (!path[0] || strlen(path) >= sizeof address.sun_path)
		return cannot(where, "the path is empty or too long", err);
	memcpy(address.sun_path, path, strlen(path) + 1);
	fds[0] = listen_on(&info);
	int why = errno;
	if (fds[0] < 0 && why == EADDRINUSE && is_stale(&address) && unlink(path) == 0) {
		fds[0] = listen_on(&info);
		why = errno;
	}
	return fds[0] < 0 ? cannot(where, strerror(why), err) : 1;
}

bool atls_listen_form(const char *where)
{
	char *copy = strdup(where);
	char *host, *port;
	bool good = strncmp(where, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0 ||
		    (copy && atls_host_port_split(copy, &host, &port));
	free(copy);
	return good;
}

void atls_unlisten(const char *where)
{
	if (strncmp(where, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0)
		(void)unlink(where + strlen(UNIX_PREFIX));
}

static int listen_inet(const char *where, const char *host, const char *port,
	int fds[ATLS_LISTEN_MAX], unsigned *bound, struct atls_error *err)
{
	const struct addrinfo hints = {.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *list;
	if (host && strcmp(host, "*") == 0)
		host = NULL;
	int rc = getaddrinfo(host, port, &hints, &list);
	if (rc)
		return cannot(where, gai_strerror(rc), err);
	int count = listen_all(list, fds, bound);
	int why = errno;
	freeaddrinfo(list);
	return count <= 0 ? cannot(where, strerror(why), err) : count;
}

int atls_listen(const char *where, const char *host, int fds[ATLS_LISTEN_MAX], unsigned *bound,
	struct atls_error *err)
{
	*bound = 0;
	if (strncmp(where, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0)
		return listen_unix(where, fds, err);
	char *copy = strdup(where);
	char *given = NULL, *port = NULL;
	int rc;
	if (!copy)
		return atls_error_set(err, ATLS_E_MEMORY, "out of memory");
	if (atls_host_port_split(copy, &given, &port))
		rc = listen_inet(where, given ? given : host, port, fds, bound, err);
	else
		rc = atls_error_set(
			err, ATLS_E_USAGE, "'%s' is neither [ADDR:]PORT nor unix:PATH", where);
	free(copy);
	return rc;
}

char *atls_address_text(const struct sockaddr *address, char *text, size_t cap)
{
	if (address && address->sa_family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)address)->sin_addr,
			text, (socklen_t)cap);
	else if (address && address->sa_family == AF_INET6)
		inet_ntop(AF_INET6,
			&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, text,
			(socklen_t)cap);
	else
		snprintf(text, cap, "unix");
	return text;
}

static bool is_port(const char *text)
{
	size_t len = strlen(text);
	return len && len <= 5 && strspn(text, "0123456789") == len &&
	       strtol(text, NULL, 10) <= 65535;
}

bool atls_host_port_split(char *text, char **host, char **port)
{
	*host = NULL;
	char *colon = strrchr(text, ':');
	*port = colon ? colon + 1 : text;
	if (!is_port(*port))
		return false;
	if (!colon)
		return true;
	*colon = '\0';
	*host = text;
	size_t len = strlen(text);
	if (text[0] == '[') {
		if (len < 3 || text[len - 1] != ']')
			return false;
		text[len - 1] = '\0';
		*host = text + 1;
		return true;
	}
	return len && !strchr(text, ':');
}
