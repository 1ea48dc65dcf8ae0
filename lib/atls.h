/*
 * libatls: Application-Layer TLS. A TLS session whose records travel in HTTP message bodies.
 *
 * Conventions of the whole header:
 * - The library does no I/O. Bytes and the time come in as arguments, bytes and state come out.
 * - Functions that can fail return 0 or a count on success and a negative enum atls_code on
 *   failure. The first failure is described once, in a struct atls_error, and later ones do not
 *   replace it: one to be filled is empty (= {0}) before its first use, and it may be null.
 * - Lengths are bytes, times are milliseconds on a clock of the caller's that does not go back.
 *   Text is UTF-8 and ends with NUL where it is a char pointer without a length.
 * - A pointer that a function returns stays the library's, and is valid until the next call on the
 *   same object, unless the function says otherwise. A pointer that is passed in is not kept after
 *   the call, unless the function says otherwise.
 * - An object may be used by one thread at a time.
 */
#ifndef ATLS_H
#define ATLS_H

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
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

/* One error: text is a sentence without a full stop, "LAYER: cause"; hint, what to try next, may be
 * empty, and speaks of the tools' options. Both may hold bytes a peer chose: escape them before
 * they reach a terminal. */
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

	/* Application protocols (ALPN, RFC 7301) that a client offers and a server takes, at most
	 * ATLS_PROTOCOLS_MAX; what the client likes first is taken. A peer that names none of them,
	 * or does not know ALPN, gets a session without one: gnutls_alpn_get_selected_protocol()
	 * tells. */
	const char *const *protocols;
	unsigned protocol_count; /* 0: nothing is said of it */
};

#define ATLS_INPUT_MAX     (8u << 20)
#define ATLS_OUTPUT_MAX    (512u << 10)
#define ATLS_PROTOCOLS_MAX 8u

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
 * input_max would be passed (the engine lives on), ATLS_E_TLS when the session failed. A peer whose
 * handshake takes more than 256 KiB, or that later sends as much without any data, ends the session
 * so. */
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
 * room or the handshake is not done, ATLS_E_USAGE when this side closed its direction, ATLS_E_TLS
 * when the session failed. */
ssize_t atls_engine_write(struct atls_engine *engine, const void *data, size_t len);

/* Ends this side's direction with close_notify; reading goes on. Idempotent. 0, ATLS_E_AGAIN while
 * the handshake is not done, or the engine's error. */
int atls_engine_close(struct atls_engine *engine);

/* Whether this side's close_notify is out. */
bool atls_engine_closed(const struct atls_engine *engine);

/* Ends the session with a fatal alert; output holds it. The engine has FAILED with err's words; its
 * code is one of failure. */
void atls_engine_abort(
	struct atls_engine *engine, gnutls_alert_description_t alert, const struct atls_error *err);

/* The first failure, or an error with code ATLS_OK. */
const struct atls_error *atls_engine_error(const struct atls_engine *engine);

/* The TLS session, for GnuTLS's questions about it (version, suite, peer's certificates, exporter).
 * Do not read from, write to, configure or free it. */
gnutls_session_t atls_engine_session(const struct atls_engine *engine);

/* ---- Policy: whether the peer is who it should be -------------------------------------------- */

#define ATLS_PIN_LEN  32u /* SHA-256 of the subject public key info, RFC 7469 section 2.4 */
#define ATLS_PINS_MAX 16u

/*
 * What is expected of a peer: plain data, all zero (which nobody satisfies) before it is filled in.
 * The owner keeps what the pointers name alive, and frees it after the engines that use it.
 *
 * A chain has 16 certificates at most. It leads to an anchor, and is valid now (GnuTLS's clock,
 * gnutls_global_set_time_function()); its keys and signatures reach 112 bits of security.
 * Revocation lists count where the anchors hold them; nothing is fetched.
 */
struct atls_policy {
	gnutls_x509_trust_list_t anchors; /* null: no chain is trusted */

	/* DNS name or IP address that the leaf must carry: among the subject alternative names
	 * alone, an address among the addresses alone (RFC 9525 section 6). Null: any. */
	const char *name;
	const char *purpose; /* GNUTLS_KP_TLS_WWW_SERVER or ..._CLIENT; null: any */
	uint8_t pins[ATLS_PINS_MAX][ATLS_PIN_LEN];
	size_t pin_count;     /* 0: any key; else the leaf's key must be one of them */
	bool chain_unchecked; /* insecure: neither chain nor name count, pins still do */
};

