#include "trust/judge_impl.h"

#include "trust/name.h"
#include "trust/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *atls_finding_word(enum atls_finding finding)
{
	static const char *const words[] = {
		[ATLS_UNDECIDED] = "undecided",
		[ATLS_DIRECT] = "direct",
		[ATLS_INTERCEPTED] = "intercepted",
	};
	return words[finding];
}

const char *atls_evidence_word(enum atls_evidence_kind kind)
{
	static const char *const words[ATLS_EV_KINDS] = {
		[ATLS_EV_PROOF] = "proof",
		[ATLS_EV_TRUST] = "trust",
		[ATLS_EV_IMPOSTOR] = "impostor",
		[ATLS_EV_CA] = "expect-ca",
		[ATLS_EV_PIN] = "expect-pin",
		[ATLS_EV_ISSUER] = "expect-issuer",
		[ATLS_EV_BASELINE] = "baseline",
		[ATLS_EV_CHANGED] = "changed",
		[ATLS_EV_KNOWN_KEY] = "known-key",
		[ATLS_EV_NAME] = "name",
		[ATLS_EV_PRODUCT] = "product",
		[ATLS_EV_SHAPE] = "shape",
		[ATLS_EV_BARE] = "bare",
		[ATLS_EV_INVENTED] = "invented-name",
		[ATLS_EV_CANARY] = "canary",
		[ATLS_EV_HEADER] = "header",
		[ATLS_EV_PORTAL] = "portal",
		[ATLS_EV_WAY] = "way",
		[ATLS_EV_REVOKED] = "revocation",
	};
	return words[kind];
}

struct atls_evidence *atls_case_add(
	struct atls_case *c, enum atls_evidence_kind kind, int weight, const char *seen, ...)
{
	struct atls_judgement *judgement = c->judgement;
	/* There is room for each kind, and canaries and ways beyond it share the last place. */
	struct atls_evidence *added =
		&judgement->evidence[judgement->count < ATLS_EVIDENCE_MAX ? judgement->count++
									  : ATLS_EVIDENCE_MAX - 1];
	va_list args;

	added->kind = kind;
	added->weight = weight;
	added->expected[0] = '\0';
	va_start(args, seen);
	vsnprintf(added->seen, sizeof added->seen, seen, args);
	va_end(args);
	judgement->score += weight;
	return added;
}

void atls_case_wanted(struct atls_evidence *evidence, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(evidence->expected, sizeof evidence->expected, format, args);
	va_end(args);
}

/* ---- faults -----------------------------------------------------------------------------------
 */

/* The last certificate that is reached from the leaf by following issuers; a loop ends it, for each
 * step takes another certificate. */
static gnutls_x509_crt_t top_of(const struct atls_chain *chain)
{
	bool used[ATLS_CHAIN_MAX] = {true};
	gnutls_x509_crt_t top = chain->crt[0];

	for (bool moved = true; moved;) {
		moved = false;
		for (unsigned i = 1; i < chain->count && !moved; i++) {
			if (used[i] || !gnutls_x509_crt_check_issuer(top, chain->crt[i]))
				continue;
			used[i] = moved = true;
			top = chain->crt[i];
		}
	}
	return top;
}

/* A certificate that says where its issuer is to be had should have been followed by it. */
bool atls_chain_is_open(const struct atls_chain *chain)
{
	gnutls_x509_crt_t top = top_of(chain);
	gnutls_datum_t url = {0};
	bool open = !gnutls_x509_crt_check_issuer(top, top) &&
		    gnutls_x509_crt_get_authority_info_access(
			    top, 0, GNUTLS_IA_CAISSUERS_URI, &url, NULL) >= 0;

	gnutls_free(url.data);
	return open;
}

/* Why there is no way from the leaf to an anchor. */
static unsigned untrusted_faults(const struct atls_case *c)
{
	/* Whoever knows the key needs nobody to vouch for it. */
	if (c->judgement->expected)
		return 0;
	if (c->judgement->anchor == ATLS_ANCHOR_SELF)
		return ATLS_FAULT_SELF_SIGNED;
	return atls_chain_is_open(&c->chain) ? ATLS_FAULT_INCOMPLETE : ATLS_FAULT_UNTRUSTED;
}

/* A copy of all that may vouch for the leaf: the user's anchors where they do, else the machine's.
 */
static gnutls_x509_trust_list_t anchors_of(struct atls_case *c)
{
	if (c->expected->anchors && atls_chain_leads_to(c->expected->anchors, &c->chain))
		return c->expected->anchors;
	return atls_roots_for(c->expected->roots, &c->chain, true);
}

static void judge_revocation(struct atls_case *c, gnutls_x509_trust_list_t anchors)
{
	int revoked = atls_revoked(&c->chain, anchors, c->sight->ocsp, c->sight->crl);

	if (revoked < 0)
		return;
	const char *by = c->sight->stapled ? "the stapled OCSP response" : "what its CA publishes";
	struct atls_evidence *told = atls_case_add(c, ATLS_EV_REVOKED, 0, "%s says %s", by,
		revoked ? "that it is revoked" : "that it is good");
	atls_case_wanted(told, "a certificate that its CA did not take back");
	if (revoked)
		c->judgement->faults |= ATLS_FAULT_REVOKED;
}

static bool common_name_matches(const struct atls_case *c)
{
	const struct atls_facts *leaf = &c->judgement->leaf;

	return !(leaf->has & ATLS_HAS_SAN) && leaf->common_name[0] && c->expected->name &&
	       gnutls_x509_crt_check_hostname2(
		       c->sent.crt[0], c->expected->name, GNUTLS_VERIFY_DO_NOT_ALLOW_IP_MATCHES);
}

