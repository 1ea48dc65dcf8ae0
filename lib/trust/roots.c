#include "trust/roots.h"

#include <stdlib.h>
#include <string.h>

struct root {
	uint8_t *der;
	size_t len;
	enum atls_origin origin;
};

struct atls_roots {
	struct root *root;
	size_t count, cap;
};

struct atls_roots *atls_roots_new(void)
{
	return calloc(1, sizeof(struct atls_roots));
}

void atls_roots_free(struct atls_roots *roots)
{
	if (!roots)
		return;
	for (size_t i = 0; i < roots->count; i++)
		free(roots->root[i].der);
	free(roots->root);
	free(roots);
}

bool atls_roots_holds(const struct atls_roots *roots, const void *der, size_t len)
{
	for (size_t i = 0; i < roots->count; i++)
		if (roots->root[i].len == len && memcmp(roots->root[i].der, der, len) == 0)
			return true;
	return false;
}

int atls_roots_add(struct atls_roots *roots, const void *der, size_t len, enum atls_origin origin)
{
	if (len == 0 || atls_roots_holds(roots, der, len))
		return 0;
	if (roots->count == roots->cap) {
		size_t cap = roots->cap ? 2 * roots->cap : 64;
		struct root *grown = reallocarray(roots->root, cap, sizeof *grown);
		if (!grown)
			return ATLS_E_MEMORY;
		roots->root = grown;
		roots->cap = cap;
	}
	struct root *root = &roots->root[roots->count];
	root->der = malloc(len);
	if (!root->der)
		return ATLS_E_MEMORY;
	memcpy(root->der, der, len);
	root->len = len;
	root->origin = origin;
	roots->count++;
	return 0;
}

unsigned atls_roots_count(const struct atls_roots *roots, enum atls_origin origin)
{
	unsigned count = 0;

	for (size_t i = 0; roots && i < roots->count; i++)
		count += roots->root[i].origin == origin;
	return count;
}

/* Whether a root holds the name, as its subject for one: more than the right ones do no harm. */
static bool names(const struct root *root, const gnutls_datum_t *dn)
{
	return dn->size && memmem(root->der, root->len, dn->data, dn->size);
}

static int add_candidates(const struct atls_roots *roots, const gnutls_datum_t *dn, bool added,
	gnutls_x509_trust_list_t list)
{
	for (size_t i = 0; i < roots->count; i++) {
		const struct root *root = &roots->root[i];
		const gnutls_datum_t der = {root->der, (unsigned)root->len};
		if ((root->origin == ATLS_ORIGIN_ADDED && !added) || !names(root, dn))
			continue;
		int rc = gnutls_x509_trust_list_add_trust_mem(
			list, &der, NULL, GNUTLS_X509_FMT_DER, GNUTLS_TL_NO_DUPLICATES, 0);
		if (rc == GNUTLS_E_MEMORY_ERROR)
			return ATLS_E_MEMORY;
	}
	return 0;
}

gnutls_x509_trust_list_t atls_roots_for(
	const struct atls_roots *roots, const struct atls_chain *chain, bool added)
{
	gnutls_x509_trust_list_t list = NULL;
	int rc = gnutls_x509_trust_list_init(&list, 0);

	for (unsigned i = 0; rc >= 0 && roots && i < chain->count; i++) {
		gnutls_datum_t dn = {0};
		if (gnutls_x509_crt_get_raw_issuer_dn(chain->crt[i], &dn) < 0)
			continue;
		rc = add_candidates(roots, &dn, added, list);
		gnutls_free(dn.data);
	}
	if (rc >= 0)
		return list;
	if (list)
		gnutls_x509_trust_list_deinit(list, 1);
	return NULL;
}
