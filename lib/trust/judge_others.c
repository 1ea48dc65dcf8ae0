/* What was seen besides: other names, other ways, and HTTP. */
#include "trust/judge_impl.h"

#include "trust/name.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool counts(const struct atls_case *c)
{
	return c->sight->count && !c->judgement->expected &&
	       c->judgement->anchor != ATLS_ANCHOR_PUBLIC;
}

static bool same_certificate(const struct atls_sight *a, const struct atls_sight *b)
{
	return a->count && b->count && a->chain[0].size == b->chain[0].size &&
	       memcmp(a->chain[0].data, b->chain[0].data, a->chain[0].size) == 0;
}

/* Where the chain of another sight leads. */
static enum atls_anchor anchor_of(const struct atls_case *c, const struct atls_sight *sight)
{
	struct atls_chain chain;
	char root[ATLS_NAME_TEXT];
	enum atls_anchor anchor = ATLS_ANCHOR_NONE;
	unsigned wanted = sight->count < ATLS_CHAIN_MAX ? sight->count : ATLS_CHAIN_MAX;

	(void)atls_chain_import(&chain, sight->chain, wanted);
	if (chain.count)
		anchor = atls_chain_anchor(c->expected->roots, &chain, root);
	atls_chain_free(&chain);
	return anchor;
}

static bool is_made_for(const struct atls_sight *sight, const char *text)
{
	struct atls_chain chain;
	struct atls_name name;
	bool made = false;

	atls_name_parse(&name, text);
	if (atls_chain_import(&chain, sight->chain, 1) == 0)
		made = atls_name_matches(&name, chain.crt[0]);
	atls_chain_free(&chain);
	return made;
}

/* A name that cannot exist: whoever has a certificate for it makes them to order. */
static void judge_invented(struct atls_case *c)
{
	const struct atls_other *invented = c->further->invented;
	struct atls_facts leaf;

	if (!invented || invented->sight.count == 0 || c->sight->count == 0 ||
		atls_facts_read(&leaf, &invented->sight.chain[0]))
		return;
	bool made = is_made_for(&invented->sight, invented->name);
	struct atls_evidence *told =
		atls_case_add(c, ATLS_EV_INVENTED, made && counts(c) ? ATLS_W_INVENTED : 0,
			"for the invented '%s' %s%s%s", invented->name,
			made ? "a certificate was made to order, by '"
			: same_certificate(c->sight, &invented->sight)
				? "the same certificate is shown"
				: "another host's certificate is shown",
			made ? leaf.issuer : "", made ? "'" : "");
	atls_case_wanted(told, "no certificate for a name that nobody has");
}

/* What one canary adds to the evidence. */
static int weigh_canary(struct atls_case *c, const struct atls_other *canary,
	const struct atls_facts *leaf, const char **how)
{
	const struct atls_facts *own = &c->judgement->leaf;
	enum atls_anchor anchor = anchor_of(c, &canary->sight);

	if (c->expected->name && atls_names_related(canary->name, c->expected->name)) {
		*how = "no unrelated name";
		return 0;
	}
	if (anchor == ATLS_ANCHOR_PUBLIC) {
		*how = "vouched for by a public root: not everything is intercepted here";
		return counts(c) && c->judgement->anchor == ATLS_ANCHOR_ADDED ? ATLS_W_CANARY_FREE
									      : 0;
	}
	if (counts(c) && strcmp(leaf->issuer, own->issuer) == 0 && !own->self_issued) {
		*how = "the same issuer, which is no public one";
		return ATLS_W_CANARY;
	}
	if (counts(c) && memcmp(leaf->pin, own->pin, ATLS_PIN_LEN) == 0 &&
		memcmp(leaf->sha256, own->sha256, ATLS_HASH_LEN) != 0) {
		*how = "the same key, in another certificate";
		return ATLS_W_CANARY;
	}
	*how = "another issuer";
	return 0;
}

