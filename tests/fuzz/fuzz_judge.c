/*
 * A peer's certificates, OCSP response, revocation list and HTTP head to the judgement. The input
 * is a first byte that says what is expected, and then parts as fuzz_trust has them, each with two
 * bytes of its length in front: certificates, and as the last three, an OCSP response, a list and
 * the head of an answer. Nothing that is made up here is vouched for.
 */
#include "net/http_ask.h"
#include "tests/unit/certs.h"
#include "trust/judge.h"

#define PARTS_MAX 24u
#define NAME      "device.example"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Two roots, a public and an added one; their keys are random, so that nobody else signs for them.
 */
static struct cert public_root, added_root, honest;
static struct atls_roots *roots;
static struct atls_issuers *issuers;

static void need(bool condition)
{
	if (!condition)
		abort();
}

static void set_up(void)
{
	if (roots)
		return;
	cert_set_clock(CERT_NOW);
	cert_make(&public_root, &(struct cert_spec){.cn = "Root", .ca = true}, NULL);
	cert_make(&added_root, &(struct cert_spec){.cn = "Added", .ca = true}, NULL);
	cert_make(&honest, &(struct cert_spec){.cn = "x", .names = NAME}, &public_root);
	roots = atls_roots_new();
	issuers = atls_issuers_new();
	need(roots && issuers);
	need(atls_roots_add(
		     roots, public_root.der.data, public_root.der.size, ATLS_ORIGIN_PUBLIC) == 0);
	need(atls_roots_add(roots, added_root.der.data, added_root.der.size, ATLS_ORIGIN_ADDED) ==
		0);
}

static unsigned split(const uint8_t *data, size_t size, gnutls_datum_t *part)
{
	unsigned count = 0;

	for (; count < PARTS_MAX && size >= 2; count++) {
		size_t len = (size_t)data[0] << 8 | data[1];
		data += 2;
		size -= 2;
		if (len > size)
			len = size;
		part[count] = (gnutls_datum_t){(unsigned char *)(uintptr_t)data, (unsigned)len};
		data += len;
		size -= len;
	}
	return count;
}

static void check(const struct atls_judgement *got)
{
	int sum = 0;

	need(got->count <= ATLS_EVIDENCE_MAX);
	for (unsigned i = 0; i < got->count; i++) {
		const struct atls_evidence *one = &got->evidence[i];
		need(one->kind < ATLS_EV_KINDS && atls_evidence_word(one->kind));
		need(strlen(one->seen) < sizeof one->seen);
		need(strlen(one->expected) < sizeof one->expected);
		sum += one->weight;
	}
	need(sum == got->score);
	need(strlen(got->who) < sizeof got->who);
	/* Nobody but the two roots vouches, and these have signed nothing that the input can hold
	 * but themselves. */
	need(got->finding != ATLS_DIRECT || got->anchor == ATLS_ANCHOR_PUBLIC);
	need(!got->expected);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct atls_judgement judgement;
	gnutls_datum_t part[PARTS_MAX];
	struct atls_http_sight http = {0};

	set_up();
	unsigned how = size ? *data : 0;
	unsigned count = size ? split(data + 1, size - 1, part) : 0;
	unsigned rest = count > 3 ? 3 : 0, certs = count - rest;
	const struct atls_sight sight = {.chain = part,
		.count = certs,
		.more = rest && (how & 1) ? part + certs - 1 : NULL,
		.more_count = rest && (how & 1),
		.ocsp = rest ? &part[certs] : NULL,
		.crl = rest ? &part[certs + 1] : NULL,
		.stapled = how & 2,
		.version = "TLS1.3",
		.alpn = ""};
	const struct atls_sight base = {.chain = &honest.der, .count = 1, .alpn = "h2"};
	const struct atls_expected expected = {.name = NAME,
		.roots = roots,
		.issuers = issuers,
		.issuer = how & 4 ? "Root" : NULL,
		.baseline = how & 8 ? &base : NULL,
		.pin_count = how & 16 ? 1 : 0,
		.now = CERT_NOW};
	/* Of others the leaf and its issuer do: each certificate is read anew for each of them. */
	struct atls_other other = {.name = "x.invalid", .way = "directly", .sight = sight};
	const struct atls_further further = {.invented = how & 32 ? &other : NULL,
		.canaries = &other,
		.canary_count = (how & 64) != 0,
		.ways = &other,
		.way_count = (how & 128) != 0,
		.http = &http};

	other.sight.count = certs < 2 ? certs : 2;
	if (rest)
		atls_http_head_read(
			&http, (const char *)part[certs + 2].data, part[certs + 2].size);
	need(atls_judge(&expected, &sight, &further, &judgement) == 0);
	check(&judgement);
	return 0;
}