/* Adds the pins of "sha256//BASE64[;sha256//BASE64...]" (curl's --pinnedpubkey), all or none. 0, or
 * ATLS_E_USAGE with err saying what is wrong. */
int atls_policy_add_pins(struct atls_policy *policy, const char *text, struct atls_error *err);

/* An atls_verify_fn with a struct atls_policy as its context: judges, and turns what is wrong into
 * the alert of RFC 8446 section 6.2 and a sentence that begins with "inner TLS: ". ATLS_E_TLS, or
 * ATLS_E_MEMORY. It changes nothing in the policy: engines may share one. */
int atls_policy_verify(void *policy, const gnutls_datum_t *chain, unsigned count,
	gnutls_alert_description_t *alert, struct atls_error *err);

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
	const char *stream; /* json: that member, of stream carriage; null if absent */
	size_t stream_len;
};

struct atls_body_codec {
	const char *name;         /* as in --encoding */
	const char *content_type; /* of requests and answers */
	const char *path;         /* the draft's own, for a URL that has none */
	bool session_in_body;     /* else a cookie names the session */

	/* Decodes body in place (its bytes change). 0, or ATLS_E_PROTOCOL with err filled. */
	int (*decode)(uint8_t *body, size_t len, struct atls_body *out, struct atls_error *err);

	/* A size that encode() does not pass for len bytes; SIZE_MAX if that overflows. session and
	 * stream (the dictionary of stream carriage) may be null, and are ignored where the
	 * encoding has no place for them. */
	size_t (*encoded_size)(const char *session, const char *stream, size_t len);

	/* Writes the body to out, which has room for encoded_size(); returns the size written.
	 * records may be null if len is 0: an answer that has nothing to say. A request that has
	 * nothing to say, a poll, gives "" instead. */
	size_t (*encode)(const char *session, const char *stream, const void *records, size_t len,
		uint8_t *out);
};

/* The functions of an encoding, valid for ever; null for a number that is none. */
const struct atls_body_codec *atls_body_codec(enum atls_encoding encoding);

/* The encoding of that name ("json"), or -1. */
int atls_encoding_by_name(const char *name);

/* The encoding that a Content-Type value names, parameters and case aside (RFC 9110 section 8.3.1),
 * or -1. */
int atls_encoding_by_type(const char *content_type);

/* Whether a body is a JSON one whatever its label says: draft -00 section 7.2 labels JSON bodies
 * "application/atls", and no TLS record begins with '{' or white space. */
bool atls_body_is_json(const uint8_t *body, size_t len);

/* ---- Base carriage, the client's half: what to post, when to poll, what to repeat ------------ */

/*
 * The drafts leave open when a client posts what; these are the rules of BASE CARRIAGE in atls(7),
 * which work with every server of draft-friel-tls-over-http-00, draft-friel-tls-atls-00 and -05.
 *
 * Ask atls_base_next() after anything happened. Make an HTTP request of each body that it gives,
 * and say what became of it by exactly one of atls_base_answered(), atls_base_lost() and
 * atls_base_too_large(), as STATUS CODES in atls(7) has it; or end the session. In between, read
 * and write the engine at will: no poll is made for more while plaintext waits to be read.
 */

#define ATLS_BODY_DEFAULT (256u << 10) /* TLS bytes in one body */
#define ATLS_BODY_MIN     1024u        /* a path that takes less than this takes nothing */
#define ATLS_BODY_MAX     (1024u << 10)
#define ATLS_POLL_IDLE_MS 1000   /* a usual longest pause between polls */
#define ATLS_RESUME_MS    300000 /* a usual time after which to give up; servers keep 330 s */

/* All are to be given. */
struct atls_base_limits {
	size_t body_max;   /* TLS bytes in one body, ATLS_BODY_MIN to ATLS_BODY_MAX */
	int64_t idle_ms;   /* longest pause between polls */
	int64_t resume_ms; /* longest time without a valid answer before giving up */
	uint32_t seed;     /* for jitter: not the same in all clients; no secret */
};

/* The owner's memory, and nothing in it to free. Read engine, outstanding, answered and exchanges
 * at will; the rest is for the functions alone. */
struct atls_base {
	struct atls_engine *engine;
	struct atls_base_limits limits;
	bool outstanding;
	bool ahead;    /* the last answer was a large one: ask for more before it is read */
	bool repeat;   /* the next body is the last one again, byte for byte */
	size_t sent;   /* output bytes in the outstanding or to be repeated body */
	bool answered; /* a first valid answer came */
	int64_t alive; /* time of the last valid answer */
	int64_t not_before;
	int64_t pause; /* before the next poll */
	int64_t backoff;
	uint32_t random;
	uint64_t exchanges; /* valid answers */
};

