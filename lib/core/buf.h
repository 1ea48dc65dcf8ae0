#ifndef ATLS_CORE_BUF_H
#define ATLS_CORE_BUF_H

#include <stddef.h>
#include <stdint.h>

/* A byte queue with a maximum: appended at the end, consumed from the front. Memory
 * that it gives back is wiped. */
struct atls_buf {
	uint8_t *mem;
	size_t head; /* first byte not consumed */
	size_t len;  /* bytes from head on */
	size_t cap;
	size_t max;
};

/* An empty buffer that never holds more than max bytes. */
void atls_buf_init(struct atls_buf *buf, size_t max);

/* Wipes and frees the memory; the buffer is empty and may be used again. */
void atls_buf_free(struct atls_buf *buf);

/* Makes room for len more bytes and points *room at it, valid until the next call. 0,
 * ATLS_E_LIMIT or ATLS_E_MEMORY; the content is untouched on failure. */
int atls_buf_reserve(struct atls_buf *buf, size_t len, uint8_t **room);

/* Counts len bytes of the room reserved last as content. */
void atls_buf_commit(struct atls_buf *buf, size_t len);

/* Appends a copy of len bytes: all or, on ATLS_E_LIMIT or ATLS_E_MEMORY, none. */
int atls_buf_append(struct atls_buf *buf, const void *bytes, size_t len);

/* Drops len bytes from the front; len is at most buf->len. */
void atls_buf_consume(struct atls_buf *buf, size_t len);

/* The content; null or any pointer when len is 0. */
static inline const uint8_t *atls_buf_bytes(const struct atls_buf *buf)
{
	return buf->mem ? buf->mem + buf->head : (const uint8_t *)0;
}

#endif
