#include "core/tls_cause.h"

#include <gnutls/gnutls.h>

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
	default:
		return "the session failed";
	}
}
