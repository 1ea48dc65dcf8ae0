#include "trust/policy.h"

#include "trust/chain.h"
#include "trust/leaf.h"

#include <string.h>

/* The faults that the leaf shows by itself, whatever GnuTLS made of its chain. */
static unsigned leaf_faults(
	const struct atls_policy *policy, const struct atls_name *name, gnutls_x509_crt_t leaf)
{
	unsigned faults = atls_crt_time_faults(leaf);

	if (policy->name && !atls_name_matches(name, leaf))
		faults |= ATLS_FAULT_NAME;
	if (policy->purpose && !gnutls_x509_crt_check_key_purpose(leaf, policy->purpose, 0))
		faults |= ATLS_FAULT_PURPOSE;
	return faults;
}

static bool pin_matches(const struct atls_policy *policy, const uint8_t pin[ATLS_PIN_LEN])
{
	for (size_t i = 0; i < policy->pin_count; i++)
		if (memcmp(policy->pins[i], pin, ATLS_PIN_LEN) == 0)
			return true;
	return policy->pin_count == 0;
}

/* Judges what --insecure-inner leaves out. whole: nothing of the chain is missing. */
static int judge_chain(const struct atls_policy *policy, struct atls_chain *chain, bool whole,
	struct atls_verdict *verdict)
{
	struct atls_name name = {0};

	if (policy->name)
		atls_name_parse(&name, policy->name);
	verdict->leaf_faults |= leaf_faults(policy, &name, chain->crt[0]);
	verdict->faults |= verdict->leaf_faults;
	if (!whole)
		return 0;
	int rc = 0;
	verdict->status = GNUTLS_CERT_INVALID | GNUTLS_CERT_SIGNER_NOT_FOUND;
	if (policy->anchors)
		rc = atls_chain_verify(policy, chain, &name, &verdict->status);
	if (rc < 0)
		verdict->faults |= ATLS_FAULT_OTHER;
	verdict->faults |= atls_chain_faults(chain, verdict->status);
	return rc;
}

static int judge_leaf(
	const struct atls_policy *policy, gnutls_x509_crt_t leaf, struct atls_verdict *verdict)
{
	int rc = atls_leaf_describe(verdict, leaf);
	if (rc < 0)
		verdict->leaf_faults |= ATLS_FAULT_OTHER;
	else if (!pin_matches(policy, verdict->pin))
		verdict->leaf_faults |= ATLS_FAULT_PIN;
	verdict->faults |= verdict->leaf_faults;
	return rc;
}

int atls_policy_judge(const struct atls_policy *policy, const gnutls_datum_t *chain, unsigned count,
	struct atls_verdict *verdict)
{
	memset(verdict, 0, sizeof *verdict);
	verdict->chain_len = count;
	verdict->not_before = verdict->not_after = (time_t)-1;
	if (count == 0 || !chain) {
		verdict->faults = ATLS_FAULT_NO_CERTIFICATE;
		return ATLS_E_TLS;
	}

	struct atls_chain crts = {0};
	bool whole = count <= ATLS_CHAIN_MAX;
	unsigned wanted = !whole || policy->chain_unchecked ? 1 : count;
	int rc = atls_chain_import(&crts, chain, wanted);
	if (!whole || rc < 0)
		verdict->faults |= ATLS_FAULT_MALFORMED;
	if (crts.count == 0)
		verdict->leaf_faults = ATLS_FAULT_MALFORMED;

	if (crts.count && rc != ATLS_E_MEMORY)
		rc = judge_leaf(policy, crts.crt[0], verdict);
	if (crts.count && rc != ATLS_E_MEMORY && !policy->chain_unchecked)
		rc = judge_chain(policy, &crts, whole && crts.count == count, verdict);
	atls_chain_free(&crts);
	if (rc == ATLS_E_MEMORY) {
		verdict->faults |= ATLS_FAULT_OTHER;
		return rc;
	}
	return verdict->faults ? ATLS_E_TLS : 0;
}
