/* The other extensions that have fields worth saying. */
#include "explain/handshake.h"

#include "explain/names.h"

#include <string.h>

typedef void decode_fn(struct atls_cut *value, const struct atls_message *message);

/* A list of entries in a vector. */
static void entries(
	struct atls_cut *value, size_t width, const char *key, void (*one)(struct atls_cut *list))
{
	struct atls_cut list = atls_walk_vector(value, width, key);
	atls_walk_begin_list(value->walk, key);
	while (list.len && !list.failed) {
		atls_walk_begin(value->walk, NULL);
		one(&list);
		atls_walk_end(value->walk);
	}
	atls_walk_end(value->walk);
}

/* RFC 6066 section 6. */
static void trusted_authority(struct atls_cut *list)
{
	unsigned type = (unsigned)atls_walk_number(list, 1, "identifier_type");
	if (type == 1 || type == 3)
		atls_walk_bytes(list, 20, "sha1");
	else if (type == 2)
		atls_walk_opaque(list, 2, "name");
}

static void trusted_ca_keys(struct atls_cut *value, const struct atls_message *message)
{
	(void)message;
	if (value->len)
		entries(value, 2, "authorities", trusted_authority);
}

static void user_mapping(struct atls_cut *value, const struct atls_message *message)
{
	(void)message;
	atls_walk_codes(value, 1, 1, "types", atls_name_user_mapping);
}

static void authz(struct atls_cut *value, const struct atls_message *message)
{
	(void)message;
	atls_walk_codes(value, 1, 1, "formats", atls_name_authz);
}

static void cert_type(struct atls_cut *value, const struct atls_message *message)
{
	if (message->type == ATLS_CLIENT_HELLO)
		atls_walk_codes(value, 1, 1, "certificate_types", atls_name_certificate_type);
	else
		atls_walk_code(value, 1, "certificate_type", atls_name_certificate_type);
}

static void srp(struct atls_cut *value, const struct atls_message *message)
{
	(void)message;
	atls_walk_string(value, 1, "user");
}

static void use_srtp(struct atls_cut *value, const struct atls_message *message)
{
	(void)message;
	atls_walk_codes(value, 2, 2, "profiles", atls_name_srtp);
	atls_walk_opaque(value, 1, "mki");
}

/* RFC 6961 section 2.2. */
static void status_item(struct atls_cut *list)
{
	atls_walk_code(list, 1, "status_type", atls_name_status_type);
	struct atls_cut request = atls_walk_vector(list, 2, "request");
	struct atls_cut responders = atls_walk_vector(&request, 2, "responders");
	atls_walk_begin_list(list->walk, "responders");
	while (responders.len && !responders.failed)
		atls_walk_opaque(&responders, 2, NULL);
	atls_walk_end(list->walk);
	atls_walk_opaque(&request, 2, "request_extensions");
	atls_walk_finish(&request);
}

static void status_request_v2(struct atls_cut *value, const struct atls_message *message)
{
	(void)message;
	if (value->len)
		entries(value, 2, "items", status_item);
}

static void token_binding(struct atls_cut *value, const struct atls_message *message)
{
	(void)message;
	atls_walk_number(value, 1, "major");
	atls_walk_number(value, 1, "minor");
	atls_walk_codes(value, 1, 1, "key_parameters", atls_name_token_key);
}

static void cached_object(struct atls_cut *list)
{
	atls_walk_number(list, 1, "type");
	atls_walk_opaque(list, 1, "hash");
}

static void cached_info(struct atls_cut *value, const struct atls_message *message)
{
	(void)message;
	entries(value, 2, "objects", cached_object);
}

static void tls_lts(struct atls_cut *value, const struct atls_message *message)
{
	(void)message;
	atls_walk_rest(value, "data");
}

static void pwd_name(struct atls_cut *value, const struct atls_message *message)
{
	(void)message;
	atls_walk_opaque(value, 1, "name");
}

static void password_salt(struct atls_cut *value, const struct atls_message *message)
{
	(void)message;
	atls_walk_opaque(value, 2, "salt");
}

static void ticket_pinning(struct atls_cut *value, const struct atls_message *message)
{
	(void)message;
	if (value->len)
		atls_walk_opaque(value, 1, "ticket");
	if (value->len)
		atls_walk_opaque(value, 1, "proof");
	if (value->len)
		atls_walk_number(value, 4, "lifetime");
}

