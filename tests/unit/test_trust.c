#include "tests/unit/judge.h"

static void good_chains(void)
{
	struct cert twice;

	judge(&(struct judgement){.chain = {&leaf, &inter}});
	judge(&(struct judgement){.chain = {&leaf, &inter, &root}});
	judge(&(struct judgement){.chain = {&leaf, &root, &inter}});
	judge(&(struct judgement){.chain = {&leaf, &leaf, &inter, &inter}});
	judge(&(struct judgement){.chain = {&leaf, &other_root, &inter}});
	judge(&(struct judgement){.chain = {&leaf, &inter}, .any_name = true});
	judge(&(struct judgement){.chain = {&leaf, &inter}, .name = "DEVICE.Example."});
	judge(&(struct judgement){.chain = {&leaf, &inter}, .purpose = GNUTLS_KP_TLS_WWW_CLIENT});
	judge(&(struct judgement){.chain = {&leaf}, .anchor = &inter});
	cert_make(&twice, &(struct cert_spec){.cn = "Twice", .names = "x.example," NAME}, &root);
	judge(&(struct judgement){.chain = {&twice}});
	cert_free(&twice);
}

static void key_kinds(void)
{
	static const struct {
		struct cert_spec spec;
		const char *key;
	} kinds[] = {
		{{.pk = GNUTLS_PK_RSA}, "RSA 2048"},
		{{.pk = GNUTLS_PK_RSA_PSS, .bits = 2048}, "RSA-PSS 2048"},
		{{.pk = GNUTLS_PK_ECDSA, .bits = 384}, "ECDSA 384"},
		{{.pk = GNUTLS_PK_EDDSA_ED25519}, "Ed25519"},
		{{.pk = GNUTLS_PK_EDDSA_ED448, .bits = 456}, "Ed448"},
	};

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		struct cert_spec spec = kinds[i].spec;
		struct cert cert;
		spec.names = NAME;
		cert_make(&cert, &spec, &root);
		judge(&(struct judgement){.chain = {&cert}});
		struct atls_verdict verdict;
		atls_policy_judge(&(struct atls_policy){0}, &cert.der, 1, &verdict);
		eq_str(verdict.key, kinds[i].key);
		eq_int(verdict.faults, ATLS_FAULT_UNTRUSTED);
		cert_free(&cert);
	}
}

static void untrusted(void)
{
	struct cert self, no_ca, below;

	judge(&(struct judgement){.chain = {&leaf, &inter},
		.anchor = &other_root,
		.faults = ATLS_FAULT_UNTRUSTED,
		.alert = GNUTLS_A_UNKNOWN_CA,
		.says = "inner TLS: the service's certificate is not trusted: its issuer "
			"'CN=Intermediate' is not among the trust anchors",
		.hint = "--cacert"});
	judge(&(struct judgement){.chain = {&leaf},
		.faults = ATLS_FAULT_UNTRUSTED,
		.alert = GNUTLS_A_UNKNOWN_CA,
		.hint = "intermediate"});
	judge(&(struct judgement){.chain = {&leaf, &inter, &root},
		.no_anchor = true,
		.faults = ATLS_FAULT_UNTRUSTED,
		.alert = GNUTLS_A_UNKNOWN_CA});
	judge(&(struct judgement){.chain = {&leaf, &inter, &root},
		.anchor = &other_root,
		.purpose = GNUTLS_KP_TLS_WWW_CLIENT,
		.any_name = true,
		.faults = ATLS_FAULT_UNTRUSTED,
		.alert = GNUTLS_A_UNKNOWN_CA,
		.says = "inner TLS: the client's certificate is not trusted",
		.hint = "the clients' own CA"});

	cert_make(&self, &(struct cert_spec){.cn = "Self", .names = NAME}, NULL);
	judge(&(struct judgement){.chain = {&self}, .anchor = &self});
	judge(&(struct judgement){.chain = {&self},
		.faults = ATLS_FAULT_UNTRUSTED,
		.alert = GNUTLS_A_UNKNOWN_CA,
		.says = "is self-signed"});

	cert_make(&no_ca, &(struct cert_spec){.cn = "No CA"}, &root);
	cert_make(&below, &(struct cert_spec){.cn = "Below", .names = NAME}, &no_ca);
	judge(&(struct judgement){.chain = {&below, &no_ca},
		.faults = ATLS_FAULT_UNTRUSTED,
		.alert = GNUTLS_A_UNKNOWN_CA,
		.says = "no CA"});
	cert_free(&below);
	cert_free(&no_ca);
	cert_free(&self);
}

