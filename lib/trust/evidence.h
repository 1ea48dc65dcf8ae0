/* Single pieces of evidence and how much each weighs. */
#ifndef ATLS_TRUST_EVIDENCE_H
#define ATLS_TRUST_EVIDENCE_H

#define ATLS_EVIDENCE_MAX  32u
#define ATLS_EVIDENCE_TEXT 320u

/* From this sum on the finding is "intercepted"; down from the other, "direct". */
#define ATLS_SCORE_INTERCEPTED 100
#define ATLS_SCORE_DIRECT      (-50)

enum atls_evidence_kind {
	ATLS_EV_PROOF,     /* --atls: the service itself says what it shows */
	ATLS_EV_TRUST,     /* where the chain leads */
	ATLS_EV_IMPOSTOR,  /* an issuer with a public CA's name, and not its key */
	ATLS_EV_CA,        /* --expect-ca */
	ATLS_EV_PIN,       /* --expect-pin */
	ATLS_EV_ISSUER,    /* --expect-issuer */
	ATLS_EV_BASELINE,  /* --baseline: key and issuer */
	ATLS_EV_CHANGED,   /* --baseline: what else is different */
	ATLS_EV_KNOWN_KEY, /* --known-keys */
	ATLS_EV_NAME,      /* the certificate is made for somebody else */
	ATLS_EV_PRODUCT,   /* a known product's issuer */
	ATLS_EV_SHAPE,     /* made as a known product makes them */
	ATLS_EV_BARE,      /* without what public CAs must provide */
	ATLS_EV_INVENTED,  /* a certificate made to order for an invented name */
	ATLS_EV_CANARY,    /* the same issuer behind unrelated names */
	ATLS_EV_HEADER,    /* HTTP headers that a box adds */
	ATLS_EV_PORTAL,    /* a captive portal's redirect */
	ATLS_EV_WAY,       /* another way shows another certificate */
	ATLS_EV_REVOKED,   /* what the CA says of the certificate now */
	ATLS_EV_KINDS
};

/* The weights. None of those below "beyond the chain" decides alone. */
enum {
	ATLS_W_PROOF_DIRECT = -1000,
	ATLS_W_PROOF_OTHER = 1000,
	ATLS_W_PUBLIC = -100,
	ATLS_W_PUBLIC_OTHER_NAME = -30, /* a public CA vouches, but for somebody else */
	ATLS_W_ADDED = 100,
	ATLS_W_ADDED_INTERNAL = 60, /* for a name that no public CA can vouch for */
	ATLS_W_UNKNOWN = 40,
	ATLS_W_SELF_SIGNED = 20,
	ATLS_W_EXPECTED = -100, /* the user's CA, pin or baseline vouches */
	ATLS_W_KNOWN_KEY = -80,
	ATLS_W_UNEXPECTED = 80,      /* the user's CA, pin, issuer or baseline does not fit */
	ATLS_W_UNEXPECTED_OPEN = 40, /* the same, of a chain that lacks its end */
	ATLS_W_BASELINE_OLD = 40,    /* the baseline has expired */
	ATLS_W_BASELINE_SELF = 60,   /* self-signed, then as now: a new key looks the same */
	ATLS_W_BASELINE_NAME = 20,   /* an issuer of the same name, and no more is known of it */
	ATLS_W_NEW_KEY = 30,
	ATLS_W_OTHER_NAME = -30,
	/* beyond the chain */
	ATLS_W_IMPOSTOR = 30,
	ATLS_W_PRODUCT = 50,
	ATLS_W_SHAPE = 20,
	ATLS_W_BARE = 5,     /* little: private CAs leave the same out */
	ATLS_W_CHANGED = 10, /* for each difference */
	ATLS_W_CHANGED_MAX = 30,
	ATLS_W_INVENTED = 60,
	ATLS_W_CANARY = 60,
	ATLS_W_CANARY_FREE = -40, /* added root, but the canary is not behind it */
	ATLS_W_HEADER_PRODUCT = 30,
	ATLS_W_HEADER = 10,
	ATLS_W_WAY = 80,
};

/* Both texts may hold bytes that the peer chose. */
struct atls_evidence {
	enum atls_evidence_kind kind;
	int weight; /* above 0: for an interception; below: against */
	char seen[ATLS_EVIDENCE_TEXT];
	char expected[ATLS_EVIDENCE_TEXT];
};

/* "trust", "expect-ca": in results and in atls-probe(1). */
const char *atls_evidence_word(enum atls_evidence_kind kind);

#endif
