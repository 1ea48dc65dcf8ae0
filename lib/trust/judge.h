/*
 * Whether somebody stands between: a judgement of what a TLS handshake showed, and of what else was
 * seen, against what is expected. It decides once for all tools, from bytes alone; the decision is
 * in the weights of evidence.h, and atls-probe(1) explains it.
 *
 * A fault of a certificate is no interception, and an interceptor may copy, add or hide faults: so
 * the finding rests on who vouches for the key, whatever its certificate's faults are.
 */
#ifndef ATLS_TRUST_JUDGE_H
#define ATLS_TRUST_JUDGE_H

#include "trust/evidence.h"
#include "trust/facts.h"
#include "trust/known_issuers.h"
#include "trust/report.h"
#include "trust/roots.h"

enum atls_finding { ATLS_UNDECIDED, ATLS_DIRECT, ATLS_INTERCEPTED };

/* What one handshake showed. All pointers are the caller's; null and zero: not known, none. */
struct atls_sight {
	const gnutls_datum_t *chain; /* as it was sent, leaf first, DER */
	unsigned count;
	const gnutls_datum_t
		*more; /* issuers found elsewhere (authority information access), DER */
	unsigned more_count;
	const gnutls_datum_t *ocsp; /* a response for the leaf, stapled or fetched */
	const gnutls_datum_t *crl;  /* a revocation list of the leaf's issuer */
	const char *version, *suite, *group;
	const char *alpn; /* "": none was chosen */
	bool stapled;     /* the response came with the handshake */
};

/* What the user knows. Whatever is given has to hold. */
struct atls_expected {
	const char *name;               /* DNS name or address */
	const struct atls_roots *roots; /* the machine's */
	gnutls_x509_trust_list_t anchors;
	uint8_t pins[ATLS_PINS_MAX][ATLS_PIN_LEN];
	size_t pin_count;
	const char *issuer;                /* a part of the leaf's issuer's name (RFC 4514) */
	const struct atls_sight *baseline; /* what was seen on a good network */
	const uint8_t *known_key;          /* the key that was seen first (ATLS_PIN_LEN) */
	const struct atls_issuers *issuers;
	time_t now;
};

/* Another handshake that is compared with the first. */
struct atls_other {
	const char *name; /* that was asked for; of a way: null */
	const char *way;  /* "directly", "by IPv6": for people; of a name: null */
	struct atls_sight sight;
};

#define ATLS_HEADER_TEXT 256u

/* An HTTP answer, over the TLS session or in plain text. Texts "" for what was not there. */
struct atls_http_sight {
	unsigned status; /* 0: none came */
	bool plain;
	char via[ATLS_HEADER_TEXT];
	char server[ATLS_HEADER_TEXT];
	char box[ATLS_HEADER_TEXT]; /* another header that a proxy adds, with its value */
	char location[ATLS_HEADER_TEXT];
};

/* What the service said through a session that is verified end to end. */
struct atls_proof {
	enum atls_report_finding finding;
	const struct atls_report_seen *seen;
	const struct atls_report_shown *shown;
};

/* What was seen besides. */
struct atls_further {
	const struct atls_other *invented; /* a name that nobody has, at the same address */
	const struct atls_other *canaries; /* unrelated names */
	unsigned canary_count;
	const struct atls_other *ways; /* the same name by other ways */
	unsigned way_count;
	const struct atls_http_sight *http;
	const struct atls_proof *proof;
};

/* Where the chain leads. */
enum atls_anchor {
	ATLS_ANCHOR_NONE,
	ATLS_ANCHOR_SELF,   /* self-signed */
	ATLS_ANCHOR_ADDED,  /* to a root that was added on this machine, and to no other */
	ATLS_ANCHOR_PUBLIC, /* to a root of the distribution's */
};

struct atls_judgement {
	enum atls_finding finding;
	int score; /* the sum of the weights */
	enum atls_anchor anchor;
	bool expected;            /* the user's own knowledge vouches for it */
	bool portal;              /* a captive portal answers */
	unsigned faults;          /* enum atls_fault */
	char who[ATLS_NAME_TEXT]; /* the name of who may stand between, or "" */
	struct atls_facts leaf;
	struct atls_evidence evidence[ATLS_EVIDENCE_MAX];
	unsigned count;
};

/* Judges. further may be null. 0 whatever the finding, or ATLS_E_MEMORY. GnuTLS's clock decides on
 * what is valid now, expected->now on how old it is. */
int atls_judge(const struct atls_expected *expected, const struct atls_sight *sight,
	const struct atls_further *further, struct atls_judgement *judgement);

/* "direct", "intercepted", "undecided". */
const char *atls_finding_word(enum atls_finding finding);

/* "none", "self-signed", "added", "public". */
const char *atls_anchor_word(enum atls_anchor anchor);

/* Whether two DNS names belong together: one is the other, or they share the domain that somebody
 * registered, as far as that shows without a list of public suffixes. */
bool atls_names_related(const char *a, const char *b);

/* Whether no public CA can vouch for the name: "intranet", "x.internal", "192.168.0.1". */
bool atls_name_is_internal(const char *name);

#endif
