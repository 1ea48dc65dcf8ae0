/* How the certificate and the handshake look: who makes such, and what is different from before. */
#include "trust/judge_impl.h"

#include <stdio.h>
#include <string.h>

#define DAY  ((time_t)86400)
#define HOUR ((time_t)3600)

/* Longer than this no public CA may certify (CA/Browser Forum Baseline Requirements 6.3.2). */
#define PUBLIC_DAYS_MAX 398
/* And not with less than this in a serial number (7.1), up to its leading zeros. */
#define PUBLIC_SERIAL_BITS 48

/* Whether evidence beyond the chain counts: where somebody known vouches, it is of no weight. */
static bool counts(const struct atls_case *c)
{
	return !c->judgement->expected && c->judgement->anchor != ATLS_ANCHOR_PUBLIC;
}

static void judge_product(struct atls_case *c)
{
	char value[ATLS_NAME_TEXT];

	if (!counts(c))
		return;
	const char *product = atls_issuers_find(c->expected->issuers, &c->sent, value);
	if (!product)
		return;
	atls_case_add(c, ATLS_EV_PRODUCT, ATLS_W_PRODUCT, "'%s' is what %s writes", value, product);
	snprintf(c->judgement->who, sizeof c->judgement->who, "%s", product);
}

/* ---- how known products make their certificates ------------------------------------------------
 */

static bool lasts(const struct atls_facts *leaf, unsigned days)
{
	time_t length = leaf->not_after - leaf->not_before;

	return length > days * DAY - HOUR && length < days * DAY + HOUR;
}

/* Measured with mitmproxy 8.1.1: two extensions, no key identifiers, 367 days from two days ago. */
static bool like_mitmproxy(const struct atls_case *c)
{
	const struct atls_facts *leaf = &c->judgement->leaf;

	return leaf->has == (ATLS_HAS_SAN | ATLS_HAS_EKU) && strcmp(leaf->key, "RSA 2048") == 0 &&
	       lasts(leaf, 367) && c->sight->count == 1;
}

/* Measured with sslsplit 0.5.5: 365 days from one day before it was made. */
static bool like_sslsplit(const struct atls_case *c)
{
	const struct atls_facts *leaf = &c->judgement->leaf;
	time_t age = c->expected->now - leaf->not_before;

	return strcmp(leaf->key, "RSA 2048") == 0 && (lasts(leaf, 366) || lasts(leaf, 365)) &&
	       age >= DAY && age < DAY + HOUR && !(leaf->has & (ATLS_HAS_AIA | ATLS_HAS_SCT));
}

/* Measured with privoxy 3.0.34: the host as common name, organization and unit, in C=CZ. */
static bool like_privoxy(const struct atls_case *c)
{
	const struct atls_facts *leaf = &c->judgement->leaf;
	char part[ATLS_NAME_TEXT + 4];

	snprintf(part, sizeof part, "O=%s", leaf->common_name);
	const char *o = strstr(leaf->subject, part);
	snprintf(part, sizeof part, "OU=%s", leaf->common_name);
	return leaf->common_name[0] && o && strstr(leaf->subject, part) &&
	       strstr(leaf->subject, "C=CZ");
}

/* Measured with squid 5.7: the validity of its CA, to the second, where it does not copy one. */
static bool like_squid(const struct atls_case *c)
{
	struct atls_facts issuer;

	for (unsigned i = 1; i < c->sight->count && i < c->sent.count; i++)
		if (gnutls_x509_crt_check_issuer(c->sent.crt[0], c->sent.crt[i]) &&
			atls_facts_read(&issuer, &c->sight->chain[i]) == 0)
			return issuer.not_before == c->judgement->leaf.not_before &&
			       issuer.not_after == c->judgement->leaf.not_after;
	return false;
}

static void judge_shape(struct atls_case *c)
{
	static const struct {
		const char *product, *how;
		bool (*fits)(const struct atls_case *c);
	} shapes[] = {
		{"mitmproxy", "alone, two extensions, RSA 2048, for 367 days", like_mitmproxy},
		{"Privoxy", "the host as CN, O and OU, in C=CZ", like_privoxy},
		{"Squid", "valid as long as its CA, to the second", like_squid},
		{"sslsplit", "RSA 2048, for 365 days from just a day ago", like_sslsplit},
	};

	for (size_t i = 0; counts(c) && i < sizeof shapes / sizeof *shapes; i++) {
		if (!shapes[i].fits(c))
			continue;
		atls_case_add(c, ATLS_EV_SHAPE, ATLS_W_SHAPE, "made as %s makes them: %s",
			shapes[i].product, shapes[i].how);
		if (c->judgement->anchor != ATLS_ANCHOR_ADDED && !c->judgement->who[0])
			snprintf(c->judgement->who, sizeof c->judgement->who, "%s",
				shapes[i].product);
		return;
	}
}

