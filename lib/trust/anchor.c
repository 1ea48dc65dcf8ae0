#include "trust/judge_impl.h"

#include "trust/text.h"

#include <string.h>

/* Signatures alone: SHA-1 and RSA 1024 still say who signed, and are told as faults. MD5 does not,
 * for that can be forged. */
#define SIGNATURES_ONLY                                                                            \
	(GNUTLS_PROFILE_TO_VFLAGS(GNUTLS_PROFILE_VERY_WEAK) | GNUTLS_VERIFY_DISABLE_TIME_CHECKS |  \
		GNUTLS_VERIFY_ALLOW_SIGN_WITH_SHA1)

bool atls_chain_leads_to(gnutls_x509_trust_list_t anchors, struct atls_chain *chain)
{
	unsigned status = GNUTLS_CERT_INVALID;

	if (!anchors || chain->count == 0)
		return false;
	int rc = gnutls_x509_trust_list_verify_crt2(
		anchors, chain->crt, chain->count, NULL, 0, SIGNATURES_ONLY, &status, NULL);
	return rc >= 0 && status == 0;
}

/* The name of the anchor above the chain, from its last certificate down. */
static void name_root(
	gnutls_x509_trust_list_t anchors, const struct atls_chain *chain, char root[ATLS_NAME_TEXT])
{
	root[0] = '\0';
	for (unsigned i = chain->count; i-- > 0 && !root[0];) {
		gnutls_x509_crt_t issuer = NULL;
		gnutls_datum_t dn = {0};
		if (gnutls_x509_trust_list_get_issuer(
			    anchors, chain->crt[i], &issuer, GNUTLS_TL_GET_COPY) < 0)
			continue;
		if (gnutls_x509_crt_get_dn3(issuer, &dn, 0) == 0)
			atls_text_copy(root, ATLS_NAME_TEXT, dn.data, dn.size);
		gnutls_free(dn.data);
		gnutls_x509_crt_deinit(issuer);
	}
}

static bool is_self_signed(gnutls_x509_crt_t crt)
{
	unsigned status = 0;

	return gnutls_x509_crt_check_issuer(crt, crt) &&
	       gnutls_x509_crt_verify(crt, &crt, 1, SIGNATURES_ONLY, &status) >= 0 &&
	       !(status & GNUTLS_CERT_SIGNATURE_FAILURE);
}

enum atls_anchor atls_chain_anchor(
	const struct atls_roots *roots, struct atls_chain *chain, char root[ATLS_NAME_TEXT])
{
	enum atls_anchor anchor = ATLS_ANCHOR_NONE;

	root[0] = '\0';
	if (chain->count == 0)
		return anchor;
	for (int added = 0; added <= 1 && anchor == ATLS_ANCHOR_NONE; added++) {
		gnutls_x509_trust_list_t list = atls_roots_for(roots, chain, added);
		if (atls_chain_leads_to(list, chain)) {
			anchor = added ? ATLS_ANCHOR_ADDED : ATLS_ANCHOR_PUBLIC;
			name_root(list, chain, root);
		}
		if (list)
			gnutls_x509_trust_list_deinit(list, 1);
	}
	if (anchor == ATLS_ANCHOR_NONE && is_self_signed(chain->crt[0]))
		anchor = ATLS_ANCHOR_SELF;
	return anchor;
}

const char *atls_anchor_word(enum atls_anchor anchor)
{
	static const char *const words[] = {
		[ATLS_ANCHOR_NONE] = "none",
		[ATLS_ANCHOR_SELF] = "self-signed",
		[ATLS_ANCHOR_ADDED] = "added",
		[ATLS_ANCHOR_PUBLIC] = "public",
	};
	return words[anchor];
}
