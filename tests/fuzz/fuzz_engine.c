/* A peer's bytes, cut anywhere, into a fresh client or server engine. Byte 0: bit 0 chooses the
 * side, the rest the size of the pieces. */
#include "tests/unit/certs.h"

#include "atls.h"
#include "trust/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct cert ca, leaf;
static gnutls_certificate_credentials_t server_cred, client_cred;
static gnutls_priority_t priorities;
static struct atls_policy policy = {.name = "a.example", .purpose = GNUTLS_KP_TLS_WWW_SERVER};

static void set_up(void)
{
	cert_set_clock(CERT_NOW);
	cert_make(&ca, &(struct cert_spec){.cn = "Test CA", .ca = true}, NULL);
	cert_make(&leaf, &(struct cert_spec){.cn = "service", .names = "a.example"}, &ca);
	server_cred = cert_credentials(&leaf, NULL);
	CERT_OK(gnutls_certificate_allocate_credentials(&client_cred));
	/* One group, for speed: a hello makes a key for each kind. */
	CERT_OK(gnutls_priority_init(&priorities, "NORMAL:-GROUP-ALL:+GROUP-X25519", NULL));
	policy.anchors = cert_anchors((const struct cert *[]){&ca}, 1);
}

static void need(bool condition)
{
	if (!condition)
		abort();
}

/* What must hold whatever came in. */
static void check(struct atls_engine *engine)
{
	const uint8_t *bytes;
	char plain[100];
	unsigned state = atls_engine_state(engine);
	size_t pending = atls_engine_output(engine, &bytes);
	need((pending > 0) == ((state & ATLS_HAVE_OUTPUT) != 0));
	need(!(state & ATLS_FAILED) == (atls_engine_error(engine)->code == ATLS_OK));
	/* Nobody gets through without a handshake that the other side's secrets are needed for. */
	need(!(state & (ATLS_ESTABLISHED | ATLS_CAN_WRITE)));
	need(atls_engine_read(engine, plain, sizeof plain) < 0);
	need(atls_engine_write(engine, plain, sizeof plain) < 0);
	atls_engine_output_done(engine, pending / 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct atls_error err = {0};
	if (!server_cred)
		set_up();
	if (len < 1)
		return 0;
	bool server = data[0] & 1;
	size_t piece = (data[0] >> 1) + 1;
	const struct atls_engine_config config = {
		.role = server ? ATLS_SERVER : ATLS_CLIENT,
		.credentials = server ? server_cred : client_cred,
		.priorities = priorities,
		.server_name = server ? NULL : policy.name,
		.verify = server ? NULL : atls_policy_verify,
		.verify_ctx = &policy,
	};
	struct atls_engine *engine = atls_engine_new(&config, &err);
	need(engine != NULL);
	for (size_t at = 1; at < len; at += piece) {
		size_t rest = len - at;
		(void)atls_engine_feed(engine, data + at, rest < piece ? rest : piece);
		check(engine);
	}
	atls_engine_end_input(engine);
	check(engine);
	atls_engine_free(engine);
	return 0;
}
