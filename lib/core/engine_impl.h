/* The engine's inside, for engine.c (what it does), engine_new.c (how it is set up), raw.c (what is
 * other without TLS) and course.c. */
#ifndef ATLS_CORE_ENGINE_IMPL_H
#define ATLS_CORE_ENGINE_IMPL_H

#include "atls.h"

#include "core/buf.h"

struct atls_engine {
	gnutls_session_t tls; /* null: there is no TLS, see raw.h */
	struct atls_buf in;
	struct atls_buf out;
	size_t output_max;
	enum atls_role role;
	atls_verify_fn *verify;
	void *verify_ctx;
	gnutls_alert_description_t verify_alert;
	bool established;
	bool closed;      /* our close_notify is out */
	size_t close_len; /* of that: the last of the output */
	bool peer_closed; /* theirs was read */
	bool input_ended;
	bool input_aborted; /* without TLS: and there should be more */
	bool drained;       /* the last read met the end of the input: nothing more without bytes */
	unsigned idle_records;
	size_t idle_bytes; /* taken by GnuTLS since the last data, or in this handshake */
	struct atls_error error;
};

/* Describes a fatal GnuTLS code in the engine's error. Returns its code. */
int atls_engine_fail(struct atls_engine *engine, int rc);

/* Goes on with the handshake as far as the input reaches. */
void atls_engine_handshake(struct atls_engine *engine);

#endif
