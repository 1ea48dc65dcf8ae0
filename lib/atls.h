/*
 * libatls: Application-Layer TLS. A TLS session whose records travel in HTTP message bodies.
 *
 * Conventions of the whole header:
 * - The library does no I/O. Bytes and the time come in as arguments, bytes and state come out.
 * - Functions that can fail return 0 or a count on success and a negative enum atls_code on
 * failure. The first failure is described once, in a struct atls_error, and later ones do not
 * replace it.
 * - Lengths are bytes. Text is UTF-8 and ends with NUL where it is a char pointer without a length.
 * - A pointer that a function returns stays the library's, and is valid until the next call on the
 *   same object, unless the function says otherwise. A pointer that is passed in is not kept after
 *   the call, unless the function says otherwise.
 * - An object may be used by one thread at a time.
 */
#ifndef ATLS_H
#define ATLS_H

#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What went wrong, by the party that has to mend it. The tools' exit codes follow from these. */
enum atls_code {
	ATLS_OK = 0,
	ATLS_E_AGAIN = -1,    /* nothing to give or no room to take; not an error */
	ATLS_E_MEMORY = -2,   /* out of memory */
	ATLS_E_LIMIT = -3,    /* a stated maximum is reached */
	ATLS_E_USAGE = -4,    /* the caller asked for something impossible */
	ATLS_E_LOCAL = -5,    /* this machine: a file, a descriptor, a local port */
	ATLS_E_NETWORK = -6,  /* resolution, proxy, connection, outer TLS, HTTP status */
	ATLS_E_PROTOCOL = -7, /* the peer does not speak the protocol, or broke it */
	ATLS_E_TLS = -8,      /* the inner TLS session: trust, alert, record, truncation */
};

#define ATLS_ERROR_TEXT 400
#define ATLS_ERROR_HINT 240

/* One error: text is a sentence without a full stop, "LAYER: cause"; hint may be empty. Both may
 * hold bytes a peer chose: escape them before they reach a terminal. */
struct atls_error {
	int code;
	char text[ATLS_ERROR_TEXT];
	char hint[ATLS_ERROR_HINT];
};

/* ---- Engine: one TLS session over two byte buffers ------------------------------------------ */

enum atls_role { ATLS_CLIENT, ATLS_SERVER };

/* State bits of an engine, see atls_engine_state(). */
enum {
	ATLS_HAVE_OUTPUT = 1 << 0, /* atls_engine_output() has TLS bytes for the peer */
	ATLS_WANT_INPUT = 1 << 1,  /* nothing more happens without bytes from the peer */
	ATLS_HAVE_DATA = 1 << 2,   /* atls_engine_read() may have plaintext, or the peer's end */
	ATLS_CAN_WRITE = 1 << 3,   /* atls_engine_write() has room */
	ATLS_ESTABLISHED = 1 << 4, /* the handshake is done and the peer accepted */
	ATLS_PEER_CLOSED = 1 << 5, /* the peer's close_notify was read: no more data comes */
	ATLS_FAILED = 1 << 6,      /* see atls_engine_error(); output may still hold an alert */
};

/*
 * Judges the peer's certificates, leaf first, in DER (RFC 8446 section 4.4.2). Returns 0 to go on;
 * else a negative code, with *alert set to the alert the peer shall get and err filled.
 */
typedef int atls_verify_fn(void *ctx, const gnutls_datum_t *chain, unsigned count,
	gnutls_alert_description_t *alert, struct atls_error *err);

struct atls_engine_config {
	enum atls_role role;
	gnutls_certificate_credentials_t credentials; /* kept by reference, caller frees it last */
	gnutls_priority_t priorities;                 /* the same; null: GnuTLS's default */
	const char *server_name;                      /* client: SNI; null or an address: none */
	bool require_certificate;                     /* server: ask for the client's, and insist */
	atls_verify_fn *verify;                       /* null: whoever it is, is accepted */
	void *verify_ctx;                             /* must outlive the engine */
	size_t input_max;  /* bytes fed and not yet processed; 0: ATLS_INPUT_MAX */
	size_t output_max; /* bytes of output above which writing stops; 0: ATLS_OUTPUT_MAX */
};

#define ATLS_INPUT_MAX  (8u << 20)
#define ATLS_OUTPUT_MAX (512u << 10)

struct atls_engine;

/* Makes an engine; a client's first flight is output at once. Null if memory is short or GnuTLS
 * refuses the configuration (err says which); free it with atls_engine_free(). */
struct atls_engine *atls_engine_new(
	const struct atls_engine_config *config, struct atls_error *err);

/* Frees the engine and wipes what it held. Null is allowed. */
void atls_engine_free(struct atls_engine *engine);

