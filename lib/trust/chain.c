#include "trust/chain.h"

#include <string.h>

/* 112 bits, RSA 2048: what Debian's OpenSSL asks for as well, and beyond SHA-1. */
#define VERIFY_FLAGS (GNUTLS_PROFILE_TO_VFLAGS(GNUTLS_PROFILE_MEDIUM))
#define TIME_STATUS  (GNUTLS_CERT_EXPIRED | GNUTLS_CERT_NOT_ACTIVATED)

static int code_of(int rc)
{
	return rc >= 0 ? 0 : rc == GNUTLS_E_MEMORY_ERROR ? ATLS_E_MEMORY : ATLS_E_TLS;
}

void atls_chain_free(struct atls_chain *chain)
{
	for (unsigned i = 0; i < chain->count; i++)
		gnutls_x509_crt_deinit(chain->crt[i]);
}

int atls_chain_import(struct atls_chain *chain, const gnutls_datum_t *der, unsigned count)
{
	for (chain->count = 0; chain->count < count; chain->count++) {
		gnutls_x509_crt_t *crt = &chain->crt[chain->count];
		if (gnutls_x509_crt_init(crt) < 0)
			return ATLS_E_MEMORY;
		int rc = gnutls_x509_crt_import(*crt, &der[chain->count], GNUTLS_X509_FMT_DER);
		if (rc < 0) {
			gnutls_x509_crt_deinit(*crt);
			return code_of(rc);
		}
	}
	return 0;
}

static unsigned status_faults(unsigned status)
{
	static const struct {
		unsigned status, fault;
	} map[] = {
		{GNUTLS_CERT_REVOKED, ATLS_FAULT_REVOKED},
		{GNUTLS_CERT_SIGNER_NOT_FOUND, ATLS_FAULT_UNTRUSTED},
		{GNUTLS_CERT_SIGNER_NOT_CA, ATLS_FAULT_UNTRUSTED},
		{GNUTLS_CERT_SIGNATURE_FAILURE, ATLS_FAULT_UNTRUSTED},
		{GNUTLS_CERT_INSECURE_ALGORITHM, ATLS_FAULT_WEAK},
		{GNUTLS_CERT_NOT_ACTIVATED, ATLS_FAULT_NOT_YET},
		{GNUTLS_CERT_EXPIRED, ATLS_FAULT_EXPIRED},
		{GNUTLS_CERT_UNEXPECTED_OWNER, ATLS_FAULT_NAME},
		{GNUTLS_CERT_PURPOSE_MISMATCH, ATLS_FAULT_PURPOSE},
	};
	unsigned faults = 0, known = GNUTLS_CERT_INVALID;

	if (status & GNUTLS_CERT_SIGNER_NOT_CA) /* says the same in other words */
		status &= ~(unsigned)GNUTLS_CERT_SIGNER_CONSTRAINTS_FAILURE;
	for (size_t i = 0; i < sizeof map / sizeof *map; i++) {
		known |= map[i].status;
		if (status & map[i].status)
			faults |= map[i].fault;
	}
	if ((status & ~known) || (status && !faults))
		faults |= ATLS_FAULT_OTHER;
	return faults;
}

/* Only GnuTLS knows the time, and with a certificate as its own anchor the time is all that it
 * looks at. */
unsigned atls_crt_time_faults(gnutls_x509_crt_t crt)
{
	unsigned status = 0;

	if (gnutls_x509_crt_verify(crt, &crt, 1, 0, &status) < 0)
		return ATLS_FAULT_OTHER;
	return status & TIME_STATUS ? status_faults(status & TIME_STATUS) : 0;
}

/* The times of the issuers that the peer sent, as far as they follow one another. */
static unsigned issuer_time_faults(const struct atls_chain *chain)
{
	unsigned faults = 0;

	for (unsigned i = 1; i < chain->count; i++) {
		if (!gnutls_x509_crt_check_issuer(chain->crt[i - 1], chain->crt[i]))
			break;
		faults |= atls_crt_time_faults(chain->crt[i]);
	}
	return faults;
}

static bool is_weak(gnutls_x509_crt_t leaf)
{
	unsigned bits = 0;
	int pk = gnutls_x509_crt_get_pk_algorithm(leaf, &bits);
	int sign = gnutls_x509_crt_get_signature_algorithm(leaf);

	if (pk <= 0 || gnutls_pk_bits_to_sec_param((gnutls_pk_algorithm_t)pk, bits) <
			       GNUTLS_SEC_PARAM_MEDIUM)
		return true;
	return sign <= 0 || !gnutls_sign_is_secure2((gnutls_sign_algorithm_t)sign,
				    GNUTLS_SIGN_FLAG_SECURE_FOR_CERTS);
}

