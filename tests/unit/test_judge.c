/* Who stands between: every case has a row, and its finding does not hang on the order of rows. */
#include "tests/unit/judge.h"

#include "trust/judge.h"

#define SERVICE  "service.example"
#define CANARY   "unrelated.test"
#define INVENTED "x7f3kq.invalid"

/* One situation, and what must come of it. Unnamed members: not given, not seen, none. */
struct situation {
	const char *what;
	const struct cert *chain[4];
	const struct cert *more;
	const char *name; /* SERVICE */
	const struct cert *ca, *pin, *known;
	const struct cert *baseline[3];
	const char *baseline_alpn, *issuer;
	const struct cert *invented, *canary, *way;
	const char *alpn;
	unsigned status;
	bool plain;
	const char *via, *location;
	enum atls_finding finding;
	unsigned faults;
	const char *who;
	enum atls_anchor anchor;
	bool expected, portal;
	enum atls_evidence_kind kind; /* one that must be there, with a weight other than 0 */
};

static struct cert public_root, added_root, private_root, unknown_root, box_root, inspector;
static struct cert public_ca, other_public, other_ca;
static struct cert honest, honest_new, honest_other, forged, forged_added, forged_squid;
static struct atls_roots *roots;
static struct atls_issuers *issuers;

static void add_aia(struct cert *cert, const struct cert *issuer)
{
	static const char url[] = "http://ca.example/ca.cer";
	const gnutls_datum_t data = {(unsigned char *)(uintptr_t)url, sizeof url - 1};

	CERT_OK(gnutls_x509_crt_set_authority_info_access(
		cert->crt, GNUTLS_IA_CAISSUERS_URI, (gnutls_datum_t *)(uintptr_t)&data));
	sign_again(cert, issuer);
}

static void make(struct cert *cert, const char *cn, const struct cert *issuer)
{
	cert_make(cert,
		&(struct cert_spec){.cn = cn,
			.names = issuer ? SERVICE : NULL,
			.ca = !issuer,
			.not_after = CERT_NOW + 90 * CERT_DAY},
		issuer);
}

static void make_ca(struct cert *cert, const char *cn, const struct cert *issuer)
{
	cert_make(cert, &(struct cert_spec){.cn = cn, .ca = true}, issuer);
}

static void make_named(struct cert *cert, const char *names, const struct cert *issuer)
{
	cert_make(cert, &(struct cert_spec){.cn = "x", .names = names}, issuer);
}

static void setup(void)
{
	cert_set_clock(CERT_NOW);
	make_ca(&public_root, "Public root", NULL);
	make_ca(&public_ca, "Public CA", &public_root);
	make_ca(&other_public, "Other public root", NULL);
	make_ca(&other_ca, "Other public CA", &other_public);
	make_ca(&added_root, "Company inspection", NULL);
	make_ca(&private_root, "Private root", NULL);
	make_ca(&unknown_root, "Operator's CA", NULL);
	make_ca(&box_root, "mitmproxy", NULL);
	make_ca(&inspector, "Not trusted by \"Company\"", NULL);
	make(&honest, SERVICE, &public_ca);
	make(&honest_new, SERVICE, &public_ca);
	make(&honest_other, SERVICE, &other_ca);
	make(&forged, SERVICE, &unknown_root);
	make(&forged_added, SERVICE, &added_root);
	make(&forged_squid, SERVICE, &inspector);
	roots = atls_roots_new();
	issuers = atls_issuers_new();
	atls_roots_add(roots, public_root.der.data, public_root.der.size, ATLS_ORIGIN_PUBLIC);
	atls_roots_add(roots, other_public.der.data, other_public.der.size, ATLS_ORIGIN_PUBLIC);
	atls_roots_add(roots, added_root.der.data, added_root.der.size, ATLS_ORIGIN_ADDED);
	atls_roots_add(roots, public_root.der.data, public_root.der.size, ATLS_ORIGIN_ADDED);
}

static void teardown(void)
{
	struct cert *const all[] = {&public_root, &added_root, &private_root, &unknown_root,
		&box_root, &inspector, &public_ca, &other_public, &other_ca, &honest, &honest_new,
		&honest_other, &forged, &forged_added, &forged_squid};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		cert_free(all[i]);
	atls_roots_free(roots);
	atls_issuers_free(issuers);
}

