/* Handshake messages of TLS 1.0 to 1.3, and the other content of records, as trees. */
#ifndef ATLS_EXPLAIN_HANDSHAKE_H
#define ATLS_EXPLAIN_HANDSHAKE_H

#include "explain/node.h"
#include "explain/walk.h"

#define ATLS_MESSAGE_HEADER 4u

enum atls_message_type {
	ATLS_HELLO_REQUEST = 0,
	ATLS_CLIENT_HELLO = 1,
	ATLS_SERVER_HELLO = 2,
	ATLS_NEW_SESSION_TICKET = 4,
	ATLS_END_OF_EARLY_DATA = 5,
	ATLS_HELLO_RETRY_REQUEST = 6, /* on the wire a server_hello with a certain random */
	ATLS_ENCRYPTED_EXTENSIONS = 8,
	ATLS_CERTIFICATE = 11,
	ATLS_SERVER_KEY_EXCHANGE = 12,
	ATLS_CERTIFICATE_REQUEST = 13,
	ATLS_SERVER_HELLO_DONE = 14,
	ATLS_CERTIFICATE_VERIFY = 15,
	ATLS_CLIENT_KEY_EXCHANGE = 16,
	ATLS_FINISHED = 20,
	ATLS_CERTIFICATE_URL = 21,
	ATLS_CERTIFICATE_STATUS = 22,
	ATLS_SUPPLEMENTAL_DATA = 23,
	ATLS_KEY_UPDATE = 24,
	ATLS_COMPRESSED_CERTIFICATE = 25,
	ATLS_NEXT_PROTOCOL = 67,
	ATLS_MESSAGE_HASH = 254,
};

/* One whole handshake message, and what its session has settled, on which its form depends. */
struct atls_message {
	const uint8_t *bytes; /* with the header of 4 */
	size_t len;
	uint8_t type;             /* of the header, or ATLS_HELLO_RETRY_REQUEST */
	uint16_t version;         /* negotiated so far; 0: not known */
	uint16_t suite;           /* the same */
	uint8_t certificate_type; /* RFC 7250: 0 X.509, 2 raw public key */
};

/* Says the fields of a message, as children of a node that the caller has begun. */
void atls_message_explain(const struct atls_message *message, const struct atls_nodes *nodes);

/* The next certificate's DER of a Certificate message; *at is 0 at first. False if there is no
 * more, or what there is is malformed. */
bool atls_message_certificate(
	const struct atls_message *message, size_t *at, const uint8_t **der, size_t *len);

/* The same for the content of an alert, change_cipher_spec or heartbeat record. */
void atls_content_explain(
	unsigned type, const uint8_t *bytes, size_t len, const struct atls_nodes *nodes);

/* ---- between the decoder's files ------------------------------------------------------------ */

/* A list of extensions with its length of 2 bytes, as "extensions"; the message decides the form
 * of many. */
void atls_extensions_explain(struct atls_cut *cut, const struct atls_message *message);

/* Decodes the value of one. False if the type has no decoder. */
bool atls_extension_decode(
	struct atls_cut *value, unsigned type, const struct atls_message *message);
bool atls_extension_decode_more(
	struct atls_cut *value, unsigned type, const struct atls_message *message);

/* The messages of key exchange, of TLS 1.2 and before. */
void atls_server_key_exchange_explain(struct atls_cut *cut, const struct atls_message *message);
void atls_client_key_exchange_explain(struct atls_cut *cut, const struct atls_message *message);

/* A certificate status, with its type of one byte (RFC 6066 section 8). */
void atls_certificate_status_explain(struct atls_cut *cut);

/* A SignedCertificateTimestampList of RFC 6962 section 3.3, with its length. */
void atls_timestamps_explain(struct atls_cut *cut);

/* Distinguished names, each with a length of 2 bytes, in a vector of the same. */
void atls_authorities_explain(struct atls_cut *cut);

#endif
