#include "atls.h"

#include "core/buf.h"
#include "core/err.h"
#include "core/tls_cause.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A record's plaintext (RFC 8446 section 5.1) and the most that any suite adds to it on the wire:
 * header 5, IV 16, MAC 48, padding 256. */
#define RECORD_PLAIN_MAX 16384u
#define RECORD_WIRE_MAX  (RECORD_PLAIN_MAX + 5 + 16 + 48 + 256)

/* Above output_max, for what GnuTLS says on its own: handshake flights, tickets, alerts. */
#define OUTPUT_RESERVE (256u << 10)

/* Warning alerts and empty records in a row that a peer may send before it is a flood. */
#define IDLE_RECORDS_MAX 64u

struct atls_engine {
	gnutls_session_t tls;
	struct atls_buf in;
	struct atls_buf out;
	size_t output_max;
	enum atls_role role;
	atls_verify_fn *verify;
	void *verify_ctx;
	gnutls_alert_description_t verify_alert;
	bool established;
	bool closed;      /* our close_notify is out */
	bool peer_closed; /* theirs was read */
	bool input_ended;
	bool drained; /* the last read met the end of the input: nothing more without bytes */
	unsigned idle_records;
	struct atls_error error;
};

static ssize_t pull(gnutls_transport_ptr_t ptr, void *data, size_t cap)
{
	struct atls_engine *engine = ptr;
	if (engine->in.len == 0) {
		if (engine->input_ended)
			return 0;
		gnutls_transport_set_errno(engine->tls, EAGAIN);
		return -1;
	}
	size_t len = cap < engine->in.len ? cap : engine->in.len;
	memcpy(data, atls_buf_bytes(&engine->in), len);
	atls_buf_consume(&engine->in, len);
	return (ssize_t)len;
}

static ssize_t push(gnutls_transport_ptr_t ptr, const giovec_t *iov, int count)
{
	struct atls_engine *engine = ptr;
	size_t len = 0;
	for (int i = 0; i < count; i++)
		len += iov[i].iov_len;
	uint8_t *room;
	int rc = atls_buf_reserve(&engine->out, len, &room);
	if (rc) {
		atls_error_set(&engine->error, rc,
			rc == ATLS_E_LIMIT ? "inner TLS: more output than %zu bytes is pending"
					   : "inner TLS: out of memory for %zu bytes of output",
			rc == ATLS_E_LIMIT ? engine->out.max : len);
		gnutls_transport_set_errno(engine->tls, ENOMEM);
		return -1;
	}
	for (int i = 0; i < count; i++) {
		memcpy(room, iov[i].iov_base, iov[i].iov_len);
		room += iov[i].iov_len;
	}
	atls_buf_commit(&engine->out, len);
	return (ssize_t)len;
}

static int pull_timeout(gnutls_transport_ptr_t ptr, unsigned ms)
{
	(void)ms;
	const struct atls_engine *engine = ptr;
	return engine->in.len > 0 || engine->input_ended;
}

static int verify(gnutls_session_t tls)
{
	struct atls_engine *engine = gnutls_session_get_ptr(tls);
	unsigned count = 0;
	const gnutls_datum_t *chain = gnutls_certificate_get_peers(tls, &count);
	engine->verify_alert = GNUTLS_A_BAD_CERTIFICATE;
	int rc = engine->verify(engine->verify_ctx, chain, chain ? count : 0, &engine->verify_alert,
		&engine->error);
	return rc ? GNUTLS_E_CERTIFICATE_ERROR : 0;
}

static bool is_address(const char *name)
{
	struct in6_addr address;
	return inet_pton(AF_INET, name, &address) == 1 || inet_pton(AF_INET6, name, &address) == 1;
}

static int configure(struct atls_engine *engine, const struct atls_engine_config *config)
{
	gnutls_session_t tls = engine->tls;
	int rc = config->priorities ? gnutls_priority_set(tls, config->priorities)
				    : gnutls_set_default_priority(tls);
	if (rc == 0)
		rc = gnutls_credentials_set(tls, GNUTLS_CRD_CERTIFICATE, config->credentials);
	if (rc == 0 && config->server_name && !is_address(config->server_name))
		rc = gnutls_server_name_set(
			tls, GNUTLS_NAME_DNS, config->server_name, strlen(config->server_name));
	if (rc < 0)
		return rc;
	gnutls_session_set_ptr(tls, engine);
	if (engine->verify)
		gnutls_session_set_verify_function(tls, verify);
	if (config->role == ATLS_SERVER)
		gnutls_certificate_server_set_request(tls,
			config->require_certificate ? GNUTLS_CERT_REQUIRE : GNUTLS_CERT_IGNORE);
	/* Time between bodies is the carriage's business. */
	gnutls_handshake_set_timeout(tls, 0);
	gnutls_transport_set_ptr(tls, engine);
	gnutls_transport_set_pull_function(tls, pull);
	gnutls_transport_set_pull_timeout_function(tls, pull_timeout);
	gnutls_transport_set_vec_push_function(tls, push);
	return 0;
}