static void pin_of(const struct cert *cert, uint8_t pin[ATLS_PIN_LEN])
{
	struct atls_facts facts;
	eq_int(atls_facts_read(&facts, &cert->der), 0);
	memcpy(pin, facts.pin, ATLS_PIN_LEN);
}

static bool has_evidence(const struct atls_judgement *got, enum atls_evidence_kind kind)
{
	for (unsigned i = 0; i < got->count; i++)
		if (got->evidence[i].kind == kind && got->evidence[i].weight)
			return true;
	return false;
}

static void compare(const struct situation *s, const struct atls_judgement *got)
{
	int sum = 0;
	bool before = tap_test_failed;

	tap_test_failed = false;
	eq_str(atls_finding_word(got->finding), atls_finding_word(s->finding));
	eq_int(got->faults, s->faults);
	eq_str(got->who, s->who ? s->who : "");
	eq_str(atls_anchor_word(got->anchor), atls_anchor_word(s->anchor));
	eq_int(got->expected, s->expected);
	eq_int(got->portal, s->portal);
	if (s->kind)
		ok(has_evidence(got, s->kind));
	for (unsigned i = 0; i < got->count; i++)
		sum += got->evidence[i].weight;
	eq_int(got->score, sum);
	for (unsigned i = 0; tap_test_failed && i < got->count; i++)
		printf("#   %s %+d: %s | %s\n", atls_evidence_word(got->evidence[i].kind),
			got->evidence[i].weight, got->evidence[i].seen, got->evidence[i].expected);
	if (tap_test_failed)
		printf("# in: %s, score %d\n", s->what, got->score);
	tap_test_failed |= before;
}

static void judge_it(const struct situation *s)
{
	gnutls_datum_t chain[4], old[4], more = {0};
	uint8_t known[ATLS_PIN_LEN];
	const struct cert *const baseline[4] = {s->baseline[0], s->baseline[1], s->baseline[2]};
	struct atls_sight sight = {.chain = chain,
		.count = chain_der(s->chain, chain),
		.version = "TLS1.3",
		.alpn = s->alpn ? s->alpn : ""};
	struct atls_sight before = {.chain = old,
		.count = chain_der(baseline, old),
		.version = "TLS1.3",
		.alpn = s->baseline_alpn ? s->baseline_alpn : ""};
	struct atls_expected expected = {.name = s->name ? s->name : SERVICE,
		.roots = roots,
		.anchors = s->ca ? cert_anchors(&s->ca, 1) : NULL,
		.issuer = s->issuer,
		.baseline = before.count ? &before : NULL,
		.issuers = issuers,
		.now = CERT_NOW};
	struct atls_other invented = {.name = INVENTED}, canary = {.name = CANARY},
			  way = {.way = "directly"};
	struct atls_http_sight http = {.status = s->status, .plain = s->plain};
	struct atls_further further = {.http = &http};
	struct atls_judgement got;

	if (s->more) {
		more = s->more->der;
		sight.more = &more;
		sight.more_count = 1;
	}
	if (s->pin)
		pin_of(s->pin, expected.pins[expected.pin_count++]);
	if (s->known) {
		pin_of(s->known, known);
		expected.known_key = known;
	}
	if (s->invented) {
		invented.sight = (struct atls_sight){.chain = &s->invented->der, .count = 1};
		further.invented = &invented;
	}
	if (s->canary) {
		canary.sight = (struct atls_sight){.chain = &s->canary->der, .count = 1};
		further.canaries = &canary;
		further.canary_count = 1;
	}
	if (s->way) {
		const struct cert *const certs[4] = {s->way, &public_ca};
		static gnutls_datum_t other[4];
		way.sight = (struct atls_sight){.chain = other, .count = chain_der(certs, other)};
		further.ways = &way;
		further.way_count = 1;
	}
	snprintf(http.via, sizeof http.via, "%s", s->via ? s->via : "");
	snprintf(http.location, sizeof http.location, "%s", s->location ? s->location : "");
	eq_int(atls_judge(&expected, &sight, &further, &got), 0);
	compare(s, &got);
	if (expected.anchors)
		gnutls_x509_trust_list_deinit(expected.anchors, 1);
}

