/* Extensions whose fields matter most: RFC 8446 section 4.2, RFC 6066, RFC 7301, RFC 8422. */
#include "explain/handshake.h"

#include "explain/names.h"

#include <string.h>

/* Those of the server's side carry the answer, not the offer. */
static bool is_answer(const struct atls_message *message)
{
	return message->type == ATLS_SERVER_HELLO || message->type == ATLS_HELLO_RETRY_REQUEST ||
	       message->type == ATLS_ENCRYPTED_EXTENSIONS;
}

static void server_name(struct atls_cut *value, const struct atls_message *message)
{
	if (is_answer(message) && value->len == 0)
		return;
	struct atls_cut list = atls_walk_vector(value, 2, "names");
	atls_walk_begin_list(value->walk, "names");
	while (list.len && !list.failed) {
		atls_walk_begin(value->walk, NULL);
		atls_walk_code(&list, 1, "type", atls_name_server_name);
		atls_walk_string(&list, 2, "name");
		atls_walk_end(value->walk);
	}
	atls_walk_end(value->walk);
}

static void fragment_length(struct atls_cut *value, const struct atls_message *message)
{
	(void)message;
	atls_walk_code(value, 1, "fragment_length", atls_name_fragment_length);
}

/* RFC 6066 section 8 in an offer; an answer is empty, or a staple in TLS 1.3's Certificate. */
static void status_request(struct atls_cut *value, const struct atls_message *message)
{
	if (message->type == ATLS_CERTIFICATE) {
		atls_certificate_status_explain(value);
		return;
	}
	if (value->len == 0)
		return;
	atls_walk_code(value, 1, "status_type", atls_name_status_type);
	struct atls_cut list = atls_walk_vector(value, 2, "responders");
	atls_walk_begin_list(value->walk, "responders");
	while (list.len && !list.failed)
		atls_walk_opaque(&list, 2, NULL);
	atls_walk_end(value->walk);
	atls_walk_opaque(value, 2, "request_extensions");
}

static void groups(struct atls_cut *value, const struct atls_message *message)
{
	(void)message;
	atls_walk_codes(value, 2, 2, "groups", atls_name_group);
}

static void point_formats(struct atls_cut *value, const struct atls_message *message)
{
	(void)message;
	atls_walk_codes(value, 1, 1, "formats", atls_name_point_format);
}

static void signatures(struct atls_cut *value, const struct atls_message *message)
{
	(void)message;
	atls_walk_codes(value, 2, 2, "algorithms", atls_name_signature);
}

static void heartbeat(struct atls_cut *value, const struct atls_message *message)
{
	(void)message;
	atls_walk_code(value, 1, "mode", atls_name_heartbeat_mode);
}

static void alpn(struct atls_cut *value, const struct atls_message *message)
{
	(void)message;
	struct atls_cut list = atls_walk_vector(value, 2, "protocols");
	atls_walk_begin_list(value->walk, "protocols");
	while (list.len && !list.failed)
		atls_walk_string(&list, 1, NULL);
	atls_walk_end(value->walk);
}

static void timestamps(struct atls_cut *value, const struct atls_message *message)
{
	(void)message;
	if (value->len)
		atls_timestamps_explain(value);
}

/* RFC 7250 section 3. */
static void certificate_types(struct atls_cut *value, const struct atls_message *message)
{
	if (is_answer(message))
		atls_walk_code(value, 1, "certificate_type", atls_name_certificate_type);
	else
		atls_walk_codes(value, 1, 1, "certificate_types", atls_name_certificate_type);
}

static void padding(struct atls_cut *value, const struct atls_message *message)
{
	(void)message;
	size_t zeros = 0;
	if (value->len && value->at[0] == 0 &&
		memcmp(value->at, value->at + 1, value->len - 1) == 0)
		zeros = value->len;
	while (zeros < value->len && value->at[zeros] == 0)
		zeros++;
	if (zeros < value->len)
		atls_walk_wrong(value->walk, atls_walk_place(value) + zeros, "padding of zeros",
			"something else");
	value->at += value->len;
	value->len = 0;
}

static void certificate_compression(struct atls_cut *value, const struct atls_message *message)
{
	(void)message;
	atls_walk_codes(value, 1, 2, "algorithms", atls_name_certificate_compression);
}

static void record_size_limit(struct atls_cut *value, const struct atls_message *message)
{
	(void)message;
	atls_walk_number(value, 2, "limit");
}

static void ticket(struct atls_cut *value, const struct atls_message *message)
{
	(void)message;
	atls_walk_rest(value, "ticket");
}

