/* Extensions, groups and signature schemes: the registries "TLS ExtensionType Values", "TLS
 * Supported Groups" and "TLS SignatureScheme" of IANA, state of 2025, and what is in use beside
 * them. oscore_connection_id and cose_ext of draft-friel-tls-atls have no number yet. */
#include "explain/names_impl.h"

static const struct name_entry extensions[] = {
	{0, "server_name"}, {1, "max_fragment_length"}, {2, "client_certificate_url"},
	{3, "trusted_ca_keys"}, {4, "truncated_hmac"}, {5, "status_request"}, {6, "user_mapping"},
	{7, "client_authz"}, {8, "server_authz"}, {9, "cert_type"}, {10, "supported_groups"},
	{11, "ec_point_formats"}, {12, "srp"}, {13, "signature_algorithms"}, {14, "use_srtp"},
	{15, "heartbeat"}, {16, "application_layer_protocol_negotiation"},
	{17, "status_request_v2"}, {18, "signed_certificate_timestamp"},
	{19, "client_certificate_type"}, {20, "server_certificate_type"}, {21, "padding"},
	{22, "encrypt_then_mac"}, {23, "extended_master_secret"}, {24, "token_binding"},
	{25, "cached_info"}, {26, "tls_lts"}, {27, "compress_certificate"},
	{28, "record_size_limit"}, {29, "pwd_protect"}, {30, "pwd_clear"}, {31, "password_salt"},
	{32, "ticket_pinning"}, {33, "tls_cert_with_extern_psk"}, {34, "delegated_credential"},
	{35, "session_ticket"}, {36, "TLMSP"}, {37, "TLMSP_proxying"}, {38, "TLMSP_delegate"},
	{39, "supported_ekt_ciphers"}, {40, "reserved_40"}, /* key_share of a draft of TLS 1.3 */
	{41, "pre_shared_key"}, {42, "early_data"}, {43, "supported_versions"}, {44, "cookie"},
	{45, "psk_key_exchange_modes"},
	{46, "reserved_46"}, /* ticket_early_data_info of a draft of TLS 1.3 */
	{47, "certificate_authorities"}, {48, "oid_filters"}, {49, "post_handshake_auth"},
	{50, "signature_algorithms_cert"}, {51, "key_share"}, {52, "transparency_info"},
	{53, "connection_id_deprecated"}, {54, "connection_id"}, {55, "external_id_hash"},
	{56, "external_session_id"}, {57, "quic_transport_parameters"}, {58, "ticket_request"},
	{59, "dnssec_chain"}, {60, "sequence_number_encryption_algorithms"}, {61, "rrc"},
	{62, "tls_flags"}, {13172, "next_protocol_negotiation"}, /* not registered: a draft's */
	{17513, "application_settings_old"},                     /* the same */
	{17613, "application_settings"},                         /* the same */
	{30032, "channel_id"},                                   /* the same */
	{64768, "ech_outer_extensions"}, {65037, "encrypted_client_hello"},
	{65281, "renegotiation_info"},
	{65445, "quic_transport_parameters_draft"}, /* not registered */
	{65486, "encrypted_server_name"},           /* the same */
};

const char *atls_name_extension(unsigned number)
{
	return atls_is_grease(number) ? "GREASE" : NAMES_FIND(extensions, number);
}

