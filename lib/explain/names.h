/* Names of TLS's numbers, as IANA's registries have them. */
#ifndef ATLS_EXPLAIN_NAMES_H
#define ATLS_EXPLAIN_NAMES_H

#include "atls.h"

/* Each gives the registered name, valid for ever, or null. "GREASE" for the values that RFC 8701
 * reserves, in the registries where it does. */
typedef const char *atls_name_fn(unsigned number);

atls_name_fn atls_name_record_type, atls_name_version, atls_name_handshake_type, atls_name_alert,
	atls_name_alert_level, atls_name_suite, atls_name_compression, atls_name_extension,
	atls_name_group, atls_name_signature, atls_name_point_format, atls_name_psk_mode,
	atls_name_certificate_type, atls_name_client_certificate_type, atls_name_status_type,
	atls_name_certificate_compression, atls_name_heartbeat_mode, atls_name_heartbeat_type,
	atls_name_hash, atls_name_signature_kind, atls_name_fragment_length, atls_name_server_name,
	atls_name_curve_type, atls_name_srtp, atls_name_hpke_kem, atls_name_hpke_kdf,
	atls_name_hpke_aead, atls_name_quic_parameter, atls_name_key_update, atls_name_token_key,
	atls_name_user_mapping, atls_name_authz;

/* Whether a 16-bit value is one that RFC 8701 section 2 reserves: 0x0a0a, 0x1a1a ... 0xfafa. */
static inline bool atls_is_grease(unsigned value)
{
	return (value & 0x0f0f) == 0x0a0a && value >> 8 == (value & 0xff);
}

#endif
