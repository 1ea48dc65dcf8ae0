/* ServerKeyExchange and ClientKeyExchange: RFC 5246 section 7.4.3 and 7.4.7, RFC 8422 section 5,
 * RFC 4279, RFC 5054. */
#include "explain/handshake.h"
#include "explain/suite.h"

static void signature(struct atls_cut *cut, const struct atls_message *message)
{
	atls_walk_begin(cut->walk, "signature");
	if (message->version >= 0x0303)
		atls_walk_code(cut, 2, "algorithm", atls_name_signature);
	atls_walk_opaque(cut, 2, "signature");
	atls_walk_end(cut->walk);
}

static void curve_parameters(struct atls_cut *cut)
{
	unsigned type = atls_walk_code(cut, 1, "curve_type", atls_name_curve_type);
	if (type == 3) {
		atls_walk_code(cut, 2, "group", atls_name_group);
		atls_walk_opaque(cut, 1, "public");
	} else {
		atls_walk_rest(cut, "explicit_curve"); /* RFC 8422 section 5.4 forbids it */
	}
}

void atls_server_key_exchange_explain(struct atls_cut *cut, const struct atls_message *message)
{
	struct atls_suite suite;
	if (!atls_suite_describe(message->suite, &suite)) {
		atls_walk_rest(cut, "parameters");
		return;
	}
	if (suite.srp) {
		atls_walk_opaque(cut, 2, "srp_n");
		atls_walk_opaque(cut, 2, "srp_g");
		atls_walk_opaque(cut, 1, "srp_s");
		atls_walk_opaque(cut, 2, "srp_b");
	}
	if (suite.psk)
		atls_walk_string(cut, 2, "identity_hint");
	if (suite.exchange == ATLS_KX_ECDHE) {
		curve_parameters(cut);
	} else if (suite.exchange == ATLS_KX_DHE || (suite.exchange == ATLS_KX_RSA && !suite.psk)) {
		atls_walk_opaque(cut, 2, "dh_p"); /* RSA_EXPORT: modulus and exponent */
		atls_walk_opaque(cut, 2, "dh_g");
		if (suite.exchange == ATLS_KX_DHE)
			atls_walk_opaque(cut, 2, "public");
	}
	if (cut->len && !suite.anonymous && !suite.psk)
		signature(cut, message);
}

void atls_client_key_exchange_explain(struct atls_cut *cut, const struct atls_message *message)
{
	struct atls_suite suite;
	if (!atls_suite_describe(message->suite, &suite)) {
		atls_walk_rest(cut, "parameters");
		return;
	}
	if (suite.psk)
		atls_walk_string(cut, 2, "identity");
	if (suite.srp)
		atls_walk_opaque(cut, 2, "srp_a");
	else if (suite.exchange == ATLS_KX_ECDHE || suite.exchange == ATLS_KX_ECDH)
		atls_walk_opaque(cut, 1, "public");
	else if (suite.exchange == ATLS_KX_DHE || suite.exchange == ATLS_KX_DH)
		atls_walk_opaque(cut, 2, "public");
	else if (suite.exchange == ATLS_KX_RSA && message->version != 0x0300)
		atls_walk_opaque(cut, 2, "encrypted_premaster");
	else
		atls_walk_rest(cut, "parameters");
}
