/*
 * app: both ends of the benchmarks. Plain TCP on loopback; what is measured is between them.
 *
 *   app serve --port-file FILE   the application, on a port that it writes to FILE
 *   app up PORT BYTES            seconds to send BYTES, until the application says that it has them
 *   app down PORT BYTES          seconds to receive BYTES
 *   app ping PORT COUNT SIZE     median and 99th percentile of COUNT round trips, or of those of
 *                                PING_MAX_S seconds, in microseconds; and how many they were
 *   app first PORT COUNT         for each of COUNT connections: microseconds from connect() to the
 *                                application's first byte
 *   app spawn COUNT CMD...       the same from fork(), over the standard input and output of CMD;
 *                                then "cpu" and the CPU seconds of all of them
 *
 * A connection begins with a line, "sink N", "source N" or "echo", which the application answers
 * with one '+' when it is ready: what comes before that is set-up and not counted as transfer. To
 * a sink that has its N bytes it says '+' once more. Nobody relies on half-close: not all peers
 * carry it. A connection without a byte for STALL_S is an error.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHUNK      (256u << 10)
#define STALL_S    30
#define PING_MAX_S 5

extern char **environ;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "app: %s: %s\n", what, errno ? strerror(errno) : "end of stream");
	exit(1);
}

static double now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* ---- streams: all or nothing ---- */

static int put(int fd, const void *bytes, size_t len)
{
	const char *at = bytes;
	while (len) {
		ssize_t done = write(fd, at, len);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return -1;
		at += done;
		len -= (size_t)done;
	}
	return 0;
}

static int get(int fd, void *bytes, size_t len)
{
	char *at = bytes;
	while (len) {
		ssize_t done = read(fd, at, len);
		if (done < 0 && errno == EINTR)
			continue;
		if (done == 0)
			errno = 0;
		if (done <= 0)
			return -1;
		at += done;
		len -= (size_t)done;
	}
	return 0;
}

/* Moves len bytes in pieces: out of the stream, or pattern into it. */
static int bulk(int fd, char *chunk, uint64_t len, int (*move)(int, char *, size_t))
{
	while (len) {
		size_t piece = len < CHUNK ? (size_t)len : CHUNK;
		if (move(fd, chunk, piece))
			return -1;
		len -= piece;
	}
	return 0;
}

static int put_piece(int fd, char *bytes, size_t len)
{
	return put(fd, bytes, len);
}

static int get_piece(int fd, char *bytes, size_t len)
{
	return get(fd, bytes, len);
}

static char *make_chunk(void)
{
	char *chunk = malloc(CHUNK);
	if (!chunk)
		die("memory");
	for (size_t i = 0; i < CHUNK; i++)
		chunk[i] = (char)(i * 31 + (i >> 8));
	return chunk;
}

static void prepare(int fd)
{
	const struct timeval stall = {.tv_sec = STALL_S};
	const int one = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &stall, sizeof stall);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &stall, sizeof stall);
}

/* ---- the application ---- */

static void echo(int fd, char *chunk)
{
	for (;;) {
		ssize_t len = read(fd, chunk, CHUNK);
		if (len <= 0 || put(fd, chunk, (size_t)len))
			return;
	}
}

static int read_line(int fd, char *line, size_t cap)
{
	for (size_t len = 0; len < cap; len++) {
		if (get(fd, line + len, 1))
			return -1;
		if (line[len] == '\n') {
			line[len] = '\0';
			return 0;
		}
	}
	return -1;
}

static void *talk(void *ctx)
{
	int fd = (int)(intptr_t)ctx;
	char line[64];
	char *chunk = make_chunk();
	if (read_line(fd, line, sizeof line) == 0 && put(fd, "+", 1) == 0) {
		if (strncmp(line, "sink ", 5) == 0 &&
			bulk(fd, chunk, strtoull(line + 5, NULL, 10), get_piece) == 0) {
			(void)put(fd, "+", 1);
			/* The client closes first, so that no peer sees a stream cut. */
			while (read(fd, chunk, CHUNK) > 0)
				;
		} else if (strncmp(line, "source ", 7) == 0) {
			(void)bulk(fd, chunk, strtoull(line + 7, NULL, 10), put_piece);
			while (read(fd, chunk, CHUNK) > 0)
				;
		} else if (strcmp(line, "echo") == 0) {
			echo(fd, chunk);
		}
	}
	free(chunk);
	close(fd);
	return NULL;
}

static _Noreturn void serve(const char *port_file)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof address;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, len) ||
		listen(listener, 1024) || getsockname(listener, (struct sockaddr *)&address, &len))
		die("listen");
	FILE *file = fopen(port_file, "w");
	if (!file || fprintf(file, "%u\n", ntohs(address.sin_port)) < 0 || fclose(file))
		die(port_file);
	pthread_attr_t attr;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	for (;;) {
		pthread_t thread;
		int fd = accept(listener, NULL, NULL);
		if (fd < 0 && errno != EINTR && errno != ECONNABORTED)
			die("accept");
		if (fd < 0)
			continue;
		prepare(fd);
		if (pthread_create(&thread, &attr, talk, (void *)(intptr_t)fd))
			die("thread");
	}
}

/* ---- the client ---- */

static int dial(const char *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)strtoul(port, NULL, 10))};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address))
		die("connect");
	prepare(fd);
	return fd;
}

