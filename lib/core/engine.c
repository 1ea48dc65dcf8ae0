#include "core/engine_impl.h"

#include "core/err.h"
#include "core/raw.h"
#include "core/tls_cause.h"

/* A record's plaintext (RFC 8446 section 5.1) and the most that any suite adds to it on the wire:
 * header 5, IV 16, MAC 48, padding 256. */
#define RECORD_PLAIN_MAX 16384u
#define RECORD_WIRE_MAX  (RECORD_PLAIN_MAX + 5 + 16 + 48 + 256)

/* Warning alerts and requests to renegotiate in a row that a peer may send before it is a flood. */
#define IDLE_RECORDS_MAX 64u

/* In TLS 1.2 the alert alone does not tell what the peer misses. */
static bool owes_certificate(const struct atls_engine *engine)
{
	return engine->role == ATLS_CLIENT &&
	       gnutls_certificate_client_get_request_status(engine->tls) &&
	       !gnutls_certificate_get_ours(engine->tls);
}

static int fail_by_alert(struct atls_engine *engine)
{
	char name[ATLS_ALERT_NAME];
	gnutls_alert_description_t alert = gnutls_alert_get(engine->tls);
	atls_error_set(&engine->error, ATLS_E_TLS,
		"inner TLS: the peer ended the session with alert %s (%d)",
		atls_alert_name(alert, name), (int)alert);
	/* RFC 8446 section 6.2: whoever got a fatal alert says nothing more. */
	atls_buf_consume(&engine->out, engine->out.len);
	if (alert == GNUTLS_A_CERTIFICATE_REQUIRED || owes_certificate(engine))
		atls_error_hint(&engine->error, "the service asked for a client certificate, and "
						"none that suits it was shown (--cert, --key)");
	return ATLS_E_TLS;
}

int atls_engine_fail(struct atls_engine *engine, int rc)
{
	if (rc == GNUTLS_E_FATAL_ALERT_RECEIVED)
		return fail_by_alert(engine);
	if (rc == GNUTLS_E_MEMORY_ERROR)
		return atls_error_set(&engine->error, ATLS_E_MEMORY, "inner TLS: out of memory");
	return atls_error_set(&engine->error, ATLS_E_TLS, "inner TLS: %s (%s)", atls_tls_cause(rc),
		gnutls_strerror(rc));
}

/* Fails, and leaves the alert that tells the peer why in the output. */
static int fail_with_alert(struct atls_engine *engine, int rc)
{
	bool refused = engine->error.code != ATLS_OK;
	/* To GnuTLS's server of TLS 1.2, any alert in place of a certificate is a missing one. */
	if (rc == GNUTLS_E_NO_CERTIFICATE_FOUND && gnutls_alert_get(engine->tls) != 0)
		rc = GNUTLS_E_FATAL_ALERT_RECEIVED;
	int code = atls_engine_fail(engine, rc);
	/* Nobody reads what follows our close_notify. */
	if (rc == GNUTLS_E_FATAL_ALERT_RECEIVED || engine->closed)
		return code;
	if (refused && rc == GNUTLS_E_CERTIFICATE_ERROR)
		gnutls_alert_send(engine->tls, GNUTLS_AL_FATAL, engine->verify_alert);
	else if (rc == GNUTLS_E_REHANDSHAKE || rc == GNUTLS_E_NO_CERTIFICATE_FOUND)
		gnutls_alert_send(engine->tls, GNUTLS_AL_FATAL, GNUTLS_A_HANDSHAKE_FAILURE);
	else if (refused && rc == GNUTLS_E_PULL_ERROR)
		gnutls_alert_send(engine->tls, GNUTLS_AL_FATAL, GNUTLS_A_ILLEGAL_PARAMETER);
	else
		gnutls_alert_send_appropriate(engine->tls, rc);
	return engine->error.code;
}

void atls_engine_handshake(struct atls_engine *engine)
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
		engine->idle_bytes = 0;
	} else if (rc != GNUTLS_E_AGAIN) {
		fail_with_alert(engine, rc);
	}
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
		atls_engine_handshake(engine);
	return engine->error.code;
}

void atls_engine_end_input(struct atls_engine *engine)
{
	if (engine->input_ended)
		return;
	engine->input_ended = true;
	engine->drained = false;
	if (!failed(engine) && !engine->established)
		atls_engine_handshake(engine);
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
		/* A HelloRequest can be passed over (RFC 5246 section 7.4.1.1); a ClientHello stays
		 * in the way of what follows it. */
		return engine->role == ATLS_CLIENT && ++engine->idle_records <= IDLE_RECORDS_MAX;
	case GNUTLS_E_WARNING_ALERT_RECEIVED:
		return ++engine->idle_records <= IDLE_RECORDS_MAX;
	default:
		return false;
	}
}

static ssize_t tls_read(struct atls_engine *engine, void *data, size_t cap)
{
	ssize_t rc;
	size_t before;
	do {
		before = engine->in.len;
		rc = gnutls_record_recv(engine->tls, data, cap);
	} while (rc < 0 && read_again(engine, rc, before));
	if (rc > 0) {
		engine->idle_records = 0;
		engine->idle_bytes = 0;
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
	if (engine->idle_records > IDLE_RECORDS_MAX)
		rc = GNUTLS_E_TOO_MANY_HANDSHAKE_PACKETS;
	return fail_with_alert(engine, (int)rc);
}

ssize_t atls_engine_read(struct atls_engine *engine, void *data, size_t cap)
{
	if (failed(engine))
		return engine->error.code;
	if (engine->peer_closed)
		return 0;
	if (!engine->established || engine->drained || cap == 0)
		return ATLS_E_AGAIN;
	return engine->tls ? tls_read(engine, data, cap) : atls_raw_read(engine, data, cap);
}

static ssize_t tls_write(struct atls_engine *engine, const uint8_t *bytes, size_t len)
{
	ssize_t rc = gnutls_record_send(engine->tls, bytes, len);
	return rc < 0 ? atls_engine_fail(engine, (int)rc) : rc;
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
		ssize_t rc = engine->tls ? tls_write(engine, bytes + done, piece)
					 : atls_raw_write(engine, bytes + done, piece);
		if (rc < 0)
			return rc;
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
	size_t before = engine->out.len;
	int rc = engine->tls ? gnutls_bye(engine->tls, GNUTLS_SHUT_WR) : 0;
	if (rc < 0)
		return atls_engine_fail(engine, rc);
	engine->closed = true;
	engine->close_len = engine->out.len - before;
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
	if (engine->tls && !engine->closed)
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
