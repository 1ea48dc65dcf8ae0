#include "trust/name.h"

#include "core/ascii.h"
#include "trust/text.h"

#include <arpa/inet.h>
#include <gnutls/x509-ext.h>
#include <stdio.h>
#include <string.h>

#define SAN_OID "2.5.29.17"

static bool is_plain(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return false;
	return len > 0;
}

void atls_name_parse(struct atls_name *name, const char *text)
{
	memset(name, 0, sizeof *name);
	if (inet_pton(AF_INET, text, name->address) == 1)
		name->address_len = 4;
	else if (inet_pton(AF_INET6, text, name->address) == 1)
		name->address_len = 16;
	if (name->address_len)
		return;

	gnutls_datum_t mapped = {0};
	if (gnutls_idna_map(text, (unsigned)strnlen(text, 1024), &mapped, 0) < 0)
		return;
	size_t len = mapped.size;
	if (len && mapped.data[len - 1] == '.')
		len--;
	if (len < sizeof name->dns && is_plain((const char *)mapped.data, len))
		memcpy(name->dns, mapped.data, len);
	gnutls_free(mapped.data);
}

static bool dns_matches(const char *name, const gnutls_datum_t *san)
{
	const char *pattern = (const char *)san->data;
	size_t len = san->size;

	if (len > 2 && pattern[0] == '*' && pattern[1] == '.') {
		const char *rest = strchr(name, '.');
		if (!rest || rest == name)
			return false;
		name = rest;
		pattern++;
		len--;
	}
	if (len == 0 || strlen(name) != len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (atls_lower(name[i]) != atls_lower(pattern[i]))
			return false;
	return true;
}

static bool san_matches(const struct atls_name *name, unsigned type, const gnutls_datum_t *san)
{
	if (name->address_len)
		return type == GNUTLS_SAN_IPADDRESS && san->size == name->address_len &&
		       memcmp(san->data, name->address, san->size) == 0;
	return type == GNUTLS_SAN_DNSNAME && name->dns[0] && dns_matches(name->dns, san);
}

/* The subject alternative names, parsed once for all of them; null if there are none. */
static gnutls_subject_alt_names_t names_open(gnutls_x509_crt_t crt)
{
	gnutls_datum_t der = {0};
	gnutls_subject_alt_names_t names = NULL;

	if (gnutls_x509_crt_get_extension_by_oid2(crt, SAN_OID, 0, &der, NULL) < 0)
		return NULL;
	if (gnutls_subject_alt_names_init(&names) == 0 &&
		gnutls_x509_ext_import_subject_alt_names(&der, names, 0) < 0) {
		gnutls_subject_alt_names_deinit(names);
		names = NULL;
	}
	gnutls_free(der.data);
	return names;
}

bool atls_name_matches(const struct atls_name *name, gnutls_x509_crt_t crt)
{
	gnutls_subject_alt_names_t names = names_open(crt);
	bool found = false;
	unsigned type;
	gnutls_datum_t san;

	if (!names)
		return false;
	for (unsigned i = 0;
		!found && gnutls_subject_alt_names_get(names, i, &type, &san, NULL) == 0; i++)
		found = san_matches(name, type, &san);
	gnutls_subject_alt_names_deinit(names);
	return found;
}

/* Writes what can be shown of one name; false for other kinds. */
static bool san_text(unsigned type, const gnutls_datum_t *san, char *text, size_t cap)
{
	if (type == GNUTLS_SAN_DNSNAME) {
		atls_text_copy(text, cap, san->data, san->size);
		return true;
	}
	if (type != GNUTLS_SAN_IPADDRESS || (san->size != 4 && san->size != 16))
		return false;
	return inet_ntop(san->size == 4 ? AF_INET : AF_INET6, san->data, text, (socklen_t)cap);
}

void atls_name_list(gnutls_x509_crt_t crt, char *text, size_t cap)
{
	gnutls_subject_alt_names_t names = names_open(crt);
	char one[256];
	unsigned type;
	gnutls_datum_t san;
	size_t len = 0;

	text[0] = '\0';
	if (!names)
		return;
	for (unsigned i = 0; gnutls_subject_alt_names_get(names, i, &type, &san, NULL) == 0; i++) {
		if (!san_text(type, &san, one, sizeof one))
			continue;
		if (len + strlen(one) + sizeof ", ..." > cap) {
			snprintf(text + len, cap - len, len ? ", ..." : "...");
			break;
		}
		len += (size_t)snprintf(text + len, cap - len, "%s%s", len ? ", " : "", one);
	}
	gnutls_subject_alt_names_deinit(names);
}
