#include "trust/verdict.h"

#include "core/err.h"

#include <string.h>

/* RFC 8446 section 6.2; certificate_expired stands for "not currently valid" as well. */
static gnutls_alert_description_t alert_of(unsigned fault)
{
	switch (fault) {
	case ATLS_FAULT_NO_CERTIFICATE:
		return GNUTLS_A_CERTIFICATE_REQUIRED;
	case ATLS_FAULT_UNTRUSTED:
		return GNUTLS_A_UNKNOWN_CA;
	case ATLS_FAULT_EXPIRED:
	case ATLS_FAULT_NOT_YET:
		return GNUTLS_A_CERTIFICATE_EXPIRED;
	case ATLS_FAULT_REVOKED:
		return GNUTLS_A_CERTIFICATE_REVOKED;
	case ATLS_FAULT_PURPOSE:
		return GNUTLS_A_UNSUPPORTED_CERTIFICATE;
	case ATLS_FAULT_OTHER:
		return GNUTLS_A_CERTIFICATE_UNKNOWN;
	default:
		return GNUTLS_A_BAD_CERTIFICATE;
	}
}

static void hint_untrusted(const struct atls_verdict *verdict, bool client, struct atls_error *err)
{
	if (verdict->status & GNUTLS_CERT_SIGNATURE_FAILURE)
		atls_error_hint(err, "somebody else made a CA of the same name, or --cacert holds "
				     "an older key of it");
	else if (strcmp(verdict->subject, verdict->issuer) == 0)
		atls_error_hint(err, "if it is the right one, give it with --cacert");
	else if (client)
		atls_error_hint(err, "give the clients' own CA with --cacert");
	else
		atls_error_hint(err, "give the service's own CA with --cacert; the service must "
				     "send its intermediate certificates");
}

static void hint(const struct atls_verdict *verdict, bool client, struct atls_error *err)
{
	char pin[ATLS_PIN_TEXT];

	switch (atls_fault_first(verdict->faults)) {
	case ATLS_FAULT_NO_CERTIFICATE:
		if (client)
			atls_error_hint(err, "the client gives one with --cert and --key");
		break;
	case ATLS_FAULT_UNTRUSTED:
		hint_untrusted(verdict, client, err);
		break;
	case ATLS_FAULT_PIN:
		atls_pin_text(verdict->pin, pin);
		atls_error_hint(err, "if the key is the right one: --pinnedpubkey '%s'", pin);
		break;
	case ATLS_FAULT_EXPIRED:
	case ATLS_FAULT_NOT_YET:
		atls_error_hint(err, "it has to be renewed, or this machine's clock is wrong");
		break;
	case ATLS_FAULT_NAME:
		atls_error_hint(err, "the name to expect can be given with --servername%s",
			verdict->names[0] ? ""
					  : "; only subject alternative names count, not the "
					    "common name");
		break;
	case ATLS_FAULT_PURPOSE:
		atls_error_hint(err, "a certificate for TLS %s is needed (extended key usage %s)",
			client ? "clients" : "servers", client ? "clientAuth" : "serverAuth");
		break;
	case ATLS_FAULT_WEAK:
		atls_error_hint(err, "needed: RSA 2048 or ECDSA 256 at least, and SHA-256");
		break;
	default:
		break;
	}
}

int atls_policy_verify(void *ctx, const gnutls_datum_t *chain, unsigned count,
	gnutls_alert_description_t *alert, struct atls_error *err)
{
	const struct atls_policy *policy = ctx;
	bool client = policy->purpose && strcmp(policy->purpose, GNUTLS_KP_TLS_WWW_CLIENT) == 0;
	struct atls_verdict verdict;
	char text[ATLS_ERROR_TEXT];

	int rc = atls_policy_judge(policy, chain, count, &verdict);
	if (rc == 0)
		return 0;
	if (rc == ATLS_E_MEMORY) {
		*alert = GNUTLS_A_INTERNAL_ERROR;
		return atls_error_set(err, rc, "inner TLS: out of memory for the certificates");
	}
	*alert = alert_of(atls_fault_first(verdict.faults));
	atls_verdict_describe(&verdict, client ? "the client's" : "the service's", policy->name,
		text, sizeof text);
	atls_error_set(err, ATLS_E_TLS, "inner TLS: %s", text);
	hint(&verdict, client, err);
	return ATLS_E_TLS;
}
