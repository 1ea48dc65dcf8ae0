/*
 * many: so many streams at once, each with an echo every second.
 *
 *   many PORT COUNT SECONDS
 *
 * Opens COUNT connections to an app that echoes, lets each send ECHO_BYTES once a second, spread
 * evenly over the second, and prints: the median and the 99th percentile of the round trips in
 * microseconds, how many round trips there were, and how many connections were lost or owed an
 * answer at the end.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ECHO_BYTES 100u
#define SECOND_US  1000000
#define STALL_US   (30 * (int64_t)SECOND_US) /* to wait for what is owed */
#define OPENING    32u                       /* connections that are set up at once */
#define EVENTS     64

struct stream {
	int fd;
	bool ready; /* the application answered */
	size_t owed;
	int64_t next_us;
	int64_t sent_us;
};

struct many {
	struct stream *streams;
	size_t count;
	size_t opened, ready, lost, owing;
	double *took;
	size_t took_count, took_max;
	int set;
	uint16_t port;
};

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "many: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * SECOND_US + now.tv_nsec / 1000;
}

static void lose(struct many *many, struct stream *stream)
{
	many->owing -= stream->owed > 0;
	many->ready += !stream->ready;
	many->lost++;
	close(stream->fd);
	stream->fd = -1;
	stream->ready = true;
	stream->owed = 0;
}

static void open_one(struct many *many)
{
	struct stream *stream = &many->streams[many->opened++];
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons(many->port)};
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = stream};
	const int one = 1;
	stream->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (stream->fd < 0 || connect(stream->fd, (struct sockaddr *)&address, sizeof address) ||
		setsockopt(stream->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) ||
		epoll_ctl(many->set, EPOLL_CTL_ADD, stream->fd, &event))
		die("connect");
	if (write(stream->fd, "echo\n", 5) != 5)
		lose(many, stream);
}

static void hear(struct many *many, struct stream *stream)
{
	char bytes[ECHO_BYTES];
	size_t want = stream->ready ? stream->owed : 1;
	ssize_t len = want ? read(stream->fd, bytes, want) : 0;
	if (len <= 0) {
		lose(many, stream);
		return;
	}
	if (!stream->ready) {
		stream->ready = true;
		many->ready++;
		return;
	}
	stream->owed -= (size_t)len;
	if (stream->owed)
		return;
	many->owing--;
	if (many->took_count < many->took_max)
		many->took[many->took_count++] = (double)(now_us() - stream->sent_us);
}

static void wait_and_hear(struct many *many, int64_t until)
{
	struct epoll_event events[EVENTS];
	int64_t left = until - now_us();
	int wait = left <= 0 ? 0 : (int)((left + 999) / 1000);
	int count = epoll_wait(many->set, events, EVENTS, wait);
	if (count < 0 && errno != EINTR)
		die("epoll");
	for (int i = 0; i < count; i++)
		hear(many, events[i].data.ptr);
}

static void open_all(struct many *many)
{
	int64_t until = now_us() + STALL_US;
	while (many->ready < many->count) {
		while (many->opened < many->count && many->opened - many->ready < OPENING)
			open_one(many);
		wait_and_hear(many, until);
		if (now_us() >= until) {
			errno = ETIMEDOUT;
			die("set-up");
		}
	}
}

static void send_due(struct many *many, struct stream *stream, int64_t now)
{
	static const char bytes[ECHO_BYTES];
	if (stream->fd < 0 || stream->next_us > now)
		return;
	stream->next_us += SECOND_US;
	if (stream->owed)
		return; /* late: shows in the number of round trips */
	if (write(stream->fd, bytes, sizeof bytes) != (ssize_t)sizeof bytes) {
		lose(many, stream);
		return;
	}
	stream->owed = sizeof bytes;
	stream->sent_us = now;
	many->owing++;
}

static void echo_all(struct many *many, int64_t seconds)
{
	int64_t now = now_us();
	int64_t end = now + seconds * SECOND_US;
	for (size_t i = 0; i < many->count; i++)
		many->streams[i].next_us = now + (int64_t)(i * SECOND_US / many->count);
	while ((now = now_us()) < end) {
		int64_t soonest = end;
		for (size_t i = 0; i < many->count; i++) {
			send_due(many, &many->streams[i], now);
			if (many->streams[i].fd >= 0 && many->streams[i].next_us < soonest)
				soonest = many->streams[i].next_us;
		}
		wait_and_hear(many, soonest);
	}
	for (int64_t until = now + STALL_US; many->owing && now_us() < until;)
		wait_and_hear(many, until);
}

static int by_size(const void *left, const void *right)
{
	double a = *(const double *)left;
	double b = *(const double *)right;
	return (a > b) - (a < b);
}

int main(int argc, char **argv)
{
	struct many many = {0};
	int64_t seconds = argc == 4 ? strtol(argv[3], NULL, 10) : 0;
	many.count = argc == 4 ? strtoul(argv[2], NULL, 10) : 0;
	if (many.count == 0 || seconds <= 0) {
		fprintf(stderr, "usage: many PORT COUNT SECONDS\n");
		return 2;
	}
	many.port = (uint16_t)strtoul(argv[1], NULL, 10);
	many.took_max = many.count * ((size_t)seconds + 1);
	many.streams = calloc(many.count, sizeof *many.streams);
	many.took = calloc(many.took_max, sizeof *many.took);
	many.set = epoll_create1(EPOLL_CLOEXEC);
	if (!many.streams || !many.took || many.set < 0)
		die("memory");
	open_all(&many);
	echo_all(&many, seconds);
	if (many.took_count == 0)
		die("no round trip");
	qsort(many.took, many.took_count, sizeof *many.took, by_size);
	printf("%.1f %.1f %zu %zu\n", many.took[many.took_count / 2],
		many.took[many.took_count * 99 / 100], many.took_count, many.lost + many.owing);
	free(many.streams);
	free(many.took);
	return 0;
}
