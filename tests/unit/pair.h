/* Two engines joined by memory: a client that trusts a CA and the service that it signed. */
#ifndef ATLS_TESTS_PAIR_H
#define ATLS_TESTS_PAIR_H

#include "certs.h"

#include "atls.h"
#include "trust/policy.h"

struct pair {
	struct cert ca, leaf, user;
	gnutls_certificate_credentials_t client_cred, server_cred;
	gnutls_priority_t priorities, server_priorities;
	struct atls_policy policy, client_policy;
	struct atls_engine *client, *server;
	size_t client_bytes, server_bytes; /* moved so far */
};

struct pair_spec {
	const char *priorities;              /* null: GnuTLS's defaults, TLS 1.2 and 1.3 */
	const char *server_priorities;       /* null: the same */
	const char *expect;                  /* null: a.example, which the service is */
	bool client_certificate;             /* the client has one */
	bool require;                        /* the server insists on one */
	bool untrusted;                      /* the client knows no anchor */
	const struct cert_spec *leaf, *user; /* null: good ones */
	bool stranger;                       /* the client's certificate is signed by itself */
	size_t input_max, output_max;
	const char *const *client_protocols, *const *server_protocols; /* ALPN */
	unsigned client_protocol_count, server_protocol_count;
};

static inline void pair_engines(struct pair *pair, const struct pair_spec *spec)
{
	struct atls_error err = {0};
	const struct atls_engine_config client = {
		.role = ATLS_CLIENT,
		.credentials = pair->client_cred,
		.priorities = pair->priorities,
		.server_name = pair->policy.name,
		.verify = atls_policy_verify,
		.verify_ctx = &pair->policy,
		.input_max = spec->input_max,
		.output_max = spec->output_max,
		.protocols = spec->client_protocols,
		.protocol_count = spec->client_protocol_count,
	};
	const struct atls_engine_config server = {
		.role = ATLS_SERVER,
		.credentials = pair->server_cred,
		.priorities = pair->server_priorities,
		.require_certificate = spec->require,
		.verify = spec->require ? atls_policy_verify : NULL,
		.verify_ctx = &pair->client_policy,
		.input_max = spec->input_max,
		.output_max = spec->output_max,
		.protocols = spec->server_protocols,
		.protocol_count = spec->server_protocol_count,
	};
	pair->client = atls_engine_new(&client, &err);
	pair->server = atls_engine_new(&server, &err);
	if (!pair->client || !pair->server) {
		printf("Bail out! no engine: %s\n", err.text);
		abort();
	}
}

static inline void pair_new(struct pair *pair, const struct pair_spec *spec)
{
	memset(pair, 0, sizeof *pair);
	cert_set_clock(CERT_NOW);
	cert_make(&pair->ca, &(struct cert_spec){.cn = "Test CA", .ca = true}, NULL);
	cert_make(&pair->leaf,
		spec->leaf ? spec->leaf
			   : &(struct cert_spec){.cn = "service", .names = "a.example"},
		&pair->ca);
	cert_make(&pair->user, spec->user ? spec->user : &(struct cert_spec){.cn = "user"},
		spec->stranger ? NULL : &pair->ca);
	pair->server_cred = cert_credentials(&pair->leaf, NULL);
	if (spec->client_certificate)
		pair->client_cred = cert_credentials(&pair->user, NULL);
	else
		CERT_OK(gnutls_certificate_allocate_credentials(&pair->client_cred));
	CERT_OK(gnutls_priority_init(
		&pair->priorities, spec->priorities ? spec->priorities : "NORMAL", NULL));
	if (spec->server_priorities)
		CERT_OK(gnutls_priority_init(
			&pair->server_priorities, spec->server_priorities, NULL));
	else
		pair->server_priorities = pair->priorities;
	gnutls_x509_trust_list_t anchors = cert_anchors((const struct cert *[]){&pair->ca}, 1);
	pair->policy = (struct atls_policy){.anchors = spec->untrusted ? NULL : anchors,
		.name = spec->expect ? spec->expect : "a.example",
		.purpose = GNUTLS_KP_TLS_WWW_SERVER};
	pair->client_policy =
		(struct atls_policy){.anchors = anchors, .purpose = GNUTLS_KP_TLS_WWW_CLIENT};
	pair_engines(pair, spec);
}

static inline void pair_free(struct pair *pair)
{
	atls_engine_free(pair->client);
	atls_engine_free(pair->server);
	gnutls_x509_trust_list_deinit(pair->client_policy.anchors, 1);
	if (pair->server_priorities != pair->priorities)
		gnutls_priority_deinit(pair->server_priorities);
	gnutls_priority_deinit(pair->priorities);
	gnutls_certificate_free_credentials(pair->client_cred);
	gnutls_certificate_free_credentials(pair->server_cred);
	cert_free(&pair->leaf);
	cert_free(&pair->user);
	cert_free(&pair->ca);
}

/* Moves up to max bytes of from's output to to. Returns how many. */
static inline size_t pair_move(struct atls_engine *from, struct atls_engine *to, size_t max)
{
	const uint8_t *bytes;
	size_t len = atls_engine_output(from, &bytes);
	if (len > max)
		len = max;
	if (len) {
		(void)atls_engine_feed(to, bytes, len);
		atls_engine_output_done(from, len);
	}
	return len;
}

/* Moves everything, in pieces of at most cut bytes (0: whole), until both are silent. */
static inline void pair_settle(struct pair *pair, size_t cut)
{
	size_t max = cut ? cut : SIZE_MAX;
	for (;;) {
		size_t up = pair_move(pair->client, pair->server, max);
		size_t down = pair_move(pair->server, pair->client, max);
		pair->client_bytes += up;
		pair->server_bytes += down;
		if (up + down == 0)
			return;
	}
}

#endif
