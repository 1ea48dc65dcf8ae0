/*
 * httpd DIR --port-file FILE: an ordinary HTTP server, for the demo and the tests, on a loopback
 * port that it writes to FILE. GET answers a file of DIR ("/" is index.html), POST echoes the body.
 * It knows nothing of atls. Ends on SIGTERM or SIGINT.
 */
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ECHO_MAX (64u << 20)

/* What a POST brought so far. */
struct echo {
	char *bytes;
	size_t len;
};

static enum MHD_Result reply_text(struct MHD_Connection *connection, unsigned status)
{
	static const char text[] = "no such thing here\n";
	struct MHD_Response *response = MHD_create_response_from_buffer(
		sizeof(text) - 1, (void *)(uintptr_t)text, MHD_RESPMEM_PERSISTENT);
	enum MHD_Result queued = MHD_queue_response(connection, status, response);

	MHD_destroy_response(response);
	return queued;
}

static enum MHD_Result reply_file(struct MHD_Connection *connection, int dir, const char *url)
{
	const char *name = strcmp(url, "/") == 0 ? "index.html" : url + 1;
	struct MHD_Response *response;
	enum MHD_Result queued;
	struct stat st;
	int fd;

	if (url[0] != '/' || strchr(name, '/') || name[0] == '.')
		return reply_text(connection, MHD_HTTP_NOT_FOUND);
	fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		if (fd >= 0)
			close(fd);
		return reply_text(connection, MHD_HTTP_NOT_FOUND);
	}
	response = MHD_create_response_from_fd64((uint64_t)st.st_size, fd);
	queued = MHD_queue_response(connection, MHD_HTTP_OK, response);
	MHD_destroy_response(response);
	return queued;
}

static enum MHD_Result reply_echo(struct MHD_Connection *connection, struct echo *echo)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(echo->len, echo->bytes, MHD_RESPMEM_MUST_FREE);
	enum MHD_Result queued = MHD_queue_response(connection, MHD_HTTP_OK, response);

	*echo = (struct echo){0};
	MHD_destroy_response(response);
	return queued;
}

static enum MHD_Result echo_add(struct echo *echo, const char *bytes, size_t len)
{
	char *grown;

	if (len > ECHO_MAX - echo->len)
		return MHD_NO;
	grown = realloc(echo->bytes, echo->len + len);
	if (!grown)
		return MHD_NO;
	memcpy(grown + echo->len, bytes, len);
	echo->bytes = grown;
	echo->len += len;
	return MHD_YES;
}

static enum MHD_Result handle(void *dir, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *upload, size_t *upload_size,
	void **state)
{
	(void)version;
	if (!*state) {
		*state = calloc(1, sizeof(struct echo));
		return *state ? MHD_YES : MHD_NO;
	}
	if (*upload_size > 0) {
		size_t len = *upload_size;

		*upload_size = 0;
		return echo_add(*state, upload, len);
	}
	if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0)
		return reply_file(connection, *(int *)dir, url);
	if (strcmp(method, "POST") == 0)
		return reply_echo(connection, *state);
	return reply_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED);
}

static void completed(void *ctx, struct MHD_Connection *connection, void **state,
	enum MHD_RequestTerminationCode why)
{
	struct echo *echo = *state;

	(void)ctx;
	(void)connection;
	(void)why;
	if (echo)
		free(echo->bytes);
	free(echo);
}

static int report_port(struct MHD_Daemon *daemon, const char *path)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT);
	FILE *file = info ? fopen(path, "w") : NULL;

	if (!file || fprintf(file, "%u\n", (unsigned)info->port) < 0 || fclose(file) != 0) {
		fprintf(stderr, "httpd: %s: %s\n", path, strerror(errno));
		return -1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	struct MHD_Daemon *daemon;
	sigset_t ends;
	int dir, got;

	if (argc != 4 || strcmp(argv[2], "--port-file") != 0 ||
		(dir = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
		fprintf(stderr, "usage: httpd DIR --port-file FILE\n");
		return 2;
	}
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	daemon = MHD_start_daemon(MHD_USE_AUTO_INTERNAL_THREAD, 0, NULL, NULL, handle, &dir,
		MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_NOTIFY_COMPLETED, completed, NULL,
		MHD_OPTION_END);
	if (!daemon || report_port(daemon, argv[3]) < 0)
		return 1;
	sigwait(&ends, &got);
	MHD_stop_daemon(daemon);
	close(dir);
	return 0;
}