static void judge_all(const struct situation *s, size_t count)
{
	for (size_t i = 0; i < count; i++)
		judge_it(&s[i]);
}
#define JUDGE_ALL(rows) judge_all(rows, sizeof rows / sizeof *rows)

#define PUBLIC      .anchor = ATLS_ANCHOR_PUBLIC
#define ADDED       .anchor = ATLS_ANCHOR_ADDED
#define DIRECT      .finding = ATLS_DIRECT
#define INTERCEPTED .finding = ATLS_INTERCEPTED
#define UNTRUSTED   .faults = ATLS_FAULT_UNTRUSTED
#define COMPANY     "CN=Company inspection"

static void honest_services(void)
{
	const struct situation rows[] = {
		{"public", {&honest, &public_ca}, DIRECT, PUBLIC},
		{"with the root", {&honest, &public_ca, &public_root}, DIRECT, PUBLIC},
		{"unsorted, with strangers", {&honest, &added_root, &public_root, &public_ca},
			DIRECT, PUBLIC},
		{"public, an expected CA", {&honest, &public_ca}, .ca = &public_root, DIRECT,
			PUBLIC, .expected = true},
		{"public, pinned", {&honest, &public_ca}, .pin = &honest, DIRECT, PUBLIC,
			.expected = true},
		{"public, issuer's name", {&honest, &public_ca}, .issuer = "public ca", DIRECT,
			PUBLIC},
		{"public, renewed since the baseline", {&honest_new, &public_ca},
			.baseline = {&honest, &public_ca}, DIRECT, PUBLIC, .expected = true},
		{"public, a new key", {&honest_new, &public_ca}, .known = &honest, DIRECT, PUBLIC},
		{"behind a cache", {&honest, &public_ca}, .status = 200, .via = "1.1 x (squid/5.7)",
			DIRECT, PUBLIC},
		{"its own redirect", {&honest, &public_ca}, .status = 302,
			.location = "https://login.test/", DIRECT, PUBLIC},
		{"a canary that is intercepted", {&honest, &public_ca}, .canary = &forged, DIRECT,
			PUBLIC},
	};
	JUDGE_ALL(rows);
}

static void not_as_expected(void)
{
	const struct situation rows[] = {
		{"another public CA than expected", {&honest_other, &other_ca}, .ca = &public_root,
			PUBLIC, .kind = ATLS_EV_CA},
		{"another public CA than in the baseline", {&honest_other, &other_ca},
			.baseline = {&honest, &public_ca}, PUBLIC, .kind = ATLS_EV_BASELINE},
		{"another key than pinned", {&honest_new, &public_ca}, .pin = &honest, PUBLIC,
			.kind = ATLS_EV_PIN},
		{"another issuer's name", {&honest, &public_ca}, .issuer = "Nobody", PUBLIC,
			.kind = ATLS_EV_ISSUER},
		{"not the expected CA, nobody's", {&forged}, .ca = &public_root, INTERCEPTED,
			UNTRUSTED, .who = "CN=Operator's CA"},
		{"not the pinned key, nobody's", {&forged}, .pin = &honest, INTERCEPTED, UNTRUSTED,
			.who = "CN=Operator's CA"},
		{"not the baseline, nobody's", {&forged}, .baseline = {&honest, &public_ca},
			INTERCEPTED, UNTRUSTED, .who = "CN=Operator's CA"},
		{"not the expected CA, an added root's", {&forged_added}, .ca = &public_root,
			INTERCEPTED, ADDED, .who = COMPANY},
		{"not the key that was seen, nobody's", {&forged}, .known = &honest, UNTRUSTED,
			.kind = ATLS_EV_KNOWN_KEY},
	};
	JUDGE_ALL(rows);
}