static const struct name_entry groups[] = {
	{1, "sect163k1"},
	{2, "sect163r1"},
	{3, "sect163r2"},
	{4, "sect193r1"},
	{5, "sect193r2"},
	{6, "sect233k1"},
	{7, "sect233r1"},
	{8, "sect239k1"},
	{9, "sect283k1"},
	{10, "sect283r1"},
	{11, "sect409k1"},
	{12, "sect409r1"},
	{13, "sect571k1"},
	{14, "sect571r1"},
	{15, "secp160k1"},
	{16, "secp160r1"},
	{17, "secp160r2"},
	{18, "secp192k1"},
	{19, "secp192r1"},
	{20, "secp224k1"},
	{21, "secp224r1"},
	{22, "secp256k1"},
	{23, "secp256r1"},
	{24, "secp384r1"},
	{25, "secp521r1"},
	{26, "brainpoolP256r1"},
	{27, "brainpoolP384r1"},
	{28, "brainpoolP512r1"},
	{29, "x25519"},
	{30, "x448"},
	{31, "brainpoolP256r1tls13"},
	{32, "brainpoolP384r1tls13"},
	{33, "brainpoolP512r1tls13"},
	{34, "GC256A"},
	{35, "GC256B"},
	{36, "GC256C"},
	{37, "GC256D"},
	{38, "GC512A"},
	{39, "GC512B"},
	{40, "GC512C"},
	{41, "curveSM2"},
	{256, "ffdhe2048"},
	{257, "ffdhe3072"},
	{258, "ffdhe4096"},
	{259, "ffdhe6144"},
	{260, "ffdhe8192"},
	{512, "MLKEM512"},
	{513, "MLKEM768"},
	{514, "MLKEM1024"},
	{4587, "SecP256r1MLKEM768"},
	{4588, "X25519MLKEM768"},
	{4589, "SecP384r1MLKEM1024"},
	{25497, "X25519Kyber768Draft00"},
	{25498, "SecP256r1Kyber768Draft00"},
	{65281, "arbitrary_explicit_prime_curves"},
	{65282, "arbitrary_explicit_char2_curves"},
};

const char *atls_name_group(unsigned number)
{
	return atls_is_grease(number) ? "GREASE" : NAMES_FIND(groups, number);
}

/* Those of TLS 1.2 that have no name of their own stand as HASH_SIGNATURE. */
static const struct name_entry signatures[] = {
	{0x0101, "rsa_pkcs1_md5"},
	{0x0102, "dsa_md5"},
	{0x0103, "ecdsa_md5"},
	{0x0201, "rsa_pkcs1_sha1"},
	{0x0202, "dsa_sha1"},
	{0x0203, "ecdsa_sha1"},
	{0x0301, "rsa_pkcs1_sha224"},
	{0x0302, "dsa_sha224"},
	{0x0303, "ecdsa_sha224"},
	{0x0401, "rsa_pkcs1_sha256"},
	{0x0402, "dsa_sha256"},
	{0x0403, "ecdsa_secp256r1_sha256"},
	{0x0420, "rsa_pkcs1_sha256_legacy"},
	{0x0501, "rsa_pkcs1_sha384"},
	{0x0502, "dsa_sha384"},
	{0x0503, "ecdsa_secp384r1_sha384"},
	{0x0520, "rsa_pkcs1_sha384_legacy"},
	{0x0601, "rsa_pkcs1_sha512"},
	{0x0602, "dsa_sha512"},
	{0x0603, "ecdsa_secp521r1_sha512"},
	{0x0620, "rsa_pkcs1_sha512_legacy"},
	{0x0704, "eccsi_sha256"},
	{0x0705, "iso_ibs1"},
	{0x0706, "iso_ibs2"},
	{0x0707, "iso_chinese_ibs"},
	{0x0708, "sm2sig_sm3"},
	{0x0709, "gostr34102012_256a"},
	{0x070a, "gostr34102012_256b"},
	{0x070b, "gostr34102012_256c"},
	{0x070c, "gostr34102012_256d"},
	{0x070d, "gostr34102012_512a"},
	{0x070e, "gostr34102012_512b"},
	{0x070f, "gostr34102012_512c"},
	{0x0804, "rsa_pss_rsae_sha256"},
	{0x0805, "rsa_pss_rsae_sha384"},
	{0x0806, "rsa_pss_rsae_sha512"},
	{0x0807, "ed25519"},
	{0x0808, "ed448"},
	{0x0809, "rsa_pss_pss_sha256"},
	{0x080a, "rsa_pss_pss_sha384"},
	{0x080b, "rsa_pss_pss_sha512"},
	{0x081a, "ecdsa_brainpoolP256r1tls13_sha256"},
	{0x081b, "ecdsa_brainpoolP384r1tls13_sha384"},
	{0x081c, "ecdsa_brainpoolP512r1tls13_sha512"},
	{0x0904, "mldsa44"},
	{0x0905, "mldsa65"},
	{0x0906, "mldsa87"},
};

const char *atls_name_signature(unsigned number)
{
	return atls_is_grease(number) ? "GREASE" : NAMES_FIND(signatures, number);
}