static int await_plus(int fd)
{
	char plus = 0;
	if (get(fd, &plus, 1))
		return -1;
	return plus == '+' ? 0 : -1;
}

static void ask(int fd, const char *what, uint64_t count)
{
	char line[64];
	int len = snprintf(line, sizeof line, "%s %llu\n", what, (unsigned long long)count);
	if (put(fd, line, (size_t)len) || await_plus(fd))
		die(what);
}

static int up(const char *port, uint64_t bytes)
{
	char *chunk = make_chunk();
	int fd = dial(port);
	ask(fd, "sink", bytes);
	double began = now_us();
	if (bulk(fd, chunk, bytes, put_piece) || await_plus(fd))
		die("up");
	printf("%.6f\n", (now_us() - began) / 1e6);
	free(chunk);
	return close(fd);
}

static int down(const char *port, uint64_t bytes)
{
	char *chunk = make_chunk();
	int fd = dial(port);
	double began = now_us();
	ask(fd, "source", bytes);
	if (bulk(fd, chunk, bytes, get_piece))
		die("down");
	printf("%.6f\n", (now_us() - began) / 1e6);
	free(chunk);
	return close(fd);
}

static int by_size(const void *left, const void *right)
{
	double a = *(const double *)left;
	double b = *(const double *)right;
	return (a > b) - (a < b);
}

static int ping(const char *port, size_t count, size_t size)
{
	char *chunk = make_chunk();
	double *took = calloc(count, sizeof *took);
	int fd = dial(port);
	if (!took || put(fd, "echo\n", 5) || await_plus(fd))
		die("ping");
	size_t done = 0;
	double end = now_us() + PING_MAX_S * 1e6;
	while (done < count && now_us() < end) {
		double began = now_us();
		if (put(fd, chunk, size) || get(fd, chunk, size))
			die("ping");
		took[done++] = now_us() - began;
	}
	qsort(took, done, sizeof *took, by_size);
	printf("%.1f %.1f %zu\n", took[done / 2], took[done * 99 / 100], done);
	free(took);
	free(chunk);
	return close(fd);
}

static int first(const char *port, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		double began = now_us();
		int fd = dial(port);
		if (put(fd, "echo\n", 5) || await_plus(fd))
			die("first");
		printf("%.1f\n", now_us() - began);
		close(fd);
	}
	return 0;
}

/* Microseconds until the first byte of a new process of it, which then sees the end of its input.
 */
static double spawn_one(char **command)
{
	int in[2], out[2], status;
	pid_t pid;
	posix_spawn_file_actions_t actions;
	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) ||
		posix_spawn_file_actions_init(&actions) ||
		posix_spawn_file_actions_adddup2(&actions, in[0], 0) ||
		posix_spawn_file_actions_adddup2(&actions, out[1], 1))
		die("pipe");
	double began = now_us();
	errno = posix_spawnp(&pid, command[0], &actions, NULL, command, environ);
	if (errno)
		die(command[0]);
	posix_spawn_file_actions_destroy(&actions);
	close(in[0]);
	close(out[1]);
	struct pollfd wait = {.fd = out[0], .events = POLLIN};
	if (put(in[1], "echo\n", 5) || poll(&wait, 1, STALL_S * 1000) != 1 || await_plus(out[0])) {
		kill(pid, SIGKILL);
		errno = 0;
		die(command[0]);
	}
	double took = now_us() - began;
	close(in[1]);
	char rest[64];
	while (poll(&wait, 1, STALL_S * 1000) == 1 && read(out[0], rest, sizeof rest) > 0)
		;
	close(out[0]);
	if (wait.revents == 0)
		kill(pid, SIGKILL);
	if (waitpid(pid, &status, 0) != pid)
		die("waitpid");
	return took;
}

static int spawn(size_t count, char **command)
{
	struct rusage used;
	for (size_t i = 0; i < count; i++)
		printf("%.1f\n", spawn_one(command));
	getrusage(RUSAGE_CHILDREN, &used);
	printf("cpu %.6f\n", (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
				     (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
	return 0;
}

static int usage(void)
{
	fprintf(stderr,
		"usage: app serve --port-file FILE | up PORT BYTES | down PORT BYTES |\n"
		"           ping PORT COUNT SIZE | first PORT COUNT | spawn COUNT CMD...\n");
	return 2;
}

static size_t number(const char *text)
{
	return (size_t)strtoull(text, NULL, 10);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 3 ? argv[1] : "";
	signal(SIGPIPE, SIG_IGN);
	if (strcmp(mode, "serve") == 0 && strcmp(argv[2], "--port-file") == 0)
		serve(argv[3]);
	if (strcmp(mode, "up") == 0)
		return up(argv[2], number(argv[3]));
	if (strcmp(mode, "down") == 0)
		return down(argv[2], number(argv[3]));
	if (strcmp(mode, "ping") == 0 && argc == 5 && number(argv[3]) && number(argv[4]) <= CHUNK)
		return ping(argv[2], number(argv[3]), number(argv[4]));
	if (strcmp(mode, "first") == 0)
		return first(argv[2], number(argv[3]));
	if (strcmp(mode, "spawn") == 0)
		return spawn(number(argv[2]), argv + 3);
	return usage();
}