/* An interceptor's CA that calls itself as the real one does, with keys like it and unlike it. */
static void name_taken(void)
{
	static const struct cert_spec fakes[] = {{.pk = GNUTLS_PK_ECDSA},
		{.pk = GNUTLS_PK_EDDSA_ED25519}, {.pk = GNUTLS_PK_RSA},
		{.pk = GNUTLS_PK_RSA_PSS, .bits = 2048}};

	for (size_t i = 0; i < sizeof fakes / sizeof *fakes; i++) {
		struct cert fake, faked;
		struct cert_spec spec = fakes[i];
		spec.cn = "Root";
		spec.ca = true;
		cert_make(&fake, &spec, NULL);
		cert_make(&faked, &(struct cert_spec){.cn = "Leaf", .names = NAME}, &fake);
		struct judgement want = {.chain = {&faked},
			.faults = ATLS_FAULT_UNTRUSTED,
			.alert = GNUTLS_A_UNKNOWN_CA,
			.says = "a signature in its chain is not its issuer's (issuer 'CN=Root')",
			.hint = "of the same name"};
		judge(&want);
		want.chain[1] = &fake;
		judge(&want);
		/* As most CAs do: now GnuTLS sees from the key's name that the root is not the
		 * issuer. */
		unsigned char id[20];
		size_t len = sizeof id;
		CERT_OK(gnutls_x509_crt_get_subject_key_id(fake.crt, id, &len, NULL));
		CERT_OK(gnutls_x509_crt_set_authority_key_id(faked.crt, id, len));
		sign_again(&faked, &fake);
		judge(&want);
		cert_free(&faked);
		cert_free(&fake);
	}
}

static void times(void)
{
	struct cert old, young;

	cert_make(&old, &(struct cert_spec){.names = NAME, .not_after = CERT_NOW - 1}, &root);
	judge(&(struct judgement){.chain = {&old},
		.faults = ATLS_FAULT_EXPIRED,
		.alert = GNUTLS_A_CERTIFICATE_EXPIRED,
		.says = "the service's certificate has expired on 2025-12-31T23:59:59Z",
		.hint = "clock"});
	judge(&(struct judgement){.chain = {&old},
		.anchor = &old,
		.faults = ATLS_FAULT_EXPIRED,
		.alert = GNUTLS_A_CERTIFICATE_EXPIRED});
	cert_make(&young, &(struct cert_spec){.names = NAME, .not_before = CERT_NOW + 1}, &root);
	judge(&(struct judgement){.chain = {&young},
		.faults = ATLS_FAULT_NOT_YET,
		.alert = GNUTLS_A_CERTIFICATE_EXPIRED,
		.says = "is not valid before 2026-01-01T00:00:01Z"});
	cert_set_clock(CERT_NOW + 1);
	judge(&(struct judgement){.chain = {&young}});
	cert_set_clock(CERT_NOW);
	cert_free(&young);
	cert_free(&old);
}

