/*
 * far: a long path on one machine. A TCP relay that lets each byte arrive after a time.
 *
 *   far TARGET-PORT --delay MS --window BYTES --port-file FILE
 *
 * A byte that is read now goes out MS later; in each direction of each connection at most BYTES are
 * read of which the sender, at the other end of a path of 2 x MS, could not know yet that they
 * came: what a TCP connection with socket buffers of that size does there. Ends on SIGTERM.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PIECE_MAX (256u << 10)
#define EVENTS    64

struct piece {
	STAILQ_ENTRY(piece) entry;
	int64_t at_us; /* arrives */
	size_t len;    /* 0: the end of the stream */
	size_t done;
	uint8_t bytes[];
};

/* What the sender does not know to be there. */
struct credit {
	STAILQ_ENTRY(credit) entry;
	int64_t at_us; /* it will know */
	size_t len;
};

struct way {
	int from, to;
	STAILQ_HEAD(, piece) pieces;
	STAILQ_HEAD(, credit) unknown;
	size_t outstanding;
	bool ended;   /* its end was read */
	bool blocked; /* the receiver takes no more */
};

struct link {
	LIST_ENTRY(link) entry;
	struct way ways[2];
	bool broken;
};

static LIST_HEAD(, link) links = LIST_HEAD_INITIALIZER(links);
static int64_t delay_us;
static size_t window;
static int set;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "far: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void *need(void *memory)
{
	if (!memory)
		die("memory");
	return memory;
}

static void take(struct link *link, struct way *way)
{
	while (!way->ended && way->outstanding < window) {
		size_t cap = window - way->outstanding < PIECE_MAX ? window - way->outstanding
								   : PIECE_MAX;
		struct piece *piece = need(malloc(sizeof *piece + cap));
		ssize_t len = recv(way->from, piece->bytes, cap, MSG_DONTWAIT);
		if (len < 0) {
			free(piece);
			link->broken |= errno != EAGAIN && errno != EINTR;
			return;
		}
		int64_t now = now_us();
		struct credit *credit = need(malloc(sizeof *credit));
		*credit = (struct credit){.at_us = now + 2 * delay_us, .len = (size_t)len};
		piece->at_us = now + delay_us;
		piece->len = (size_t)len;
		piece->done = 0;
		way->ended = len == 0;
		way->outstanding += (size_t)len;
		STAILQ_INSERT_TAIL(&way->pieces, piece, entry);
		STAILQ_INSERT_TAIL(&way->unknown, credit, entry);
	}
}

static void give(struct link *link, struct way *way, int64_t now)
{
	struct piece *piece;
	way->blocked = false;
	while (!link->broken && (piece = STAILQ_FIRST(&way->pieces)) && piece->at_us <= now) {
		if (piece->len == 0) {
			shutdown(way->to, SHUT_WR);
		} else {
			ssize_t done = send(way->to, piece->bytes + piece->done,
				piece->len - piece->done, MSG_DONTWAIT | MSG_NOSIGNAL);
			if (done < 0) {
				way->blocked = errno == EAGAIN;
				link->broken = !way->blocked && errno != EINTR;
				return;
			}
			piece->done += (size_t)done;
		}
		if (piece->done == piece->len) {
			STAILQ_REMOVE_HEAD(&way->pieces, entry);
			free(piece);
		}
	}
}

static void learn(struct way *way, int64_t now)
{
	struct credit *credit;
	while ((credit = STAILQ_FIRST(&way->unknown)) && credit->at_us <= now) {
		STAILQ_REMOVE_HEAD(&way->unknown, entry);
		way->outstanding -= credit->len;
		free(credit);
	}
}

static bool over(const struct link *link)
{
	for (int i = 0; i < 2; i++)
		if (!link->ways[i].ended || !STAILQ_EMPTY(&link->ways[i].pieces))
			return link->broken;
	return true;
}

