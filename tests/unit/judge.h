/*
 * Chains to judge and what must come of it, for the tests of lib/trust. judge_setup() makes a root,
 * an intermediate below it and a leaf below that for NAME, and another root; the time is CERT_NOW.
 */
#ifndef ATLS_TESTS_JUDGE_H
#define ATLS_TESTS_JUDGE_H

#include "core/err.h"
#include "tests/unit/certs.h"
#include "tests/unit/tap.h"
#include "trust/policy.h"

#define NAME "device.example"

/* A chain to judge, and what must come of it. Unnamed members: the root as the only anchor, the
 * name above, a server. */
struct judgement {
	const struct cert *chain[4];
	const struct cert *anchor;
	const char *name;
	const char *purpose;
	bool any_name, no_anchor, unchecked;
	unsigned faults;
	gnutls_alert_description_t alert;
	const char *says; /* part of the sentence */
	const char *hint; /* part of the hint */
};

static struct cert root, other_root, inter, leaf;

static inline void judge_setup(void)
{
	cert_set_clock(CERT_NOW);
	cert_make(&root, &(struct cert_spec){.cn = "Root", .ca = true}, NULL);
	cert_make(&other_root, &(struct cert_spec){.cn = "Other root", .ca = true}, NULL);
	cert_make(&inter, &(struct cert_spec){.cn = "Intermediate", .ca = true}, &root);
	cert_make(&leaf, &(struct cert_spec){.cn = "Leaf", .names = NAME}, &inter);
}

static inline void judge_teardown(void)
{
	cert_free(&leaf);
	cert_free(&inter);
	cert_free(&other_root);
	cert_free(&root);
}

/* Signs again what a test changed, and reads it anew. */
static inline void sign_again(struct cert *cert, const struct cert *issuer)
{
	CERT_OK(gnutls_x509_crt_sign2(cert->crt, issuer->crt, issuer->key, cert_hash(issuer), 0));
	gnutls_free(cert->der.data);
	CERT_OK(gnutls_x509_crt_export2(cert->crt, GNUTLS_X509_FMT_DER, &cert->der));
	gnutls_x509_crt_deinit(cert->crt);
	CERT_OK(gnutls_x509_crt_init(&cert->crt));
	CERT_OK(gnutls_x509_crt_import(cert->crt, &cert->der, GNUTLS_X509_FMT_DER));
}

static inline unsigned chain_der(const struct cert *const certs[4], gnutls_datum_t der[4])
{
	unsigned count = 0;
	while (count < 4 && certs[count]) {
		der[count] = certs[count]->der;
		count++;
	}
	return count;
}

static inline void expect(struct atls_policy *policy, const gnutls_datum_t *der, unsigned count,
	const struct judgement *want)
{
	struct atls_verdict verdict;
	struct atls_error err = {0};
	gnutls_alert_description_t alert = 0;

	int rc = atls_policy_judge(policy, der, count, &verdict);
	eq_int(verdict.faults, want->faults);
	eq_int(rc, want->faults ? ATLS_E_TLS : 0);
	eq_int(verdict.leaf_faults & ~verdict.faults, 0);
	eq_int(verdict.chain_len, count);
	eq_int(atls_policy_verify(policy, der, count, &alert, &err), rc);
	eq_int(err.code, rc);
	if (rc < 0) {
		eq_int(alert, want->alert);
		ok(strncmp(err.text, "inner TLS: the ", 15) == 0);
	}
	if (want->says && !strstr(err.text, want->says))
		TAP_FAIL("'%s' does not say '%s'", err.text, want->says);
	if (want->hint && !strstr(err.hint, want->hint))
		TAP_FAIL("'%s' does not hint '%s'", err.hint, want->hint);
}

static inline void judge(const struct judgement *want)
{
	gnutls_datum_t der[4];
	unsigned count = chain_der(want->chain, der);
	const struct cert *anchor = want->anchor ? want->anchor : &root;
	struct atls_policy policy = {
		.anchors = want->no_anchor ? NULL : cert_anchors(&anchor, 1),
		.name = want->any_name ? NULL
			: want->name   ? want->name
				       : NAME,
		.purpose = want->purpose ? want->purpose : GNUTLS_KP_TLS_WWW_SERVER,
		.chain_unchecked = want->unchecked,
	};

	expect(&policy, der, count, want);
	if (policy.anchors)
		gnutls_x509_trust_list_deinit(policy.anchors, 1);
}

#endif
