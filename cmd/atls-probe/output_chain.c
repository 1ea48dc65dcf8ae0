#include "output.h"

#include "cli/out.h"

#include <stdio.h>

static void hex(const uint8_t *bytes, size_t len, char *text)
{
	for (size_t i = 0; i < len; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
}

static void print_extensions(const struct atls_shown *shown, const char *indent)
{
	char text[ATLS_SHOWN_EXTENSIONS * 7] = "";
	size_t len = 0;

	for (unsigned i = 0; i < shown->extension_count; i++)
		len += (size_t)snprintf(
			text + len, sizeof text - len, "%s%u", i ? ", " : "", shown->extensions[i]);
	atls_out_text("%sextensions   %s\n", indent, len ? text : "none");
}

static void print_certificate(
	const gnutls_datum_t *der, unsigned number, const char *how, const char *indent)
{
	char from[ATLS_TIME_TEXT], until[ATLS_TIME_TEXT], pin[ATLS_PIN_TEXT];
	char hash[2 * ATLS_HASH_LEN + 1];
	struct atls_facts facts;

	atls_out_text("%scertificate %u%s\n", indent, number, how);
	if (atls_facts_read(&facts, der)) {
		atls_out_text("%s  malformed, %u bytes\n", indent, der->size);
		return;
	}
	atls_out_time(facts.not_before, from);
	atls_out_time(facts.not_after, until);
	atls_pin_text(facts.pin, pin);
	hex(facts.sha256, ATLS_HASH_LEN, hash);
	atls_out_text("%s  subject    %s\n", indent, facts.subject);
	if (facts.names[0])
		atls_out_text("%s  names      %s\n", indent, facts.names);
	atls_out_text("%s  issuer     %s\n", indent, facts.issuer);
	atls_out_text("%s  valid      %s to %s\n", indent, from, until);
	atls_out_text("%s  key        %s, %s\n", indent, facts.key, pin);
	atls_out_text("%s  signature  %s, serial %s\n", indent, facts.signature, facts.serial);
	atls_out_text("%s  sha256     %s\n", indent, hash);
	if (facts.issuer_url[0])
		atls_out_text("%s  issuer at  %s\n", indent, facts.issuer_url);
	if (facts.ocsp_url[0])
		atls_out_text("%s  OCSP at    %s\n", indent, facts.ocsp_url);
	if (facts.crl_url[0])
		atls_out_text("%s  CRL at     %s\n", indent, facts.crl_url);
}

void output_chain(const struct probe *probe, const char *indent)
{
	const struct atls_shown *shown = &probe->looks[0].shown;
	unsigned number = 0;

	if (!shown->version[0])
		return;
	if (probe->looks[0].address[0])
		atls_out_text("%saddress      %s\n", indent, probe->looks[0].address);
	atls_out_text("%shandshake    %s, %s%s%s, ALPN %s, OCSP staple %s\n", indent,
		shown->version, shown->suite, shown->group[0] ? ", " : "", shown->group,
		shown->alpn[0] ? shown->alpn : "none", shown->ocsp.size ? "yes" : "none");
	print_extensions(shown, indent);
	for (unsigned i = 0; i < shown->count; i++)
		print_certificate(&shown->chain[i], ++number, "", indent);
	for (unsigned i = 0; i < probe->complete.more_count; i++)
		print_certificate(
			&probe->complete.more[i], ++number, ", fetched: it was not sent", indent);
	if (shown->sent > shown->count)
		atls_out_text("%sand %u certificates more\n", indent, shown->sent - shown->count);
}