static int fail(struct atls_engine *engine, int rc)
{
	if (rc == GNUTLS_E_FATAL_ALERT_RECEIVED) {
		gnutls_alert_description_t alert = gnutls_alert_get(engine->tls);
		const char *name = gnutls_alert_get_strname(alert);
		return atls_error_set(&engine->error, ATLS_E_TLS,
			"inner TLS: the peer ended the session with alert %d (%s)", (int)alert,
			name ? name : "unknown");
	}
	if (rc == GNUTLS_E_MEMORY_ERROR)
		return atls_error_set(&engine->error, ATLS_E_MEMORY, "inner TLS: out of memory");
	return atls_error_set(&engine->error, ATLS_E_TLS, "inner TLS: %s (%s)", atls_tls_cause(rc),
		gnutls_strerror(rc));
}

/* Fails, and leaves the alert that tells the peer why in the output. */
static int fail_with_alert(struct atls_engine *engine, int rc)
{
	bool refused = engine->error.code != ATLS_OK;
	int code = fail(engine, rc);
	if (rc == GNUTLS_E_FATAL_ALERT_RECEIVED)
		return code;
	if (refused && rc == GNUTLS_E_CERTIFICATE_ERROR)
		gnutls_alert_send(engine->tls, GNUTLS_AL_FATAL, engine->verify_alert);
	else
		gnutls_alert_send_appropriate(engine->tls, rc);
	return engine->error.code;
}

/* Goes on as far as the input reaches. */
static void handshake(struct atls_engine *engine)
{
	int rc;
	size_t before;
	do {
		before = engine->in.len;
		rc = gnutls_handshake(engine->tls);
		if (rc == GNUTLS_E_WARNING_ALERT_RECEIVED &&
			++engine->idle_records > IDLE_RECORDS_MAX)
			rc = GNUTLS_E_TOO_MANY_HANDSHAKE_PACKETS;
	} while (rc == GNUTLS_E_INTERRUPTED || rc == GNUTLS_E_WARNING_ALERT_RECEIVED ||
		 (engine->in.len < before && engine->in.len > 0 &&
			 (rc == GNUTLS_E_AGAIN || rc == GNUTLS_E_GOT_APPLICATION_DATA)));
	if (rc == GNUTLS_E_GOT_APPLICATION_DATA)
		rc = GNUTLS_E_AGAIN;
	if (rc == GNUTLS_E_SUCCESS) {
		engine->established = true;
		engine->idle_records = 0;
	} else if (rc != GNUTLS_E_AGAIN) {
		fail_with_alert(engine, rc);
	}
}

struct atls_engine *atls_engine_new(const struct atls_engine_config *config, struct atls_error *err)
{
	struct atls_engine *engine = calloc(1, sizeof *engine);
	if (!engine) {
		atls_error_set(err, ATLS_E_MEMORY, "inner TLS: out of memory");
		return NULL;
	}
	engine->role = config->role;
	engine->verify = config->verify;
	engine->verify_ctx = config->verify_ctx;
	engine->output_max = config->output_max ? config->output_max : ATLS_OUTPUT_MAX;
	atls_buf_init(&engine->in, config->input_max ? config->input_max : ATLS_INPUT_MAX);
	atls_buf_init(&engine->out, engine->output_max + OUTPUT_RESERVE);
	unsigned flags = config->role == ATLS_SERVER ? GNUTLS_SERVER : GNUTLS_CLIENT;
	int rc = gnutls_init(&engine->tls, flags | GNUTLS_NONBLOCK);
	if (rc == 0)
		rc = configure(engine, config);
	if (rc == 0 && config->role == ATLS_CLIENT)
		handshake(engine);
	if (rc < 0)
		fail(engine, rc);
	if (engine->error.code != ATLS_OK) {
		if (err && err->code == ATLS_OK)
			*err = engine->error;
		atls_engine_free(engine);
		return NULL;
	}
	return engine;
}

void atls_engine_free(struct atls_engine *engine)
{
	if (!engine)
		return;
	if (engine->tls)
		gnutls_deinit(engine->tls);
	atls_buf_free(&engine->in);
	atls_buf_free(&engine->out);
	explicit_bzero(engine, sizeof *engine);
	free(engine);
}

static bool failed(const struct atls_engine *engine)
{
	return engine->error.code != ATLS_OK;
}

static bool can_write(const struct atls_engine *engine)
{
	return engine->established && !engine->closed && !failed(engine) &&
	       engine->out.len + RECORD_WIRE_MAX <= engine->output_max;
}

static bool may_have_data(const struct atls_engine *engine)
{
	return engine->established && !engine->peer_closed && !failed(engine) && !engine->drained;
}

unsigned atls_engine_state(const struct atls_engine *engine)
{
	unsigned state = 0;
	if (engine->out.len)
		state |= ATLS_HAVE_OUTPUT;
	if (failed(engine))
		return state | ATLS_FAILED;
	if (engine->established)
		state |= ATLS_ESTABLISHED;
	if (engine->peer_closed)
		state |= ATLS_PEER_CLOSED;
	if (can_write(engine))
		state |= ATLS_CAN_WRITE;
	if (may_have_data(engine))
		state |= ATLS_HAVE_DATA;
	else if (!engine->peer_closed)
		state |= ATLS_WANT_INPUT;
	return state;
}