static void expired_issuer(void)
{
	struct cert old_ca, below_old;

	cert_make(&old_ca,
		&(struct cert_spec){.cn = "Old", .ca = true, .not_after = CERT_NOW - CERT_DAY},
		&root);
	cert_make(&below_old, &(struct cert_spec){.names = NAME}, &old_ca);
	judge(&(struct judgement){.chain = {&below_old, &old_ca},
		.faults = ATLS_FAULT_EXPIRED,
		.alert = GNUTLS_A_CERTIFICATE_EXPIRED,
		.says = "has an issuer whose certificate has expired"});
	judge(&(struct judgement){.chain = {&below_old, &old_ca},
		.anchor = &other_root,
		.faults = ATLS_FAULT_EXPIRED | ATLS_FAULT_UNTRUSTED,
		.alert = GNUTLS_A_UNKNOWN_CA});
	judge(&(struct judgement){.chain = {&below_old, &old_ca},
		.no_anchor = true,
		.faults = ATLS_FAULT_EXPIRED | ATLS_FAULT_UNTRUSTED,
		.alert = GNUTLS_A_UNKNOWN_CA});
	judge(&(struct judgement){.chain = {&leaf, &old_ca},
		.no_anchor = true,
		.faults = ATLS_FAULT_UNTRUSTED,
		.alert = GNUTLS_A_UNKNOWN_CA});
	/* An expired certificate that the way to the anchor does not need is no fault. */
	judge(&(struct judgement){.chain = {&leaf, &inter, &old_ca}});
	cert_free(&below_old);
	cert_free(&old_ca);
}

static void issuer_times(void)
{
	struct cert young_ca, below_young, gone_root, gone;

	cert_make(&young_ca,
		&(struct cert_spec){.cn = "Young", .ca = true, .not_before = CERT_NOW + CERT_DAY},
		&root);
	cert_make(&below_young,
		&(struct cert_spec){.names = NAME, .not_after = CERT_NOW - CERT_DAY}, &young_ca);
	judge(&(struct judgement){.chain = {&below_young, &young_ca},
		.faults = ATLS_FAULT_NOT_YET | ATLS_FAULT_EXPIRED,
		.alert = GNUTLS_A_CERTIFICATE_EXPIRED,
		.says = "has expired on 2025-12-31T00:00:00Z; it has an issuer whose certificate "
			"is not valid yet"});

	cert_make(&gone_root,
		&(struct cert_spec){.cn = "Gone", .ca = true, .not_after = CERT_NOW - CERT_DAY},
		NULL);
	cert_make(&gone, &(struct cert_spec){.names = NAME}, &gone_root);
	judge(&(struct judgement){.chain = {&gone},
		.anchor = &gone_root,
		.faults = ATLS_FAULT_EXPIRED,
		.alert = GNUTLS_A_CERTIFICATE_EXPIRED,
		.says = "has an issuer"});
	cert_free(&gone);
	cert_free(&gone_root);
	cert_free(&below_young);
	cert_free(&young_ca);
}

static void weak(void)
{
	const struct cert_spec rsa_ca = {.cn = "RSA", .ca = true, .pk = GNUTLS_PK_RSA};
	const struct cert_spec short_key = {.names = NAME, .pk = GNUTLS_PK_RSA, .bits = 1024};
	const struct cert_spec sha1 = {.names = NAME, .hash = GNUTLS_DIG_SHA1};
	const struct cert_spec *specs[] = {&short_key, &sha1};
	struct cert ca;

	cert_make(&ca, &rsa_ca, NULL);
	for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
		struct cert cert;
		cert_make(&cert, specs[i], &ca);
		judge(&(struct judgement){.chain = {&cert},
			.anchor = &ca,
			.faults = ATLS_FAULT_WEAK,
			.alert = GNUTLS_A_BAD_CERTIFICATE,
			.says = "too weak",
			.hint = "RSA 2048"});
		judge(&(struct judgement){.chain = {&cert},
			.faults = ATLS_FAULT_WEAK | ATLS_FAULT_UNTRUSTED,
			.alert = GNUTLS_A_UNKNOWN_CA,
			.says = "too weak"});
		judge(&(struct judgement){.chain = {&cert},
			.no_anchor = true,
			.faults = ATLS_FAULT_WEAK | ATLS_FAULT_UNTRUSTED,
			.alert = GNUTLS_A_UNKNOWN_CA});
		cert_free(&cert);
	}
	cert_free(&ca);
}

