#include "core/buf.h"

#include "atls.h"

#include <stdlib.h>
#include <string.h>

#define BUF_MIN 1024u

void atls_buf_init(struct atls_buf *buf, size_t max)
{
	memset(buf, 0, sizeof *buf);
	buf->max = max;
}

void atls_buf_free(struct atls_buf *buf)
{
	if (buf->mem) {
		explicit_bzero(buf->mem, buf->cap);
		free(buf->mem);
	}
	atls_buf_init(buf, buf->max);
}

static size_t grown(const struct atls_buf *buf, size_t need)
{
	size_t cap = buf->cap ? buf->cap : BUF_MIN;
	while (cap < need)
		cap = cap > SIZE_MAX / 2 ? need : cap * 2;
	return cap > buf->max ? buf->max : cap;
}

/* Never realloc(): it would leave an unwiped copy behind. */
static int move_to(struct atls_buf *buf, size_t cap)
{
	uint8_t *mem = malloc(cap ? cap : 1);
	if (!mem)
		return ATLS_E_MEMORY;
	size_t len = buf->len;
	if (buf->mem && len)
		memcpy(mem, buf->mem + buf->head, len);
	atls_buf_free(buf);
	buf->mem = mem;
	buf->cap = cap;
	buf->len = len;
	return ATLS_OK;
}

/* Whether the content can move to the front without overlapping itself: then that makes the room.
 */
static bool can_close_gap(const struct atls_buf *buf, size_t len)
{
	return buf->cap >= buf->len + len && buf->head >= buf->len;
}

int atls_buf_reserve(struct atls_buf *buf, size_t len, uint8_t **room)
{
	if (len > buf->max || buf->len > buf->max - len)
		return ATLS_E_LIMIT;
	if (buf->mem && buf->cap - buf->head - buf->len < len && can_close_gap(buf, len)) {
		memcpy(buf->mem, buf->mem + buf->head, buf->len);
		buf->head = 0;
	} else if (!buf->mem || buf->cap - buf->head - buf->len < len) {
		int rc = move_to(buf, grown(buf, buf->len + len));
		if (rc)
			return rc;
	}
	*room = buf->mem + buf->head + buf->len;
	return ATLS_OK;
}

void atls_buf_commit(struct atls_buf *buf, size_t len)
{
	buf->len += len;
}

int atls_buf_append(struct atls_buf *buf, const void *bytes, size_t len)
{
	if (len == 0)
		return ATLS_OK;
	uint8_t *room;
	int rc = atls_buf_reserve(buf, len, &room);
	if (rc)
		return rc;
	memcpy(room, bytes, len);
	atls_buf_commit(buf, len);
	return ATLS_OK;
}

void atls_buf_consume(struct atls_buf *buf, size_t len)
{
	buf->len -= len;
	buf->head = buf->len ? buf->head + len : 0;
}
