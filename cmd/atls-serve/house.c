#include "house.h"

#include "core/err.h"
#include "net/address.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

/* ---- Sessions of all threads ---- */

struct address {
	unsigned sessions;
	const char *text;
	char own[]; /* what text is in the tree; a key to seek by has none */
};

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct address *)a)->text, ((const struct address *)b)->text);
}

/* The entry of an address that has a session, or null. */
static struct address *find_address(struct house *house, const char *text)
{
	const struct address key = {.text = text};
	struct address **found = tfind(&key, &house->addresses, compare);
	return found ? *found : NULL;
}

/* A new entry. Null: memory. */
static struct address *add_address(struct house *house, const char *text)
{
	size_t size = strlen(text) + 1;
	struct address *address = calloc(1, sizeof *address + size);
	if (!address)
		return NULL;
	address->text = memcpy(address->own, text, size);
	if (tsearch(address, &house->addresses, compare))
		return address;
	free(address);
	return NULL;
}

static void drop_if_unused(struct house *house, struct address *address)
{
	if (address->sessions)
		return;
	(void)tdelete(address, &house->addresses, compare);
	free(address);
}

/* Why there may not be another one, or 0. */
static int judge(const struct house *house, const struct address *address, struct atls_error *err)
{
	uint64_t each = house->settings.max_sessions_per_address;
	if (house->draining)
		return atls_error_set(err, ATLS_E_LOCAL, "the service is going down");
	if (house->live >= house->settings.max_sessions)
		return atls_error_set(err, ATLS_E_LIMIT, "sessions: all %llu are in use",
			(unsigned long long)house->settings.max_sessions);
	if (each && address->sessions >= each)
		return atls_error_set(err, ATLS_E_AGAIN, "sessions: %s has all %llu that it may",
			address->text, (unsigned long long)each);
	return ATLS_OK;
}

int house_enter(struct house *house, const char *text, struct atls_error *err)
{
	pthread_mutex_lock(&house->counting);
	struct address *address = find_address(house, text);
	if (!address)
		address = add_address(house, text);
	int rc = address ? judge(house, address, err)
			 : atls_error_set(err, ATLS_E_MEMORY, "sessions: out of memory");
	if (!rc) {
		house->live++;
		address->sessions++;
	} else if (address) {
		drop_if_unused(house, address);
	}
	pthread_mutex_unlock(&house->counting);
	return rc;
}

void house_leave(struct house *house, const char *text)
{
	pthread_mutex_lock(&house->counting);
	struct address *address = find_address(house, text);
	if (address) {
		address->sessions--;
		drop_if_unused(house, address);
	}
	bool last = --house->live == 0 && house->draining;
	pthread_mutex_unlock(&house->counting);
	if (last)
		house->idle(house->idle_ctx);
}

void house_drain(struct house *house)
{
	pthread_mutex_lock(&house->counting);
	house->draining = true;
	bool none = house->live == 0;
	pthread_mutex_unlock(&house->counting);
	if (none)
		house->idle(house->idle_ctx);
}

void house_capture(
	struct house *house, const struct atls_capture_body *about, const void *bytes, size_t len)
{
	if (!house->capture)
		return;
	pthread_mutex_lock(&house->capturing);
	atls_capture_write(house->capture, about, bytes, len);
	pthread_mutex_unlock(&house->capturing);
}

/* ---- The beginning and the end ---- */

int house_prepare(struct house *house, struct atls_error *err)
{
	const struct settings *settings = &house->settings;
	const struct atls_creds_files files = {
		.certs = settings->certs,
		.keys = settings->keys,
		.cert_count = settings->cert_count,
		.key_count = settings->key_count,
		.cacert = settings->cacert,
		.capath = settings->capath,
	};
	pthread_mutex_init(&house->counting, NULL);
	pthread_mutex_init(&house->fronting, NULL);
	pthread_mutex_init(&house->capturing, NULL);
	house->bodies.max = (size_t)(settings->max_buffered / 4);
	int rc = settings->raw ? ATLS_OK : atls_creds_load(&house->creds, &files, err);
	if (!rc)
		rc = atls_creds_priorities(&house->priorities, settings->tls_max, err);
	if (!rc)
		rc = atls_address_resolve(settings->backend, &house->backend, err);
	if (!rc && atls_id_keys_make(&house->keys))
		rc = atls_error_set(err, ATLS_E_LOCAL, "no randomness to be had");
	if (!rc && settings->capture) {
		house->capture = atls_capture_open(settings->capture, &house->log, err);
		rc = err->code;
	}
	house->policy.anchors = house->creds.anchors;
	house->policy.purpose = GNUTLS_KP_TLS_WWW_CLIENT;
	return rc;
}

void house_free(struct house *house)
{
	if (house->priorities)
		gnutls_priority_deinit(house->priorities);
	atls_address_free(house->backend);
	fronts_free(&house->fronts);
	atls_capture_close(house->capture);
	atls_creds_free(&house->creds);
	pthread_mutex_destroy(&house->counting);
	pthread_mutex_destroy(&house->fronting);
	pthread_mutex_destroy(&house->capturing);
}
