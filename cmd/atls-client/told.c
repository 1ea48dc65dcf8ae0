#include "told.h"

#include "cli/creds.h"
#include "cli/exit.h"
#include "cli/out.h"
#include "core/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void outer_chain(const struct atls_http_channel *channel, struct atls_report_chain *chain)
{
	char *const *pem;
	unsigned count = atls_http_outer_chain(channel, &pem);
	for (unsigned i = 0; i < count; i++)
		(void)atls_report_chain_add_pem(chain, pem[i], strlen(pem[i]));
}

const gnutls_datum_t *inner_peers(const struct atls_engine *engine, unsigned *count)
{
	gnutls_session_t tls = atls_engine_session(engine);
	*count = 0;
	return tls ? gnutls_certificate_get_peers(tls, count) : NULL;
}

void inner_chain(const struct atls_engine *engine, struct atls_report_chain *chain)
{
	unsigned count;
	const gnutls_datum_t *der = inner_peers(engine, &count);
	for (unsigned i = 0; der && i < count; i++)
		(void)atls_report_chain_add(chain, der[i].data, der[i].size);
}

static gnutls_x509_trust_list_t outer_anchors(const struct client *client)
{
	const struct atls_creds_files files = {.cacert = client->settings.outer_cacert};
	struct atls_error ignored = {0};
	if (!files.cacert)
		return atls_creds_system_trust(&ignored);
	struct atls_creds creds = {0};
	if (atls_creds_load(&creds, &files, &ignored)) {
		atls_creds_free(&creds);
		return NULL;
	}
	gnutls_x509_trust_list_t anchors = creds.anchors;
	creds.anchors = NULL;
	atls_creds_free(&creds);
	return anchors;
}

bool outer_judge(struct client *client, struct atls_http_channel *channel,
	struct atls_verdict *verdict, char *sentence, size_t cap)
{
	struct atls_report_chain chain = {.count = 0};
	outer_chain(channel, &chain);
	bool readable = chain.count > 0;
	if (readable) {
		const struct atls_policy policy = {
			.anchors = outer_anchors(client),
			.name = client->host,
			.purpose = GNUTLS_KP_TLS_WWW_SERVER,
		};
		(void)atls_policy_judge(&policy, chain.der, chain.count, verdict);
		atls_verdict_sentence(verdict, policy.name, sentence, cap);
		if (policy.anchors)
			gnutls_x509_trust_list_deinit(policy.anchors, 1);
	}
	atls_report_chain_free(&chain);
	return readable;
}

char *inner_suite(const struct atls_engine *engine, char *text, size_t cap)
{
	gnutls_session_t tls = atls_engine_session(engine);
	char *description = gnutls_session_get_desc(tls);
	snprintf(text, cap, "%s", description ? description : "?");
	gnutls_free(description);
	return text;
}

void inner_judge(
	const struct client *client, const struct atls_engine *engine, struct atls_verdict *verdict)
{
	unsigned count;
	const gnutls_datum_t *chain = inner_peers(engine, &count);
	(void)atls_policy_judge(&client->policy, chain, chain ? count : 0, verdict);
}

static json_t *certificate_facts(const struct atls_verdict *verdict)
{
	char pin[ATLS_PIN_TEXT];
	atls_pin_text(verdict->pin, pin);
	return json_pack("{s:o, s:o, s:s, s:s}", "subject", atls_out_string(verdict->subject),
		"issuer", atls_out_string(verdict->issuer), "pin", pin, "fault",
		atls_fault_word(verdict->faults));
}

void tell_outer(struct client *client, struct atls_http_channel *channel)
{
	if (client->outer_told || client->log.level < ATLS_LOG_VERBOSE)
		return;
	client->outer_told = true;
	struct atls_verdict verdict;
	char sentence[TOLD_TEXT];
	struct atls_log_about about = {.event = "outer_tls"};
	if (!outer_judge(client, channel, &verdict, sentence, sizeof sentence)) {
		atls_log_event(&client->log, ATLS_LOG_VERBOSE, &about, "outer TLS: none was seen");
		return;
	}
	about.facts = certificate_facts(&verdict);
	atls_log_event(&client->log, ATLS_LOG_VERBOSE, &about,
		"outer TLS: certificate of '%s', issued by '%s'", verdict.subject, verdict.issuer);
	about.facts = NULL;
	if (verdict.faults)
		atls_log_event(&client->log, ATLS_LOG_VERBOSE, &about,
			"outer TLS: it would not pass, and is not relied on: %s", sentence);
	else
		atls_log_event(&client->log, ATLS_LOG_VERBOSE, &about,
			"outer TLS: it would pass, and is not relied on");
}

