#include "core/tls_cause.h"

#include <string.h>

const char *atls_tls_cause(int rc)
{
	switch (rc) {
	case GNUTLS_E_PREMATURE_TERMINATION:
	case GNUTLS_E_SESSION_EOF:
		return "the stream ended without close_notify: it was truncated";
	case GNUTLS_E_DECRYPTION_FAILED:
		return "a record does not decrypt: bytes were lost, repeated or altered on the way";
	case GNUTLS_E_UNEXPECTED_PACKET_LENGTH:
	case GNUTLS_E_RECORD_OVERFLOW:
	case GNUTLS_E_UNEXPECTED_PACKET:
	case GNUTLS_E_UNEXPECTED_HANDSHAKE_PACKET:
	case GNUTLS_E_UNSUPPORTED_VERSION_PACKET:
		return "what the peer sent is not TLS, or was altered on the way";
	case GNUTLS_E_NO_CIPHER_SUITES:
	case GNUTLS_E_INSUFFICIENT_SECURITY:
	case GNUTLS_E_NO_COMMON_KEY_SHARE:
		return "the two sides have no TLS version, cipher suite or group in common";
	case GNUTLS_E_CERTIFICATE_REQUIRED:
	case GNUTLS_E_NO_CERTIFICATE_FOUND:
		return "the peer sent no certificate";
	case GNUTLS_E_TOO_MANY_EMPTY_PACKETS:
	case GNUTLS_E_TOO_MANY_HANDSHAKE_PACKETS:
		return "the peer floods the session with packets that carry nothing";
	case GNUTLS_E_HANDSHAKE_TOO_LARGE:
		return "the handshake, most likely its certificates, takes more than 128 KiB";
	case GNUTLS_E_REHANDSHAKE:
		return "the peer wants to renegotiate, which is refused";
	default:
		return "the session failed";
	}
}

char *atls_alert_name(gnutls_alert_description_t alert, char name[ATLS_ALERT_NAME])
{
	static const char prefix[] = "GNUTLS_A_";
	const char *symbol = gnutls_alert_get_strname(alert);
	size_t i = 0;
	if (!symbol)
		symbol = "GNUTLS_A_UNKNOWN";
	if (strncmp(symbol, prefix, sizeof prefix - 1) == 0)
		symbol += sizeof prefix - 1;
	for (; i < ATLS_ALERT_NAME - 1 && symbol[i]; i++)
		name[i] =
			(char)(symbol[i] >= 'A' && symbol[i] <= 'Z' ? symbol[i] | 0x20 : symbol[i]);
	name[i] = '\0';
	return name;
}
