#include "explain/handshake.h"

#include "explain/certificate.h"

#define VERSION_12 0x0303
#define VERSION_13 0x0304

typedef void explain_fn(struct atls_cut *cut, const struct atls_message *message);

static void client_hello(struct atls_cut *cut, const struct atls_message *message)
{
	walk_code(cut, 2, "version", atls_name_version);
	walk_bytes(cut, 32, "random");
	walk_opaque(cut, 1, "session_id");
	walk_codes(cut, 2, 2, "cipher_suites", atls_name_suite);
	walk_codes(cut, 1, 1, "compression_methods", atls_name_compression);
	if (cut->len)
		extensions_explain(cut, message);
}

static void server_hello(struct atls_cut *cut, const struct atls_message *message)
{
	walk_code(cut, 2, "version", atls_name_version);
	walk_bytes(cut, 32, "random");
	walk_opaque(cut, 1, "session_id");
	walk_code(cut, 2, "cipher_suite", atls_name_suite);
	walk_code(cut, 1, "compression_method", atls_name_compression);
	if (cut->len)
		extensions_explain(cut, message);
}

/* RFC 8446 section 4.6.1, RFC 5077 section 3.3. */
static void new_session_ticket(struct atls_cut *cut, const struct atls_message *message)
{
	walk_number(cut, 4, "lifetime");
	if (message->version < VERSION_13) {
		walk_opaque(cut, 2, "ticket");
		return;
	}
	walk_number(cut, 4, "age_add");
	walk_opaque(cut, 1, "nonce");
	walk_opaque(cut, 2, "ticket");
	extensions_explain(cut, message);
}

static void only_extensions(struct atls_cut *cut, const struct atls_message *message)
{
	extensions_explain(cut, message);
}

static void one_certificate(struct atls_cut *list, const struct atls_message *message)
{
	struct atls_walk *walk = list->walk;
	struct atls_node node = {.at = walk_place(list)};
	struct atls_cut der = walk_vector(list, 3, "certificate");
	node.len = 3 + der.len;
	walk->nodes.ops->begin(walk->nodes.ctx, &node);
	if (message->certificate_type == 2)
		atls_raw_key_explain(der.at, der.len, &walk->nodes);
	else
		atls_certificate_explain(der.at, der.len, &walk->nodes);
	if (message->version >= VERSION_13 && !der.failed)
		extensions_explain(list, message);
	walk_end(walk);
}

static void certificate_list(struct atls_cut *cut, const struct atls_message *message)
{
	/* RFC 7250 section 3: before TLS 1.3 a raw public key stands alone. */
	bool alone = message->certificate_type == 2 && message->version < VERSION_13;
	struct atls_cut whole = *cut;
	struct atls_cut list = alone ? whole : walk_vector(cut, 3, "certificates");
	walk_begin_list(cut->walk, "certificates");
	while (list.len && !list.failed)
		one_certificate(&list, message);
	walk_end(cut->walk);
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
		walk_opaque(cut, 1, "request_context");
	certificate_list(cut, message);
}

/* RFC 8879 section 4. What is inside stays compressed. */
static void compressed_certificate(struct atls_cut *cut, const struct atls_message *message)
{
	(void)message;
	walk_code(cut, 2, "algorithm", atls_name_certificate_compression);
	walk_number(cut, 3, "uncompressed_length");
	walk_opaque(cut, 3, "compressed");
}

static void certificate_request(struct atls_cut *cut, const struct atls_message *message)
{
	if (message->version >= VERSION_13) {
		walk_opaque(cut, 1, "request_context");
		extensions_explain(cut, message);
		return;
	}
	walk_codes(cut, 1, 1, "certificate_types", atls_name_client_certificate_type);
	if (message->version == VERSION_12)
		walk_codes(cut, 2, 2, "signature_algorithms", atls_name_signature);
	authorities_explain(cut);
}

static void certificate_verify(struct atls_cut *cut, const struct atls_message *message)
{
	if (message->version >= VERSION_12)
		walk_code(cut, 2, "algorithm", atls_name_signature);
	walk_opaque(cut, 2, "signature");
}

static void finished(struct atls_cut *cut, const struct atls_message *message)
{
	(void)message;
	walk_rest(cut, "verify_data");
}

static void key_update(struct atls_cut *cut, const struct atls_message *message)
{
	(void)message;
	walk_code(cut, 1, "request_update", atls_name_key_update);
}

static void certificate_status(struct atls_cut *cut, const struct atls_message *message)
{
	(void)message;
	certificate_status_explain(cut);
}

/* RFC 6066 section 5. */
static void certificate_url(struct atls_cut *cut, const struct atls_message *message)
{
	(void)message;
	walk_number(cut, 1, "chain_type");
	struct atls_cut list = walk_vector(cut, 2, "urls");
	walk_begin_list(cut->walk, "urls");
	while (list.len && !list.failed) {
		walk_begin(cut->walk, NULL);
		walk_string(&list, 2, "url");
		walk_number(&list, 1, "padding");
		walk_bytes(&list, 20, "sha1");
		walk_end(cut->walk);
	}
	walk_end(cut->walk);
}

/* RFC 4680 section 2. */
static void supplemental_data(struct atls_cut *cut, const struct atls_message *message)
{
	(void)message;
	struct atls_cut list = walk_vector(cut, 3, "entries");
	walk_begin_list(cut->walk, "entries");
	while (list.len && !list.failed) {
		walk_begin(cut->walk, NULL);
		walk_number(&list, 2, "type");
		walk_opaque(&list, 2, "data");
		walk_end(cut->walk);
	}
	walk_end(cut->walk);
}

/* draft-agl-tls-nextprotoneg-04. */
static void next_protocol(struct atls_cut *cut, const struct atls_message *message)
{
	(void)message;
	walk_string(cut, 1, "protocol");
	walk_opaque(cut, 1, "padding");
}

static void nothing(struct atls_cut *cut, const struct atls_message *message)
{
	(void)cut;
	(void)message;
}

static void opaque(struct atls_cut *cut, const struct atls_message *message)
{
	(void)message;
	walk_rest(cut, "data");
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
		[ATLS_SERVER_KEY_EXCHANGE] = server_key_exchange_explain,
		[ATLS_CERTIFICATE_REQUEST] = certificate_request,
		[ATLS_SERVER_HELLO_DONE] = nothing,
		[ATLS_CERTIFICATE_VERIFY] = certificate_verify,
		[ATLS_CLIENT_KEY_EXCHANGE] = client_key_exchange_explain,
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
	walk_finish(&cut);
}

void atls_content_explain(
	unsigned type, const uint8_t *bytes, size_t len, const struct atls_nodes *nodes)
{
	struct atls_walk walk = {*nodes, bytes};
	struct atls_cut cut = {&walk, bytes, len, false};
	switch (type) {
	case 20: /* change_cipher_spec, RFC 5246 section 7.1 */
		walk_number(&cut, 1, "change");
		break;
	case 21:
		walk_code(&cut, 1, "level", atls_name_alert_level);
		walk_code(&cut, 1, "description", atls_name_alert);
		break;
	case 24: /* RFC 6520 section 4; padding of 16 bytes at least */
		walk_code(&cut, 1, "heartbeat_type", atls_name_heartbeat_type);
		walk_opaque(&cut, 2, "payload");
		walk_rest(&cut, "padding");
		break;
	default:
		walk_rest(&cut, "data");
		break;
	}
	walk_finish(&cut);
}