/* The faults are those of GnuTLS's verification, by the anchors that vouch if any do. */
void atls_judge_faults(struct atls_case *c)
{
	gnutls_x509_trust_list_t anchors = anchors_of(c);
	struct atls_policy policy = {
		.anchors = anchors,
		.name = c->expected->name,
		.purpose = GNUTLS_KP_TLS_WWW_SERVER,
	};
	gnutls_datum_t der[ATLS_CHAIN_MAX];
	struct atls_verdict verdict;
	unsigned count = 0;

	for (unsigned i = 0; i < c->sight->count && count < ATLS_CHAIN_MAX; i++)
		der[count++] = c->sight->chain[i];
	for (unsigned i = 0; i < c->sight->more_count && count < ATLS_CHAIN_MAX; i++)
		der[count++] = c->sight->more[i];
	if (atls_policy_judge(&policy, der, count, &verdict) == ATLS_E_MEMORY)
		c->out_of_memory = true;
	unsigned faults = verdict.faults;
	if (c->sight->count > ATLS_CHAIN_MAX)
		faults |= ATLS_FAULT_MALFORMED;
	if (faults & ATLS_FAULT_UNTRUSTED)
		faults = (faults & ~(unsigned)ATLS_FAULT_UNTRUSTED) | untrusted_faults(c);
	else if (c->sight->more_count && !atls_chain_leads_to(anchors, &c->sent))
		faults |= ATLS_FAULT_INCOMPLETE;
	if ((faults & ATLS_FAULT_NAME) && common_name_matches(c))
		faults = (faults & ~(unsigned)ATLS_FAULT_NAME) | ATLS_FAULT_NO_SAN;
	c->judgement->faults |= faults;
	judge_revocation(c, anchors);
	if (anchors && anchors != c->expected->anchors)
		gnutls_x509_trust_list_deinit(anchors, 1);
}

/* ---- the decision -----------------------------------------------------------------------------
 */

/* Whether the leaf is for the name that is expected, or for another of the same owner. */
static bool is_for_name(const struct atls_case *c)
{
	const struct atls_facts *leaf = &c->judgement->leaf;
	struct atls_name name;
	char names[ATLS_NAME_TEXT];
	char *rest = names;

	if (!c->expected->name)
		return true;
	atls_name_parse(&name, c->expected->name);
	if (atls_name_matches(&name, c->sent.crt[0]) || common_name_matches(c))
		return true;
	memcpy(names, leaf->names, sizeof names);
	for (char *one; (one = strsep(&rest, ", "));)
		if (*one && name.dns[0] && atls_names_related(one, name.dns))
			return true;
	return !(leaf->has & ATLS_HAS_SAN) && name.dns[0] &&
	       atls_names_related(leaf->common_name, name.dns);
}

static void decide(struct atls_judgement *judgement)
{
	if (judgement->portal)
		judgement->finding = ATLS_UNDECIDED;
	else if (judgement->score >= ATLS_SCORE_INTERCEPTED)
		judgement->finding = ATLS_INTERCEPTED;
	else if (judgement->score <= ATLS_SCORE_DIRECT)
		judgement->finding = ATLS_DIRECT;
	/* Who it is that vouches is of interest only where somebody stands between. */
	if (judgement->finding == ATLS_DIRECT)
		judgement->who[0] = '\0';
	else if (judgement->finding == ATLS_INTERCEPTED && !judgement->who[0])
		memcpy(judgement->who, judgement->leaf.issuer, sizeof judgement->who);
}

static int import(struct atls_case *c)
{
	const struct atls_sight *sight = c->sight;
	unsigned wanted = sight->count < ATLS_CHAIN_MAX ? sight->count : ATLS_CHAIN_MAX;

	int rc = atls_chain_import(&c->sent, sight->chain, wanted);
	c->chain = c->sent;
	if (rc == ATLS_E_MEMORY)
		return rc;
	if (rc < 0)
		c->judgement->faults |= ATLS_FAULT_MALFORMED;
	for (unsigned i = 0; i < sight->more_count && c->chain.count < ATLS_CHAIN_MAX; i++) {
		struct atls_chain one;
		rc = atls_chain_import(&one, &sight->more[i], 1);
		if (rc == 0)
			c->chain.crt[c->chain.count++] = one.crt[0];
		else if (rc == ATLS_E_MEMORY)
			return rc;
	}
	return 0;
}

int atls_judge(const struct atls_expected *expected, const struct atls_sight *sight,
	const struct atls_further *further, struct atls_judgement *judgement)
{
	static const struct atls_further nothing;
	struct atls_case c = {
		.expected = expected,
		.sight = sight,
		.further = further ? further : &nothing,
		.judgement = judgement,
	};

	memset(judgement, 0, sizeof *judgement);
	if (sight->count == 0) {
		judgement->faults = ATLS_FAULT_NO_CERTIFICATE;
		atls_judge_others(&c);
		decide(judgement);
		return 0;
	}
	int rc = import(&c);
	if (!rc)
		rc = atls_facts_read(&judgement->leaf, &sight->chain[0]);
	/* A key that cannot be read is nobody's. */
	if (rc == ATLS_E_TLS)
		judgement->faults |= ATLS_FAULT_MALFORMED;
	if (!rc && c.sent.count) {
		c.for_name = is_for_name(&c);
		atls_judge_expectations(&c);
		atls_judge_faults(&c);
		atls_judge_looks(&c);
		atls_judge_others(&c);
		decide(judgement);
	}
	atls_chain_free(&c.chain);
	return rc == ATLS_E_MEMORY || c.out_of_memory ? ATLS_E_MEMORY : 0;
}
