#include "explain/opener.h"

#include <string.h>

#define RANDOM_LEN    32u
#define MASTER_LEN    48u
#define KEY_BLOCK_MAX 256u

bool atls_expand_label(gnutls_mac_algorithm_t mac, const uint8_t *secret, size_t len,
	const char *label, uint8_t *out, size_t out_len)
{
	uint8_t info[64], key_bytes[64];
	size_t label_len = strlen(label), used = 0;
	gnutls_datum_t key = {key_bytes, (unsigned)len}, about = {info, 0};
	if (len > sizeof key_bytes || label_len > 32)
		return false;
	memcpy(key_bytes, secret, len);
	info[used++] = (uint8_t)(out_len >> 8);
	info[used++] = (uint8_t)out_len;
	info[used++] = (uint8_t)(6 + label_len);
	memcpy(info + used, "tls13 ", 6);
	memcpy(info + used + 6, label, label_len);
	used += 6 + label_len;
	info[used++] = 0;
	about.size = (unsigned)used;
	int rc = gnutls_hkdf_expand(mac, &key, &about, out, out_len);
	gnutls_memset(key_bytes, 0, sizeof key_bytes);
	return rc == 0;
}

static bool start_cipher(struct atls_opener *opener, uint8_t *key_bytes, const uint8_t *iv_bytes)
{
	gnutls_datum_t key = {key_bytes, opener->suite.key_len};
	uint8_t first[16] = {0};
	gnutls_datum_t iv = {first, opener->suite.fixed_len};
	switch (opener->suite.kind) {
	case ATLS_SUITE_AEAD:
		return gnutls_aead_cipher_init(&opener->aead, opener->suite.cipher, &key) == 0;
	case ATLS_SUITE_CBC:
		if (iv_bytes)
			memcpy(first, iv_bytes, opener->suite.fixed_len);
		return gnutls_cipher_init(&opener->cipher, opener->suite.cipher, &key, &iv) == 0;
	case ATLS_SUITE_STREAM:
		iv.size = 0;
		return gnutls_cipher_init(&opener->cipher, opener->suite.cipher, &key, &iv) == 0;
	case ATLS_SUITE_NULL:
		return true;
	case ATLS_SUITE_UNSUPPORTED:
		break;
	}
	return false;
}

bool atls_opener_begin_13(struct atls_opener *opener, const struct atls_suite *suite,
	const uint8_t *secret, size_t len)
{
	uint8_t key[32];
	*opener = (struct atls_opener){.suite = *suite, .version = 0x0304};
	bool done = suite->kind == ATLS_SUITE_AEAD && len == gnutls_hmac_get_len(suite->prf) &&
		    atls_expand_label(suite->prf, secret, len, "key", key, suite->key_len) &&
		    atls_expand_label(suite->prf, secret, len, "iv", opener->iv, 12) &&
		    start_cipher(opener, key, NULL);
	gnutls_memset(key, 0, sizeof key);
	if (!done)
		atls_opener_end(opener);
	return done;
}

/* ---- TLS 1.2 and before: the key block ------------------------------------------------------ */

/* P_hash of RFC 5246 section 5, added to out by exclusive or. The seed stands behind room for A(i).
 * False if GnuTLS does not have the hash. */
static bool p_hash(gnutls_mac_algorithm_t mac, const uint8_t *secret, size_t secret_len,
	const uint8_t *seed, size_t seed_len, uint8_t *out, size_t out_len)
{
	uint8_t block[64 + 128], digest[64];
	size_t width = gnutls_hmac_get_len(mac);
	if (width == 0 || seed_len > 128)
		return false;
	int rc = gnutls_hmac_fast(mac, secret, secret_len, seed, seed_len, block);
	memcpy(block + width, seed, seed_len);
	for (size_t done = 0; done < out_len && rc == 0; done += width) {
		rc = gnutls_hmac_fast(mac, secret, secret_len, block, width + seed_len, digest);
		for (size_t i = 0; i < width && done + i < out_len; i++)
			out[done + i] ^= digest[i];
		if (rc == 0)
			rc = gnutls_hmac_fast(mac, secret, secret_len, block, width, digest);
		memcpy(block, digest, width);
	}
	gnutls_memset(block, 0, sizeof block);
	gnutls_memset(digest, 0, sizeof digest);
	return rc == 0;
}

