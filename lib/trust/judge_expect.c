/* What the chain is worth: by what the user expects, or else by the roots of the machine. */
#include "trust/judge_impl.h"

#include "trust/text.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define KEY_ID_MAX 64u

/* What became of one piece of the user's knowledge. */
enum fits { FITS_NOT_ASKED, FITS, FITS_NOT };

/* What it weighs that something else is seen. An honest chain without its end, too, leads to none
 * of the expected CAs. */
static int weigh_unexpected(const struct atls_case *c)
{
	return c->judgement->anchor == ATLS_ANCHOR_NONE && atls_chain_is_open(&c->chain)
		       ? ATLS_W_UNEXPECTED_OPEN
		       : ATLS_W_UNEXPECTED;
}

static enum fits judge_ca(struct atls_case *c)
{
	const struct atls_judgement *judgement = c->judgement;

	if (!c->expected->anchors)
		return FITS_NOT_ASKED;
	bool fits = atls_chain_leads_to(c->expected->anchors, &c->chain);
	int weight = !fits         ? weigh_unexpected(c)
		     : c->for_name ? ATLS_W_EXPECTED
				   : ATLS_W_PUBLIC_OTHER_NAME;
	struct atls_evidence *told = atls_case_add(c, ATLS_EV_CA, weight, "issued by '%s'%s%s",
		judgement->leaf.issuer, fits ? ", which leads to an expected CA" : "",
		fits && !c->for_name ? ", but made for somebody else" : "");
	atls_case_wanted(told, "a chain to a CA of --expect-ca");
	return fits ? FITS : FITS_NOT;
}

static enum fits judge_pin(struct atls_case *c)
{
	const struct atls_expected *expected = c->expected;
	char seen[ATLS_PIN_TEXT], wanted[ATLS_PIN_TEXT];
	bool fits = false;

	if (expected->pin_count == 0)
		return FITS_NOT_ASKED;
	for (size_t i = 0; i < expected->pin_count && !fits; i++)
		fits = memcmp(expected->pins[i], c->judgement->leaf.pin, ATLS_PIN_LEN) == 0;
	atls_pin_text(c->judgement->leaf.pin, seen);
	atls_pin_text(expected->pins[0], wanted);
	struct atls_evidence *told = atls_case_add(
		c, ATLS_EV_PIN, fits ? ATLS_W_EXPECTED : weigh_unexpected(c), "the key %s", seen);
	atls_case_wanted(told, "%s%s", wanted, expected->pin_count > 1 ? " or another pin" : "");
	return fits ? FITS : FITS_NOT;
}

/* A name can be copied: one that fits vouches for nothing. */
static void judge_issuer(struct atls_case *c)
{
	const char *wanted = c->expected->issuer;

	if (!wanted)
		return;
	bool fits = strcasestr(c->judgement->leaf.issuer, wanted) != NULL;
	struct atls_evidence *told = atls_case_add(c, ATLS_EV_ISSUER,
		fits ? 0 : weigh_unexpected(c), "issued by '%s'", c->judgement->leaf.issuer);
	atls_case_wanted(told, "'%s' in the issuer's name%s", wanted,
		fits ? " (a name alone vouches for nothing)" : "");
}

/* Whether the CA that signed the baseline's leaf has signed this one, too, with the same key. */
static bool same_signer(struct atls_case *c, const struct atls_sight *baseline)
{
	struct atls_chain old;
	unsigned status = GNUTLS_CERT_INVALID;
	bool same = false;

	unsigned wanted = baseline->count < ATLS_CHAIN_MAX ? baseline->count : ATLS_CHAIN_MAX;
	if (atls_chain_import(&old, baseline->chain, wanted) == 0)
		for (unsigned i = 1; i < old.count && !same; i++)
			same = gnutls_x509_crt_check_issuer(c->sent.crt[0], old.crt[i]) &&
			       gnutls_x509_crt_check_issuer(old.crt[0], old.crt[i]) &&
			       gnutls_x509_crt_verify(c->sent.crt[0], &old.crt[i], 1,
				       GNUTLS_VERIFY_DISABLE_TIME_CHECKS, &status) >= 0 &&
			       status == 0;
	atls_chain_free(&old);
	return same;
}

static bool same_datum(const gnutls_datum_t *one, const gnutls_datum_t *other)
{
	return one->size == other->size &&
	       (!one->size || memcmp(one->data, other->data, one->size) == 0);
}

