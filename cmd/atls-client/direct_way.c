#include "direct_way.h"

#include "cli/store.h"
#include "core/err.h"
#include "net/listen.h"

#include <stdlib.h>
#include <string.h>

#define HTTPS_PORT 443u
/* So that not every connection of -L pays for a way that is closed; networks do change. */
#define REMEMBER_MS 60000

struct direct_way {
	struct client *client;
	struct atls_curl_loop *loop;
	struct atls_way way;
	char *host;
	unsigned port;
	char target[DIRECT_TARGET_TEXT];
	struct atls_roots *roots; /* read when they are needed first */
	struct atls_issuers *issuers;
	struct direct_tried failed;
	int64_t failed_at; /* if failed.tried */
};

void direct_tried_copy(struct direct_tried *to, const struct direct_tried *from)
{
	direct_tried_free(to);
	*to = *from;
	to->chain.count = 0;
	for (unsigned i = 0; i < from->chain.count; i++)
		(void)atls_report_chain_add(
			&to->chain, from->chain.der[i].data, from->chain.der[i].size);
}

void direct_tried_free(struct direct_tried *tried)
{
	atls_report_chain_free(&tried->chain);
}

static int read_target(struct direct_way *way, const char *text, struct atls_error *err)
{
	char *copy = strdup(text), *host = NULL, *port = NULL;
	int rc = ATLS_OK;
	if (!copy)
		return atls_error_set(err, ATLS_E_MEMORY, "out of memory");
	if (strcmp(text, "auto") == 0) {
		way->host = strdup(way->client->host);
		way->port = way->client->https_port ? way->client->https_port : HTTPS_PORT;
	} else if (atls_host_port_split(copy, &host, &port) && host && *host &&
		   strcmp(port, "0") != 0) {
		way->host = strdup(host);
		way->port = (unsigned)strtoul(port, NULL, 10);
	} else {
		rc = atls_error_set(
			err, ATLS_E_USAGE, "--direct '%s' is neither HOST:PORT nor auto", text);
	}
	free(copy);
	if (rc)
		return rc;
	if (!way->host)
		return atls_error_set(err, ATLS_E_MEMORY, "out of memory");
	snprintf(way->target, sizeof way->target, strchr(way->host, ':') ? "[%s]:%u" : "%s:%u",
		way->host, way->port);
	return ATLS_OK;
}

struct direct_way *direct_way_new(struct client *client, struct atls_error *err)
{
	const struct settings *settings = &client->settings;
	struct direct_way *way = calloc(1, sizeof *way);
	if (!way) {
		atls_error_set(err, ATLS_E_MEMORY, "out of memory");
		return NULL;
	}
	way->client = client;
	way->way = (struct atls_way){
		.proxy = settings->proxy,
		.proxy_user = settings->proxy_user,
		.proxy_anyauth = settings->proxy_anyauth,
		.interface = settings->interface,
		.resolve = settings->resolve,
		.connect_to = settings->connect_to,
		.ip_version = settings->ip_version,
		.connect_ms = (long)settings->direct_ms,
	};
	if (!read_target(way, settings->direct, err))
		way->loop = atls_curl_loop_new(client->base, err);
	if (way->loop)
		return way;
	direct_way_free(way);
	return NULL;
}

void direct_way_free(struct direct_way *way)
{
	if (!way)
		return;
	atls_curl_loop_free(way->loop);
	atls_roots_free(way->roots);
	atls_issuers_free(way->issuers);
	direct_tried_free(&way->failed);
	free(way->host);
	free(way);
}

struct atls_dial *direct_way_dial(
	struct direct_way *way, atls_dialed *dialed, void *ctx, struct atls_error *err)
{
	return atls_dial_new(way->loop, &way->way, way->host, way->port, dialed, ctx, err);
}

const char *direct_way_target(const struct direct_way *way)
{
	return way->target;
}

/* ---- what is shown there ------------------------------------------------------------------------
 */