static void pre_shared_key(struct atls_cut *value, const struct atls_message *message)
{
	if (is_answer(message)) {
		atls_walk_number(value, 2, "selected_identity");
		return;
	}
	struct atls_cut list = atls_walk_vector(value, 2, "identities");
	atls_walk_begin_list(value->walk, "identities");
	while (list.len && !list.failed) {
		atls_walk_begin(value->walk, NULL);
		atls_walk_opaque(&list, 2, "identity");
		atls_walk_number(&list, 4, "obfuscated_ticket_age");
		atls_walk_end(value->walk);
	}
	atls_walk_end(value->walk);
	list = atls_walk_vector(value, 2, "binders");
	atls_walk_begin_list(value->walk, "binders");
	while (list.len && !list.failed)
		atls_walk_opaque(&list, 1, NULL);
	atls_walk_end(value->walk);
}

static void early_data(struct atls_cut *value, const struct atls_message *message)
{
	if (message->type == ATLS_NEW_SESSION_TICKET)
		atls_walk_number(value, 4, "max_early_data_size");
}

static void versions(struct atls_cut *value, const struct atls_message *message)
{
	if (is_answer(message))
		atls_walk_code(value, 2, "selected_version", atls_name_version);
	else
		atls_walk_codes(value, 1, 2, "versions", atls_name_version);
}

static void cookie(struct atls_cut *value, const struct atls_message *message)
{
	(void)message;
	atls_walk_opaque(value, 2, "cookie");
}

static void psk_modes(struct atls_cut *value, const struct atls_message *message)
{
	(void)message;
	atls_walk_codes(value, 1, 1, "modes", atls_name_psk_mode);
}

static void authorities(struct atls_cut *value, const struct atls_message *message)
{
	(void)message;
	atls_authorities_explain(value);
}

static void key_share_entry(struct atls_cut *cut)
{
	atls_walk_code(cut, 2, "group", atls_name_group);
	atls_walk_opaque(cut, 2, "public");
}

static void key_share(struct atls_cut *value, const struct atls_message *message)
{
	if (message->type == ATLS_HELLO_RETRY_REQUEST) {
		atls_walk_code(value, 2, "selected_group", atls_name_group);
		return;
	}
	if (is_answer(message)) {
		atls_walk_begin(value->walk, "share");
		key_share_entry(value);
		atls_walk_end(value->walk);
		return;
	}
	struct atls_cut list = atls_walk_vector(value, 2, "shares");
	atls_walk_begin_list(value->walk, "shares");
	while (list.len && !list.failed) {
		atls_walk_begin(value->walk, NULL);
		key_share_entry(&list);
		atls_walk_end(value->walk);
	}
	atls_walk_end(value->walk);
}

static void renegotiation(struct atls_cut *value, const struct atls_message *message)
{
	(void)message;
	atls_walk_opaque(value, 1, "verify_data");
}

/* Extensions that are there or not, and say no more. */
static void nothing(struct atls_cut *value, const struct atls_message *message)
{
	(void)value;
	(void)message;
}

static const struct decoder {
	uint16_t type;
	void (*decode)(struct atls_cut *value, const struct atls_message *message);
} decoders[] = {
	{0, server_name},
	{1, fragment_length},
	{4, nothing},
	{5, status_request},
	{10, groups},
	{11, point_formats},
	{13, signatures},
	{15, heartbeat},
	{16, alpn},
	{18, timestamps},
	{19, certificate_types},
	{20, certificate_types},
	{21, padding},
	{22, nothing},
	{23, nothing},
	{27, certificate_compression},
	{28, record_size_limit},
	{35, ticket},
	{41, pre_shared_key},
	{42, early_data},
	{43, versions},
	{44, cookie},
	{45, psk_modes},
	{47, authorities},
	{49, nothing},
	{50, signatures},
	{51, key_share},
	{65281, renegotiation},
};

bool atls_extension_decode(
	struct atls_cut *value, unsigned type, const struct atls_message *message)
{
	for (size_t i = 0; i < sizeof decoders / sizeof decoders[0]; i++)
		if (decoders[i].type == type) {
			decoders[i].decode(value, message);
			return true;
		}
	return atls_extension_decode_more(value, type, message);
}

static void one_extension(struct atls_cut *list, const struct atls_message *message)
{
	struct atls_walk *walk = list->walk;
	struct atls_node node = {.coded = true, .at = atls_walk_place(list)};
	node.code = (unsigned)atls_walk_take(list, 2, "extension type");
	struct atls_cut value = atls_walk_vector(list, 2, "extension");
	if (list->failed && value.len == 0)
		return;
	node.name = atls_name_extension(node.code);
	node.len = 4 + value.len;
	walk->nodes.ops->begin(walk->nodes.ctx, &node);
	if (!atls_extension_decode(&value, node.code, message))
		atls_walk_rest(&value, "data");
	atls_walk_finish(&value);
	atls_walk_end(walk);
}

void atls_extensions_explain(struct atls_cut *cut, const struct atls_message *message)
{
	struct atls_cut list = atls_walk_vector(cut, 2, "extensions");
	atls_walk_begin_list(cut->walk, "extensions");
	while (list.len)
		one_extension(&list, message);
	atls_walk_end(cut->walk);
}
