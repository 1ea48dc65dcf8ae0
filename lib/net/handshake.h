/* A TLS handshake on a connection, to see all that the peer shows. Nothing is verified here, so
 * that it is seen whatever it is worth. */
#ifndef ATLS_NET_HANDSHAKE_H
#define ATLS_NET_HANDSHAKE_H

#include "net/dial.h"
#include "trust/judge.h"

#define ATLS_SHOWN_TEXT       64u
#define ATLS_SHOWN_CERTS      64u /* more are counted and not kept */
#define ATLS_SHOWN_EXTENSIONS 32u

/* What a peer showed; the owner frees it with atls_shown_free(). */
struct atls_shown {
	gnutls_datum_t chain[ATLS_SHOWN_CERTS];
	unsigned count; /* kept */
	unsigned sent;
	gnutls_datum_t ocsp; /* the stapled response; empty: none */
	char version[ATLS_SHOWN_TEXT], suite[ATLS_SHOWN_TEXT], group[ATLS_SHOWN_TEXT];
	char alpn[ATLS_SHOWN_TEXT];
	unsigned extensions[ATLS_SHOWN_EXTENSIONS]; /* numbers, of ServerHello and the encrypted */
	unsigned extension_count;
};

void atls_shown_free(struct atls_shown *shown);

/* The same for the judgement; its pointers are shown's. */
struct atls_sight atls_shown_sight(const struct atls_shown *shown);

struct atls_handshake_config {
	gnutls_priority_t priorities;
	gnutls_certificate_credentials_t credentials;
	const char *server_name; /* SNI; null, or an address: none */
	const char *const *alpn; /* offered, in this order */
	unsigned alpn_count;
	int64_t max_ms;

	/* Each flight as it travelled; null: not wanted. */
	void (*flight)(void *ctx, bool down, unsigned number, const void *bytes, size_t len);
	void (*done)(
		void *ctx, const struct atls_error *err); /* its code 0: the handshake is made */
	void *ctx;
};

struct atls_handshake;

/* Begins on a connection that stands; done is called once, from the event base. config is copied,
 * and what it points to kept by reference. Null: memory. */
struct atls_handshake *atls_handshake_new(struct event_base *base, struct atls_dial *dial,
	const struct atls_handshake_config *config, struct atls_error *err);

/* Says close_notify if it can, and frees it; the connection stays. Null is allowed. */
void atls_handshake_free(struct atls_handshake *handshake);

/* What was shown, once it is made; it then belongs to the caller. */
void atls_handshake_take(struct atls_handshake *handshake, struct atls_shown *shown);

/* As atls_dial_send() and atls_dial_recv(), inside the session. */
ssize_t atls_handshake_send(struct atls_handshake *handshake, const void *bytes, size_t len);
ssize_t atls_handshake_recv(struct atls_handshake *handshake, void *bytes, size_t cap);

#endif
