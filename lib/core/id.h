/* Names that nobody can guess: of sessions, in cookies, in json and in ATLS-Stream. */
#ifndef ATLS_CORE_ID_H
#define ATLS_CORE_ID_H

#include <stdint.h>

#define ATLS_ID_BYTES 16u /* random bytes in an id */
#define ATLS_ID_TEXT  23u /* base64url with its NUL */

/* 0 or ATLS_E_MEMORY, when there is no randomness to be had. */
int atls_id_make(char text[ATLS_ID_TEXT]);

/* Of a hash over ids that are not ours: who does not know the keys cannot choose where one falls
 * (a multilinear hash, whose upper half is universal). */
struct atls_id_keys {
	uint64_t of[ATLS_ID_TEXT - 1];
};

/* 0 or ATLS_E_MEMORY, when there is no randomness to be had. */
int atls_id_keys_make(struct atls_id_keys *keys);

/* Of an id of ATLS_ID_TEXT - 1 characters. */
uint32_t atls_id_hash(const struct atls_id_keys *keys, const char *id);

/* One of several that divide the ids among themselves: which has an id, all of them can tell. */
struct atls_id_share {
	const struct atls_id_keys *keys;
	unsigned part; /* below parts */
	unsigned parts;
};

/* Whose part an id of ATLS_ID_TEXT - 1 characters is. */
unsigned atls_id_part(const struct atls_id_share *share, const char *id);

#endif
