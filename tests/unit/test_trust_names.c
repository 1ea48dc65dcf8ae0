#include "tests/unit/judge.h"
#include "trust/name.h"
#include "trust/text.h"

static void names(void)
{
	static const struct {
		const char *san, *name;
		bool matches;
	} cases[] = {
		{NAME, "other.example", false},
		{NAME, "sub." NAME, false},
		{NAME, "example", false},
		{NAME, "", false},
		{NAME, ".", false},
		{NAME, "192.0.2.1", false},
		{"*.b.example", "a.b.example", true},
		{"*.b.example", "b.example", false},
		{"*.b.example", ".b.example", false},
		{"*.b.example", "x.a.b.example", false},
		{"a*.b.example", "aa.b.example", false},
		{"*a.b.example", "aa.b.example", false},
		{"a.*.example", "a.b.example", false},
		{"*.example", "b.example", false},
		{"*", "example", false},
		{"my_host.b.example", "my_host.b.example", true},
		{"xn--bcher-kva.example",
			"b\xc3\xbc"
			"cher.example",
			true},
		{"xn--bcher-kva.example", "xn--bcher-kva.example", true},
		{"192.0.2.1", "192.0.2.1", true},
		{"192.0.2.1", "192.0.2.2", false},
		{"192.0.2.1", "192.0.513", false},
		{"x.example,127.0.0.1", "2130706433", false},
		{"x.example,192.0.2.1", "192.0.2.1", true},
		{"2001:db8::1", "2001:db8:0:0::1", true},
		{"2001:db8::1", "2001:DB8::1", true},
		{"2001:db8::1", "2001:db8::2", false},
		{"2001:db8::1", "fe80::1%lo", false},
		{"192.0.2.1", "::ffff:192.0.2.1", false},
		{NULL, "Leaf", false},
		{"192.0.2.1", "Leaf", false},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct cert cert;
		cert_make(&cert, &(struct cert_spec){.cn = "Leaf", .names = cases[i].san}, &root);
		printf("# %s for %s\n", cases[i].san ? cases[i].san : "-", cases[i].name);
		judge(&(struct judgement){.chain = {&cert},
			.name = cases[i].name,
			.faults = cases[i].matches ? 0 : ATLS_FAULT_NAME,
			.alert = GNUTLS_A_BAD_CERTIFICATE,
			.says = cases[i].matches ? NULL : "not for '",
			.hint = cases[i].matches ? NULL : "--servername"});
		cert_free(&cert);
	}
}

/* Neither a name in the common name nor an address as a DNS name counts. */
static void name_fallbacks(void)
{
	struct cert cert;

	cert_make(&cert, &(struct cert_spec){.cn = NAME}, &root);
	judge(&(struct judgement){.chain = {&cert},
		.faults = ATLS_FAULT_NAME,
		.alert = GNUTLS_A_BAD_CERTIFICATE,
		.says = "the service's certificate is for no name or address, not for '" NAME "'",
		.hint = "only subject alternative names"});
	cert_free(&cert);

	cert_make(&cert, &(struct cert_spec){.cn = "Leaf"}, &root);
	CERT_OK(gnutls_x509_crt_set_subject_alt_name(
		cert.crt, GNUTLS_SAN_DNSNAME, "192.0.2.1", 9, GNUTLS_FSAN_SET));
	sign_again(&cert, &root);
	judge(&(struct judgement){.chain = {&cert},
		.name = "192.0.2.1",
		.faults = ATLS_FAULT_NAME,
		.alert = GNUTLS_A_BAD_CERTIFICATE,
		.says = "is for '192.0.2.1', not for '192.0.2.1'"});
	cert_free(&cert);
}

/* Our own reading by itself, which GnuTLS's backs up above. */
static void name_kinds(void)
{
	struct atls_name address, dns;
	struct cert cert;

	atls_name_parse(&address, "97.98.99.100");
	atls_name_parse(&dns, "abcd");
	cert_make(&cert, &(struct cert_spec){.names = "abcd"}, &root);
	ok(atls_name_matches(&dns, cert.crt));
	ok(!atls_name_matches(&address, cert.crt));
	cert_free(&cert);
	cert_make(&cert, &(struct cert_spec){.names = "97.98.99.100"}, &root);
	ok(!atls_name_matches(&dns, cert.crt));
	ok(atls_name_matches(&address, cert.crt));
	cert_free(&cert);
	cert_make(&cert, &(struct cert_spec){.cn = "abcd"}, &root);
	ok(!atls_name_matches(&dns, cert.crt));
	cert_free(&cert);
}

static void text_cuts(void)
{
	static const char text[] = "a\xc3\xbc\xe2\x82\xac";
	static const char *const cut[] = {
		"", "a", "a", "a\xc3\xbc", "a\xc3\xbc", "a\xc3\xbc", text};
	char out[8];

	for (size_t cap = 1; cap <= 7; cap++) {
		atls_text_copy(out, cap, text, sizeof text - 1);
		eq_str(out, cut[cap - 1]);
	}
	atls_text_copy(out, sizeof out, "a\0b", 3);
	eq_str(out, "a?b");
}