unsigned atls_chain_faults(const struct atls_chain *chain, unsigned status)
{
	unsigned faults = status_faults(status);

	if (status & (GNUTLS_CERT_SIGNER_NOT_FOUND | TIME_STATUS))
		faults |= issuer_time_faults(chain);
	if ((status & GNUTLS_CERT_SIGNER_NOT_FOUND) && is_weak(chain->crt[0]))
		faults |= ATLS_FAULT_WEAK;
	return faults;
}

/* Whether the anchor of a certificate's issuer's name cannot have signed it: a stranger took the
 * name. GnuTLS says no more than that no issuer is found, or that a constraint is broken. */
static bool is_name_taken(gnutls_x509_trust_list_t anchors, gnutls_x509_crt_t crt, unsigned status)
{
	gnutls_datum_t dn = {0};
	gnutls_x509_crt_t issuer = NULL;

	if (gnutls_x509_crt_get_raw_issuer_dn(crt, &dn) < 0)
		return false;
	int rc = gnutls_x509_trust_list_get_issuer_by_dn(anchors, &dn, &issuer, 0);
	gnutls_free(dn.data);
	if (rc < 0)
		return false;
	int sign = gnutls_x509_crt_get_signature_algorithm(crt);
	int pk = gnutls_x509_crt_get_pk_algorithm(issuer, NULL);
	gnutls_x509_crt_deinit(issuer);
	return (status & GNUTLS_CERT_SIGNER_NOT_FOUND) ||
	       (sign > 0 && pk > 0 &&
		       !gnutls_sign_supports_pk_algorithm(
			       (gnutls_sign_algorithm_t)sign, (gnutls_pk_algorithm_t)pk));
}

/* Follows the issuers that the peer sent, and says of a taken name that the signature is wrong. */
static unsigned status_of_names(
	gnutls_x509_trust_list_t anchors, const struct atls_chain *chain, unsigned status)
{
	const unsigned vague =
		GNUTLS_CERT_SIGNER_NOT_FOUND | GNUTLS_CERT_SIGNER_CONSTRAINTS_FAILURE;

	if (!(status & vague) || (status & GNUTLS_CERT_SIGNER_NOT_CA))
		return status;
	for (unsigned i = 0; i < chain->count; i++) {
		if (i > 0 && !gnutls_x509_crt_check_issuer(chain->crt[i - 1], chain->crt[i]))
			break;
		if (is_name_taken(anchors, chain->crt[i], status))
			return (status & ~(unsigned)GNUTLS_CERT_SIGNER_CONSTRAINTS_FAILURE) |
			       GNUTLS_CERT_SIGNATURE_FAILURE;
	}
	return status;
}

/* GnuTLS stops at the first time that is wrong and looks for revocation only where all else is
 * well: a second look without time, name and purpose shows what these may have hidden. */
int atls_chain_verify(const struct atls_policy *policy, struct atls_chain *chain,
	const struct atls_name *name, unsigned *status)
{
	gnutls_typed_vdata_st data[2];
	unsigned n = 0, flags = VERIFY_FLAGS | GNUTLS_VERIFY_DO_NOT_ALLOW_IP_MATCHES, rest = 0;
	unsigned char address[16];
	char dns[sizeof name->dns];

	if (policy->purpose)
		data[n++] = (gnutls_typed_vdata_st){.type = GNUTLS_DT_KEY_PURPOSE_OID,
			.data = (unsigned char *)(uintptr_t)policy->purpose};
	if (policy->name && name->address_len)
		data[n++] = (gnutls_typed_vdata_st){.type = GNUTLS_DT_IP_ADDRESS,
			.data = memcpy(address, name->address, sizeof address),
			.size = name->address_len};
	else if (policy->name)
		data[n++] = (gnutls_typed_vdata_st){
			.type = GNUTLS_DT_DNS_HOSTNAME, .data = memcpy(dns, name->dns, sizeof dns)};

	*status = GNUTLS_CERT_INVALID;
	int rc = gnutls_x509_trust_list_verify_crt2(
		policy->anchors, chain->crt, chain->count, data, n, flags, status, NULL);
	if (rc < 0 || *status == 0)
		return code_of(rc);
	rc = gnutls_x509_trust_list_verify_crt2(policy->anchors, chain->crt, chain->count, NULL, 0,
		VERIFY_FLAGS | GNUTLS_VERIFY_DISABLE_TIME_CHECKS, &rest, NULL);
	*status |= rest;
	*status = status_of_names(policy->anchors, chain, *status);
	return code_of(rc);
}
