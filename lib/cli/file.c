#include "cli/file.h"

#include "core/err.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_MAX (64u << 10)

/* Appends all that fd gives. 0 or an errno. */
static int read_all(struct atls_buf *buf, int fd)
{
	uint8_t *room;
	ssize_t len = 1;

	while (len != 0) {
		int rc = atls_buf_reserve(buf, READ_MAX, &room);
		if (rc)
			return rc == ATLS_E_LIMIT ? EFBIG : ENOMEM;
		len = read(fd, room, READ_MAX);
		if (len < 0 && errno != EINTR)
			return errno;
		if (len > 0)
			atls_buf_commit(buf, (size_t)len);
	}
	return 0;
}

int atls_file_read(struct atls_buf *buf, const char *role, const char *name, struct atls_error *err)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	int why = fd < 0 ? errno : read_all(buf, fd);

	if (fd >= 0)
		close(fd);
	if (!why && buf->len)
		return ATLS_OK;
	return atls_error_set(err, ATLS_E_LOCAL, "cannot read %s file '%s': %s", role, name,
		why ? strerror(why) : "it is empty");
}

/* 0 or an errno. */
static int write_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t done = write(fd, bytes, len);
		if (done < 0 && errno != EINTR)
			return errno;
		if (done > 0) {
			bytes += done;
			len -= (size_t)done;
		}
	}
	return fsync(fd) ? errno : 0;
}

int atls_file_replace(const char *name, const void *bytes, size_t len, mode_t mode)
{
	char *temporary = NULL;

	if (asprintf(&temporary, "%s.%ld.new", name, (long)getpid()) < 0)
		return ENOMEM;
	/* What a process of that number left behind, or somebody's link. */
	unlink(temporary);
	int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	int why = fd < 0 ? errno : write_all(fd, bytes, len);
	if (fd >= 0 && close(fd) && !why)
		why = errno;
	if (!why && rename(temporary, name))
		why = errno;
	if (why && fd >= 0)
		unlink(temporary);
	free(temporary);
	return why;
}