static void drop(struct link *link)
{
	const struct linger reset = {.l_onoff = 1, .l_linger = 0};
	for (int i = 0; i < 2; i++) {
		struct way *way = &link->ways[i];
		if (link->broken)
			setsockopt(way->from, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
		close(way->from);
		learn(way, INT64_MAX);
		while (!STAILQ_EMPTY(&way->pieces)) {
			struct piece *piece = STAILQ_FIRST(&way->pieces);
			STAILQ_REMOVE_HEAD(&way->pieces, entry);
			free(piece);
		}
	}
	LIST_REMOVE(link, entry);
	free(link);
}

/* The time of the next thing to do for a way, or the least so far. */
static int64_t next(const struct way *way, int64_t least)
{
	const struct piece *piece = STAILQ_FIRST(&way->pieces);
	const struct credit *credit = STAILQ_FIRST(&way->unknown);
	if (piece && !way->blocked && piece->at_us < least)
		least = piece->at_us;
	if (credit && way->outstanding >= window && credit->at_us < least)
		least = credit->at_us;
	return least;
}

static void watch(int fd, struct link *link)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = link};
	const int one = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (epoll_ctl(set, EPOLL_CTL_ADD, fd, &event))
		die("epoll");
}

static void join(int listener, const struct sockaddr_in *target)
{
	int near = accept(listener, NULL, NULL);
	if (near < 0)
		return;
	int there = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (there < 0 || connect(there, (const struct sockaddr *)target, sizeof *target)) {
		close(near);
		if (there >= 0)
			close(there);
		return;
	}
	struct link *link = need(calloc(1, sizeof *link));
	for (int i = 0; i < 2; i++) {
		link->ways[i].from = i ? there : near;
		link->ways[i].to = i ? near : there;
		STAILQ_INIT(&link->ways[i].pieces);
		STAILQ_INIT(&link->ways[i].unknown);
	}
	LIST_INSERT_HEAD(&links, link, entry);
	watch(near, link);
	watch(there, link);
}

/* Moves what can be moved; returns the milliseconds until there is more to do by the clock. */
static int move_all(void)
{
	struct link *link = LIST_FIRST(&links);
	int64_t least = INT64_MAX;
	int64_t now = now_us();
	while (link) {
		struct link *following = LIST_NEXT(link, entry);
		for (int i = 0; i < 2; i++) {
			learn(&link->ways[i], now);
			take(link, &link->ways[i]);
			give(link, &link->ways[i], now);
			least = next(&link->ways[i], least);
		}
		if (over(link))
			drop(link);
		link = following;
	}
	if (least == INT64_MAX)
		return -1;
	return least <= now ? 0 : (int)((least - now + 999) / 1000);
}

static int listen_here(const char *port_file)
{
	struct sockaddr_in here = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof here;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || bind(listener, (struct sockaddr *)&here, len) ||
		listen(listener, 1024) || getsockname(listener, (struct sockaddr *)&here, &len))
		die("listen");
	FILE *file = fopen(port_file, "w");
	if (!file || fprintf(file, "%u\n", ntohs(here.sin_port)) < 0 || fclose(file))
		die(port_file);
	return listener;
}

int main(int argc, char **argv)
{
	if (argc != 8 || strcmp(argv[2], "--delay") != 0 || strcmp(argv[4], "--window") != 0 ||
		strcmp(argv[6], "--port-file") != 0) {
		fprintf(stderr,
			"usage: far TARGET-PORT --delay MS --window BYTES --port-file FILE\n");
		return 2;
	}
	struct sockaddr_in target = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10))};
	delay_us = (int64_t)strtoul(argv[3], NULL, 10) * 1000;
	window = strtoul(argv[5], NULL, 10);
	set = epoll_create1(EPOLL_CLOEXEC);
	int listener = listen_here(argv[7]);
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
	if (set < 0 || epoll_ctl(set, EPOLL_CTL_ADD, listener, &event))
		die("epoll");
	signal(SIGPIPE, SIG_IGN);
	for (int wait = -1;; wait = move_all()) {
		struct epoll_event events[EVENTS];
		int count = epoll_wait(set, events, EVENTS, wait);
		if (count < 0 && errno != EINTR)
			die("epoll");
		for (int i = 0; i < count; i++)
			if (!events[i].data.ptr)
				join(listener, &target);
	}
}