/* Whether both name the same key of their issuer, as far as they name one. */
static bool same_key_id(gnutls_x509_crt_t one, gnutls_x509_crt_t other)
{
	unsigned char id[2][KEY_ID_MAX];
	size_t len[2] = {sizeof id[0], sizeof id[1]};

	if (gnutls_x509_crt_get_authority_key_id(one, id[0], &len[0], NULL) < 0 ||
		gnutls_x509_crt_get_authority_key_id(other, id[1], &len[1], NULL) < 0)
		return true;
	return len[0] == len[1] && memcmp(id[0], id[1], len[0]) == 0;
}

/* Whether the issuer has the name of the baseline's, whose key is not known: the baseline holds the
 * leaf without it, as most servers send it whose CA is a root. */
static bool same_issuer_unseen(struct atls_case *c, const struct atls_sight *baseline)
{
	struct atls_chain old;
	gnutls_datum_t names[2] = {{0}};
	bool same = false;

	unsigned wanted = baseline->count < ATLS_CHAIN_MAX ? baseline->count : ATLS_CHAIN_MAX;
	if (atls_chain_import(&old, baseline->chain, wanted) == 0) {
		same = gnutls_x509_crt_get_raw_issuer_dn(old.crt[0], &names[0]) >= 0 &&
		       gnutls_x509_crt_get_raw_issuer_dn(c->sent.crt[0], &names[1]) >= 0 &&
		       same_datum(&names[0], &names[1]) && same_key_id(old.crt[0], c->sent.crt[0]);
		for (unsigned i = 0; i < old.count && same; i++)
			same = !gnutls_x509_crt_check_issuer(old.crt[0], old.crt[i]);
	}
	gnutls_free(names[0].data);
	gnutls_free(names[1].data);
	atls_chain_free(&old);
	return same;
}

/* Whether public CAs vouch for both, and it is the same root. */
static bool same_root(struct atls_case *c, const struct atls_sight *baseline, const char *root)
{
	char old_root[ATLS_NAME_TEXT];
	struct atls_chain old;
	enum atls_anchor anchor = ATLS_ANCHOR_NONE;

	unsigned wanted = baseline->count < ATLS_CHAIN_MAX ? baseline->count : ATLS_CHAIN_MAX;
	if (c->judgement->anchor != ATLS_ANCHOR_PUBLIC)
		return false;
	if (atls_chain_import(&old, baseline->chain, wanted) == 0)
		anchor = atls_chain_anchor(c->expected->roots, &old, old_root);
	atls_chain_free(&old);
	return anchor == ATLS_ANCHOR_PUBLIC && strcmp(old_root, root) == 0;
}

static enum fits judge_baseline(struct atls_case *c, const char *root)
{
	const struct atls_sight *baseline = c->expected->baseline;
	const struct atls_judgement *judgement = c->judgement;
	struct atls_facts old;
	int weight = weigh_unexpected(c);
	const char *how = "another key and another issuer";

	if (!baseline || baseline->count == 0 || atls_facts_read(&old, &baseline->chain[0]))
		return FITS_NOT_ASKED;
	bool same_key = memcmp(old.pin, judgement->leaf.pin, ATLS_PIN_LEN) == 0;
	bool fits = same_key || same_signer(c, baseline);
	if (fits) {
		weight = ATLS_W_EXPECTED;
		how = same_key ? "the same key" : "another key, from the same CA";
	} else if (same_root(c, baseline, root)) {
		weight = 0;
		how = "another key and issuer, below the same public root";
	} else if (c->judgement->anchor == ATLS_ANCHOR_SELF && old.self_issued) {
		weight = ATLS_W_BASELINE_SELF;
		how = "another key, self-signed as before";
	} else if (same_issuer_unseen(c, baseline)) {
		weight = ATLS_W_BASELINE_NAME;
		how = "another key, from a CA of the same name, whose key the baseline does not "
		      "have";
	} else if (old.not_after < c->expected->now) {
		weight = ATLS_W_BASELINE_OLD;
		how = "another key and issuer; the baseline's certificate has expired since";
	}
	struct atls_evidence *told = atls_case_add(
		c, ATLS_EV_BASELINE, weight, "%s: issued by '%s'", how, judgement->leaf.issuer);
	atls_case_wanted(told, "the key of the baseline, or its issuer '%s'", old.issuer);
	return fits ? FITS : weight ? FITS_NOT : FITS_NOT_ASKED;
}

static enum fits judge_known_key(struct atls_case *c)
{
	char seen[ATLS_PIN_TEXT], wanted[ATLS_PIN_TEXT];
	const uint8_t *known = c->expected->known_key;