static bool key_block(const struct atls_opener *opener, const struct atls_opener_12 *from,
	uint8_t *out, size_t len)
{
	static const char label[] = "key expansion";
	uint8_t seed[sizeof label - 1 + 2 * RANDOM_LEN];
	memcpy(seed, label, sizeof label - 1);
	memcpy(seed + sizeof label - 1, from->server_random, RANDOM_LEN);
	memcpy(seed + sizeof label - 1 + RANDOM_LEN, from->client_random, RANDOM_LEN);
	memset(out, 0, len);
	if (from->version >= 0x0303)
		return p_hash(
			opener->suite.prf, from->master, MASTER_LEN, seed, sizeof seed, out, len);
	/* RFC 2246 section 5: one half with MD5, the other with SHA-1. */
	return p_hash(GNUTLS_MAC_MD5, from->master, MASTER_LEN / 2, seed, sizeof seed, out, len) &&
	       p_hash(GNUTLS_MAC_SHA1, from->master + MASTER_LEN / 2, MASTER_LEN / 2, seed,
		       sizeof seed, out, len);
}

bool atls_opener_begin_12(struct atls_opener *opener, const struct atls_suite *suite,
	const struct atls_opener_12 *from)
{
	uint8_t block[KEY_BLOCK_MAX];
	*opener = (struct atls_opener){.suite = *suite, .version = from->version, .etm = from->etm};
	size_t side = from->client ? 0 : 1;
	size_t mac_len = suite->mac_len, key_len = suite->key_len, iv_len = suite->fixed_len;
	size_t len = 2 * (mac_len + key_len + iv_len);
	bool done = suite->kind != ATLS_SUITE_UNSUPPORTED && from->version >= 0x0301 &&
		    len <= sizeof block && key_block(opener, from, block, len);
	if (done) {
		const uint8_t *iv = block + 2 * (mac_len + key_len) + side * iv_len;
		memcpy(opener->mac_key, block + side * mac_len, mac_len);
		memcpy(opener->iv, iv, iv_len);
		done = start_cipher(opener, block + 2 * mac_len + side * key_len, iv);
	}
	gnutls_memset(block, 0, sizeof block);
	if (!done)
		atls_opener_end(opener);
	return done;
}

void atls_opener_end(struct atls_opener *opener)
{
	if (opener->aead)
		gnutls_aead_cipher_deinit(opener->aead);
	if (opener->cipher)
		gnutls_cipher_deinit(opener->cipher);
	gnutls_memset(opener, 0, sizeof *opener);
}

/* ---- opening -------------------------------------------------------------------------------- */

static void put_be64(uint8_t *out, uint64_t value)
{
	for (int i = 7; i >= 0; i--, value >>= 8)
		out[i] = (uint8_t)value;
}

/* seq_num, type, version, length: what MACs and AEADs of TLS 1.2 cover in front. */
static void pseudo_header(const struct atls_opener *opener, const struct atls_record *record,
	size_t len, uint8_t out[13])
{
	put_be64(out, opener->sequence);
	out[8] = record->type;
	out[9] = (uint8_t)(record->version >> 8);
	out[10] = (uint8_t)record->version;
	out[11] = (uint8_t)(len >> 8);
	out[12] = (uint8_t)len;
}

static bool open_13(struct atls_opener *opener, const struct atls_record *record, uint8_t *out,
	struct atls_opened *opened)
{
	uint8_t nonce[12], number[8];
	const uint8_t head[5] = {record->type, (uint8_t)(record->version >> 8),
		(uint8_t)record->version, (uint8_t)(record->len >> 8), (uint8_t)record->len};
	size_t len = ATLS_RECORD_ROOM;
	memcpy(nonce, opener->iv, sizeof nonce);
	put_be64(number, opener->sequence);
	for (size_t i = 0; i < 8; i++)
		nonce[4 + i] ^= number[i];
	if (record->len < opener->suite.tag_len ||
		gnutls_aead_cipher_decrypt(opener->aead, nonce, sizeof nonce, head, sizeof head,
			opener->suite.tag_len, record->body, record->len, out, &len) < 0)
		return false;
	size_t end = len;
	while (end > 0 && out[end - 1] == 0)
		end--;
	opened->type = end ? out[end - 1] : 0;
	opened->len = end ? end - 1 : 0;
	opened->padding = len - end;
	return true;
}

static bool open_aead_12(struct atls_opener *opener, const struct atls_record *record, uint8_t *out,
	struct atls_opened *opened)
{
	size_t explicit_len = opener->suite.explicit_len, tag = opener->suite.tag_len;
	uint8_t nonce[12], head[13], number[8];
	if (record->len < explicit_len + tag)
		return false;
	size_t len = record->len - explicit_len - tag, room = ATLS_RECORD_ROOM;
	pseudo_header(opener, record, len, head);
	memcpy(nonce, opener->iv, sizeof nonce);
	if (explicit_len) {
		memcpy(nonce + 4, record->body, explicit_len);
	} else { /* RFC 7905 section 2 */
		put_be64(number, opener->sequence);
		for (size_t i = 0; i < 8; i++)
			nonce[4 + i] ^= number[i];
	}
	if (gnutls_aead_cipher_decrypt(opener->aead, nonce, sizeof nonce, head, sizeof head, tag,
		    record->body + explicit_len, record->len - explicit_len, out, &room) < 0)
		return false;
	opened->len = room;
	return true;
}