/* Several canaries say the same: what weighs most is told. */
static void judge_canaries(struct atls_case *c)
{
	const struct atls_other *best = NULL;
	struct atls_facts leaf, best_leaf = {0};
	const char *how = NULL, *best_how = NULL;
	int best_weight = 0;

	for (unsigned i = 0; c->sight->count && i < c->further->canary_count; i++) {
		const struct atls_other *canary = &c->further->canaries[i];
		if (canary->sight.count == 0 || atls_facts_read(&leaf, &canary->sight.chain[0]))
			continue;
		int weight = weigh_canary(c, canary, &leaf, &how);
		if (best && weight <= best_weight)
			continue;
		best = canary;
		best_leaf = leaf;
		best_how = how;
		best_weight = weight;
	}
	if (!best)
		return;
	struct atls_evidence *told = atls_case_add(c, ATLS_EV_CANARY, best_weight,
		"'%s' has a certificate by '%s': %s", best->name, best_leaf.issuer, best_how);
	atls_case_wanted(told, "another issuer behind an unrelated name");
}

/* Whether what the user knows, or a public CA, vouches for the other sight. */
static bool is_vouched_for(const struct atls_case *c, const struct atls_sight *sight)
{
	const struct atls_expected *expected = c->expected;
	struct atls_chain chain;
	struct atls_facts leaf;
	bool vouched = false;
	unsigned wanted = sight->count < ATLS_CHAIN_MAX ? sight->count : ATLS_CHAIN_MAX;

	if (expected->anchors && atls_chain_import(&chain, sight->chain, wanted) == 0) {
		vouched = atls_chain_leads_to(expected->anchors, &chain);
		atls_chain_free(&chain);
	}
	if (!vouched && expected->pin_count && atls_facts_read(&leaf, &sight->chain[0]) == 0)
		for (size_t i = 0; i < expected->pin_count; i++)
			vouched |= memcmp(expected->pins[i], leaf.pin, ATLS_PIN_LEN) == 0;
	return vouched || anchor_of(c, sight) == ATLS_ANCHOR_PUBLIC;
}

static void judge_ways(struct atls_case *c)
{
	for (unsigned i = 0; c->sight->count && i < c->further->way_count; i++) {
		const struct atls_other *way = &c->further->ways[i];
		struct atls_facts leaf;
		if (way->sight.count == 0 || atls_facts_read(&leaf, &way->sight.chain[0]))
			continue;
		bool same = same_certificate(c->sight, &way->sight);
		bool better = !same && counts(c) && is_vouched_for(c, &way->sight) &&
			      (!c->expected->name || is_made_for(&way->sight, c->expected->name));
		struct atls_evidence *told = atls_case_add(c, ATLS_EV_WAY, better ? ATLS_W_WAY : 0,
			"%s: %s '%s'", way->way,
			same     ? "the same certificate, by"
			: better ? "another certificate, which is vouched for, by"
				 : "another certificate, by",
			leaf.issuer);
		atls_case_wanted(told, "the same certificate by each way, or one of the same CA");
	}
}

/* ---- HTTP -------------------------------------------------------------------------------------
 */

/* Proxies that name themselves in Via, Server or headers of their own. */
static const char *const boxes[] = {"squid", "mitmproxy", "privoxy", "tinyproxy", "bluecoat",
	"blue coat", "zscaler", "mcafee", "skyhigh", "fortigate", "fortiproxy", "barracuda",
	"sophos", "websense", "forcepoint", "cisco-wsa", "ironport", "watchguard", "smoothwall",
	"netskope", "checkpoint", "trend micro", "iwss"};

static const char *box_in(const char *text)
{
	for (size_t i = 0; i < sizeof boxes / sizeof *boxes; i++)
		if (strcasestr(text, boxes[i]))
			return boxes[i];
	return NULL;
}

static void judge_headers(struct atls_case *c)
{
	const struct atls_http_sight *http = c->further->http;
	const char *box = NULL, *text = NULL;

	if (!http || http->status == 0 || http->plain)
		return;
	const char *const texts[] = {http->via, http->box, http->server};
	for (size_t i = 0; i < 3 && !box; i++)
		if ((box = box_in(texts[i])))
			text = texts[i];
	if (!text)
		text = http->via[0] ? http->via : http->box;
	if (!text[0])
		return;
	int weight = !counts(c) ? 0 : box ? ATLS_W_HEADER_PRODUCT : ATLS_W_HEADER;
	struct atls_evidence *told = atls_case_add(c, ATLS_EV_HEADER, weight, "'%s'", text);
	atls_case_wanted(told, "no header of a proxy, unless the service has one of its own");
	if (weight && box && !c->judgement->who[0])
		snprintf(c->judgement->who, sizeof c->judgement->who, "%s", box);
}

