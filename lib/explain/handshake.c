#include "explain/handshake.h"

#include "explain/certificate.h"

#define VERSION_12 0x0303
#define VERSION_13 0x0304

typedef void explain_fn(struct atls_cut *cut, const struct atls_message *message);

static void client_hello(struct atls_cut *cut, const struct atls_message *message)
{
	atls_walk_code(cut, 2, "version", atls_name_version);
	atls_walk_bytes(cut, 32, "random");
	atls_walk_opaque(cut, 1, "session_id");
	atls_walk_codes(cut, 2, 2, "cipher_suites", atls_name_suite);
	atls_walk_codes(cut, 1, 1, "compression_methods", atls_name_compression);
	if (cut->len)
		atls_extensions_explain(cut, message);
}

static void server_hello(struct atls_cut *cut, const struct atls_message *message)
{
	atls_walk_code(cut, 2, "version", atls_name_version);
	atls_walk_bytes(cut, 32, "random");
	atls_walk_opaque(cut, 1, "session_id");
	atls_walk_code(cut, 2, "cipher_suite", atls_name_suite);
	atls_walk_code(cut, 1, "compression_method", atls_name_compression);
	if (cut->len)
		atls_extensions_explain(cut, message);
}

/* RFC 8446 section 4.6.1, RFC 5077 section 3.3. */
static void new_session_ticket(struct atls_cut *cut, const struct atls_message *message)
{
	atls_walk_number(cut, 4, "lifetime");
	if (message->version < VERSION_13) {
		atls_walk_opaque(cut, 2, "ticket");
		return;
	}
	atls_walk_number(cut, 4, "age_add");
	atls_walk_opaque(cut, 1, "nonce");
	atls_walk_opaque(cut, 2, "ticket");
	atls_extensions_explain(cut, message);
}

static void only_extensions(struct atls_cut *cut, const struct atls_message *message)
{
	atls_extensions_explain(cut, message);
}

static void one_certificate(struct atls_cut *list, const struct atls_message *message)
{
	struct atls_walk *walk = list->walk;
	struct atls_node node = {.at = atls_walk_place(list)};
	struct atls_cut der = atls_walk_vector(list, 3, "certificate");
	node.len = 3 + der.len;
	walk->nodes.ops->begin(walk->nodes.ctx, &node);
	if (message->certificate_type == 2)
		atls_raw_key_explain(der.at, der.len, &walk->nodes);
	else
		atls_certificate_explain(der.at, der.len, &walk->nodes);
	if (message->version >= VERSION_13 && !der.failed)
		atls_extensions_explain(list, message);
	atls_walk_end(walk);
}

static void certificate_list(struct atls_cut *cut, const struct atls_message *message)
{
	/* RFC 7250 section 3: before TLS 1.3 a raw public key stands alone. */
	bool alone = message->certificate_type == 2 && message->version < VERSION_13;
	struct atls_cut whole = *cut;
	struct atls_cut list = alone ? whole : atls_walk_vector(cut, 3, "certificates");
	atls_walk_begin_list(cut->walk, "certificates");
	while (list.len && !list.failed)
		one_certificate(&list, message);
	atls_walk_end(cut->walk);
	if (alone)
		*cut = list;
}

/* Width bytes at *at as a length, if that many bytes follow. */
static bool take_length(const struct atls_message *message, size_t *at, size_t width, size_t *len)
{
	if (message->len - *at < width)
		return false;
	*len = 0;
	for (size_t i = 0; i < width; i++)
		*len = *len << 8 | message->bytes[*at + i];
	*at += width;
	return *len <= message->len - *at;
}

bool atls_message_certificate(
	const struct atls_message *message, size_t *at, const uint8_t **der, size_t *len)
{
	size_t skip;
	bool is_13 = message->version >= VERSION_13;
	if (message->type != ATLS_CERTIFICATE || message->certificate_type == 2)
		return false;
	if (*at == 0) {
		*at = ATLS_MESSAGE_HEADER;
		if (is_13 && !take_length(message, at, 1, &skip))
			return false;
		*at += is_13 ? skip : 0;
		if (!take_length(message, at, 3, &skip))
			return false;
	}
	if (*at == message->len || !take_length(message, at, 3, len))
		return false;
	*der = message->bytes + *at;
	*at += *len;
	if (is_13 && take_length(message, at, 2, &skip))
		*at += skip;
	return true;
}

static void certificate(struct atls_cut *cut, const struct atls_message *message)
{
	if (message->version >= VERSION_13)
		atls_walk_opaque(cut, 1, "request_context");
	certificate_list(cut, message);
}

/* RFC 8879 section 4. What is inside stays compressed. */
static void compressed_certificate(struct atls_cut *cut, const struct atls_message *message)
{
	(void)message;
	atls_walk_code(cut, 2, "algorithm", atls_name_certificate_compression);
	atls_walk_number(cut, 3, "uncompressed_length");
	atls_walk_opaque(cut, 3, "compressed");
}

static void certificate_request(struct atls_cut *cut, const struct atls_message *message)
{
	if (message->version >= VERSION_13) {
		atls_walk_opaque(cut, 1, "request_context");
		atls_extensions_explain(cut, message);
		return;
	}
	atls_walk_codes(cut, 1, 1, "certificate_types", atls_name_client_certificate_type);
	if (message->version == VERSION_12)
		atls_walk_codes(cut, 2, 2, "signature_algorithms", atls_name_signature);
	atls_authorities_explain(cut);
}

