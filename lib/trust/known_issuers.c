#include "trust/known_issuers.h"

#include "core/err.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATTERN_MAX 512u
#define LINES_MAX   4096u

/* Whose name, and which part of it. */
enum whose { LEAF_ISSUER, TOP_ISSUER, LEAF_SUBJECT };

static const struct field {
	const char *name, *oid;
	enum whose whose;
} fields[] = {
	{"issuer.CN", GNUTLS_OID_X520_COMMON_NAME, LEAF_ISSUER},
	{"issuer.O", GNUTLS_OID_X520_ORGANIZATION_NAME, LEAF_ISSUER},
	{"issuer.OU", GNUTLS_OID_X520_ORGANIZATIONAL_UNIT_NAME, LEAF_ISSUER},
	{"root.CN", GNUTLS_OID_X520_COMMON_NAME, TOP_ISSUER},
	{"root.O", GNUTLS_OID_X520_ORGANIZATION_NAME, TOP_ISSUER},
	{"root.OU", GNUTLS_OID_X520_ORGANIZATIONAL_UNIT_NAME, TOP_ISSUER},
	{"subject.CN", GNUTLS_OID_X520_COMMON_NAME, LEAF_SUBJECT},
	{"subject.O", GNUTLS_OID_X520_ORGANIZATION_NAME, LEAF_SUBJECT},
	{"subject.OU", GNUTLS_OID_X520_ORGANIZATIONAL_UNIT_NAME, LEAF_SUBJECT},
};
#define FIELDS (sizeof fields / sizeof *fields)

struct known {
	char *product;
	char *pattern;
	size_t field; /* of fields */
};

struct atls_issuers {
	struct known *known;
	size_t count, cap;
};

void atls_issuers_free(struct atls_issuers *issuers)
{
	if (!issuers)
		return;
	for (size_t i = 0; i < issuers->count; i++) {
		free(issuers->known[i].product);
		free(issuers->known[i].pattern);
	}
	free(issuers->known);
	free(issuers);
}

static bool read_field(const char *field, size_t len, struct known *known)
{
	for (size_t i = 0; i < FIELDS; i++)
		if (strlen(fields[i].name) == len && memcmp(fields[i].name, field, len) == 0) {
			known->field = i;
			return true;
		}
	return false;
}

/* The pattern with anchors around it: the whole value counts. */
static char *anchored(const char *text, size_t len)
{
	char *pattern = malloc(len + sizeof "^()$");

	if (pattern)
		snprintf(pattern, len + sizeof "^()$", "^(%.*s)$", (int)len, text);
	return pattern;
}

static int push(struct atls_issuers *issuers, const struct known *known)
{
	if (issuers->count == issuers->cap) {
		size_t cap = issuers->cap ? 2 * issuers->cap : 128;
		struct known *grown = reallocarray(issuers->known, cap, sizeof *grown);
		if (!grown)
			return ATLS_E_MEMORY;
		issuers->known = grown;
		issuers->cap = cap;
	}
	issuers->known[issuers->count++] = *known;
	return 0;
}

/* A line taken apart: three texts with their lengths. */
struct row {
	const char *product, *field, *pattern;
	size_t product_len, field_len, pattern_len;
};

/* 0, ATLS_E_MEMORY, or ATLS_E_USAGE for a field that is none. */
static int add_row(struct atls_issuers *issuers, const struct row *row)
{
	struct known known = {0};

	if (!read_field(row->field, row->field_len, &known))
		return ATLS_E_USAGE;
	known.pattern = anchored(row->pattern, row->pattern_len);
	known.product = strndup(row->product, row->product_len);
	int rc = known.pattern && known.product ? push(issuers, &known) : ATLS_E_MEMORY;
	if (rc) {
		free(known.pattern);
		free(known.product);
	}
	return rc;
}

struct atls_issuers *atls_issuers_new(void)
{
	struct atls_issuers *issuers = calloc(1, sizeof *issuers);

	for (const struct atls_issuer_row *at = atls_issuers_builtin; issuers && at->product;
		at++) {
		const struct row row = {at->product, at->field, at->pattern, strlen(at->product),
			strlen(at->field), strlen(at->pattern)};
		if (add_row(issuers, &row) == ATLS_E_MEMORY) {
			atls_issuers_free(issuers);
			return NULL;
		}
	}
	return issuers;
}

static int wrong_line(unsigned number, const char *why, struct atls_error *err)
{
	return atls_error_set(err, ATLS_E_USAGE, "table of issuers: line %u: %s", number, why);
}

