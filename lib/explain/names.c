/* The registries "TLS Parameters" of IANA, state of 2025, but for suites, extensions, groups and
 * signature schemes, which have files of their own. */
#include "explain/names_impl.h"

#define NAME_AT(table, number)                                                                     \
	((number) < sizeof(table) / sizeof((table)[0]) ? (table)[number] : (const char *)0)

const char *atls_names_find(const struct name_entry *table, size_t count, unsigned number)
{
	/* No branch depends on what is compared, which would be guessed wrong half of the time. */
	for (size_t half; count > 1; count -= half) {
		half = count / 2;
		table = table[half].number <= number ? table + half : table;
	}
	return count && table->number == number ? table->name : NULL;
}

const char *atls_name_suite(unsigned number)
{
	if (atls_is_grease(number))
		return "GREASE";
	return atls_names_find(atls_names_suites, atls_names_suite_count, number);
}

const char *atls_name_record_type(unsigned number)
{
	static const char *const names[] = {
		[20] = "change_cipher_spec",
		[21] = "alert",
		[22] = "handshake",
		[23] = "application_data",
		[24] = "heartbeat",
		[25] = "tls12_cid",
		[26] = "ack",
	};
	return NAME_AT(names, number);
}

const char *atls_name_version(unsigned number)
{
	static const struct name_entry names[] = {
		{0x0002, "SSL 2.0"},
		{0x0300, "SSL 3.0"},
		{0x0301, "TLS 1.0"},
		{0x0302, "TLS 1.1"},
		{0x0303, "TLS 1.2"},
		{0x0304, "TLS 1.3"},
		{0xfefc, "DTLS 1.3"},
		{0xfefd, "DTLS 1.2"},
		{0xfeff, "DTLS 1.0"},
	};
	if (number >> 8 == 0x7f)
		return "TLS 1.3 draft";
	return atls_is_grease(number) ? "GREASE" : NAMES_FIND(names, number);
}

const char *atls_name_handshake_type(unsigned number)
{
	static const char *const names[] = {
		[0] = "hello_request",
		[1] = "client_hello",
		[2] = "server_hello",
		[3] = "hello_verify_request",
		[4] = "new_session_ticket",
		[5] = "end_of_early_data",
		[6] = "hello_retry_request",
		[8] = "encrypted_extensions",
		[9] = "request_connection_id",
		[10] = "new_connection_id",
		[11] = "certificate",
		[12] = "server_key_exchange",
		[13] = "certificate_request",
		[14] = "server_hello_done",
		[15] = "certificate_verify",
		[16] = "client_key_exchange",
		[17] = "client_certificate_request",
		[20] = "finished",
		[21] = "certificate_url",
		[22] = "certificate_status",
		[23] = "supplemental_data",
		[24] = "key_update",
		[25] = "compressed_certificate",
		[26] = "ekt_key",
		[67] = "next_protocol",
		[254] = "message_hash",
	};
	return NAME_AT(names, number);
}

const char *atls_name_alert_level(unsigned number)
{
	static const char *const names[] = {[1] = "warning", [2] = "fatal"};
	return NAME_AT(names, number);
}

const char *atls_name_alert(unsigned number)
{
	static const char *const names[] = {
		[0] = "close_notify",
		[10] = "unexpected_message",
		[20] = "bad_record_mac",
		[21] = "decryption_failed",
		[22] = "record_overflow",
		[30] = "decompression_failure",
		[40] = "handshake_failure",
		[41] = "no_certificate",
		[42] = "bad_certificate",
		[43] = "unsupported_certificate",
		[44] = "certificate_revoked",
		[45] = "certificate_expired",
		[46] = "certificate_unknown",
		[47] = "illegal_parameter",
		[48] = "unknown_ca",
		[49] = "access_denied",
		[50] = "decode_error",
		[51] = "decrypt_error",
		[52] = "too_many_cids_requested",
		[60] = "export_restriction",
		[70] = "protocol_version",
		[71] = "insufficient_security",
		[80] = "internal_error",
		[86] = "inappropriate_fallback",
		[90] = "user_canceled",
		[100] = "no_renegotiation",
		[109] = "missing_extension",
		[110] = "unsupported_extension",
		[111] = "certificate_unobtainable",
		[112] = "unrecognized_name",
		[113] = "bad_certificate_status_response",
		[114] = "bad_certificate_hash_value",
		[115] = "unknown_psk_identity",
		[116] = "certificate_required",
		[117] = "general_error",
		[120] = "no_application_protocol",
		[121] = "ech_required",
	};
	return NAME_AT(names, number);
}

const char *atls_name_compression(unsigned number)
{
	static const char *const names[] = {[0] = "null", [1] = "DEFLATE", [64] = "LZS"};
	return NAME_AT(names, number);
}

const char *atls_name_point_format(unsigned number)
{
	static const char *const names[] = {
		"uncompressed", "ansiX962_compressed_prime", "ansiX962_compressed_char2"};
	return NAME_AT(names, number);
}

const char *atls_name_psk_mode(unsigned number)
{
	static const char *const names[] = {"psk_ke", "psk_dhe_ke"};
	/* RFC 8701 section 2 has its own values for bytes. */
	return number % 31 == 11 && number >= 0x0b && number <= 0xe4 ? "GREASE"
								     : NAME_AT(names, number);
}

const char *atls_name_certificate_type(unsigned number)
{
	static const char *const names[] = {"X509", "OpenPGP", "Raw Public Key", "1609Dot2"};
	return NAME_AT(names, number);
}