enum atls_base_step {
	ATLS_BASE_SEND, /* send the body now; it counts as outstanding from here on */
	ATLS_BASE_WAIT, /* nothing before *at (INT64_MAX: until an answer, or the engine, changes
			   that) */
	ATLS_BASE_DONE, /* both directions are closed and delivered, or a failure's alert is */
};

/* Begins a session at now. The engine is a client's, and new; it is kept by reference, and outlives
 * base. limits are copied. */
void atls_base_init(struct atls_base *base, struct atls_engine *engine,
	const struct atls_base_limits *limits, int64_t now);

/* What to do now. For ATLS_BASE_SEND, *body and *len are the TLS bytes to send (len 0: a poll, with
 * *body any pointer or null); they are valid until the next call on the engine. For ATLS_BASE_WAIT,
 * *at is the time to ask again. After ATLS_BASE_DONE, atls_engine_error() says how it ended. */
enum atls_base_step atls_base_next(
	struct atls_base *base, int64_t now, const uint8_t **body, size_t *len, int64_t *at);

/* The outstanding request got a valid answer, with these TLS bytes in it (null if len is 0). 0; the
 * engine's error, whose alert may still be to be sent: go on to ATLS_BASE_DONE; or ATLS_E_LIMIT,
 * when the bytes do not fit the engine's input_max and are lost: the session is, too. */
int atls_base_answered(struct atls_base *base, const void *bytes, size_t len, int64_t now);

/* The outstanding request may have been lost: it will be repeated byte for byte, after a backoff or
 * after retry_after ms, whichever is later. 0, or ATLS_E_NETWORK once resume_ms have passed without
 * a valid answer. */
int atls_base_lost(struct atls_base *base, int64_t retry_after, int64_t now);

/* The outstanding body was refused for its size (413), so it was not taken: halves body_max and
 * cuts anew. 0, or ATLS_E_NETWORK when it cannot shrink further. */
int atls_base_too_large(struct atls_base *base);

/* Whether the session's work is over: both directions closed, or failed, and all of it delivered.
 */
bool atls_base_over(const struct atls_base *base);

/* ---- Stream carriage, the client's half: several requests at once, and none that matters --------
 */

/*
 * STREAM CARRIAGE in atls(7): each direction is a byte stream with positions, so that a request or
 * an answer that is lost, repeated, late or out of order costs nothing, and the session outlives
 * connections, addresses, proxies and any silence shorter than resume_ms. The service has to speak
 * it, as atls-serve does; one that does not is found out by the first answer.
 *
 * Read and write the engine at will. After anything happened, ask atls_stream_next() until it gives
 * no more requests; make each of these at once, by POST, beside those that are under way; and say
 * what became of each, once, by atls_stream_answered().
 */

#define ATLS_STREAM_HEADER       "ATLS-Stream"
#define ATLS_STREAM_INFLIGHT_MAX 16u   /* requests under way at once */
#define ATLS_STREAM_POLL_MS      25000 /* a usual time for which a service holds a poll */

struct atls_stream;

/* 0 is the usual, in each. */
struct atls_stream_config {
	size_t body_max;   /* TLS bytes in one body, ATLS_BODY_MIN to ATLS_BODY_MAX; 0: what suits
			      the path, 256 to 704 KiB */
	unsigned inflight; /* requests at once, 2 to ATLS_STREAM_INFLIGHT_MAX; the service may want
			      fewer; 0: up to the maximum, as long as more of them carry more */
	int64_t poll_ms;   /* how long the service may hold a request, at least 1000 */
	int64_t resume_ms; /* without a valid answer, before giving up; ATLS_RESUME_MS */
};

/*
 * Begins a session at now, in that encoding; its id is random. The engine is a client's, and new;
 * it is kept by reference, and outlives the stream. Its input_max bounds what the service may have
 * under way, beside 16 MiB: 8 MiB carry 80 MiB/s over a round trip of 100 ms. What this end keeps
 * until it is acknowledged is 16 MiB at most. config may be null.
 *
 * Null with err filled: ATLS_E_MEMORY, or ATLS_E_USAGE for numbers that are none of the above.
 */