/* Takes the first three columns. False if there are fewer. */
static bool split(const char *line, size_t len, struct row *row)
{
	const char *end = line + len;
	const char *field = memchr(line, '\t', len);
	const char *pattern = field ? memchr(field + 1, '\t', (size_t)(end - field - 1)) : NULL;

	if (!pattern || field == line)
		return false;
	const char *behind = memchr(pattern + 1, '\t', (size_t)(end - pattern - 1));
	*row = (struct row){line, field + 1, pattern + 1, (size_t)(field - line),
		(size_t)(pattern - field - 1), (size_t)((behind ? behind : end) - pattern - 1)};
	return true;
}

static bool compiles(const struct row *row)
{
	regex_t regex;
	char *pattern = anchored(row->pattern, row->pattern_len);
	bool good = pattern && regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) == 0;

	if (good)
		regfree(&regex);
	free(pattern);
	return good;
}

static int add_line(struct atls_issuers *issuers, const char *line, size_t len, unsigned number,
	struct atls_error *err)
{
	struct row row;

	if (!split(line, len, &row))
		return wrong_line(number, "three columns with tabs between them are wanted", err);
	if (row.field_len == strlen("subject") && memcmp(row.field, "subject", row.field_len) == 0)
		return 0;
	if (row.pattern_len == 0 || row.pattern_len > PATTERN_MAX)
		return wrong_line(number, "the pattern is empty or too long", err);
	if (!compiles(&row))
		return wrong_line(number, "the pattern is no extended regular expression", err);
	int rc = add_row(issuers, &row);
	return rc == ATLS_E_USAGE ? wrong_line(number, "no such field of a name", err) : rc;
}

int atls_issuers_add(struct atls_issuers *issuers, const char *text, struct atls_error *err)
{
	int rc = 0;

	for (unsigned number = 1; *text && !rc; number++) {
		size_t len = strcspn(text, "\r\n");
		if (number > LINES_MAX)
			return wrong_line(number, "that is one too many", err);
		if (len && *text != '#' && strncmp(text, "product\t", 8) != 0)
			rc = add_line(issuers, text, len, number, err);
		text += len;
		text += *text == '\r';
		text += *text == '\n';
	}
	if (rc == ATLS_E_MEMORY)
		atls_error_set(err, rc, "table of issuers: out of memory");
	return rc;
}

static int hex(char c)
{
	return c >= '0' && c <= '9'                 ? c - '0'
	       : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
						    : -1;
}

/* GnuTLS gives values as RFC 4514 writes them: with a backslash before specials, or hex behind it.
 */
static void unescape(char *value)
{
	char *out = value;

	for (const char *at = value; *at; at++) {
		if (*at == '\\' && at[1] && hex(at[1]) >= 0 && at[2] && hex(at[2]) >= 0) {
			int byte = hex(at[1]) * 16 + hex(at[2]);
			*out++ = byte ? (char)byte : '?';
			at += 2;
		} else {
			if (*at == '\\' && at[1])
				at++;
			*out++ = *at;
		}
	}
	*out = '\0';
}

/* One part of a name, its first of that kind. */
static bool part_of(
	gnutls_x509_crt_t crt, enum whose whose, const char *oid, char value[ATLS_NAME_TEXT])
{
	size_t len = ATLS_NAME_TEXT;
	int rc = whose == LEAF_SUBJECT
			 ? gnutls_x509_crt_get_dn_by_oid(crt, oid, 0, 0, value, &len)
			 : gnutls_x509_crt_get_issuer_dn_by_oid(crt, oid, 0, 0, value, &len);
	if (rc == 0)
		unescape(value);
	return rc == 0;
}

static bool matches(const struct known *known, const char *value)
{
	regex_t regex;

	if (regcomp(&regex, known->pattern, REG_EXTENDED | REG_NOSUB))
		return false;
	bool found = regexec(&regex, value, 0, NULL, 0) == 0;
	regfree(&regex);
	return found;
}

/* Each part is read once: the rows ask for the same few over and over. */
const char *atls_issuers_find(const struct atls_issuers *issuers, const struct atls_chain *chain,
	char value[ATLS_NAME_TEXT])
{
	enum { UNREAD, THERE, NOT_THERE } state[FIELDS] = {UNREAD};
	char part[FIELDS][ATLS_NAME_TEXT];

	for (size_t i = 0; issuers && chain->count && i < issuers->count; i++) {
		const struct known *known = &issuers->known[i];
		const struct field *field = &fields[known->field];
		char *text = part[known->field];
		if (state[known->field] == UNREAD) {
			unsigned at = field->whose == TOP_ISSUER ? chain->count - 1 : 0;
			bool there = part_of(chain->crt[at], field->whose, field->oid, text);
			state[known->field] = there ? THERE : NOT_THERE;
		}
		if (state[known->field] == NOT_THERE || !matches(known, text))
			continue;
		memcpy(value, text, ATLS_NAME_TEXT);
		return known->product;
	}
	value[0] = '\0';
	return NULL;
}