/* A private CA's service with a new key, and whoever takes its CA's name. */
static void rotated_keys(void)
{
	struct cert rotated, impostor, namesake;
	make(&rotated, SERVICE, &unknown_root);
	make_ca(&namesake, "Operator's CA", NULL);
	make(&impostor, SERVICE, &namesake);
	const struct situation rows[] = {
		{"a rotated key", {&rotated}, UNTRUSTED},
		{"its CA is expected", {&rotated}, .ca = &unknown_root, DIRECT, .expected = true},
		{"the new key is pinned", {&rotated}, .pin = &rotated, DIRECT, .expected = true},
		{"the baseline has its CA", {&rotated}, .baseline = {&forged, &unknown_root},
			DIRECT, .expected = true},
		{"the baseline has the old leaf alone", {&rotated}, .baseline = {&forged},
			UNTRUSTED, .kind = ATLS_EV_BASELINE},
		{"the same, and the CA is sent now", {&rotated, &unknown_root},
			.baseline = {&forged}, UNTRUSTED, .kind = ATLS_EV_BASELINE},
		{"an impostor, and the baseline has the old leaf alone", {&impostor, &namesake},
			.baseline = {&forged}, UNTRUSTED, .kind = ATLS_EV_BASELINE},
		{"an impostor, and the baseline has the CA", {&impostor, &namesake},
			.baseline = {&forged, &unknown_root}, INTERCEPTED, UNTRUSTED,
			.who = "CN=Operator's CA"},
		{"the old key was seen first", {&rotated}, .known = &forged, UNTRUSTED,
			.kind = ATLS_EV_KNOWN_KEY},
		{"the old key is pinned", {&rotated}, .pin = &forged, INTERCEPTED, UNTRUSTED,
			.who = "CN=Operator's CA", .kind = ATLS_EV_PIN},
		{"the old key is pinned, but its CA is expected", {&rotated}, .pin = &forged,
			.ca = &unknown_root, .expected = true, .kind = ATLS_EV_PIN},
		{"the old key is pinned, but the baseline has its CA", {&rotated}, .pin = &forged,
			.baseline = {&forged, &unknown_root}, .expected = true,
			.kind = ATLS_EV_PIN},
	};
	JUDGE_ALL(rows);
	cert_free(&rotated);
	cert_free(&impostor);
	cert_free(&namesake);
}

static void added_roots(void)
{
	struct cert internal, wrong, canary;
	cert_make(
		&internal, &(struct cert_spec){.cn = "x", .names = "intranet,a.corp"}, &added_root);
	make_named(&wrong, "portal.company.test", &added_root);
	make_named(&canary, CANARY, &added_root);
	const struct situation rows[] = {
		{"the corporate case", {&forged_added}, INTERCEPTED, ADDED, .who = COMPANY},
		{"with the root", {&forged_added, &added_root}, INTERCEPTED, ADDED, .who = COMPANY},
		{"a company's own name", {&internal}, .name = "intranet", ADDED, .who = COMPANY},
		{"a company's own domain", {&internal}, .name = "a.corp", ADDED, .who = COMPANY},
		{"the company's CA is expected", {&forged_added}, .ca = &added_root, DIRECT, ADDED,
			.expected = true},
		{"somebody else's name", {&wrong}, ADDED, .who = COMPANY, .faults = ATLS_FAULT_NAME,
			.kind = ATLS_EV_NAME},
		{"the canary is behind it, too", {&forged_added}, .canary = &canary, INTERCEPTED,
			ADDED, .who = COMPANY, .kind = ATLS_EV_CANARY},
		{"made to order", {&forged_added}, .invented = &canary, INTERCEPTED, ADDED,
			.who = COMPANY},
	};
	JUDGE_ALL(rows);
	cert_free(&internal);
	cert_free(&wrong);
	cert_free(&canary);
}

static void canary_is_free(void)
{
	struct cert canary;
	make_named(&canary, CANARY, &public_root);
	judge_it(&(struct situation){"a private service beside public ones", {&forged_added},
		.canary = &canary, ADDED, .who = COMPANY, .kind = ATLS_EV_CANARY});
	cert_free(&canary);
}