/* The ATLS_* state bits. */
unsigned atls_engine_state(const struct atls_engine *engine);

/* Takes len bytes of the peer's TLS stream, cut anywhere. All are taken, or none: ATLS_E_LIMIT when
 * input_max would be passed (the engine lives on), ATLS_E_TLS when the session failed. */
int atls_engine_feed(struct atls_engine *engine, const void *bytes, size_t len);

/* Says that no more bytes will come. Without the peer's close_notify before, that is truncation
 * (RFC 8446 section 6.1): reading ends in ATLS_E_TLS. */
void atls_engine_end_input(struct atls_engine *engine);

/* Bytes fed that neither handshake nor reading consumed yet. */
size_t atls_engine_input_pending(const struct atls_engine *engine);

/* Points *bytes at the pending output and returns its length; valid until the next call that is
 * not atls_engine_state(). Output of a failed engine (an alert) is still to be sent. */
size_t atls_engine_output(const struct atls_engine *engine, const uint8_t **bytes);

/* Drops the first len bytes of output: they were sent. */
void atls_engine_output_done(struct atls_engine *engine, size_t len);

/* Reads up to cap bytes of plaintext. Returns a count, 0 when the peer closed its direction with
 * close_notify, ATLS_E_AGAIN when there is none, ATLS_E_TLS when the session failed. */
ssize_t atls_engine_read(struct atls_engine *engine, void *data, size_t cap);

/* Encrypts up to len bytes into the output. Returns the count taken, ATLS_E_AGAIN when there is no
 * room or the handshake is not done, ATLS_E_TLS when the session failed or was closed. */
ssize_t atls_engine_write(struct atls_engine *engine, const void *data, size_t len);

/* Ends this side's direction with close_notify; reading goes on. Idempotent. */
int atls_engine_close(struct atls_engine *engine);

/* Whether this side's close_notify is out. */
bool atls_engine_closed(const struct atls_engine *engine);

/* Ends the session with a fatal alert; output holds it. The engine has FAILED with err's words. */
void atls_engine_abort(
	struct atls_engine *engine, gnutls_alert_description_t alert, const struct atls_error *err);

/* The first failure, or an error with code ATLS_OK. */
const struct atls_error *atls_engine_error(const struct atls_engine *engine);

/* The TLS session, for GnuTLS's questions about it (version, suite, peer's certificates, exporter).
 * Do not read from, write to, configure or free it. */
gnutls_session_t atls_engine_session(const struct atls_engine *engine);

/* ---- Bodies: TLS bytes in and out of HTTP message bodies ------------------------------------- */

/* The encodings of draft-friel-tls-over-http-00 section 6, draft-friel-tls-atls-00 and -05. */
enum atls_encoding { ATLS_JSON, ATLS_OCTET_STREAM, ATLS_ATLS, ATLS_ENCODINGS };

/* Longest session string that is accepted from a peer. */
#define ATLS_SESSION_MAX 1024

/* A decoded body. The pointers lie in the body that was decoded. */
struct atls_body {
	const uint8_t *records; /* the TLS bytes; null if the member is absent (json) */
	size_t len;
	const char *session; /* not NUL-terminated; null if absent */
	size_t session_len;
};

struct atls_body_codec {
	const char *name;         /* as in --encoding */
	const char *content_type; /* of requests and answers */
	const char *path;         /* the draft's own, for a URL that has none */
	bool session_in_body;     /* else a cookie names the session */

	/* Decodes body in place (its bytes change). 0, or ATLS_E_PROTOCOL with err filled. */
	int (*decode)(uint8_t *body, size_t len, struct atls_body *out, struct atls_error *err);

	/* A size that encode() does not pass for len bytes; SIZE_MAX if that overflows. session may
	 * be null, and is ignored where the encoding has no place for it. */
	size_t (*encoded_size)(const char *session, size_t len);

	/* Writes the body to out, which has room for encoded_size(); returns the size written.
	 * records may be null if len is 0: an answer that has nothing to say. */
	size_t (*encode)(const char *session, const void *records, size_t len, uint8_t *out);
};

const struct atls_body_codec *atls_body_codec(enum atls_encoding encoding);

/* The encoding of that name ("json"), or -1. */
int atls_encoding_by_name(const char *name);

/* The encoding that a Content-Type value names, parameters and case aside (RFC 9110 section 8.3.1),
 * or -1. */
int atls_encoding_by_type(const char *content_type);

/* Whether a body is a JSON one whatever its label says: draft -00 section 7.2 labels JSON bodies
 * "application/atls", and no TLS record begins with '{' or white space. */
bool atls_body_is_json(const uint8_t *body, size_t len);

#ifdef __cplusplus
}
#endif

#endif