/* ---- what is missing, and what changed ------------------------------------------------------- */

/* Words with commas between them. */
struct list {
	char text[200];
	unsigned count;
};

static void list_add(struct list *list, const char *word)
{
	size_t len = strlen(list->text);

	snprintf(
		list->text + len, sizeof list->text - len, "%s%s", list->count++ ? ", " : "", word);
}

static void judge_bare(struct atls_case *c)
{
	const struct atls_facts *leaf = &c->judgement->leaf;
	struct list missing = {.count = 0};

	if (!counts(c) || c->judgement->anchor == ATLS_ANCHOR_SELF)
		return;
	if (!(leaf->has & ATLS_HAS_AIA))
		list_add(&missing, "where its issuer is found");
	if (!(leaf->has & ATLS_HAS_CRL) && !leaf->ocsp_url[0])
		list_add(&missing, "where revocation is published");
	if (!(leaf->has & ATLS_HAS_SCT))
		list_add(&missing, "certificate transparency");
	if (!(leaf->has & ATLS_HAS_POLICY))
		list_add(&missing, "a policy");
	if (leaf->serial_bits < PUBLIC_SERIAL_BITS)
		list_add(&missing, "a random serial number");
	if (leaf->not_after - leaf->not_before > PUBLIC_DAYS_MAX * DAY)
		list_add(&missing, "an end within 398 days");
	if (missing.count == 0)
		return;
	struct atls_evidence *told =
		atls_case_add(c, ATLS_EV_BARE, ATLS_W_BARE, "it lacks %s", missing.text);
	atls_case_wanted(told, "what public CAs must put into a certificate");
}

static int version_rank(const char *version)
{
	static const char *const ranks[] = {"SSL3.0", "TLS1.0", "TLS1.1", "TLS1.2", "TLS1.3"};

	for (size_t i = 0; version && i < sizeof ranks / sizeof *ranks; i++)
		if (strcmp(version, ranks[i]) == 0)
			return (int)i;
	return -1;
}

/* The kind of a key or signature: what stands before its size or hash. */
static bool same_kind(const char *a, const char *b)
{
	size_t len = strcspn(a, " -");

	return len == strcspn(b, " -") && strncmp(a, b, len) == 0;
}

static void compare_leaves(
	const struct atls_facts *old, const struct atls_facts *leaf, struct list *changes)
{
	if (!same_kind(old->key, leaf->key))
		list_add(changes, "kind of key");
	if ((old->has & ATLS_HAS_AIA) && !(leaf->has & ATLS_HAS_AIA))
		list_add(changes, "AIA lost");
	if ((old->has & ATLS_HAS_SCT) && !(leaf->has & ATLS_HAS_SCT))
		list_add(changes, "SCT lost");
	if (strcmp(old->names, leaf->names) != 0)
		list_add(changes, "names");
	time_t before = old->not_after - old->not_before, now = leaf->not_after - leaf->not_before;
	if (before > 2 * now || now > 2 * before)
		list_add(changes, "validity period");
}

static void judge_changes(struct atls_case *c)
{
	const struct atls_sight *old = c->expected->baseline, *now = c->sight;
	struct atls_facts old_leaf;
	struct list changes = {.count = 0};

	if (!old || old->count == 0 || atls_facts_read(&old_leaf, &old->chain[0]))
		return;
	if (memcmp(old_leaf.pin, c->judgement->leaf.pin, ATLS_PIN_LEN) != 0)
		compare_leaves(&old_leaf, &c->judgement->leaf, &changes);
	if (old->alpn && old->alpn[0] && now->alpn && strcmp(old->alpn, now->alpn) != 0)
		list_add(&changes, now->alpn[0] ? "ALPN" : "ALPN lost");
	if (version_rank(now->version) >= 0 &&
		version_rank(old->version) > version_rank(now->version))
		list_add(&changes, "TLS version lowered");
	if (old->stapled && !now->stapled)
		list_add(&changes, "OCSP staple lost");
	if (old->count > 1 && now->count == 1)
		list_add(&changes, "chain shortened");
	if (changes.count == 0)
		return;
	int weight = (int)changes.count * ATLS_W_CHANGED;
	if (weight > ATLS_W_CHANGED_MAX)
		weight = ATLS_W_CHANGED_MAX;
	struct atls_evidence *told = atls_case_add(
		c, ATLS_EV_CHANGED, counts(c) ? weight : 0, "different: %s", changes.text);
	atls_case_wanted(told, "as in the baseline");
}

void atls_judge_looks(struct atls_case *c)
{
	judge_product(c);
	judge_shape(c);
	judge_bare(c);
	judge_changes(c);
}