static void unknown_issuers(void)
{
	struct cert other, invented, product, related;
	make_named(&other, CANARY, &unknown_root);
	make_named(&invented, INVENTED, &unknown_root);
	make_named(&related, "www." SERVICE, &unknown_root);
	make(&product, SERVICE, &box_root);
	const struct situation rows[] = {
		{"a private CA, or an interceptor's", {&forged}, UNTRUSTED},
		{"with its root", {&forged, &unknown_root}, UNTRUSTED},
		{"it is the expected CA", {&forged}, .ca = &unknown_root, DIRECT, .expected = true},
		{"it is the pinned key", {&forged}, .pin = &forged, DIRECT, .expected = true},
		{"as in the baseline", {&forged}, .baseline = {&forged}, DIRECT, .expected = true},
		{"the key that was seen first", {&forged}, .known = &forged, DIRECT,
			.expected = true},
		{"its issuer has the expected name", {&forged}, .issuer = "Operator", UNTRUSTED},
		{"made to order", {&forged}, .invented = &invented, INTERCEPTED, UNTRUSTED,
			.who = "CN=Operator's CA", .kind = ATLS_EV_INVENTED},
		{"the same for any name", {&forged}, .invented = &forged, UNTRUSTED},
		{"behind an unrelated name, too", {&forged}, .canary = &other, INTERCEPTED,
			UNTRUSTED, .who = "CN=Operator's CA", .kind = ATLS_EV_CANARY},
		{"the other way is vouched for", {&forged}, .way = &honest, INTERCEPTED, UNTRUSTED,
			.who = "CN=Operator's CA", .kind = ATLS_EV_WAY},
		{"the other way is the same", {&forged}, .way = &forged, UNTRUSTED},
		{"a product's name alone", {&product}, UNTRUSTED, .who = "mitmproxy",
			.kind = ATLS_EV_PRODUCT},
		{"a product's name, and made to order", {&product}, .invented = &invented,
			INTERCEPTED, UNTRUSTED, .who = "mitmproxy"},
		{"a product's name, and its header", {&forged_squid}, .status = 200,
			.via = "1.1 box (squid/5.7)", INTERCEPTED, UNTRUSTED,
			.who = "Squid ssl-bump"},
		{"a header alone", {&forged}, .status = 200, .via = "1.1 box (squid/5.7)",
			UNTRUSTED, .who = "squid", .kind = ATLS_EV_HEADER},
		{"a product's name, but pinned", {&product}, .pin = &product, DIRECT,
			.expected = true},
	};
	JUDGE_ALL(rows);
	cert_free(&other);
	cert_free(&invented);
	cert_free(&product);
	cert_free(&related);
}

static void self_signed(void)
{
	struct cert self, again, forgery;
	const struct cert_spec spec = {.cn = SERVICE, .names = SERVICE};
	const struct cert_spec rsa = {.cn = SERVICE,
		.names = SERVICE,
		.pk = GNUTLS_PK_RSA,
		.not_after = CERT_NOW + 90 * CERT_DAY};
	cert_make(&self, &spec, NULL);
	cert_make(&again, &spec, NULL);
	cert_make(&forgery, &rsa, NULL);
#define SELF   .anchor = ATLS_ANCHOR_SELF
#define SIGNED .faults = ATLS_FAULT_SELF_SIGNED
	const struct situation rows[] = {
		{"self-signed", {&self}, SELF, SIGNED},
		{"pinned", {&self}, .pin = &self, DIRECT, SELF, .expected = true},
		{"expected", {&self}, .ca = &self, DIRECT, SELF, .expected = true},
		{"as before", {&self}, .baseline = {&self}, DIRECT, SELF, .expected = true},
		{"forged self-signed, pinned", {&forgery}, .pin = &self, INTERCEPTED, SELF, SIGNED,
			.who = "CN=" SERVICE},
		{"a new one of the same kind", {&again}, .baseline = {&self}, SELF, SIGNED,
			.kind = ATLS_EV_BASELINE},
		{"a new one of another kind, and ALPN is lost", {&forgery}, .baseline = {&self},
			.baseline_alpn = "h2", INTERCEPTED, SELF, SIGNED, .who = "CN=" SERVICE,
			.kind = ATLS_EV_CHANGED},
		{"another key than seen first", {&again}, .known = &self, SELF, SIGNED},
	};
	JUDGE_ALL(rows);
	cert_free(&self);
	cert_free(&again);
	cert_free(&forgery);
}