/* RFC 9345 section 4: an offer lists schemes, a certificate carries the credential. */
static void delegated_credential(struct atls_cut *value, const struct atls_message *message)
{
	if (message->type != ATLS_CERTIFICATE) {
		atls_walk_codes(value, 2, 2, "algorithms", atls_name_signature);
		return;
	}
	atls_walk_number(value, 4, "valid_time");
	atls_walk_code(value, 2, "certificate_verify_algorithm", atls_name_signature);
	atls_walk_opaque(value, 3, "public_key");
	atls_walk_code(value, 2, "algorithm", atls_name_signature);
	atls_walk_opaque(value, 2, "signature");
}

/* RFC 8870 section 5.2. */
static void ekt_ciphers(struct atls_cut *value, const struct atls_message *message)
{
	if (message->type == ATLS_CLIENT_HELLO)
		atls_walk_opaque(value, 1, "ciphers");
	else
		atls_walk_number(value, 1, "cipher");
}

static void oid_filter(struct atls_cut *list)
{
	atls_walk_opaque(list, 1, "oid");
	atls_walk_opaque(list, 2, "values");
}

static void oid_filters(struct atls_cut *value, const struct atls_message *message)
{
	(void)message;
	entries(value, 2, "filters", oid_filter);
}

static void connection_id(struct atls_cut *value, const struct atls_message *message)
{
	(void)message;
	atls_walk_opaque(value, 1, "connection_id");
}

static void external_id(struct atls_cut *value, const struct atls_message *message)
{
	(void)message;
	atls_walk_opaque(value, 1, "id");
}

/* A variable-length integer of RFC 9000 section 16. */
static uint64_t quic_integer(struct atls_cut *cut, const char *key)
{
	size_t width = cut->len ? (size_t)1 << (cut->at[0] >> 6) : 1;
	uint64_t value = atls_walk_take(cut, width, key);
	return value & (UINT64_MAX >> (64 - 8 * width + 2));
}

/* Those whose value is an integer (RFC 9000 section 18.2, RFC 9221 section 3). */
static bool quic_is_integer(uint64_t id)
{
	return id == 1 || (id >= 3 && id <= 11) || id == 14 || id == 32;
}

static void quic_parameter(struct atls_cut *list)
{
	const struct atls_nodes *nodes = &list->walk->nodes;
	uint64_t id = quic_integer(list, "parameter");
	/* RFC 9000 section 18.1 reserves 31 * N + 27 as GREASE. */
	const char *name = id > UINT32_MAX ? NULL
			   : id % 31 == 27 ? "GREASE"
					   : atls_name_quic_parameter((unsigned)id);
	nodes->ops->number(nodes->ctx, "id", id);
	if (name)
		nodes->ops->text(nodes->ctx, "name", name, strlen(name));
	struct atls_cut value =
		atls_walk_part(list, quic_integer(list, "parameter length"), "parameter");
	if (quic_is_integer(id) && value.len)
		nodes->ops->number(nodes->ctx, "value", quic_integer(&value, "parameter"));
	atls_walk_rest(&value, "data");
}

static void quic_parameters(struct atls_cut *value, const struct atls_message *message)
{
	(void)message;
	atls_walk_begin_list(value->walk, "parameters");
	while (value->len && !value->failed) {
		atls_walk_begin(value->walk, NULL);
		quic_parameter(value);
		atls_walk_end(value->walk);
	}
	atls_walk_end(value->walk);
}

/* RFC 9149 section 3. */
static void ticket_request(struct atls_cut *value, const struct atls_message *message)
{
	if (message->type != ATLS_CLIENT_HELLO) {
		atls_walk_number(value, 1, "expected");
		return;
	}
	atls_walk_number(value, 1, "new_session");
	atls_walk_number(value, 1, "resumption");
}

/* RFC 9102 section 2.2. */
static void dnssec_chain(struct atls_cut *value, const struct atls_message *message)
{
	if (message->type == ATLS_CLIENT_HELLO) {
		atls_walk_number(value, 2, "port");
		return;
	}
	atls_walk_number(value, 2, "support_lifetime");
	atls_walk_rest(value, "chain");
}

