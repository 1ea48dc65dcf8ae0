/*
 * The transport report, ATLS's proof about the network layer: inside a session that is verified end
 * to end, the client says what TLS of the network layer showed it, and the service what its front
 * really shows. TRANSPORT REPORT in atls(7) has the exchange; cli/report.h its JSON.
 */
#ifndef ATLS_TRUST_REPORT_H
#define ATLS_TRUST_REPORT_H

#include "trust/policy.h"

/* The ALPN (RFC 7301) of the inner session in which it runs, and the schema of its objects. */
#define ATLS_REPORT_PROTOCOL "atls-report/1"
#define ATLS_REPORT_MAX      (256u << 10) /* bytes of one object */
#define ATLS_FRONTS_MAX      16u
#define ATLS_BINDING_LEN     32u /* tls-exporter, RFC 9266 */

/* Certificates in DER, leaf first; owned. */
struct atls_report_chain {
	gnutls_datum_t der[ATLS_CHAIN_MAX];
	unsigned count; /* 0: none is known */
};

/* Adds a copy of one. 0, ATLS_E_LIMIT or ATLS_E_MEMORY. */
int atls_report_chain_add(struct atls_report_chain *chain, const void *der, size_t len);
/* Adds those of a PEM text, in their order; what else is in it is skipped. 0, ATLS_E_TLS if there
 * is none or one is broken, ATLS_E_LIMIT or ATLS_E_MEMORY. */
int atls_report_chain_add_pem(struct atls_report_chain *chain, const char *pem, size_t len);
void atls_report_chain_free(struct atls_report_chain *chain);

/* SHA-256 of a certificate, lower-case hex with NUL. */
#define ATLS_FINGERPRINT_TEXT 65u
void atls_report_fingerprint(const gnutls_datum_t *der, char text[ATLS_FINGERPRINT_TEXT]);

/* One end of a connection of the network layer. */
struct atls_report_connection {
	bool tls;
	char version[16]; /* "TLS1.3"; empty: not known */
	bool bound;       /* binding is known */
	uint8_t binding[ATLS_BINDING_LEN];
};

/* Fills it in from an established session of either side. */
void atls_report_connection_read(
	struct atls_report_connection *connection, gnutls_session_t session);

/* Whether both are known and the same. */
bool atls_report_same_binding(
	const struct atls_report_connection *one, const struct atls_report_connection *other);

/* What the client saw. */
struct atls_report_seen {
	struct atls_report_connection connection;
	struct atls_report_chain chain;
};

void atls_report_seen_free(struct atls_report_seen *seen);

/* What the service shows: on the connection on which the report came, and, where something of the
 * service's own in front ends TLS, there. */
struct atls_report_shown {
	struct atls_report_connection connection;
	struct atls_report_chain own; /* if connection.tls */
	struct atls_report_chain fronts[ATLS_FRONTS_MAX];
	unsigned front_count;
};

void atls_report_shown_free(struct atls_report_shown *shown);

enum atls_report_finding {
	ATLS_REPORT_UNSEEN,        /* the client saw no TLS: nothing to compare */
	ATLS_REPORT_UNKNOWN,       /* the service does not know what its front shows */
	ATLS_REPORT_EQUAL,         /* the same certificate: nobody without its key is between */
	ATLS_REPORT_BOUND,         /* the same connection: nobody at all is between */
	ATLS_REPORT_OTHER_CHAIN,   /* another certificate: intercepted */
	ATLS_REPORT_OTHER_BINDING, /* the same certificate on another connection: intercepted */
	ATLS_REPORT_FINDINGS
};

/*
 * Compares. It is the leaf that counts, since TLS proves that its key is there; which issuers are
 * sent beside it is a matter of configuration. steady says that whoever compares had all requests
 * of this session on one connection of its own: only then an other binding proves anything.
 */
enum atls_report_finding atls_report_judge(
	const struct atls_report_seen *seen, const struct atls_report_shown *shown, bool steady);

bool atls_report_is_intercepted(enum atls_report_finding finding);

/* "unseen", "unknown", "equal", "bound", "other_chain", "other_binding". */
const char *atls_report_word(enum atls_report_finding finding);
/* What it means, as a clause: "the service's front shows the same certificate, ...". */
const char *atls_report_sentence(enum atls_report_finding finding);

/* Whether an established engine's session speaks the report's protocol. */
bool atls_report_selected(const struct atls_engine *engine);

#endif
