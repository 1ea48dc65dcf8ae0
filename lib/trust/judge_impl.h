/* What the rooms of the judgement share: a case under way. */
#ifndef ATLS_TRUST_JUDGE_IMPL_H
#define ATLS_TRUST_JUDGE_IMPL_H

#include "trust/judge.h"

struct atls_case {
	const struct atls_expected *expected;
	const struct atls_sight *sight;
	const struct atls_further *further;
	struct atls_judgement *judgement;
	struct atls_chain sent;  /* as it came */
	struct atls_chain chain; /* and with what was fetched behind it; the same certificates */
	bool for_name;           /* the leaf is for the name, or for a sibling of it */
	bool out_of_memory;
};

/* Adds evidence; seen is a format. Returns it, to fill in what was expected; never null. */
struct atls_evidence *atls_case_add(struct atls_case *c, enum atls_evidence_kind kind, int weight,
	const char *seen, ...) __attribute__((format(printf, 4, 5)));
void atls_case_wanted(struct atls_evidence *evidence, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Whether the chain leads to an anchor by its signatures alone: times, name, purpose and weak
 * algorithms are other matters. */
bool atls_chain_leads_to(gnutls_x509_trust_list_t anchors, struct atls_chain *chain);

/* Whether the chain ends where more should have been sent: it may lead anywhere. */
bool atls_chain_is_open(const struct atls_chain *chain);

/* Where a chain leads on this machine. root gets the name of the root if that is an added one. */
enum atls_anchor atls_chain_anchor(
	const struct atls_roots *roots, struct atls_chain *chain, char root[ATLS_NAME_TEXT]);

/* The judgement's parts, each adding its evidence. */
void atls_judge_expectations(struct atls_case *c);
void atls_judge_looks(struct atls_case *c);
void atls_judge_others(struct atls_case *c);
void atls_judge_faults(struct atls_case *c);

/* Whether the CA says, in an OCSP response or a list, that the leaf is revoked. -1: it does not
 * say, or nothing that its signature vouches for. */
int atls_revoked(const struct atls_chain *chain, gnutls_x509_trust_list_t anchors,
	const gnutls_datum_t *ocsp, const gnutls_datum_t *crl);

#endif