static void tell_raw(struct client *client, const struct session *session, unsigned number)
{
	char name[16];
	const struct session_facts facts = session_facts(session);
	snprintf(name, sizeof name, "%u", number);
	const struct atls_log_about about = {"raw_stream", name,
		json_pack("{s:s, s:b, s:s}", "type", client->settings.raw, "encrypted", 0,
			"carriage", facts.carriage)};
	atls_log_event(&client->log, ATLS_LOG_VERBOSE, &about,
		"session %s: raw %s, NOT encrypted here; %s carriage, exchange %llu", name,
		client->settings.raw, facts.carriage, (unsigned long long)facts.exchanges);
}

void tell_inner(struct client *client, const struct session *session, unsigned number)
{
	if (client->log.level < ATLS_LOG_VERBOSE)
		return;
	if (client->settings.raw) {
		tell_raw(client, session, number);
		return;
	}
	char suite[TOLD_TEXT], name[16];
	struct atls_verdict verdict;
	const struct session_facts facts = session_facts(session);
	inner_judge(client, facts.engine, &verdict);
	snprintf(name, sizeof name, "%u", number);
	inner_suite(facts.engine, suite, sizeof suite);
	const struct atls_log_about about = {"inner_tls", name, certificate_facts(&verdict)};
	json_object_set_new(about.facts, "suite", atls_out_string(suite));
	json_object_set_new(about.facts, "encoding", json_string(facts.codec->name));
	json_object_set_new(about.facts, "carriage", json_string(facts.carriage));
	atls_log_event(&client->log, ATLS_LOG_VERBOSE, &about,
		"session %s: inner TLS: %s with '%s', issued by '%s'; encoding %s, %s carriage, "
		"exchange "
		"%llu",
		name, suite, verdict.subject, verdict.issuer, facts.codec->name, facts.carriage,
		(unsigned long long)facts.exchanges);
}

void tell_direct(const struct client *client, const struct atls_engine *engine,
	const struct direct_tried *tried, unsigned number)
{
	if (client->log.level < ATLS_LOG_VERBOSE)
		return;
	char suite[TOLD_TEXT], name[16];
	const char *target = direct_way_target(client->direct);
	snprintf(name, sizeof name, "%u", number);
	inner_suite(engine, suite, sizeof suite);
	const struct atls_log_about about = {
		.event = "direct_tls",
		.session = name,
		.facts = certificate_facts(&tried->verdict),
	};
	json_object_set_new(about.facts, "target", atls_out_string(target));
	json_object_set_new(about.facts, "suite", atls_out_string(suite));
	atls_log_event(&client->log, ATLS_LOG_VERBOSE, &about,
		"session %s: direct TLS to %s: %s with '%s', issued by '%s'", name, target, suite,
		tried->verdict.subject, tried->verdict.issuer);
}

void tell_not_direct(const struct client *client, const struct direct_tried *tried)
{
	if (client->log.level < ATLS_LOG_VERBOSE || !tried->tried)
		return;
	bool seen = tried->seen;
	const char *target = direct_way_target(client->direct);
	const struct atls_log_about about = {
		.event = "direct_refused",
		.facts = seen ? certificate_facts(&tried->verdict) : json_object(),
	};
	json_object_set_new(about.facts, "target", atls_out_string(target));
	json_object_set_new(about.facts, "reason", atls_out_string(tried->error.text));
	if (seen)
		json_object_set_new(
			about.facts, "finding", json_string(atls_finding_word(tried->finding)));
	if (tried->who[0])
		json_object_set_new(about.facts, "who", atls_out_string(tried->who));
	atls_log_event(&client->log, ATLS_LOG_VERBOSE, &about,
		"direct way to %s not %s: %s%s%s%s%s; going on with ATLS", target,
		tried->remembered ? "tried again" : "taken", tried->error.text,
		seen ? "; finding: " : "", seen ? atls_finding_word(tried->finding) : "",
		tried->who[0] ? ", by " : "", tried->who);
}

int client_fail(const struct client *client, struct atls_error *err)
{
	if (err->code == ATLS_E_USAGE)
		atls_error_hint(err, "see '%s --help'", client->log.tool);
	if (err->code)
		atls_log_error(&client->log, err);
	return atls_exit_code(err->code);
}