static bool mac_fits(const struct atls_opener *opener, const struct atls_record *record,
	const uint8_t *bytes, size_t len, const uint8_t *mac)
{
	uint8_t head[13], digest[64];
	gnutls_hmac_hd_t hmac;
	pseudo_header(opener, record, len, head);
	if (gnutls_hmac_init(&hmac, opener->suite.mac, opener->mac_key, opener->suite.mac_len) < 0)
		return false;
	bool done = gnutls_hmac(hmac, head, sizeof head) == 0 &&
		    (len == 0 || gnutls_hmac(hmac, bytes, len) == 0);
	gnutls_hmac_deinit(hmac, digest);
	return done && gnutls_memcmp(digest, mac, opener->suite.mac_len) == 0;
}

/* The IV: in the record from TLS 1.1 on, before that the last block of the record before. */
static bool decrypt_cbc(
	struct atls_opener *opener, const uint8_t *body, size_t len, uint8_t *out, size_t *out_len)
{
	size_t block = opener->suite.explicit_len;
	bool in_record = opener->version >= 0x0302;
	if (len % block || len < (in_record ? 2 * block : block))
		return false;
	memcpy(opener->iv, in_record ? body : opener->iv, block);
	gnutls_cipher_set_iv(opener->cipher, opener->iv, block);
	if (in_record) {
		body += block;
		len -= block;
	}
	if (gnutls_cipher_decrypt2(opener->cipher, body, len, out, ATLS_RECORD_ROOM) < 0)
		return false;
	*out_len = len;
	return true;
}

/* Takes the padding off: its length stands in each of its bytes. */
static bool strip(uint8_t *out, size_t *len, struct atls_opened *opened)
{
	size_t padding = *len ? out[*len - 1] : 0;
	if (*len < padding + 1)
		return false;
	for (size_t i = 0; i < padding; i++)
		if (out[*len - 2 - i] != padding)
			return false;
	*len -= padding + 1;
	opened->padding = padding + 1;
	return true;
}

static bool open_cbc(struct atls_opener *opener, const struct atls_record *record, uint8_t *out,
	struct atls_opened *opened)
{
	size_t mac = opener->suite.mac_len, len = record->len, block = opener->suite.explicit_len;
	uint8_t kept[16];
	memcpy(kept, opener->iv, sizeof kept);
	if (opener->etm) {
		if (len < mac || !mac_fits(opener, record, record->body, len - mac,
					 record->body + len - mac))
			return false;
		len -= mac;
	}
	size_t plain;
	bool good =
		decrypt_cbc(opener, record->body, len, out, &plain) && strip(out, &plain, opened);
	if (good && !opener->etm) {
		good = plain >= mac;
		plain -= good ? mac : 0;
		good = good && mac_fits(opener, record, out, plain, out + plain);
	}
	if (!good) {
		memcpy(opener->iv, kept, sizeof kept);
		return false;
	}
	memcpy(opener->iv, record->body + len - block, block);
	opened->len = plain;
	return true;
}

static bool open_stream(struct atls_opener *opener, const struct atls_record *record, uint8_t *out,
	struct atls_opened *opened)
{
	size_t mac = opener->suite.mac_len;
	if (record->len < mac)
		return false;
	if (opener->suite.kind == ATLS_SUITE_NULL)
		memcpy(out, record->body, record->len);
	else if (gnutls_cipher_decrypt2(
			 opener->cipher, record->body, record->len, out, ATLS_RECORD_ROOM) < 0)
		return false;
	opened->len = record->len - mac;
	return mac_fits(opener, record, out, opened->len, out + opened->len);
}

bool atls_opener_open(struct atls_opener *opener, const struct atls_record *record, uint8_t *out,
	struct atls_opened *opened)
{
	bool done = false;
	*opened = (struct atls_opened){.type = record->type};
	if (opener->version >= 0x0304)
		done = open_13(opener, record, out, opened);
	else if (opener->suite.kind == ATLS_SUITE_AEAD)
		done = open_aead_12(opener, record, out, opened);
	else if (opener->suite.kind == ATLS_SUITE_CBC)
		done = open_cbc(opener, record, out, opened);
	else if (opener->suite.kind != ATLS_SUITE_UNSUPPORTED)
		done = open_stream(opener, record, out, opened);
	opener->sequence += done;
	return done;
}