const char *atls_name_client_certificate_type(unsigned number)
{
	static const char *const names[] = {
		[1] = "rsa_sign",
		[2] = "dss_sign",
		[3] = "rsa_fixed_dh",
		[4] = "dss_fixed_dh",
		[5] = "rsa_ephemeral_dh",
		[6] = "dss_ephemeral_dh",
		[20] = "fortezza_dms",
		[64] = "ecdsa_sign",
		[65] = "rsa_fixed_ecdh",
		[66] = "ecdsa_fixed_ecdh",
		[67] = "gost_sign256",
		[68] = "gost_sign512",
	};
	return NAME_AT(names, number);
}

const char *atls_name_status_type(unsigned number)
{
	static const char *const names[] = {[1] = "ocsp", [2] = "ocsp_multi"};
	return NAME_AT(names, number);
}

const char *atls_name_certificate_compression(unsigned number)
{
	static const char *const names[] = {[1] = "zlib", [2] = "brotli", [3] = "zstd"};
	return NAME_AT(names, number);
}

const char *atls_name_heartbeat_mode(unsigned number)
{
	static const char *const names[] = {
		[1] = "peer_allowed_to_send", [2] = "peer_not_allowed_to_send"};
	return NAME_AT(names, number);
}

const char *atls_name_heartbeat_type(unsigned number)
{
	static const char *const names[] = {[1] = "heartbeat_request", [2] = "heartbeat_response"};
	return NAME_AT(names, number);
}

const char *atls_name_hash(unsigned number)
{
	static const char *const names[] = {
		"none", "md5", "sha1", "sha224", "sha256", "sha384", "sha512", NULL, "intrinsic"};
	return NAME_AT(names, number);
}

const char *atls_name_signature_kind(unsigned number)
{
	static const char *const names[] = {"anonymous", "rsa", "dsa", "ecdsa"};
	return NAME_AT(names, number);
}

const char *atls_name_fragment_length(unsigned number)
{
	static const char *const names[] = {[1] = "512", [2] = "1024", [3] = "2048", [4] = "4096"};
	return NAME_AT(names, number);
}

const char *atls_name_server_name(unsigned number)
{
	return number == 0 ? "host_name" : NULL;
}

const char *atls_name_curve_type(unsigned number)
{
	static const char *const names[] = {
		[1] = "explicit_prime", [2] = "explicit_char2", [3] = "named_curve"};
	return NAME_AT(names, number);
}

const char *atls_name_srtp(unsigned number)
{
	static const char *const names[] = {
		[1] = "SRTP_AES128_CM_HMAC_SHA1_80",
		[2] = "SRTP_AES128_CM_HMAC_SHA1_32",
		[5] = "SRTP_NULL_HMAC_SHA1_80",
		[6] = "SRTP_NULL_HMAC_SHA1_32",
		[7] = "SRTP_AEAD_AES_128_GCM",
		[8] = "SRTP_AEAD_AES_256_GCM",
	};
	return NAME_AT(names, number);
}

const char *atls_name_hpke_kem(unsigned number)
{
	static const char *const names[] = {
		[0x10] = "DHKEM(P-256, HKDF-SHA256)",
		[0x11] = "DHKEM(P-384, HKDF-SHA384)",
		[0x12] = "DHKEM(P-521, HKDF-SHA512)",
		[0x20] = "DHKEM(X25519, HKDF-SHA256)",
		[0x21] = "DHKEM(X448, HKDF-SHA512)",
	};
	return NAME_AT(names, number);
}

const char *atls_name_hpke_kdf(unsigned number)
{
	static const char *const names[] = {
		[1] = "HKDF-SHA256", [2] = "HKDF-SHA384", [3] = "HKDF-SHA512"};
	return NAME_AT(names, number);
}

const char *atls_name_hpke_aead(unsigned number)
{
	static const char *const names[] = {
		[1] = "AES-128-GCM", [2] = "AES-256-GCM", [3] = "ChaCha20Poly1305"};
	return NAME_AT(names, number);
}

const char *atls_name_quic_parameter(unsigned number)
{
	static const char *const names[] = {
		"original_destination_connection_id",
		"max_idle_timeout",
		"stateless_reset_token",
		"max_udp_payload_size",
		"initial_max_data",
		"initial_max_stream_data_bidi_local",
		"initial_max_stream_data_bidi_remote",
		"initial_max_stream_data_uni",
		"initial_max_streams_bidi",
		"initial_max_streams_uni",
		"ack_delay_exponent",
		"max_ack_delay",
		"disable_active_migration",
		"preferred_address",
		"active_connection_id_limit",
		"initial_source_connection_id",
		"retry_source_connection_id",
		"version_information",
	};
	if (number == 0x20)
		return "max_datagram_frame_size";
	if (number == 0x2ab2)
		return "grease_quic_bit";
	return NAME_AT(names, number);
}

const char *atls_name_key_update(unsigned number)
{
	static const char *const names[] = {"update_not_requested", "update_requested"};
	return NAME_AT(names, number);
}

const char *atls_name_token_key(unsigned number)
{
	static const char *const names[] = {"rsa2048_pkcs1.5", "rsa2048_pss", "ecdsap256"};
	return NAME_AT(names, number);
}

const char *atls_name_user_mapping(unsigned number)
{
	return number == 64 ? "upn_domain_hint" : NULL;
}

const char *atls_name_authz(unsigned number)
{
	static const char *const names[] = {
		"x509_attr_cert", "saml_assertion", "x509_attr_cert_url", "saml_assertion_url"};
	if (number == 64)
		return "keynote_assertion_list";
	return number == 66 ? "dtcp_authorization" : NAME_AT(names, number);
}