static void faults_alone(void)
{
	struct cert expired, not_yet, other, sibling, no_san, client, rsa, sha1, old, aia;
	const time_t day = CERT_DAY;
	cert_make(&expired,
		&(struct cert_spec){.cn = "x", .names = SERVICE, .not_after = CERT_NOW - day},
		&public_ca);
	cert_make(&not_yet,
		&(struct cert_spec){.cn = "x", .names = SERVICE, .not_before = CERT_NOW + day},
		&public_ca);
	make_named(&other, "other.test", &public_ca);
	make_named(&sibling, "www." SERVICE, &public_ca);
	cert_make(&no_san, &(struct cert_spec){.cn = SERVICE}, &public_ca);
	cert_make(&client,
		&(struct cert_spec){
			.cn = "x", .names = SERVICE, .purpose = GNUTLS_KP_TLS_WWW_CLIENT},
		&public_ca);
	cert_make(&rsa,
		&(struct cert_spec){.cn = "x", .names = SERVICE, .pk = GNUTLS_PK_RSA, .bits = 1024},
		&public_ca);
	cert_make(&sha1, &(struct cert_spec){.cn = "x", .names = SERVICE, .hash = GNUTLS_DIG_SHA1},
		&public_ca);
	cert_make(
		&old, &(struct cert_spec){.cn = SERVICE, .not_after = CERT_NOW - day}, &public_ca);
	make(&aia, SERVICE, &public_ca);
	add_aia(&aia, &public_ca);
	const struct situation rows[] = {
		{"expired", {&expired, &public_ca}, DIRECT, PUBLIC, .faults = ATLS_FAULT_EXPIRED},
		{"not yet", {&not_yet, &public_ca}, DIRECT, PUBLIC, .faults = ATLS_FAULT_NOT_YET},
		{"for a sibling", {&sibling, &public_ca}, DIRECT, PUBLIC,
			.faults = ATLS_FAULT_NAME},
		{"for somebody else", {&other, &public_ca}, PUBLIC, .faults = ATLS_FAULT_NAME},
		{"common name alone", {&no_san, &public_ca}, DIRECT, PUBLIC,
			.faults = ATLS_FAULT_NO_SAN},
		{"for clients", {&client, &public_ca}, DIRECT, PUBLIC,
			.faults = ATLS_FAULT_PURPOSE},
		{"RSA 1024", {&rsa, &public_ca}, DIRECT, PUBLIC, .faults = ATLS_FAULT_WEAK},
		{"SHA-1", {&sha1, &public_ca}, DIRECT, PUBLIC, .faults = ATLS_FAULT_WEAK},
		{"two at once", {&old, &public_ca}, DIRECT, PUBLIC,
			.faults = ATLS_FAULT_EXPIRED | ATLS_FAULT_NO_SAN},
		{"no intermediate", {&aia}, .faults = ATLS_FAULT_INCOMPLETE},
		{"no intermediate, an expected CA", {&aia}, .ca = &public_root,
			.faults = ATLS_FAULT_INCOMPLETE},
		{"no intermediate, another key than pinned", {&aia}, .pin = &honest,
			.faults = ATLS_FAULT_INCOMPLETE},
		{"no intermediate, fetched", {&aia}, .more = &public_ca, DIRECT, PUBLIC,
			.faults = ATLS_FAULT_INCOMPLETE},
		{"no intermediate, another was fetched", {&aia}, .more = &other_ca,
			.faults = ATLS_FAULT_INCOMPLETE},
		{"for somebody else, and pinned", {&other, &public_ca}, .pin = &other, DIRECT,
			PUBLIC, .faults = ATLS_FAULT_NAME, .expected = true},
		{"no certificate", {NULL}, .faults = ATLS_FAULT_NO_CERTIFICATE},
	};
	JUDGE_ALL(rows);
	struct cert *const all[] = {
		&expired, &not_yet, &other, &sibling, &no_san, &client, &rsa, &sha1, &old, &aia};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		cert_free(all[i]);
}

