#include "core/engine_impl.h"

#include "core/err.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Above output_max, for what GnuTLS says on its own: handshake flights, tickets, alerts. */
#define OUTPUT_RESERVE (256u << 10)

/* GnuTLS gathers a handshake message of any length up to 16 MiB before it judges it. What this
 * leaves room for is a chain of 128 KiB, which is the most that it takes in a handshake. */
#define IDLE_BYTES_MAX (256u << 10)

static ssize_t pull(gnutls_transport_ptr_t ptr, void *data, size_t cap)
{
	struct atls_engine *engine = ptr;
	if (engine->in.len == 0) {
		if (engine->input_ended)
			return 0;
		gnutls_transport_set_errno(engine->tls, EAGAIN);
		return -1;
	}
	if (engine->idle_bytes >= IDLE_BYTES_MAX) {
		atls_error_set(&engine->error, ATLS_E_TLS,
			"inner TLS: the peer sent %u bytes that carry no data", IDLE_BYTES_MAX);
		gnutls_transport_set_errno(engine->tls, EIO);
		return -1;
	}
	size_t len = cap < engine->in.len ? cap : engine->in.len;
	engine->idle_bytes += len;
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

static int set_protocols(gnutls_session_t tls, const struct atls_engine_config *config)
{
	gnutls_datum_t names[ATLS_PROTOCOLS_MAX];
	unsigned count = config->protocol_count;
	if (count > ATLS_PROTOCOLS_MAX)
		return GNUTLS_E_INVALID_REQUEST;
	for (unsigned i = 0; i < count; i++)
		names[i] = (gnutls_datum_t){(unsigned char *)(uintptr_t)config->protocols[i],
			(unsigned)strlen(config->protocols[i])};
	return count ? gnutls_alpn_set_protocols(tls, names, count, 0) : 0;
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
	if (rc == 0)
		rc = set_protocols(tls, config);
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
		atls_engine_handshake(engine);
	if (rc < 0)
		atls_engine_fail(engine, rc);
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