static void tls_flags(struct atls_cut *value, const struct atls_message *message)
{
	(void)message;
	atls_walk_opaque(value, 1, "flags");
}

static void ech_config(struct atls_cut *list)
{
	atls_walk_code(list, 2, "version", atls_name_extension);
	struct atls_cut config = atls_walk_vector(list, 2, "config");
	atls_walk_number(&config, 1, "config_id");
	atls_walk_code(&config, 2, "kem", atls_name_hpke_kem);
	atls_walk_opaque(&config, 2, "public_key");
	struct atls_cut suites = atls_walk_vector(&config, 2, "suites");
	atls_walk_begin_list(list->walk, "suites");
	while (suites.len && !suites.failed) {
		atls_walk_begin(list->walk, NULL);
		atls_walk_code(&suites, 2, "kdf", atls_name_hpke_kdf);
		atls_walk_code(&suites, 2, "aead", atls_name_hpke_aead);
		atls_walk_end(list->walk);
	}
	atls_walk_end(list->walk);
	atls_walk_number(&config, 1, "maximum_name_length");
	atls_walk_string(&config, 1, "public_name");
	atls_walk_opaque(&config, 2, "extensions");
	atls_walk_finish(&config);
}

/* RFC 9849 section 5: the outer form; the inner one never travels in the clear. */
static void encrypted_client_hello(struct atls_cut *value, const struct atls_message *message)
{
	if (message->type == ATLS_HELLO_RETRY_REQUEST) {
		atls_walk_bytes(value, 8, "confirmation");
		return;
	}
	if (message->type != ATLS_CLIENT_HELLO) {
		entries(value, 2, "retry_configs", ech_config);
		return;
	}
	if (atls_walk_number(value, 1, "form") == 1) /* inner */
		return;
	atls_walk_code(value, 2, "kdf", atls_name_hpke_kdf);
	atls_walk_code(value, 2, "aead", atls_name_hpke_aead);
	atls_walk_number(value, 1, "config_id");
	atls_walk_opaque(value, 2, "enc");
	atls_walk_opaque(value, 2, "payload");
}

static void outer_extensions(struct atls_cut *value, const struct atls_message *message)
{
	(void)message;
	atls_walk_codes(value, 1, 2, "extensions", atls_name_extension);
}

static void protocol_list(struct atls_cut *value, const struct atls_message *message)
{
	if (message->type != ATLS_CLIENT_HELLO) {
		atls_walk_rest(value, "settings");
		return;
	}
	struct atls_cut list = atls_walk_vector(value, 2, "protocols");
	atls_walk_begin_list(value->walk, "protocols");
	while (list.len && !list.failed)
		atls_walk_string(&list, 1, NULL);
	atls_walk_end(value->walk);
}

static void next_protocols(struct atls_cut *value, const struct atls_message *message)
{
	(void)message;
	atls_walk_begin_list(value->walk, "protocols");
	while (value->len && !value->failed)
		atls_walk_string(value, 1, NULL);
	atls_walk_end(value->walk);
}

static const struct decoder {
	uint16_t type;
	decode_fn *decode;
} decoders[] = {
	{3, trusted_ca_keys},
	{6, user_mapping},
	{7, authz},
	{8, authz},
	{9, cert_type},
	{12, srp},
	{14, use_srtp},
	{17, status_request_v2},
	{24, token_binding},
	{25, cached_info},
	{26, tls_lts},
	{29, pwd_name},
	{30, pwd_name},
	{31, password_salt},
	{32, ticket_pinning},
	{34, delegated_credential},
	{39, ekt_ciphers},
	{48, oid_filters},
	{53, connection_id},
	{54, connection_id},
	{55, external_id},
	{56, external_id},
	{57, quic_parameters},
	{58, ticket_request},
	{59, dnssec_chain},
	{62, tls_flags},
	{13172, next_protocols},
	{17513, protocol_list},
	{17613, protocol_list},
	{64768, outer_extensions},
	{65037, encrypted_client_hello},
	{65445, quic_parameters},
};

bool atls_extension_decode_more(
	struct atls_cut *value, unsigned type, const struct atls_message *message)
{
	for (size_t i = 0; i < sizeof decoders / sizeof decoders[0]; i++)
		if (decoders[i].type == type) {
			decoders[i].decode(value, message);
			return true;
		}
	return false;
}
