#include "tests/unit/judge.h"

#include <gnutls/crypto.h>

static void no_certificate(void)
{
	gnutls_datum_t none = {0};
	struct judgement want = {.faults = ATLS_FAULT_NO_CERTIFICATE,
		.alert = GNUTLS_A_CERTIFICATE_REQUIRED,
		.says = "the client's certificate is missing",
		.hint = "--cert"};
	struct atls_policy policy = {.purpose = GNUTLS_KP_TLS_WWW_CLIENT};

	expect(&policy, NULL, 0, &want);
	expect(&policy, &none, 0, &want);
	policy.chain_unchecked = true;
	expect(&policy, NULL, 0, &want);
}

static void malformed(void)
{
	const struct cert *anchor = &root;
	struct atls_policy policy = {.anchors = cert_anchors(&anchor, 1), .name = NAME};
	unsigned char noise[] = "not a certificate";
	gnutls_datum_t der[40];
	struct judgement want = {.faults = ATLS_FAULT_MALFORMED,
		.alert = GNUTLS_A_BAD_CERTIFICATE,
		.says = "the service's certificate is malformed"};

	der[0] = (gnutls_datum_t){noise, sizeof noise};
	expect(&policy, der, 1, &want);
	policy.chain_unchecked = true;
	expect(&policy, der, 1, &want);
	policy.chain_unchecked = false;
	der[0] = (gnutls_datum_t){NULL, 0};
	expect(&policy, der, 1, &want);
	der[0] = leaf.der;
	der[0].size--;
	expect(&policy, der, 1, &want);

	want.says = "in a chain with a malformed certificate";
	der[0] = leaf.der;
	der[1] = (gnutls_datum_t){noise, sizeof noise};
	expect(&policy, der, 2, &want);
	policy.chain_unchecked = true;
	expect(&policy, der, 2, &(struct judgement){0});
	policy.chain_unchecked = false;
	policy.name = "other.example";
	want.faults |= ATLS_FAULT_NAME;
	expect(&policy, der, 2, &want);

	policy.name = NAME;
	want.faults = ATLS_FAULT_MALFORMED;
	want.says = "comes in a chain of 40, which is more than 16";
	for (size_t i = 0; i < 40; i++)
		der[i] = i ? inter.der : leaf.der;
	expect(&policy, der, 40, &want);
	want = (struct judgement){.faults = 0};
	expect(&policy, der, ATLS_CHAIN_MAX, &want);
	gnutls_x509_trust_list_deinit(policy.anchors, 1);
}

/* A deep chain, each the issuer of the one before, in any order. */
static void deep_chain(void)
{
	struct cert ca[ATLS_CHAIN_MAX];
	gnutls_datum_t der[ATLS_CHAIN_MAX];
	const struct cert *anchor = &ca[0];
	char cn[16];
	const struct judgement good = {0};

	for (unsigned i = 0; i < ATLS_CHAIN_MAX; i++) {
		snprintf(cn, sizeof cn, "Level %u", i);
		struct cert_spec spec = {.cn = cn, .ca = i + 1 < ATLS_CHAIN_MAX};
		if (!spec.ca)
			spec.names = NAME;
		cert_make(&ca[i], &spec, i ? &ca[i - 1] : NULL);
		der[ATLS_CHAIN_MAX - 1 - i] = ca[i].der;
	}
	struct atls_policy policy = {.anchors = cert_anchors(&anchor, 1), .name = NAME};
	expect(&policy, der, ATLS_CHAIN_MAX, &good);
	for (unsigned i = 1; i < ATLS_CHAIN_MAX; i++)
		der[i] = ca[i - 1].der;
	expect(&policy, der, ATLS_CHAIN_MAX, &good);
	gnutls_x509_trust_list_deinit(policy.anchors, 1);
	for (unsigned i = 0; i < ATLS_CHAIN_MAX; i++)
		cert_free(&ca[i]);
}