/* The host of an absolute URL; false for another. */
static bool host_of(const char *url, char host[ATLS_NAME_TEXT])
{
	size_t skip = strncasecmp(url, "http://", 7) == 0    ? 7
		      : strncasecmp(url, "https://", 8) == 0 ? 8
							     : 0;
	size_t len = strcspn(url + skip, ":/?#");

	if (!skip || len == 0 || len >= ATLS_NAME_TEXT)
		return false;
	memcpy(host, url + skip, len);
	host[len] = '\0';
	return true;
}

/* A portal answers in the place of the host, with a certificate that is not for it or in plain
 * text; a service's own redirect comes with its own certificate. */
static void judge_portal(struct atls_case *c)
{
	const struct atls_http_sight *http = c->further->http;
	char host[ATLS_NAME_TEXT] = "";

	if (!http || http->status == 0)
		return;
	bool away = http->status >= 300 && http->status < 400 && host_of(http->location, host) &&
		    c->expected->name && !atls_names_related(host, c->expected->name);
	bool stands_in = c->sight->count == 0 || (!c->for_name && !c->judgement->expected);
	if (http->status != 511 && !(away && stands_in))
		return;
	c->judgement->portal = true;
	snprintf(c->judgement->who, sizeof c->judgement->who, "%s", host);
	struct atls_evidence *told = atls_case_add(c, ATLS_EV_PORTAL, 0, "status %u%s%s%s%s",
		http->status, http->plain ? ", in plain text" : "", host[0] ? ", to '" : "", host,
		host[0] ? "'" : "");
	atls_case_wanted(told, "no redirect to another host (log in to the network first)");
}

/* ---- proof --------------------------------------------------------------------------------------
 */

/* Beyond doubt, whatever else was seen; a service that does not know its front proves nothing. */
static void judge_proof(struct atls_case *c)
{
	const struct atls_proof *proof = c->further->proof;
	char seen[ATLS_FINGERPRINT_TEXT] = "none", real[ATLS_FINGERPRINT_TEXT] = "unknown";

	if (!proof)
		return;
	const struct atls_report_chain *chain =
		proof->shown->front_count ? &proof->shown->fronts[0] : &proof->shown->own;
	/* It speaks of the connection that carried it, which may have gone another way. */
	bool same = c->sight->count && proof->seen->chain.count &&
		    c->sight->chain[0].size == proof->seen->chain.der[0].size &&
		    memcmp(c->sight->chain[0].data, proof->seen->chain.der[0].data,
			    c->sight->chain[0].size) == 0;
	bool clean = same &&
		     (proof->finding == ATLS_REPORT_EQUAL || proof->finding == ATLS_REPORT_BOUND);
	int weight = clean                                        ? ATLS_W_PROOF_DIRECT
		     : atls_report_is_intercepted(proof->finding) ? ATLS_W_PROOF_OTHER
								  : 0;
	if (proof->seen->chain.count)
		atls_report_fingerprint(&proof->seen->chain.der[0], seen);
	if (chain->count)
		atls_report_fingerprint(&chain->der[0], real);
	/* Who the service is, it said end to end: nobody has to vouch for its certificate. */
	if (clean)
		c->judgement->faults &= ~(unsigned)(ATLS_FAULT_UNTRUSTED | ATLS_FAULT_SELF_SIGNED |
						    ATLS_FAULT_INCOMPLETE);
	struct atls_evidence *told = atls_case_add(c, ATLS_EV_PROOF, weight, "%s: %s; SHA-256 %s",
		atls_report_word(proof->finding), atls_report_sentence(proof->finding), seen);
	atls_case_wanted(told, "what the service shows, SHA-256 %s", real);
}

void atls_judge_others(struct atls_case *c)
{
	judge_proof(c);
	judge_invented(c);
	judge_canaries(c);
	judge_ways(c);
	judge_headers(c);
	judge_portal(c);
}
