#include "trust/verdict.h"

#include "trust/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define QUOTED 128u /* bytes of a peer's text in a sentence, so that each fault finds room */

/* Appended to by say(), cut when full. */
struct sentence {
	char *text;
	size_t cap, len;
};

static void say(struct sentence *out, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void say(struct sentence *out, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = vsnprintf(out->text + out->len, out->cap - out->len, format, args);
	va_end(args);
	if (n > 0)
		out->len += (size_t)n < out->cap - out->len ? (size_t)n : out->cap - out->len - 1;
}

/* Copies a peer's text for quoting, and marks where it is cut. */
static void quote(char out[QUOTED], const char *text)
{
	size_t len = strlen(text);

	if (len < QUOTED) {
		memcpy(out, text, len + 1);
		return;
	}
	atls_text_copy(out, QUOTED - 3, text, len);
	memcpy(out + strlen(out), "...", 4);
}

typedef void say_fn(struct sentence *out, const struct atls_verdict *verdict, const char *name);

static void say_missing(struct sentence *out, const struct atls_verdict *verdict, const char *name)
{
	(void)verdict, (void)name;
	say(out, "is missing");
}

static void say_malformed(
	struct sentence *out, const struct atls_verdict *verdict, const char *name)
{
	(void)name;
	if (verdict->chain_len > ATLS_CHAIN_MAX)
		say(out, "comes in a chain of %u, which is more than %u", verdict->chain_len,
			ATLS_CHAIN_MAX);
	else if (verdict->leaf_faults & ATLS_FAULT_MALFORMED)
		say(out, "is malformed");
	else
		say(out, "comes in a chain with a malformed certificate");
}

static void say_revoked(struct sentence *out, const struct atls_verdict *verdict, const char *name)
{
	(void)verdict, (void)name;
	say(out, "has been revoked, or one of its issuers'");
}

static void say_untrusted(
	struct sentence *out, const struct atls_verdict *verdict, const char *name)
{
	char issuer[QUOTED];
	(void)name;

	quote(issuer, verdict->issuer);
	say(out, "is not trusted: ");
	if (verdict->status & GNUTLS_CERT_SIGNATURE_FAILURE)
		say(out, "a signature in its chain is not its issuer's (issuer '%s')", issuer);
	else if (verdict->status & GNUTLS_CERT_SIGNER_NOT_CA)
		say(out, "an issuer in its chain is no CA (issuer '%s')", issuer);
	else if (strcmp(verdict->subject, verdict->issuer) == 0)
		say(out, "it is self-signed and not among the trust anchors");
	else
		say(out, "its issuer '%s' is not among the trust anchors", issuer);
}

static void say_pin(struct sentence *out, const struct atls_verdict *verdict, const char *name)
{
	char pin[ATLS_PIN_TEXT];
	(void)name;

	atls_pin_text(verdict->pin, pin);
	say(out, "has the key %s, which is not among the pins", pin);
}

static void say_expired(struct sentence *out, const struct atls_verdict *verdict, const char *name)
{
	char when[ATLS_TRUST_TIME_TEXT];
	(void)name;

	atls_text_time(when, verdict->not_after);
	if (verdict->leaf_faults & ATLS_FAULT_EXPIRED)
		say(out, "has expired on %s", when);
	else
		say(out, "has an issuer whose certificate has expired");
}

static void say_not_yet(struct sentence *out, const struct atls_verdict *verdict, const char *name)
{
	char when[ATLS_TRUST_TIME_TEXT];
	(void)name;

	atls_text_time(when, verdict->not_before);
	if (verdict->leaf_faults & ATLS_FAULT_NOT_YET)
		say(out, "is not valid before %s", when);
	else
		say(out, "has an issuer whose certificate is not valid yet");
}

static void say_name(struct sentence *out, const struct atls_verdict *verdict, const char *name)
{
	char names[QUOTED], wanted[QUOTED];

	quote(names, verdict->names);
	quote(wanted, name ? name : "the name that is expected");
	const char *mark = name ? "'" : "";
	if (names[0] == '\0')
		say(out, "is for no name or address, not for %s%s%s", mark, wanted, mark);
	else
		say(out, "is for '%s', not for %s%s%s", names, mark, wanted, mark);
}

static void say_purpose(struct sentence *out, const struct atls_verdict *verdict, const char *name)
{
	(void)verdict, (void)name;
	say(out, "is not meant for this purpose (extended key usage)");
}

static void say_weak(struct sentence *out, const struct atls_verdict *verdict, const char *name)
{
	(void)name;
	say(out, "rests on a key or signature that is too weak (its own key: %s)", verdict->key);
}

static void say_self_signed(
	struct sentence *out, const struct atls_verdict *verdict, const char *name)
{
	(void)verdict, (void)name;
	say(out, "is self-signed");
}

static void say_incomplete(
	struct sentence *out, const struct atls_verdict *verdict, const char *name)
{
	(void)verdict, (void)name;
	say(out, "comes without the intermediate certificates above it");
}

static void say_no_san(struct sentence *out, const struct atls_verdict *verdict, const char *name)
{
	(void)verdict, (void)name;
	say(out, "has the name as its common name only, where it does not count");
}

static void say_other(struct sentence *out, const struct atls_verdict *verdict, const char *name)
{
	(void)name;
	if (verdict->status & GNUTLS_CERT_SIGNER_CONSTRAINTS_FAILURE)
		say(out, "breaks a constraint that its issuers set");
	else if (verdict->status & GNUTLS_CERT_UNKNOWN_CRIT_EXTENSIONS)
		say(out, "has a critical extension that is not understood");
	else
		say(out, "does not pass verification (GnuTLS status 0x%x, key %s)", verdict->status,
			verdict->key);
}

/* The most telling first. */
static const struct {
	unsigned fault;
	const char *word;
	say_fn *say;
} faults_told[] = {
	{ATLS_FAULT_NO_CERTIFICATE, "no_certificate", say_missing},
	{ATLS_FAULT_MALFORMED, "malformed", say_malformed},
	{ATLS_FAULT_REVOKED, "revoked", say_revoked},
	{ATLS_FAULT_UNTRUSTED, "untrusted", say_untrusted},
	{ATLS_FAULT_SELF_SIGNED, "self_signed", say_self_signed},
	{ATLS_FAULT_INCOMPLETE, "incomplete_chain", say_incomplete},
	{ATLS_FAULT_PIN, "wrong_key", say_pin},
	{ATLS_FAULT_EXPIRED, "expired", say_expired},
	{ATLS_FAULT_NOT_YET, "not_yet_valid", say_not_yet},
	{ATLS_FAULT_NAME, "wrong_name", say_name},
	{ATLS_FAULT_NO_SAN, "no_san", say_no_san},
	{ATLS_FAULT_PURPOSE, "wrong_purpose", say_purpose},
	{ATLS_FAULT_WEAK, "weak", say_weak},
	{ATLS_FAULT_OTHER, "other", say_other},
};
#define FAULTS_TOLD (sizeof faults_told / sizeof *faults_told)

unsigned atls_fault_first(unsigned faults)
{
	for (size_t i = 0; i < FAULTS_TOLD; i++)
		if (faults & faults_told[i].fault)
			return faults_told[i].fault;
	return 0;
}

const char *atls_fault_word(unsigned faults)
{
	for (size_t i = 0; i < FAULTS_TOLD; i++)
		if (faults & faults_told[i].fault)
			return faults_told[i].word;
	return faults ? "other" : "ok";
}

void atls_verdict_describe(const struct atls_verdict *verdict, const char *whose, const char *name,
	char *text, size_t cap)
{
	struct sentence out = {text, cap, 0};
	const char *before = "";

	if (cap == 0)
		return;
	say(&out, "%s certificate ", whose);
	for (size_t i = 0; i < FAULTS_TOLD; i++) {
		if (!(verdict->faults & faults_told[i].fault))
			continue;
		say(&out, "%s", before);
		faults_told[i].say(&out, verdict, name);
		before = "; it ";
	}
	if (!verdict->faults)
		say(&out, "is as expected");
}

void atls_verdict_sentence(
	const struct atls_verdict *verdict, const char *name, char *text, size_t cap)
{
	atls_verdict_describe(verdict, "the", name, text, cap);
}