/* A forged leaf that has the origin's fault, too, is forged all the same. */
static void faults_do_not_hide(void)
{
	struct cert expired, sibling, squid, unknown, old_ca;
	const struct cert_spec spec = {
		.cn = "x", .names = SERVICE, .not_after = CERT_NOW - CERT_DAY};
	cert_make(&expired, &spec, &added_root);
	make_named(&sibling, "www." SERVICE, &added_root);
	cert_make(&squid, &spec, &inspector);
	cert_make(&unknown, &spec, &unknown_root);
	make_named(&old_ca, INVENTED, &unknown_root);
	const struct situation rows[] = {
		{"expired, by an added root", {&expired}, INTERCEPTED, ADDED, .who = COMPANY,
			.faults = ATLS_FAULT_EXPIRED},
		{"a sibling's name, by an added root", {&sibling}, INTERCEPTED, ADDED,
			.who = COMPANY, .faults = ATLS_FAULT_NAME},
		{"expired, by squid's other CA", {&squid}, .status = 503,
			.via = "1.1 box (squid/5.7)", INTERCEPTED, .who = "Squid ssl-bump",
			.faults = ATLS_FAULT_UNTRUSTED | ATLS_FAULT_EXPIRED},
		{"expired, by squid's other CA, expected is another", {&squid}, .ca = &public_root,
			INTERCEPTED, .who = "Squid ssl-bump",
			.faults = ATLS_FAULT_UNTRUSTED | ATLS_FAULT_EXPIRED},
		{"expired, made to order", {&unknown}, .invented = &old_ca, INTERCEPTED,
			.who = "CN=Operator's CA",
			.faults = ATLS_FAULT_UNTRUSTED | ATLS_FAULT_EXPIRED},
	};
	JUDGE_ALL(rows);
	struct cert *const all[] = {&expired, &sibling, &squid, &unknown, &old_ca};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		cert_free(all[i]);
}

static void portals(void)
{
	struct cert portal;
	make_named(&portal, "login.hotel.test", &unknown_root);
	const struct situation rows[] = {
		{"behind a stranger's certificate", {&portal}, .status = 302,
			.location = "https://login.hotel.test/a?b", .portal = true,
			.who = "login.hotel.test",
			.faults = ATLS_FAULT_UNTRUSTED | ATLS_FAULT_NAME},
		{"in plain text", {NULL}, .status = 302, .plain = true,
			.location = "http://10.0.0.1:8080/", .portal = true, .who = "10.0.0.1",
			.faults = ATLS_FAULT_NO_CERTIFICATE},
		{"status 511", {&portal}, .status = 511, .portal = true,
			.faults = ATLS_FAULT_UNTRUSTED | ATLS_FAULT_NAME},
		{"a redirect to https", {NULL}, .status = 301, .plain = true,
			.location = "https://www." SERVICE "/",
			.faults = ATLS_FAULT_NO_CERTIFICATE},
		{"no redirect", {&portal}, .status = 200,
			.faults = ATLS_FAULT_UNTRUSTED | ATLS_FAULT_NAME},
		{"a forger's is no portal", {&forged_added}, .status = 302,
			.location = "https://login.hotel.test/", INTERCEPTED, ADDED,
			.who = COMPANY},
	};
	JUDGE_ALL(rows);
	cert_free(&portal);
}

static void taken_names(void)
{
	struct cert taken, leaf_of;
	make_ca(&taken, "Public root", NULL);
	make(&leaf_of, SERVICE, &taken);
	judge_it(&(struct situation){
		"a public root's name", {&leaf_of}, UNTRUSTED, .kind = ATLS_EV_IMPOSTOR});
	judge_it(&(struct situation){
		"with that root", {&leaf_of, &taken}, UNTRUSTED, .kind = ATLS_EV_IMPOSTOR});
	cert_free(&leaf_of);
	cert_free(&taken);
}

/* Issuers of each other, and a chain as long as it may not be. */
static void odd_chains(void)
{
	struct cert a, b, leaf_a;
	make_ca(&b, "B", NULL);
	make_ca(&a, "A", &b);
	struct cert again;
	cert_make(&again, &(struct cert_spec){.cn = "B", .ca = true, .key = &b}, &a);
	make(&leaf_a, SERVICE, &a);
	judge_it(&(struct situation){"a loop", {&leaf_a, &a, &again}, UNTRUSTED});
	add_aia(&leaf_a, &a);
	judge_it(&(struct situation){
		"a loop that nobody vouches for", {&leaf_a, &a, &again, &a}, UNTRUSTED});
	gnutls_datum_t many[40];
	struct atls_expected expected = {.name = SERVICE, .roots = roots, .now = CERT_NOW};
	struct atls_judgement got;
	for (size_t i = 0; i < 40; i++)
		many[i] = i ? a.der : honest.der;
	many[1] = public_ca.der;
	eq_int(atls_judge(&expected, &(struct atls_sight){.chain = many, .count = 40}, NULL, &got),
		0);
	eq_int(got.finding, ATLS_DIRECT);
	eq_int(got.faults, ATLS_FAULT_MALFORMED);
	many[0] = (gnutls_datum_t){(unsigned char *)(uintptr_t) "\x30\x03garbage", 9};
	eq_int(atls_judge(&expected, &(struct atls_sight){.chain = many, .count = 2}, NULL, &got),
		0);
	eq_int(got.finding, ATLS_UNDECIDED);
	ok(got.faults & ATLS_FAULT_MALFORMED);
	many[0] = honest.der;
	many[1] = (gnutls_datum_t){(unsigned char *)(uintptr_t) "", 0};
	eq_int(atls_judge(&expected, &(struct atls_sight){.chain = many, .count = 2}, NULL, &got),
		0);
	eq_int(got.finding, ATLS_UNDECIDED);
	ok(got.faults & ATLS_FAULT_MALFORMED);
	cert_free(&leaf_a);
	cert_free(&again);
	cert_free(&a);
	cert_free(&b);
}

