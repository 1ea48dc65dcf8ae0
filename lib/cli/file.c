#include "cli/file.h"

#include "core/err.h"

#include <errno.h>
#include <fcntl.h>
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
