/*
 * TLS records that an engine does not make of itself, under the keys of one: any type, any content,
 * any length. For sessions of AES-128-GCM (FORGE_SUITE), TLS 1.2 (RFC 5288) and 1.3 (RFC 8446
 * section 5.2). What the engine says next has the sequence number behind.
 */
#ifndef ATLS_TESTS_FORGE_H
#define ATLS_TESTS_FORGE_H

#include "certs.h"

#include "atls.h"

#include <gnutls/crypto.h>

#define FORGE_SUITE ":-CIPHER-ALL:+AES-128-GCM"
#define FORGE_MAX   (5 + 65535)

/* A record in clear. Returns its size. */
static inline size_t forge_clear(uint8_t type, const void *data, size_t len, uint8_t *out)
{
	const uint8_t head[5] = {type, 3, 3, (uint8_t)(len >> 8), (uint8_t)len};
	memcpy(out, head, sizeof head);
	if (len)
		memcpy(out + sizeof head, data, len);
	return sizeof head + len;
}

static inline void forge_seal(const gnutls_datum_t *key, const uint8_t nonce[12],
	const uint8_t *aad, size_t aad_len, const uint8_t *plain, size_t len, uint8_t *out)
{
	gnutls_aead_cipher_hd_t cipher;
	size_t sealed = len + 16;
	CERT_OK(gnutls_aead_cipher_init(&cipher, GNUTLS_CIPHER_AES_128_GCM, key));
	CERT_OK(gnutls_aead_cipher_encrypt(
		cipher, nonce, 12, aad, aad_len, 16, plain, len, out, &sealed));
	gnutls_aead_cipher_deinit(cipher);
}

/* from's next record. With TLS 1.3 the type goes into the ciphertext, unless it is 0: then data is
 * the whole inner plaintext. out has room for FORGE_MAX. Returns the size. */
static inline size_t forge_record(
	struct atls_engine *from, uint8_t type, const void *data, size_t len, uint8_t *out)
{
	gnutls_session_t tls = atls_engine_session(from);
	bool tls13 = gnutls_protocol_get_version(tls) == GNUTLS_TLS1_3;
	gnutls_datum_t mac, iv, key;
	uint8_t seq[8], nonce[12], aad[13];
	size_t inner = len + (tls13 && type);
	uint8_t *plain = malloc(inner + 1);
	CERT_OK(gnutls_record_get_state(tls, 0, &mac, &iv, &key, seq));
	if (len)
		memcpy(plain, data, len);
	plain[len] = type;
	size_t wire = inner + 16 + (tls13 ? 0 : 8);
	const uint8_t head[5] = {tls13 ? 23 : type, 3, 3, (uint8_t)(wire >> 8), (uint8_t)wire};
	memcpy(out, head, sizeof head);
	if (tls13) {
		memcpy(nonce, iv.data, 12);
		for (int i = 0; i < 8; i++)
			nonce[4 + i] ^= seq[i];
		forge_seal(&key, nonce, head, sizeof head, plain, inner, out + 5);
	} else {
		memcpy(nonce, iv.data, 4);
		memcpy(nonce + 4, seq, 8);
		memcpy(out + 5, seq, 8);
		memcpy(aad, seq, 8);
		memcpy(aad + 8, (const uint8_t[]){type, 3, 3, (uint8_t)(len >> 8), (uint8_t)len},
			5);
		forge_seal(&key, nonce, aad, sizeof aad, plain, inner, out + 13);
	}
	free(plain);
	for (int i = 7; i >= 0 && ++seq[i] == 0; i--) {
	}
	CERT_OK(gnutls_record_set_state(tls, 0, seq));
	return 5 + wire;
}

/* Cuts the handshake records in clear among len bytes into records of at most max, each other one
 * is left as it is. out has room for 6 * len. Returns the size. */
static inline size_t forge_refragment(const uint8_t *bytes, size_t len, size_t max, uint8_t *out)
{
	size_t done = 0;
	for (size_t at = 0, size; at + 5 <= len; at += 5 + size) {
		size = (size_t)bytes[at + 3] << 8 | bytes[at + 4];
		size_t cut = bytes[at] == 22 ? max : size;
		for (size_t i = 0; i < size; i += cut)
			done += forge_clear(bytes[at], bytes + at + 5 + i,
				size - i < cut ? size - i : cut, out + done);
	}
	return done;
}

#endif