static void purposes(void)
{
	struct cert server, client, any, none;

	cert_make(&server, &(struct cert_spec){.names = NAME, .purpose = GNUTLS_KP_TLS_WWW_SERVER},
		&root);
	cert_make(&client, &(struct cert_spec){.names = NAME, .purpose = GNUTLS_KP_TLS_WWW_CLIENT},
		&root);
	cert_make(&any, &(struct cert_spec){.names = NAME, .purpose = GNUTLS_KP_ANY}, &root);
	cert_make(&none, &(struct cert_spec){.names = NAME, .purpose = ""}, &root);
	judge(&(struct judgement){.chain = {&server}});
	judge(&(struct judgement){.chain = {&any}});
	judge(&(struct judgement){.chain = {&none}});
	judge(&(struct judgement){.chain = {&client},
		.faults = ATLS_FAULT_PURPOSE,
		.alert = GNUTLS_A_UNSUPPORTED_CERTIFICATE,
		.says = "the service's certificate is not meant for this",
		.hint = "serverAuth"});
	judge(&(struct judgement){.chain = {&server},
		.purpose = GNUTLS_KP_TLS_WWW_CLIENT,
		.faults = ATLS_FAULT_PURPOSE,
		.alert = GNUTLS_A_UNSUPPORTED_CERTIFICATE,
		.says = "the client's certificate is not meant for this",
		.hint = "clientAuth"});
	judge(&(struct judgement){.chain = {&client},
		.anchor = &other_root,
		.faults = ATLS_FAULT_PURPOSE | ATLS_FAULT_UNTRUSTED,
		.alert = GNUTLS_A_UNKNOWN_CA});
	cert_free(&none);
	cert_free(&any);
	cert_free(&client);
	cert_free(&server);
}

static void several_at_once(void)
{
	struct cert bad;

	cert_make(&bad,
		&(struct cert_spec){.cn = "Bad",
			.names = "a.example,192.0.2.1",
			.not_after = CERT_NOW - CERT_DAY,
			.purpose = GNUTLS_KP_TLS_WWW_CLIENT},
		&other_root);
	const unsigned own = ATLS_FAULT_EXPIRED | ATLS_FAULT_NAME | ATLS_FAULT_PURPOSE;
	judge(&(struct judgement){.chain = {&bad},
		.faults = own | ATLS_FAULT_UNTRUSTED,
		.alert = GNUTLS_A_UNKNOWN_CA,
		.says = "is not trusted: its issuer 'CN=Other root' is not among the trust "
			"anchors; "
			"it has expired on 2025-12-31T00:00:00Z; it is for 'a.example, 192.0.2.1', "
			"not for '" NAME "'; it is not meant for this purpose"});
	judge(&(struct judgement){.chain = {&bad},
		.no_anchor = true,
		.faults = own | ATLS_FAULT_UNTRUSTED,
		.alert = GNUTLS_A_UNKNOWN_CA});
	judge(&(struct judgement){.chain = {&bad},
		.anchor = &other_root,
		.faults = own,
		.alert = GNUTLS_A_CERTIFICATE_EXPIRED});
	judge(&(struct judgement){.chain = {&bad}, .unchecked = true});
	cert_free(&bad);
}

