#include "trust/report.h"

#include <gnutls/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int atls_report_chain_add(struct atls_report_chain *chain, const void *der, size_t len)
{
	if (chain->count == ATLS_CHAIN_MAX || len > ATLS_REPORT_MAX)
		return ATLS_E_LIMIT;
	unsigned char *copy = malloc(len ? len : 1);
	if (!copy)
		return ATLS_E_MEMORY;
	memcpy(copy, der, len);
	gnutls_datum_t *kept = &chain->der[chain->count++];
	kept->data = copy;
	kept->size = (unsigned)len;
	return ATLS_OK;
}

int atls_report_chain_add_pem(struct atls_report_chain *chain, const char *pem, size_t len)
{
	static const char begin[] = "-----BEGIN CERTIFICATE-----";
	unsigned before = chain->count;
	const char *at = pem;
	while ((at = memmem(at, len - (size_t)(at - pem), begin, sizeof begin - 1))) {
		const gnutls_datum_t text = {
			(unsigned char *)(uintptr_t)at, (unsigned)(len - (size_t)(at - pem))};
		gnutls_datum_t der;
		int rc = gnutls_pem_base64_decode2("CERTIFICATE", &text, &der);
		if (rc < 0)
			return rc == GNUTLS_E_MEMORY_ERROR ? ATLS_E_MEMORY : ATLS_E_TLS;
		rc = atls_report_chain_add(chain, der.data, der.size);
		gnutls_free(der.data);
		if (rc)
			return rc;
		at += sizeof begin - 1;
	}
	return chain->count > before ? ATLS_OK : ATLS_E_TLS;
}

void atls_report_chain_free(struct atls_report_chain *chain)
{
	while (chain->count)
		free(chain->der[--chain->count].data);
}

void atls_report_seen_free(struct atls_report_seen *seen)
{
	atls_report_chain_free(&seen->chain);
}

void atls_report_shown_free(struct atls_report_shown *shown)
{
	atls_report_chain_free(&shown->own);
	while (shown->front_count)
		atls_report_chain_free(&shown->fronts[--shown->front_count]);
}

void atls_report_fingerprint(const gnutls_datum_t *der, char text[ATLS_FINGERPRINT_TEXT])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t hash[32] = {0};
	/* It can fail for want of memory alone; then nothing matches it. */
	(void)gnutls_hash_fast(GNUTLS_DIG_SHA256, der->data, der->size, hash);
	for (size_t i = 0; i < sizeof hash; i++) {
		text[2 * i] = digits[hash[i] >> 4];
		text[2 * i + 1] = digits[hash[i] & 15];
	}
	text[2 * sizeof hash] = '\0';
}

void atls_report_connection_read(
	struct atls_report_connection *connection, gnutls_session_t session)
{
	gnutls_datum_t binding = {NULL, 0};
	const char *version = gnutls_protocol_get_name(gnutls_protocol_get_version(session));
	memset(connection, 0, sizeof *connection);
	connection->tls = true;
	if (version)
		snprintf(connection->version, sizeof connection->version, "%s", version);
	/* RFC 9266 section 3: without that, two TLS 1.2 connections can be made to agree. */
	if (gnutls_protocol_get_version(session) < GNUTLS_TLS1_3 &&
		!gnutls_session_ext_master_secret_status(session))
		return;
	if (gnutls_session_channel_binding(session, GNUTLS_CB_TLS_EXPORTER, &binding) < 0)
		return;
	connection->bound = binding.size == ATLS_BINDING_LEN;
	if (connection->bound)
		memcpy(connection->binding, binding.data, ATLS_BINDING_LEN);
	gnutls_free(binding.data);
}

bool atls_report_same_binding(
	const struct atls_report_connection *one, const struct atls_report_connection *other)
{
	return one->bound && other->bound &&
	       memcmp(one->binding, other->binding, ATLS_BINDING_LEN) == 0;
}

static bool same_leaf(const struct atls_report_chain *one, const struct atls_report_chain *other)
{
	return one->count && other->count && one->der[0].size == other->der[0].size &&
	       memcmp(one->der[0].data, other->der[0].data, one->der[0].size) == 0;
}

enum atls_report_finding atls_report_judge(
	const struct atls_report_seen *seen, const struct atls_report_shown *shown, bool steady)
{
	bool known = shown->connection.tls && shown->own.count;
	if (!seen->connection.tls || !seen->chain.count)
		return ATLS_REPORT_UNSEEN;
	/* Nothing between can make two connections agree: it holds whoever ends TLS. */
	if (atls_report_same_binding(&seen->connection, &shown->connection))
		return ATLS_REPORT_BOUND;
	for (unsigned i = 0; i < shown->front_count; i++) {
		known = known || shown->fronts[i].count;
		if (same_leaf(&seen->chain, &shown->fronts[i]))
			return ATLS_REPORT_EQUAL;
	}
	if (!known)
		return ATLS_REPORT_UNKNOWN;
	if (!shown->connection.tls || !same_leaf(&seen->chain, &shown->own))
		return ATLS_REPORT_OTHER_CHAIN;
	return steady && seen->connection.bound && shown->connection.bound
		       ? ATLS_REPORT_OTHER_BINDING
		       : ATLS_REPORT_EQUAL;
}

static const struct {
	const char *word, *sentence;
} findings[ATLS_REPORT_FINDINGS] = {
	[ATLS_REPORT_UNSEEN] = {"unseen",
		"no certificate of the network layer was seen, so there is nothing to compare"},
	[ATLS_REPORT_UNKNOWN] = {"unknown",
		"the service does not know what its front shows (atls-serve --outer-chain)"},
	[ATLS_REPORT_EQUAL] = {"equal", "the service's front shows the same certificate: nobody "
					"without its key is between"},
	[ATLS_REPORT_BOUND] = {"bound",
		"the service is at the other end of the same TLS connection: nobody is between"},
	[ATLS_REPORT_OTHER_CHAIN] = {"other_chain",
		"the service's front shows another certificate: the TLS of the network is "
		"intercepted"},
	[ATLS_REPORT_OTHER_BINDING] = {"other_binding",
		"the certificate is the service's, and its connection another one: the TLS of the "
		"network is intercepted by somebody who has the service's key"},
};

bool atls_report_is_intercepted(enum atls_report_finding finding)
{
	return finding == ATLS_REPORT_OTHER_CHAIN || finding == ATLS_REPORT_OTHER_BINDING;
}

const char *atls_report_word(enum atls_report_finding finding)
{
	return findings[finding].word;
}

const char *atls_report_sentence(enum atls_report_finding finding)
{
	return findings[finding].sentence;
}

bool atls_report_selected(const struct atls_engine *engine)
{
	gnutls_datum_t name;
	return gnutls_alpn_get_selected_protocol(atls_engine_session(engine), &name) == 0 &&
	       name.size == sizeof ATLS_REPORT_PROTOCOL - 1 &&
	       memcmp(name.data, ATLS_REPORT_PROTOCOL, name.size) == 0;
}
