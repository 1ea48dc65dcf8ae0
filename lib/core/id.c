#include "core/id.h"

#include "atls.h"

#include <gnutls/crypto.h>
#include <string.h>

int atls_id_make(char text[ATLS_ID_TEXT])
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	uint8_t random[ATLS_ID_BYTES + 2] = {0};
	if (gnutls_rnd(GNUTLS_RND_KEY, random, ATLS_ID_BYTES) < 0)
		return ATLS_E_MEMORY;
	char whole[(ATLS_ID_BYTES + 2) / 3 * 4];
	for (size_t i = 0, o = 0; o < sizeof whole; i += 3, o += 4) {
		unsigned long bits = (unsigned long)random[i] << 16 |
				     (unsigned long)random[i + 1] << 8 | random[i + 2];
		for (size_t k = 0; k < 4; k++)
			whole[o + k] = digits[bits >> (18 - 6 * k) & 63];
	}
	memcpy(text, whole, ATLS_ID_TEXT - 1);
	text[ATLS_ID_TEXT - 1] = '\0';
	explicit_bzero(random, sizeof random);
	explicit_bzero(whole, sizeof whole);
	return ATLS_OK;
}

int atls_id_keys_make(struct atls_id_keys *keys)
{
	return gnutls_rnd(GNUTLS_RND_KEY, keys->of, sizeof keys->of) < 0 ? ATLS_E_MEMORY : ATLS_OK;
}

uint32_t atls_id_hash(const struct atls_id_keys *keys, const char *id)
{
	uint64_t hash = 0;
	for (size_t i = 0; i < ATLS_ID_TEXT - 1; i++)
		hash += keys->of[i] * (unsigned char)id[i];
	return (uint32_t)(hash >> 32);
}

unsigned atls_id_part(const struct atls_id_share *share, const char *id)
{
	return share->parts > 1 ? atls_id_hash(share->keys, id) % share->parts : 0;
}
