#include "check.h"

#include "told.h"

#include "cli/exit.h"
#include "cli/out.h"
#include "core/err.h"

#include <string.h>

/* What --check found, gathered before it is printed as text or JSON. */
struct finding {
	struct client *client;
	struct session *session;
	bool done;
	struct atls_error error;
	char url[4096];
	const char *encoding;
	unsigned long long exchanges;
	const char *http;
	bool outer_seen;
	struct atls_verdict outer;
	char outer_sentence[TOLD_TEXT];
	bool inner_seen;
	struct atls_verdict inner;
	char suite[TOLD_TEXT];
};

static void gather(struct finding *found)
{
	const struct session_facts facts = session_facts(found->session);
	snprintf(found->url, sizeof found->url, "%s", facts.url);
	found->encoding = facts.codec->name;
	found->exchanges = facts.exchanges;
	found->http = atls_http_version(facts.channel);
	found->outer_seen = outer_judge(found->client, facts.channel, &found->outer,
		found->outer_sentence, sizeof found->outer_sentence);
	const struct atls_engine *engine = facts.engine;
	found->inner_seen = gnutls_certificate_get_peers(atls_engine_session(engine), NULL) != NULL;
	if (found->inner_seen) {
		inner_judge(found->client, engine, &found->inner);
		inner_suite(engine, found->suite, sizeof found->suite);
	}
}

/* The handshake is done when the service answered our last flight and did not object: in TLS 1.3 a
 * client certificate is judged only then. */
static void progress(void *ctx, struct atls_engine *engine)
{
	struct finding *found = ctx;
	char ignored[4096];
	while (found->done && atls_engine_read(engine, ignored, sizeof ignored) > 0)
		;
	if (found->done || !(atls_engine_state(engine) & ATLS_ESTABLISHED) ||
		session_facts(found->session).exchanges < 2 ||
		(atls_engine_state(engine) & ATLS_HAVE_OUTPUT))
		return;
	ssize_t rc = atls_engine_read(engine, ignored, sizeof ignored);
	if (rc < 0 && rc != ATLS_E_AGAIN)
		return;
	found->done = true;
	gather(found);
	session_stop(found->session);
}

static void ended(void *ctx, const struct atls_error *err)
{
	struct finding *found = ctx;
	if (!found->done) {
		found->error = *err;
		gather(found);
	}
	event_base_loopbreak(found->client->base);
}

static json_t *json_certificate(const struct atls_verdict *verdict)
{
	char from[ATLS_TIME_TEXT], until[ATLS_TIME_TEXT], pin[ATLS_PIN_TEXT];
	atls_out_time(verdict->not_before, from);
	atls_out_time(verdict->not_after, until);
	atls_pin_text(verdict->pin, pin);
	return json_pack("{s:o, s:o, s:o, s:o, s:s, s:s, s:s, s:i, s:b, s:s}", "subject",
		atls_out_string(verdict->subject), "issuer", atls_out_string(verdict->issuer),
		"names", atls_out_string(verdict->names), "key", atls_out_string(verdict->key),
		"not_before", from, "not_after", until, "pin", pin, "chain_length",
		(int)verdict->chain_len, "valid", verdict->faults == 0, "fault",
		atls_fault_word(verdict->faults));
}

static int print_json(const struct finding *found, struct atls_error *err)
{
	json_t *root = json_pack("{s:s, s:o, s:b, s:s, s:s, s:I}", "schema", "atls-client-check/1",
		"url", atls_out_string(found->url), "ok", found->error.code == ATLS_OK, "encoding",
		found->encoding, "http_version", found->http, "exchanges",
		(json_int_t)found->exchanges);
	if (found->outer_seen)
		json_object_set_new(root, "outer", json_certificate(&found->outer));
	if (found->inner_seen) {
		json_t *inner = json_certificate(&found->inner);
		json_object_set_new(inner, "suite", atls_out_string(found->suite));
		json_object_set_new(
			inner, "checked", json_boolean(!found->client->policy.chain_unchecked));
		json_object_set_new(root, "inner", inner);
	}
	if (found->error.code) {
		json_object_set_new(root, "error", atls_out_string(found->error.text));
		json_object_set_new(
			root, "exit_code", json_integer(atls_exit_code(found->error.code)));
	}
	return atls_out_json(root, err);
}

static void print_certificate(const struct atls_verdict *verdict)
{
	char from[ATLS_TIME_TEXT], until[ATLS_TIME_TEXT], pin[ATLS_PIN_TEXT];
	atls_out_time(verdict->not_before, from);
	atls_out_time(verdict->not_after, until);
	atls_pin_text(verdict->pin, pin);
	atls_out_text("  subject    %s\n", verdict->subject);
	atls_out_text("  names      %s\n", verdict->names[0] ? verdict->names : "(none)");
	atls_out_text("  issuer     %s\n", verdict->issuer);
	atls_out_text("  valid      %s to %s\n", from, until);
	atls_out_text("  key        %s, %s\n", verdict->key, pin);
}

static void print_text(const struct finding *found)
{
	atls_out_text("url          %s\n", found->url);
	atls_out_text("encoding     %s, HTTP/%s, %llu exchanges\n", found->encoding, found->http,
		found->exchanges);
	if (found->outer_seen) {
		atls_out_text("outer TLS    not relied on; %s%s\n",
			found->outer.faults ? "would not pass: " : "would pass",
			found->outer.faults ? found->outer_sentence : "");
		print_certificate(&found->outer);
	} else {
		atls_out_text("outer TLS    none seen\n");
	}
	if (found->inner_seen) {
		atls_out_text("inner TLS    %s\n", found->suite);
		print_certificate(&found->inner);
	}
	if (found->error.code)
		atls_out_text("result       failed: %s\n", found->error.text);
	else
		atls_out_text("result       ok: %s\n", found->client->policy.chain_unchecked
							       ? "established, but NOT verified"
							       : "verified end to end");
}

int check_run(struct client *client)
{
	static const struct session_events events = {progress, ended};
	struct finding found = {.client = client};
	found.session = session_new(client, &events, &found, &found.error);
	if (!found.session) {
		return client_fail(client, &found.error);
	}
	event_base_dispatch(client->base);
	if (!found.done && found.error.code == ATLS_OK) {
		found.error = client->stopped;
		gather(&found);
	}
	session_free(found.session);
	struct atls_error output = {0};
	int rc = ATLS_OK;
	if (client->settings.json)
		rc = print_json(&found, &output);
	else
		print_text(&found);
	if (!rc)
		rc = atls_out_flush(&output);
	int code = client_fail(client, &found.error);
	return rc ? client_fail(client, &output) : code;
}