static void constraints(void)
{
	struct cert ca, cert;
	gnutls_x509_name_constraints_t permitted;
	gnutls_datum_t only = {(unsigned char *)(uintptr_t) "other.example", 13};

	cert_make(&ca, &(struct cert_spec){.cn = "Narrow", .ca = true}, &root);
	CERT_OK(gnutls_x509_name_constraints_init(&permitted));
	CERT_OK(gnutls_x509_name_constraints_add_permitted(permitted, GNUTLS_SAN_DNSNAME, &only));
	CERT_OK(gnutls_x509_crt_set_name_constraints(ca.crt, permitted, 1));
	gnutls_x509_name_constraints_deinit(permitted);
	sign_again(&ca, &root);
	cert_make(&cert, &(struct cert_spec){.names = NAME}, &ca);
	judge(&(struct judgement){.chain = {&cert, &ca},
		.faults = ATLS_FAULT_OTHER,
		.alert = GNUTLS_A_CERTIFICATE_UNKNOWN,
		.says = "breaks a constraint that its issuers set"});
	cert_free(&cert);

	cert_make(&cert, &(struct cert_spec){.names = NAME}, &root);
	CERT_OK(gnutls_x509_crt_set_extension_by_oid(cert.crt, "1.3.6.1.4.1.1.1", "\x05", 2, 1));
	sign_again(&cert, &root);
	judge(&(struct judgement){.chain = {&cert},
		.faults = ATLS_FAULT_OTHER,
		.alert = GNUTLS_A_CERTIFICATE_UNKNOWN,
		.says = "has a critical extension that is not understood"});
	cert_free(&cert);
	cert_free(&ca);

	cert_make(&cert, &(struct cert_spec){.names = NAME}, &root);
	cert.der.data[cert.der.size - 1] ^= 1;
	judge(&(struct judgement){.chain = {&cert},
		.faults = ATLS_FAULT_UNTRUSTED,
		.alert = GNUTLS_A_UNKNOWN_CA,
		.says = "a signature in its chain is not its issuer's"});
	cert_free(&cert);
}

static void revoked(void)
{
	const struct cert *anchor = &root;
	struct cert bad;
	gnutls_x509_crl_t crl;
	struct atls_policy policy = {.anchors = cert_anchors(&anchor, 1), .name = NAME};
	const struct judgement want = {.faults = ATLS_FAULT_REVOKED | ATLS_FAULT_EXPIRED,
		.alert = GNUTLS_A_CERTIFICATE_REVOKED,
		.says = "has been revoked"};

	cert_make(&bad, &(struct cert_spec){.names = NAME, .not_after = CERT_NOW - 1}, &root);
	CERT_OK(gnutls_x509_crl_init(&crl));
	CERT_OK(gnutls_x509_crl_set_version(crl, 2));
	CERT_OK(gnutls_x509_crl_set_crt(crl, bad.crt, CERT_NOW - CERT_DAY));
	CERT_OK(gnutls_x509_crl_set_this_update(crl, CERT_NOW - CERT_DAY));
	CERT_OK(gnutls_x509_crl_set_next_update(crl, CERT_NOT_AFTER));
	CERT_OK(gnutls_x509_crl_sign2(crl, root.crt, root.key, GNUTLS_DIG_SHA256, 0));
	gnutls_datum_t der;
	CERT_OK(gnutls_x509_crl_export2(crl, GNUTLS_X509_FMT_DER, &der));
	CERT_OK(gnutls_x509_trust_list_add_trust_mem(
		policy.anchors, NULL, &der, GNUTLS_X509_FMT_DER, 0, 0));
	expect(&policy, &bad.der, 1, &want);
	gnutls_free(der.data);
	gnutls_x509_crl_deinit(crl);
	cert_free(&bad);
	gnutls_x509_trust_list_deinit(policy.anchors, 1);
}

int main(void)
{
	judge_setup();
	run(good_chains);
	run(key_kinds);
	run(untrusted);
	run(name_taken);
	run(times);
	run(expired_issuer);
	run(issuer_times);
	run(weak);
	run(purposes);
	run(several_at_once);
	run(constraints);
	run(revoked);
	judge_teardown();
	return tap_done();
}