struct atls_stream *atls_stream_new(struct atls_engine *engine, enum atls_encoding encoding,
	const struct atls_stream_config *config, int64_t now, struct atls_error *err);

/* Frees the stream, and what its requests point to. Null is allowed. */
void atls_stream_free(struct atls_stream *stream);

/* A request that is to be made. What it points to stays valid until its end is told. */
struct atls_stream_request {
	unsigned slot; /* its number until its end is told, below ATLS_STREAM_INFLIGHT_MAX */
	const char *content_type;
	const char *dict; /* the header ATLS_STREAM_HEADER's value; null: none, it is in the body */
	const uint8_t *body; /* whole, in the encoding; never null */
	size_t len;          /* may be 0 */
	int64_t timeout_ms;  /* without a byte of the answer for so long it is lost: stop it */
};

enum atls_stream_step {
	ATLS_STREAM_SEND, /* make the request, and ask again */
	ATLS_STREAM_WAIT, /* nothing before *at (INT64_MAX: until an answer comes, or the engine is
			     read or written, which may change it at any time) */
	ATLS_STREAM_DONE, /* TLS is over, and all that it had to say arrived, as far as it goes:
			     atls_engine_error() says how it ended */
	ATLS_STREAM_LOST, /* the carriage failed: atls_stream_error() says how */
};

/* What to do now. Requests that are still under way after ATLS_STREAM_DONE or ATLS_STREAM_LOST are
 * of no use any more. */
enum atls_stream_step atls_stream_next(
	struct atls_stream *stream, int64_t now, struct atls_stream_request *request, int64_t *at);

/* What came of a request. */
struct atls_stream_response {
	long status;              /* of HTTP; 0: no whole answer */
	const char *content_type; /* null: there is none */
	const char *dict;         /* the header ATLS_STREAM_HEADER's value; null: there is none */
	uint8_t *body;            /* its bytes may be changed; null if len is 0 */
	size_t len;
	int64_t retry_after_ms; /* 0: the answer does not say */
};

/*
 * Says what became of the request in slot, and frees what it pointed to; STATUS CODES in atls(7)
 * has the rules: what is lost is sent again, what is too large in smaller bodies, and if headers
 * are stripped on the way, all goes on in json. Bytes that came in order are fed to the engine. 0,
 * or the code of atls_stream_error(): the session is over.
 */
int atls_stream_answered(struct atls_stream *stream, unsigned slot,
	const struct atls_stream_response *response, int64_t now);

/* A part of an answer came: bytes that are missing before others may be in it, and are not asked
 * for again yet. To be told where it is known; nothing depends on it but speed. */
void atls_stream_heard(struct atls_stream *stream, unsigned slot, int64_t now);

/* The carriage's failure, valid as long as the stream, or an error with code ATLS_OK.
 * ATLS_E_NETWORK: no way any more for resume_ms, or refused. ATLS_E_PROTOCOL: the service does not
 * speak stream carriage (before its first valid answer: base carriage may work, with a new engine),
 * forgot the session, or broke the rules. ATLS_E_MEMORY. */
const struct atls_error *atls_stream_error(const struct atls_stream *stream);

/* The numbers of a session so far. */
struct atls_stream_numbers {
	bool open;          /* a valid answer came: the service speaks stream carriage */
	uint64_t acked;     /* TLS bytes that the other end has for sure... */
	uint64_t kept;      /* ...and those that it may lack: they are sent again if need be */
	uint64_t received;  /* TLS bytes that came, in order and once each */
	uint64_t exchanges; /* valid answers */
	uint64_t lost;      /* requests without one */
	unsigned inflight;  /* requests at once, now */
};

struct atls_stream_numbers atls_stream_numbers(const struct atls_stream *stream);

/* ---- Stream carriage, the server's half: which request is answered when, and with what ------- */

/*
 * For a server with an HTTP stack and sessions of its own. Read each POST by
 * atls_stream_call_read(); find the session of its id, or make one (an engine and a host for it),
 * as the call says; hand it to atls_stream_host_request(). After that, and after anything else
 * happened, ask atls_stream_host_next() for answers until there is none to be given, and again at
 * the time that it says. An answer may wait for half a minute: the HTTP stack has to hold so many
 * requests.
 */

#define ATLS_STREAM_ID      22u    /* characters of a session's id, which its client made */
#define ATLS_STREAM_TEXT    256u   /* a written dictionary with its NUL */
#define ATLS_STREAM_KEEP_MS 330000 /* a usual time without a request to keep a session for */