int atls_engine_feed(struct atls_engine *engine, const void *bytes, size_t len)
{
	if (failed(engine))
		return engine->error.code;
	/* RFC 8446 section 6.1: what follows close_notify is ignored. */
	if (len == 0 || engine->peer_closed)
		return ATLS_OK;
	int rc = atls_buf_append(&engine->in, bytes, len);
	if (rc == ATLS_E_MEMORY)
		return atls_error_set(
			&engine->error, rc, "inner TLS: out of memory for %zu bytes", len);
	if (rc)
		return rc;
	engine->drained = false;
	if (!engine->established)
		handshake(engine);
	return engine->error.code;
}

void atls_engine_end_input(struct atls_engine *engine)
{
	if (engine->input_ended)
		return;
	engine->input_ended = true;
	engine->drained = false;
	if (!failed(engine) && !engine->established)
		handshake(engine);
}

size_t atls_engine_input_pending(const struct atls_engine *engine)
{
	return engine->in.len;
}

size_t atls_engine_output(const struct atls_engine *engine, const uint8_t **bytes)
{
	*bytes = atls_buf_bytes(&engine->out);
	return engine->out.len;
}

void atls_engine_output_done(struct atls_engine *engine, size_t len)
{
	atls_buf_consume(&engine->out, len);
}

/* Whether reading goes on after what GnuTLS answered: messages that are not data. */
static bool read_again(struct atls_engine *engine, ssize_t rc, size_t before)
{
	switch (rc) {
	case GNUTLS_E_AGAIN:
		/* Also the answer after a ticket or a KeyUpdate, while input remains. */
		return engine->in.len > 0 && engine->in.len < before;
	case GNUTLS_E_INTERRUPTED:
		return true;
	case GNUTLS_E_REHANDSHAKE:
		gnutls_alert_send(engine->tls, GNUTLS_AL_WARNING, GNUTLS_A_NO_RENEGOTIATION);
		return ++engine->idle_records <= IDLE_RECORDS_MAX;
	case GNUTLS_E_WARNING_ALERT_RECEIVED:
		return ++engine->idle_records <= IDLE_RECORDS_MAX;
	default:
		return false;
	}
}

ssize_t atls_engine_read(struct atls_engine *engine, void *data, size_t cap)
{
	if (failed(engine))
		return engine->error.code;
	if (engine->peer_closed)
		return 0;
	if (!engine->established || engine->drained || cap == 0)
		return ATLS_E_AGAIN;
	ssize_t rc;
	size_t before;
	do {
		before = engine->in.len;
		rc = gnutls_record_recv(engine->tls, data, cap);
	} while (rc < 0 && read_again(engine, rc, before));
	if (rc > 0) {
		engine->idle_records = 0;
		return rc;
	}
	if (rc == 0) {
		engine->peer_closed = true;
		return 0;
	}
	if (rc == GNUTLS_E_AGAIN) {
		engine->drained = true;
		return ATLS_E_AGAIN;
	}
	if (rc == GNUTLS_E_REHANDSHAKE || rc == GNUTLS_E_WARNING_ALERT_RECEIVED)
		rc = GNUTLS_E_TOO_MANY_HANDSHAKE_PACKETS;
	return fail_with_alert(engine, (int)rc);
}

ssize_t atls_engine_write(struct atls_engine *engine, const void *data, size_t len)
{
	if (failed(engine))
		return engine->error.code;
	if (engine->closed)
		return ATLS_E_USAGE;
	const uint8_t *bytes = data;
	size_t done = 0;
	while (done < len && can_write(engine)) {
		size_t piece = len - done < RECORD_PLAIN_MAX ? len - done : RECORD_PLAIN_MAX;
		ssize_t rc = gnutls_record_send(engine->tls, bytes + done, piece);
		if (rc < 0)
			return fail(engine, (int)rc);
		done += (size_t)rc;
	}
	return done || len == 0 ? (ssize_t)done : ATLS_E_AGAIN;
}

int atls_engine_close(struct atls_engine *engine)
{
	if (failed(engine) || engine->closed)
		return engine->error.code;
	if (!engine->established)
		return ATLS_E_AGAIN;
	int rc = gnutls_bye(engine->tls, GNUTLS_SHUT_WR);
	if (rc < 0)
		return fail(engine, rc);
	engine->closed = true;
	return ATLS_OK;
}

bool atls_engine_closed(const struct atls_engine *engine)
{
	return engine->closed;
}

void atls_engine_abort(
	struct atls_engine *engine, gnutls_alert_description_t alert, const struct atls_error *err)
{
	if (failed(engine))
		return;
	if (!engine->closed)
		gnutls_alert_send(engine->tls, GNUTLS_AL_FATAL, alert);
	engine->error = *err;
}

const struct atls_error *atls_engine_error(const struct atls_engine *engine)
{
	return &engine->error;
}

gnutls_session_t atls_engine_session(const struct atls_engine *engine)
{
	return engine->tls;
}