	if (!known)
		return FITS_NOT_ASKED;
	bool fits = memcmp(known, c->judgement->leaf.pin, ATLS_PIN_LEN) == 0;
	int weight = fits                                         ? ATLS_W_KNOWN_KEY
		     : c->judgement->anchor == ATLS_ANCHOR_PUBLIC ? 0
								  : ATLS_W_NEW_KEY;
	atls_pin_text(c->judgement->leaf.pin, seen);
	atls_pin_text(known, wanted);
	struct atls_evidence *told =
		atls_case_add(c, ATLS_EV_KNOWN_KEY, weight, "the key %s", seen);
	atls_case_wanted(told, "the key that was seen first, %s%s", wanted,
		fits || weight ? "" : " (keys that a public CA vouches for are renewed)");
	return fits ? FITS : FITS_NOT;
}

/* What the chain is worth without the user's knowledge. */
static void judge_trust(struct atls_case *c, const char *root)
{
	const char *issuer = c->judgement->leaf.issuer;
	struct atls_evidence *told;
	bool internal = c->expected->name && atls_name_is_internal(c->expected->name);

	switch (c->judgement->anchor) {
	case ATLS_ANCHOR_PUBLIC:
		told = atls_case_add(c, ATLS_EV_TRUST,
			c->for_name ? ATLS_W_PUBLIC : ATLS_W_PUBLIC_OTHER_NAME,
			"leads to the public root '%s'%s", root,
			c->for_name ? "" : ", but is made for somebody else");
		break;
	case ATLS_ANCHOR_ADDED:
		told = atls_case_add(c, ATLS_EV_TRUST,
			internal ? ATLS_W_ADDED_INTERNAL : ATLS_W_ADDED,
			"leads to '%s', which was added on this machine, and to no public root",
			root);
		memcpy(c->judgement->who, root, strlen(root) + 1);
		break;
	case ATLS_ANCHOR_SELF:
		told = atls_case_add(c, ATLS_EV_TRUST, ATLS_W_SELF_SIGNED, "self-signed");
		break;
	default:
		told = atls_case_add(c, ATLS_EV_TRUST, ATLS_W_UNKNOWN,
			"leads to no root: issued by '%s'", issuer);
	}
	atls_case_wanted(told, "a public root of the distribution's (%u of them)%s",
		atls_roots_count(c->expected->roots, ATLS_ORIGIN_PUBLIC),
		internal ? "; no public CA vouches for such a name, a company's own may" : "");
}

/* Somebody who took the name of a public CA, or a CA with a newer key than this machine has. */
static void judge_impostor(struct atls_case *c)
{
	gnutls_x509_trust_list_t list;

	if (c->judgement->anchor != ATLS_ANCHOR_NONE)
		return;
	list = atls_roots_for(c->expected->roots, &c->chain, false);
	for (unsigned i = 0; list && i < c->chain.count; i++) {
		gnutls_datum_t dn = {0};
		gnutls_x509_crt_t root = NULL;
		if (gnutls_x509_crt_get_raw_issuer_dn(c->chain.crt[i], &dn) < 0)
			continue;
		int rc = gnutls_x509_trust_list_get_issuer_by_dn(list, &dn, &root, 0);
		gnutls_free(dn.data);
		if (rc < 0)
			continue;
		gnutls_x509_crt_deinit(root);
		struct atls_evidence *told = atls_case_add(c, ATLS_EV_IMPOSTOR, ATLS_W_IMPOSTOR,
			"an issuer has a public root's name, and not its key");
		atls_case_wanted(told, "a signature that this root's key has made");
		break;
	}
	if (list)
		gnutls_x509_trust_list_deinit(list, 1);
}

void atls_judge_expectations(struct atls_case *c)
{
	char root[ATLS_NAME_TEXT];

	c->judgement->anchor = atls_chain_anchor(c->expected->roots, &c->chain, root);
	enum fits ca = judge_ca(c), pin = judge_pin(c);
	enum fits baseline = judge_baseline(c, root), known = judge_known_key(c);
	bool by_key = pin == FITS || baseline == FITS || known == FITS;
	c->judgement->expected = ca == FITS || by_key;
	judge_issuer(c);
	/* Beside what the user knows, what the machine's store says is of no weight. */
	if (!c->judgement->expected) {
		judge_trust(c, root);
		judge_impostor(c);
	}
	if (c->judgement->expected || c->for_name || c->judgement->anchor == ATLS_ANCHOR_PUBLIC)
		return;
	struct atls_evidence *told = atls_case_add(c, ATLS_EV_NAME, ATLS_W_OTHER_NAME,
		"it is for '%s': another host, or a portal, answers",
		c->judgement->leaf.names[0] ? c->judgement->leaf.names
					    : c->judgement->leaf.common_name);
	atls_case_wanted(told, "a certificate for '%s'", c->expected->name);
}
