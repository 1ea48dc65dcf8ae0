#include "trust/leaf.h"

#include "trust/name.h"
#include "trust/text.h"

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <stdio.h>

static void write_dn(char text[ATLS_NAME_TEXT], gnutls_x509_crt_t crt,
	int (*get)(gnutls_x509_crt_t, gnutls_datum_t *, unsigned))
{
	gnutls_datum_t dn = {0};

	text[0] = '\0';
	if (get(crt, &dn, 0) < 0)
		return;
	atls_text_copy(text, ATLS_NAME_TEXT, dn.data, dn.size);
	gnutls_free(dn.data);
}

static void write_key(char *text, size_t cap, gnutls_x509_crt_t crt)
{
	unsigned bits = 0;
	int pk = gnutls_x509_crt_get_pk_algorithm(crt, &bits);

	switch (pk) {
	case GNUTLS_PK_RSA:
		snprintf(text, cap, "RSA %u", bits);
		break;
	case GNUTLS_PK_RSA_PSS:
		snprintf(text, cap, "RSA-PSS %u", bits);
		break;
	case GNUTLS_PK_ECDSA:
		snprintf(text, cap, "ECDSA %u", bits);
		break;
	case GNUTLS_PK_EDDSA_ED25519:
		snprintf(text, cap, "Ed25519");
		break;
	case GNUTLS_PK_EDDSA_ED448:
		snprintf(text, cap, "Ed448");
		break;
	default: {
		const char *name = pk < 0 ? NULL : gnutls_pk_get_name((gnutls_pk_algorithm_t)pk);
		snprintf(text, cap, "%.40s %u", name ? name : "unknown", bits);
	}
	}
}

static int read_pin(uint8_t pin[ATLS_PIN_LEN], gnutls_x509_crt_t crt)
{
	gnutls_pubkey_t key = NULL;
	gnutls_datum_t spki = {0};

	int rc = gnutls_pubkey_init(&key);
	if (rc == 0)
		rc = gnutls_pubkey_import_x509(key, crt, 0);
	if (rc == 0)
		rc = gnutls_pubkey_export2(key, GNUTLS_X509_FMT_DER, &spki);
	if (rc == 0)
		rc = gnutls_hash_fast(GNUTLS_DIG_SHA256, spki.data, spki.size, pin);
	gnutls_free(spki.data);
	if (key)
		gnutls_pubkey_deinit(key);
	return rc == 0 ? 0 : rc == GNUTLS_E_MEMORY_ERROR ? ATLS_E_MEMORY : ATLS_E_TLS;
}

int atls_leaf_describe(struct atls_verdict *verdict, gnutls_x509_crt_t leaf)
{
	write_dn(verdict->subject, leaf, gnutls_x509_crt_get_dn3);
	write_dn(verdict->issuer, leaf, gnutls_x509_crt_get_issuer_dn3);
	atls_name_list(leaf, verdict->names, sizeof verdict->names);
	write_key(verdict->key, sizeof verdict->key, leaf);
	verdict->not_before = gnutls_x509_crt_get_activation_time(leaf);
	verdict->not_after = gnutls_x509_crt_get_expiration_time(leaf);
	return read_pin(verdict->pin, leaf);
}
