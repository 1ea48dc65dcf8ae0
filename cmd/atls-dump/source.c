#include "source.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static ssize_t read_fd(void *ctx, void *to, size_t cap)
{
	const int *fd = ctx;
	ssize_t got;
	do
		got = read(*fd, to, cap);
	while (got < 0 && errno == EINTR);
	return got;
}

void source_init(struct source *source, int *fd)
{
	memset(source, 0, sizeof *source);
	source->read = read_fd;
	source->ctx = fd;
}

static size_t read_more(struct source *source, void *to, size_t cap)
{
	ssize_t got = source->failed ? 0 : source->read(source->ctx, to, cap);
	if (got < 0)
		source->failed = errno;
	return got > 0 ? (size_t)got : 0;
}

void source_peek(struct source *source)
{
	size_t got;
	do {
		got = read_more(source, source->head + source->head_len,
			sizeof source->head - source->head_len);
		source->head_len += got;
	} while (got && source->head_len < sizeof source->head);
}

size_t source_read(struct source *source, void *to, size_t cap)
{
	size_t left = source->head_len - source->head_done;
	if (left == 0)
		return read_more(source, to, cap);
	size_t len = left < cap ? left : cap;
	memcpy(to, source->head + source->head_done, len);
	source->head_done += len;
	return len;
}