static void names(void)
{
	ok(atls_names_related("a.example.org", "b.example.org"));
	ok(atls_names_related("*.example.org", "example.org"));
	ok(atls_names_related("WWW.example.org", "www.EXAMPLE.org"));
	ok(!atls_names_related("a.example.org", "a.example.com"));
	ok(!atls_names_related("a.co.uk", "b.co.uk"));
	ok(atls_names_related("x.a.co.uk", "a.co.uk"));
	ok(!atls_names_related("co.uk", "b.co.uk"));
	ok(!atls_names_related("example.org", "org"));
	ok(!atls_names_related("192.0.2.1", "198.0.2.1"));
	ok(!atls_names_related("host", "other"));
	ok(!atls_names_related("", ""));
	ok(!atls_names_related("*.", "a.example"));
	static const char *const internal[] = {"intranet", "a.local", "x.y.internal", "10.1.2.3",
		"172.16.0.1", "192.168.9.9", "127.0.0.1", "fd00::1", "fe80::1", "::1",
		"b.home.arpa"};
	static const char *const external[] = {
		"example.org", "local.example", "172.32.0.1", "192.0.2.1", "2001:db8::1", "a.test"};
	for (size_t i = 0; i < sizeof internal / sizeof *internal; i++)
		if (!atls_name_is_internal(internal[i]))
			TAP_FAIL("'%s' is internal", internal[i]);
	for (size_t i = 0; i < sizeof external / sizeof *external; i++)
		if (atls_name_is_internal(external[i]))
			TAP_FAIL("'%s' is not internal", external[i]);
}

static void tables(void)
{
	struct atls_issuers *own = atls_issuers_new();
	struct atls_error err = {0};
	char value[ATLS_NAME_TEXT];
	struct atls_chain chain;

	eq_int(atls_chain_import(&chain, &forged.der, 1), 0);
	ok(!atls_issuers_find(own, &chain, value));
	eq_int(atls_issuers_add(
		       own, "# ours\nOurs\tissuer.CN\tOperator.*\tnote\tsource\r\n\n", &err),
		0);
	eq_str(atls_issuers_find(own, &chain, value), "Ours");
	eq_str(value, "Operator's CA");
	static const char *const wrong[] = {"One\n", "One\tissuer.CN\n", "One\tissuer.XY\ta\n",
		"One\tissuer.CN\t\n", "One\tissuer.CN\t(\n", "\tissuer.CN\ta\n"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		err = (struct atls_error){0};
		eq_int(atls_issuers_add(own, wrong[i], &err), ATLS_E_USAGE);
		ok(strstr(err.text, "line 1"));
	}
	err = (struct atls_error){0};
	/* Each pattern that is built in is one. */
	for (const struct atls_issuer_row *at = atls_issuers_builtin; at->product; at++) {
		char line[1024];
		snprintf(line, sizeof line, "%s\t%s\t%s\n", at->product, at->field, at->pattern);
		eq_int(atls_issuers_add(own, line, &err), 0);
	}
	atls_chain_free(&chain);
	atls_issuers_free(own);
}

int main(void)
{
	setup();
	run(honest_services);
	run(not_as_expected);
	run(rotated_keys);
	run(added_roots);
	run(canary_is_free);
	run(unknown_issuers);
	run(self_signed);
	run(faults_alone);
	run(faults_do_not_hide);
	run(portals);
	run(taken_names);
	run(odd_chains);
	run(names);
	run(tables);
	teardown();
	return tap_done();
}
