/* Names that products which intercept TLS put into the certificates they forge. A name proves
 * nothing alone: it says who it may be, once other evidence says that somebody is there. */
#ifndef ATLS_TRUST_KNOWN_ISSUERS_H
#define ATLS_TRUST_KNOWN_ISSUERS_H

#include "trust/chain.h"

struct atls_issuers;

/* One line of issuers.tsv, as it is built in; the last has no product. */
struct atls_issuer_row {
	const char *product, *field, *pattern;
};
extern const struct atls_issuer_row atls_issuers_builtin[];

/* With what is built in. Null if memory is short. */
struct atls_issuers *atls_issuers_new(void);

/* Null is allowed. */
void atls_issuers_free(struct atls_issuers *issuers);

/*
 * Adds the lines of a table, with tabs between its columns: product, field, pattern, and what is
 * behind them is for people. The field is "issuer.CN", "issuer.O" or "issuer.OU" (of the leaf's
 * issuer), or the same with "root." (of the issuer of the last certificate that was sent) or
 * "subject."; the pattern is an extended regular expression for the whole value. Empty lines, a
 * head "product..." and lines that begin with '#' are passed over, and so are fields that are prose
 * ("subject"). 0; ATLS_E_USAGE with err naming the line; or ATLS_E_MEMORY.
 */
int atls_issuers_add(struct atls_issuers *issuers, const char *text, struct atls_error *err);

/* The product that the chain's names point to, or null; *value is the name that matched, cut to
 * ATLS_NAME_TEXT. The pointer lives as long as issuers. */
const char *atls_issuers_find(const struct atls_issuers *issuers, const struct atls_chain *chain,
	char value[ATLS_NAME_TEXT]);

#endif
