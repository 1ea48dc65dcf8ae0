#include "trust/judge_impl.h"

#include <gnutls/ocsp.h>

/* The certificate that issued the leaf, of the chain or among the anchors; null if it is not there.
 */
static gnutls_x509_crt_t issuer_of(const struct atls_chain *chain, gnutls_x509_trust_list_t anchors)
{
	gnutls_x509_crt_t issuer = NULL;

	for (unsigned i = 1; i < chain->count; i++)
		if (gnutls_x509_crt_check_issuer(chain->crt[0], chain->crt[i]))
			return chain->crt[i];
	if (anchors && gnutls_x509_trust_list_get_issuer(anchors, chain->crt[0], &issuer, 0) == 0)
		return issuer;
	return NULL;
}

/* A response that its issuer, or whom that one delegated it to, has signed for this very leaf. */
static int ocsp_says(gnutls_x509_crt_t leaf, gnutls_x509_crt_t issuer, const gnutls_datum_t *der)
{
	gnutls_ocsp_resp_t response = NULL;
	unsigned status = 0, verify = 0;
	int says = -1;

	if (gnutls_ocsp_resp_init(&response) < 0)
		return -1;
	if (gnutls_ocsp_resp_import(response, der) == 0 &&
		gnutls_ocsp_resp_check_crt(response, 0, leaf) == 0 &&
		gnutls_ocsp_resp_get_single(response, 0, NULL, NULL, NULL, NULL, &status, NULL,
			NULL, NULL, NULL) == 0 &&
		gnutls_ocsp_resp_verify_direct(response, issuer, &verify, 0) == 0 && verify == 0 &&
		(status == GNUTLS_OCSP_CERT_GOOD || status == GNUTLS_OCSP_CERT_REVOKED))
		says = status == GNUTLS_OCSP_CERT_REVOKED;
	gnutls_ocsp_resp_deinit(response);
	return says;
}

static int crl_says(gnutls_x509_crt_t leaf, gnutls_x509_crt_t issuer, const gnutls_datum_t *der)
{
	gnutls_x509_crl_t crl = NULL;
	unsigned verify = 0;
	int says = -1;

	if (gnutls_x509_crl_init(&crl) < 0)
		return -1;
	if (gnutls_x509_crl_import(crl, der, GNUTLS_X509_FMT_DER) == 0 &&
		gnutls_x509_crl_check_issuer(crl, issuer) == 1 &&
		gnutls_x509_crl_verify(crl, &issuer, 1, 0, &verify) == 0 && verify == 0)
		says = gnutls_x509_crt_check_revocation(leaf, &crl, 1) == 1;
	gnutls_x509_crl_deinit(crl);
	return says;
}

int atls_revoked(const struct atls_chain *chain, gnutls_x509_trust_list_t anchors,
	const gnutls_datum_t *ocsp, const gnutls_datum_t *crl)
{
	gnutls_x509_crt_t issuer = issuer_of(chain, anchors);
	int by_ocsp = -1, by_list = -1;

	if (!issuer)
		return -1;
	if (ocsp && ocsp->size)
		by_ocsp = ocsp_says(chain->crt[0], issuer, ocsp);
	if (crl && crl->size)
		by_list = crl_says(chain->crt[0], issuer, crl);
	return by_ocsp == 1 || by_list == 1 ? 1 : by_ocsp == 0 || by_list == 0 ? 0 : -1;
}