/* A request as far as it is read. */
struct atls_stream_call {
	enum atls_encoding encoding;
	char id[ATLS_STREAM_ID + 1]; /* of the session */
	bool may_begin; /* if there is none of that id, it begins one; else 422 is to be answered */
	bool dict_in_body;
	struct atls_body body; /* decoded; its stream is the dictionary, wherever that was */
};

/*
 * Reads a POST of that Content-Type and with that header ATLS_STREAM_HEADER (both null if absent).
 * call points into body, which is decoded in place, and to dict. 1; 0 if it is none of stream
 * carriage, which a server without base carriage answers with 409; ATLS_E_USAGE if it is of another
 * content type, which gets 415; ATLS_E_PROTOCOL, with err filled, which gets 400.
 */
int atls_stream_call_read(struct atls_stream_call *call, const char *content_type, const char *dict,
	uint8_t *body, size_t len, struct atls_error *err);

struct atls_stream_host;

/* 0 is the usual, in each. */
struct atls_stream_host_config {
	const char *session; /* its name in json bodies, at most ATLS_SESSION_MAX bytes, copied;
				null: the client's id */
	size_t body_max;     /* TLS bytes in one answer, ATLS_BODY_MIN to ATLS_BODY_MAX; 0: what
				suits the path, 256 to 704 KiB */
	size_t keep_max; /* TLS bytes that are kept until they are acknowledged, 64 KiB at least;
			    16 MiB */
	int64_t hold_ms; /* how long an answer may wait; 60000 */
	int64_t keep_ms; /* for which this server keeps a session without a request, as its clients
			    are told; ATLS_STREAM_KEEP_MS */
};

/* Begins the session that call may begin, with that call still to be handed in. The engine is a
 * server's, and new; it is kept by reference, and outlives the host. Its input_max bounds what the
 * client may have under way, beside 16 MiB. config may be null. Null with err filled:
 * ATLS_E_MEMORY, or ATLS_E_USAGE for numbers that are none of the above. */
struct atls_stream_host *atls_stream_host_new(struct atls_engine *engine,
	const struct atls_stream_call *call, const struct atls_stream_host_config *config,
	struct atls_error *err);

/* Frees the host; who waits for an answer of its is to be told by its owner. Null is allowed. */
void atls_stream_host_free(struct atls_stream_host *host);

/*
 * A request of this session came; request is its owner's name for it, not null and unlike all that
 * wait. The bytes that are in order now are fed to the engine. 0: atls_stream_host_next() will
 * answer it. Else it is to be answered now, and atls_stream_host_dict() is the header
 * ATLS_STREAM_HEADER's value: ATLS_E_PROTOCOL, with err filled and status 400; ATLS_E_LIMIT, with
 * 409: nothing was taken; ATLS_E_AGAIN or ATLS_E_MEMORY, with 503.
 */
int atls_stream_host_request(struct atls_stream_host *host, void *request,
	const struct atls_stream_call *call, int64_t now, struct atls_error *err);

/* Writes the dictionary of an answer without bytes; for a request without a dictionary, too, that a
 * cookie says to be of this session: 409. */
void atls_stream_host_dict(struct atls_stream_host *host, char text[ATLS_STREAM_TEXT]);

/* The client of a request that waits is gone. */
void atls_stream_host_forget(struct atls_stream_host *host, const void *request);

struct atls_block;

/* An answer that is to be given. */
struct atls_stream_reply {
	void *request;
	unsigned status; /* of HTTP: 200, or 503 if memory is short */
	const char *content_type;
	char dict[ATLS_STREAM_TEXT]; /* the header ATLS_STREAM_HEADER's value, in any case */
	const uint8_t *body; /* never null; valid until atls_stream_reply_free(), whatever becomes
				of the host */
	size_t len;
	struct atls_block *block; /* these two are the library's */
	uint8_t *made;
};

/* Whether there is an answer to be given now. If not, *at is when to ask again (INT64_MAX: after
 * something happened). */
bool atls_stream_host_next(
	struct atls_stream_host *host, int64_t now, struct atls_stream_reply *reply, int64_t *at);

/* Gives back what an answer points to, once it is sent. It counts as a use of its host. */
void atls_stream_reply_free(struct atls_stream_reply *reply);

/* Whether TLS is over, and the client has all that it said: atls_engine_error() says how it ended.
 * It should be kept for a minute more, for clients that ask again; without a host they get 422. */
bool atls_stream_host_over(const struct atls_stream_host *host);

#ifdef __cplusplus
}
#endif

#endif
