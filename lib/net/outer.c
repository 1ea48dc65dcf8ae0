#include "net/outer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More than libcurl keeps open in most runs. */
#define OUTERS_MAX 64u

void atls_outers_init(struct atls_outers *outers)
{
	TAILQ_INIT(&outers->list);
	outers->count = 0;
	outers->serial = 0;
}

static void forget(struct atls_outers *outers, struct atls_outer *outer)
{
	TAILQ_REMOVE(&outers->list, outer, entry);
	outers->count--;
	for (unsigned i = 0; i < outer->count; i++)
		free(outer->pem[i]);
	free(outer->pem);
	free(outer);
}

void atls_outers_free(struct atls_outers *outers)
{
	while (!TAILQ_EMPTY(&outers->list))
		forget(outers, TAILQ_FIRST(&outers->list));
}

const struct atls_outer *atls_outer_find(const struct atls_outers *outers, unsigned long serial)
{
	const struct atls_outer *outer;
	TAILQ_FOREACH(outer, &outers->list, entry)
	if (outer->serial == serial)
		return outer;
	return NULL;
}

static bool read_ends(CURL *easy, char *text, size_t cap)
{
	char *local = NULL, *remote = NULL;
	long local_port = 0, remote_port = 0;
	curl_easy_getinfo(easy, CURLINFO_LOCAL_IP, &local);
	curl_easy_getinfo(easy, CURLINFO_LOCAL_PORT, &local_port);
	curl_easy_getinfo(easy, CURLINFO_PRIMARY_IP, &remote);
	curl_easy_getinfo(easy, CURLINFO_PRIMARY_PORT, &remote_port);
	snprintf(text, cap, "%s %ld %s %ld", local ? local : "", local_port, remote ? remote : "",
		remote_port);
	return local_port != 0;
}

static struct atls_outer *find_ends(const struct atls_outers *outers, const char *where)
{
	struct atls_outer *outer;
	TAILQ_FOREACH(outer, &outers->list, entry)
	if (strcmp(outer->where, where) == 0)
		return outer;
	return NULL;
}

static const char *certificate_of(const struct curl_slist *fields)
{
	for (; fields; fields = fields->next)
		if (strncmp(fields->data, "Cert:", 5) == 0)
			return fields->data + 5;
	return NULL;
}

static void read_chain(struct atls_outer *outer, CURL *easy)
{
	struct curl_certinfo *info = NULL;
	if (curl_easy_getinfo(easy, CURLINFO_CERTINFO, &info) || !info || info->num_of_certs <= 0)
		return;
	outer->pem = calloc((size_t)info->num_of_certs, sizeof *outer->pem);
	for (int i = 0; outer->pem && i < info->num_of_certs; i++) {
		const char *text = certificate_of(info->certinfo[i]);
		outer->pem[outer->count] = text ? strdup(text) : NULL;
		outer->count += outer->pem[outer->count] != NULL;
	}
	outer->connection.tls = outer->count > 0;
}

/* With a libcurl on another TLS library the binding, and the version, stay unknown. */
static void read_session(struct atls_outer *outer, CURL *easy)
{
	struct curl_tlssessioninfo *info = NULL;
	if (curl_easy_getinfo(easy, CURLINFO_TLS_SSL_PTR, &info) == CURLE_OK && info &&
		info->backend == CURLSSLBACKEND_GNUTLS && info->internals)
		atls_report_connection_read(&outer->connection, info->internals);
}

static struct atls_outer *add(struct atls_outers *outers, const char *where)
{
	struct atls_outer *outer = find_ends(outers, where);
	if (outer)
		forget(outers, outer);
	if (outers->count == OUTERS_MAX)
		forget(outers, TAILQ_LAST(&outers->list, atls_outer_list));
	outer = calloc(1, sizeof *outer);
	if (!outer)
		return NULL;
	snprintf(outer->where, sizeof outer->where, "%s", where);
	outer->serial = ++outers->serial;
	TAILQ_INSERT_HEAD(&outers->list, outer, entry);
	outers->count++;
	return outer;
}

const struct atls_outer *atls_outer_note(struct atls_outers *outers, CURL *easy)
{
	char where[sizeof((struct atls_outer *)0)->where];
	long made = 0;
	bool known = read_ends(easy, where, sizeof where);
	if (curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &made) || made == 0)
		return known ? find_ends(outers, where) : NULL;
	struct atls_outer *outer = add(outers, where);
	if (!outer)
		return NULL;
	read_chain(outer, easy);
	read_session(outer, easy);
	return outer;
}