static void certificate_verify(struct atls_cut *cut, const struct atls_message *message)
{
	if (message->version >= VERSION_12)
		atls_walk_code(cut, 2, "algorithm", atls_name_signature);
	atls_walk_opaque(cut, 2, "signature");
}

static void finished(struct atls_cut *cut, const struct atls_message *message)
{
	(void)message;
	atls_walk_rest(cut, "verify_data");
}

static void key_update(struct atls_cut *cut, const struct atls_message *message)
{
	(void)message;
	atls_walk_code(cut, 1, "request_update", atls_name_key_update);
}

static void certificate_status(struct atls_cut *cut, const struct atls_message *message)
{
	(void)message;
	atls_certificate_status_explain(cut);
}

/* RFC 6066 section 5. */
static void certificate_url(struct atls_cut *cut, const struct atls_message *message)
{
	(void)message;
	atls_walk_number(cut, 1, "chain_type");
	struct atls_cut list = atls_walk_vector(cut, 2, "urls");
	atls_walk_begin_list(cut->walk, "urls");
	while (list.len && !list.failed) {
		atls_walk_begin(cut->walk, NULL);
		atls_walk_string(&list, 2, "url");
		atls_walk_number(&list, 1, "padding");
		atls_walk_bytes(&list, 20, "sha1");
		atls_walk_end(cut->walk);
	}
	atls_walk_end(cut->walk);
}

/* RFC 4680 section 2. */
static void supplemental_data(struct atls_cut *cut, const struct atls_message *message)
{
	(void)message;
	struct atls_cut list = atls_walk_vector(cut, 3, "entries");
	atls_walk_begin_list(cut->walk, "entries");
	while (list.len && !list.failed) {
		atls_walk_begin(cut->walk, NULL);
		atls_walk_number(&list, 2, "type");
		atls_walk_opaque(&list, 2, "data");
		atls_walk_end(cut->walk);
	}
	atls_walk_end(cut->walk);
}

/* draft-agl-tls-nextprotoneg-04. */
static void next_protocol(struct atls_cut *cut, const struct atls_message *message)
{
	(void)message;
	atls_walk_string(cut, 1, "protocol");
	atls_walk_opaque(cut, 1, "padding");
}

static void nothing(struct atls_cut *cut, const struct atls_message *message)
{
	(void)cut;
	(void)message;
}

static void opaque(struct atls_cut *cut, const struct atls_message *message)
{
	(void)message;
	atls_walk_rest(cut, "data");
}

static explain_fn *decoder(unsigned type)
{
	static explain_fn *const decoders[] = {
		[ATLS_HELLO_REQUEST] = nothing,
		[ATLS_CLIENT_HELLO] = client_hello,
		[ATLS_SERVER_HELLO] = server_hello,
		[ATLS_NEW_SESSION_TICKET] = new_session_ticket,
		[ATLS_END_OF_EARLY_DATA] = nothing,
		[ATLS_HELLO_RETRY_REQUEST] = server_hello,
		[ATLS_ENCRYPTED_EXTENSIONS] = only_extensions,
		[ATLS_CERTIFICATE] = certificate,
		[ATLS_SERVER_KEY_EXCHANGE] = atls_server_key_exchange_explain,
		[ATLS_CERTIFICATE_REQUEST] = certificate_request,
		[ATLS_SERVER_HELLO_DONE] = nothing,
		[ATLS_CERTIFICATE_VERIFY] = certificate_verify,
		[ATLS_CLIENT_KEY_EXCHANGE] = atls_client_key_exchange_explain,
		[ATLS_FINISHED] = finished,
		[ATLS_CERTIFICATE_URL] = certificate_url,
		[ATLS_CERTIFICATE_STATUS] = certificate_status,
		[ATLS_SUPPLEMENTAL_DATA] = supplemental_data,
		[ATLS_KEY_UPDATE] = key_update,
		[ATLS_COMPRESSED_CERTIFICATE] = compressed_certificate,
		[ATLS_NEXT_PROTOCOL] = next_protocol,
	};
	explain_fn *found =
		type < sizeof decoders / sizeof decoders[0] ? decoders[type] : (explain_fn *)0;
	return found ? found : opaque;
}

void atls_message_explain(const struct atls_message *message, const struct atls_nodes *nodes)
{
	struct atls_walk walk = {*nodes, message->bytes};
	struct atls_cut cut = {&walk, message->bytes + ATLS_MESSAGE_HEADER,
		message->len - ATLS_MESSAGE_HEADER, false};
	decoder(message->type)(&cut, message);
	atls_walk_finish(&cut);
}

void atls_content_explain(
	unsigned type, const uint8_t *bytes, size_t len, const struct atls_nodes *nodes)
{
	struct atls_walk walk = {*nodes, bytes};
	struct atls_cut cut = {&walk, bytes, len, false};
	switch (type) {
	case 20: /* change_cipher_spec, RFC 5246 section 7.1 */
		atls_walk_number(&cut, 1, "change");
		break;
	case 21:
		atls_walk_code(&cut, 1, "level", atls_name_alert_level);
		atls_walk_code(&cut, 1, "description", atls_name_alert);
		break;
	case 24: /* RFC 6520 section 4; padding of 16 bytes at least */
		atls_walk_code(&cut, 1, "heartbeat_type", atls_name_heartbeat_type);
		atls_walk_opaque(&cut, 2, "payload");
		atls_walk_rest(&cut, "padding");
		break;
	default:
		atls_walk_rest(&cut, "data");
		break;
	}
	atls_walk_finish(&cut);
}