static void evidence(void)
{
	struct cert cert;
	struct atls_verdict verdict;
	char many[4 * ATLS_NAME_TEXT] = "";
	gnutls_datum_t der[] = {leaf.der, inter.der};

	atls_policy_judge(&(struct atls_policy){0}, der, 2, &verdict);
	eq_str(verdict.subject, "CN=Leaf");
	eq_str(verdict.issuer, "CN=Intermediate");
	eq_str(verdict.names, NAME);
	eq_str(verdict.key, "ECDSA 256");
	eq_int(verdict.not_before, CERT_NOT_BEFORE);
	eq_int(verdict.not_after, CERT_NOT_AFTER);
	eq_int(verdict.chain_len, 2);
	atls_policy_judge(&(struct atls_policy){0}, NULL, 0, &verdict);
	eq_int(verdict.not_before, -1);
	eq_int(verdict.not_after, -1);

	for (int i = 0; i < 40; i++)
		snprintf(many + strlen(many), sizeof many - strlen(many), "%sn%02d.example",
			i ? "," : "2001:db8::1,", i);
	cert_make(&cert, &(struct cert_spec){.names = many}, &root);
	atls_policy_judge(&(struct atls_policy){0}, &cert.der, 1, &verdict);
	ok(strncmp(verdict.names, "2001:db8::1, n00.example, n01", 29) == 0);
	ok(strcmp(verdict.names + strlen(verdict.names) - 13, ".example, ...") == 0);
	cert_free(&cert);
}

/* A GeneralNames of one DNS name with a NUL within, which GnuTLS would not write. */
static const char san_with_nul[] = "\x30\x1e\x82\x1c" NAME "\0.evil.example";

/* What the peer chose is cut between characters, and holds no NUL that would end it early. */
static void odd_texts(void)
{
	struct cert cert;
	struct atls_verdict verdict;
	char text[ATLS_ERROR_TEXT], cn[65] = "";

	cert_make(&cert, &(struct cert_spec){.cn = "a\x1b[31m\nb", .names = NAME}, NULL);
	judge(&(struct judgement){
		.chain = {&cert}, .faults = ATLS_FAULT_UNTRUSTED, .alert = GNUTLS_A_UNKNOWN_CA});
	atls_policy_judge(&(struct atls_policy){0}, &cert.der, 1, &verdict);
	ok(strncmp(verdict.subject, "CN=a", 4) == 0 && strlen(verdict.subject) > 6);
	cert_free(&cert);

	for (int i = 0; i < 32; i++)
		memcpy(cn + 2 * i, "\xc3\xbc", 3);
	cert_make(&cert, &(struct cert_spec){.cn = cn, .names = NAME}, &root);
	for (int i = 0; i < 4; i++)
		CERT_OK(gnutls_x509_crt_set_dn_by_oid(
			cert.crt, GNUTLS_OID_X520_ORGANIZATION_NAME, 0, cn, 64));
	CERT_OK(gnutls_x509_crt_set_extension_by_oid(
		cert.crt, "2.5.29.17", san_with_nul, sizeof san_with_nul - 1, 0));
	sign_again(&cert, &root);
	atls_policy_judge(&(struct atls_policy){0}, &cert.der, 1, &verdict);
	eq_str(verdict.names, NAME "?.evil.example");
	ok(strlen(verdict.subject) >= ATLS_NAME_TEXT - 2);
	ok((unsigned char)verdict.subject[strlen(verdict.subject) - 1] != 0xc3);
	judge(&(struct judgement){
		.chain = {&cert}, .faults = ATLS_FAULT_NAME, .alert = GNUTLS_A_BAD_CERTIFICATE});
	cert_free(&cert);

	for (size_t cap = 0; cap < sizeof text; cap++) {
		memset(text, 'x', sizeof text);
		verdict.faults = (1u << 11) - 1;
		atls_verdict_sentence(&verdict, NAME, text, cap);
		ok(cap == 0 ? text[0] == 'x' : strlen(text) < cap && text[cap] == 'x');
	}
}

static void words(void)
{
	static const char *const expected[] = {"no_certificate", "malformed", "untrusted",
		"expired", "not_yet_valid", "wrong_name", "wrong_key", "revoked", "weak",
		"wrong_purpose", "other"};
	char text[ATLS_ERROR_TEXT];
	struct atls_verdict verdict = {0};

	for (unsigned i = 0; i < sizeof expected / sizeof *expected; i++)
		eq_str(atls_fault_word(1u << i), expected[i]);
	eq_str(atls_fault_word(0), "ok");
	eq_str(atls_fault_word(ATLS_FAULT_NAME | ATLS_FAULT_UNTRUSTED), "untrusted");
	atls_verdict_sentence(&verdict, NULL, text, sizeof text);
	eq_str(text, "the certificate is as expected");
	verdict.faults = ATLS_FAULT_NAME;
	atls_verdict_sentence(&verdict, NULL, text, sizeof text);
	eq_str(text, "the certificate is for no name or address, not for the name that is "
		     "expected");
	verdict.faults = verdict.leaf_faults = ATLS_FAULT_EXPIRED;
	verdict.not_after = (time_t)-1;
	atls_verdict_sentence(&verdict, NULL, text, sizeof text);
	eq_str(text, "the certificate has expired on an unknown time");
}

int main(void)
{
	judge_setup();
	run(names);
	run(name_fallbacks);
	run(name_kinds);
	run(text_cuts);
	run(evidence);
	run(odd_texts);
	run(words);
	judge_teardown();
	return tap_done();
}