static void pins(void)
{
	const struct cert *anchor = &root;
	struct atls_policy policy = {.anchors = cert_anchors(&anchor, 1), .name = NAME};
	gnutls_datum_t der[] = {leaf.der, inter.der};
	struct atls_verdict verdict;
	struct atls_error err = {0};
	char text[ATLS_PIN_TEXT];
	struct judgement want = {.faults = ATLS_FAULT_PIN,
		.alert = GNUTLS_A_BAD_CERTIFICATE,
		.says = text,
		.hint = text};

	eq_int(atls_policy_judge(&policy, der, 2, &verdict), 0);
	atls_pin_text(verdict.pin, text);
	eq_int(atls_policy_add_pins(&policy, text, &err), 0);
	expect(&policy, der, 2, &(struct judgement){0});

	policy.pins[0][31] ^= 1;
	expect(&policy, der, 2, &want);
	policy.chain_unchecked = true;
	expect(&policy, der, 2, &want);
	eq_int(atls_policy_add_pins(&policy, text, &err), 0);
	eq_int(policy.pin_count, 2);
	policy.name = "other.example";
	expect(&policy, der, 1, &(struct judgement){0});
	policy.chain_unchecked = false;
	want = (struct judgement){
		.faults = ATLS_FAULT_UNTRUSTED | ATLS_FAULT_NAME, .alert = GNUTLS_A_UNKNOWN_CA};
	expect(&policy, der, 1, &want);
	gnutls_x509_trust_list_deinit(policy.anchors, 1);
}

/* The pin is that of RFC 7469: SHA-256 over the SubjectPublicKeyInfo. */
static void pin_is_of_the_key(void)
{
	struct cert renewed;
	struct atls_verdict a, b;
	struct atls_policy policy = {.chain_unchecked = true};
	gnutls_pubkey_t key;
	gnutls_datum_t spki;
	uint8_t hash[ATLS_PIN_LEN];

	cert_make(&renewed, &(struct cert_spec){.cn = "Renewed", .key = &leaf}, &root);
	eq_int(atls_policy_judge(&policy, &leaf.der, 1, &a), 0);
	eq_int(atls_policy_judge(&policy, &renewed.der, 1, &b), 0);
	eq_mem(a.pin, ATLS_PIN_LEN, b.pin, ATLS_PIN_LEN);
	CERT_OK(gnutls_pubkey_init(&key));
	CERT_OK(gnutls_pubkey_import_x509(key, leaf.crt, 0));
	CERT_OK(gnutls_pubkey_export2(key, GNUTLS_X509_FMT_DER, &spki));
	CERT_OK(gnutls_hash_fast(GNUTLS_DIG_SHA256, spki.data, spki.size, hash));
	eq_mem(a.pin, ATLS_PIN_LEN, hash, ATLS_PIN_LEN);
	gnutls_free(spki.data);
	gnutls_pubkey_deinit(key);
	cert_free(&renewed);
}

#define PIN_A "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define PIN_B "sha256//AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="

static void pin_syntax(void)
{
	static const char *const wrong[] = {"", ";", "sha256//", PIN_A ";", ";" PIN_A,
		PIN_A ";;" PIN_B, PIN_A " ", " " PIN_A, PIN_A "," PIN_B, "sha1//AAAA", "key.pem",
		"SHA256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		"sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=",
		"sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==",
		"sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA-="};
	struct atls_policy policy = {0};
	struct atls_error err = {0};
	char text[ATLS_PIN_TEXT];

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		atls_error_clear(&err);
		eq_int(atls_policy_add_pins(&policy, wrong[i], &err), ATLS_E_USAGE);
		ok(strncmp(err.text, "pinned key: '", 13) == 0);
		eq_int(policy.pin_count, 0);
	}
	eq_int(atls_policy_add_pins(&policy, PIN_A ";" PIN_B, NULL), 0);
	eq_int(policy.pin_count, 2);
	atls_pin_text(policy.pins[0], text);
	eq_str(text, PIN_A);
	atls_pin_text(policy.pins[1], text);
	eq_str(text, PIN_B);
	while (policy.pin_count < ATLS_PINS_MAX)
		eq_int(atls_policy_add_pins(&policy, PIN_A, NULL), 0);
	atls_error_clear(&err);
	eq_int(atls_policy_add_pins(&policy, PIN_B, &err), ATLS_E_USAGE);
	eq_str(err.text, "pinned key: more than 16 pins");
}

int main(void)
{
	judge_setup();
	run(no_certificate);
	run(malformed);
	run(deep_chain);
	run(pins);
	run(pin_is_of_the_key);
	run(pin_syntax);
	judge_teardown();
	return tap_done();
}