static bool system_trust_alone(const struct client *client)
{
	return !client->settings.cacert && !client->settings.capath &&
	       client->policy.pin_count == 0;
}

/* For the words, and against roots that were added; what is good enough is the policy's to say. */
static int judge(struct direct_way *way, const gnutls_datum_t *chain, unsigned count,
	struct atls_judgement *judgement)
{
	const struct client *client = way->client;
	const struct atls_store_files store = {.store = NULL};
	struct atls_error ignored = {0};
	if (!way->roots)
		way->roots = atls_store_load(&store, &ignored);
	if (!way->issuers)
		way->issuers = atls_issuers_new();
	if (!way->roots || !way->issuers)
		return ATLS_E_MEMORY;
	struct atls_expected expected = {
		.name = client->name,
		.roots = way->roots,
		.anchors = client->settings.cacert || client->settings.capath
				   ? client->policy.anchors
				   : NULL,
		.pin_count = client->policy.pin_count,
		.issuers = way->issuers,
		.now = time(NULL),
	};
	memcpy(expected.pins, client->policy.pins, sizeof expected.pins);
	const struct atls_sight sight = {.chain = chain, .count = count};
	return atls_judge(&expected, &sight, NULL, judgement);
}

int direct_way_verify(void *ctx, const gnutls_datum_t *chain, unsigned count,
	gnutls_alert_description_t *alert, struct atls_error *err)
{
	struct direct_way *way = ctx;
	struct client *client = way->client;
	struct atls_judgement judgement;
	int rc = atls_policy_verify(&client->policy, chain, count, alert, err);
	if (rc || !system_trust_alone(client))
		return rc;
	*alert = GNUTLS_A_INTERNAL_ERROR;
	rc = judge(way, chain, count, &judgement);
	if (rc)
		return atls_error_set(
			err, rc, "inner TLS: out of memory for the system's trust anchors");
	if (judgement.finding != ATLS_INTERCEPTED)
		return ATLS_OK;
	*alert = GNUTLS_A_UNKNOWN_CA;
	atls_error_set(err, ATLS_E_TLS,
		"inner TLS: nobody but a CA that was added on this machine, '%s', vouches for the "
		"certificate",
		judgement.leaf.issuer);
	atls_error_hint(err, "if it is the service's own, give it with --cacert");
	return ATLS_E_TLS;
}

void direct_way_judge(struct direct_way *way, gnutls_session_t tls, const struct atls_error *err,
	struct direct_tried *tried)
{
	unsigned count = 0;
	const gnutls_datum_t *chain = tls ? gnutls_certificate_get_peers(tls, &count) : NULL;
	struct atls_judgement judgement;
	tried->tried = true;
	tried->error = *err;
	tried->finding = ATLS_UNDECIDED;
	direct_tried_free(tried);
	tried->seen = chain && count > 0;
	if (!tried->seen)
		return;
	for (unsigned i = 0; i < count; i++)
		(void)atls_report_chain_add(&tried->chain, chain[i].data, chain[i].size);
	(void)atls_policy_judge(&way->client->policy, chain, count, &tried->verdict);
	if (judge(way, chain, count, &judgement))
		return;
	tried->finding = judgement.finding;
	snprintf(tried->who, sizeof tried->who, "%s", judgement.who);
}

/* ---- what is remembered ------------------------------------------------------------------------
 */

void direct_way_failed(struct direct_way *way, const struct direct_tried *tried,
	const struct atls_error *err, int64_t now)
{
	direct_tried_copy(&way->failed, tried);
	way->failed.error = *err;
	way->failed_at = now;
}

bool direct_way_barred(const struct direct_way *way, int64_t now, struct direct_tried *tried)
{
	if (!way->failed.tried || now - way->failed_at >= REMEMBER_MS)
		return false;
	direct_tried_copy(tried, &way->failed);
	tried->remembered = true;
	return true;
}
