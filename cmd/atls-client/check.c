#include "check.h"

#include "finding.h"
#include "route.h"

#include "cli/out.h"

#include <string.h>

/* The one session of a check. */
struct check {
	struct client *client;
	struct route *route;
	bool done;
	struct finding found;
};

/* The handshake is done when the service answered our last flight and did not object: in TLS 1.3 a
 * client certificate is judged only then. */
static void progress(void *ctx, struct atls_engine *engine)
{
	struct check *check = ctx;
	char ignored[4096];
	while (check->done && atls_engine_read(engine, ignored, sizeof ignored) > 0)
		;
	if (check->done || !(atls_engine_state(engine) & ATLS_ESTABLISHED) ||
		!route_heard(check->route))
		return;
	ssize_t rc = atls_engine_read(engine, ignored, sizeof ignored);
	if (rc < 0 && rc != ATLS_E_AGAIN)
		return;
	check->done = true;
	finding_gather(&check->found, check->client, check->route, NULL);
	route_stop(check->route);
}

static void ended(void *ctx, const struct atls_error *err)
{
	struct check *check = ctx;
	if (!check->done)
		finding_gather(&check->found, check->client, check->route, err);
	event_base_loopbreak(check->client->base);
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

static void print_way(const struct finding *found)
{
	const struct direct_tried *tried = &found->tried;
	if (found->direct) {
		atls_out_text("way          direct, to %s\n", found->target);
		return;
	}
	atls_out_text(
		"way          ATLS; not direct, to %s: %s\n", found->target, tried->error.text);
	if (tried->seen) {
		atls_out_text("direct TLS   %s%s%s\n", atls_finding_word(tried->finding),
			tried->who[0] ? ", by " : "", tried->who);
		print_certificate(&tried->verdict);
	}
}

static void print_carriage(const struct finding *found)
{
	atls_out_text("encoding     %s, HTTP/%s, %llu exchanges, %s carriage%s\n", found->encoding,
		found->http, found->exchanges, found->carriage,
		found->streams && found->path.in_body ? ", headers are stripped" : "");
	if (found->websocket.reason[0])
		atls_out_text("WebSocket    none: %s\n", found->websocket.reason);
	if (found->outer_seen) {
		atls_out_text("outer TLS    not relied on; %s%s\n",
			found->outer.faults ? "would not pass: " : "would pass",
			found->outer.faults ? found->outer_sentence : "");
		print_certificate(&found->outer);
	} else {
		atls_out_text("outer TLS    none seen\n");
	}
	if (found->report)
		atls_out_text("report       %s\n", found->report_sentence);
}

static void print_text(const struct finding *found)
{
	atls_out_text("url          %s\n", found->url);
	if (found->target[0])
		print_way(found);
	if (!found->direct)
		print_carriage(found);
	if (found->inner_seen) {
		atls_out_text(
			"%s   %s\n", found->direct ? "direct TLS" : "inner TLS ", found->suite);
		print_certificate(&found->inner);
	}
	if (found->raw)
		atls_out_text("inner TLS    none: nothing here encrypts raw %s\n", found->raw);
	if (found->error.code)
		atls_out_text("result       failed: %s\n", found->error.text);
	else
		atls_out_text("result       ok: %s\n",
			found->raw         ? "carried, but NOT encrypted or verified here"
			: found->unchecked ? "established, but NOT verified"
					   : "verified end to end");
}

int check_run(struct client *client)
{
	static const struct session_events events = {progress, ended};
	struct check check = {.client = client};
	struct finding *found = &check.found;
	check.route = route_new(client, &events, &check, &found->error);
	if (!check.route)
		return client_fail(client, &found->error);
	event_base_dispatch(client->base);
	if (!check.done && found->error.code == ATLS_OK)
		finding_gather(found, client, check.route, &client->stopped);
	struct atls_error output = {0};
	int rc = ATLS_OK;
	if (client->report)
		report_write(client, found, NULL);
	route_free(check.route);
	if (client->settings.json)
		rc = atls_out_json(finding_json(found, "atls-client-check/1"), &output);
	else
		print_text(found);
	if (!rc)
		rc = atls_out_flush(&output);
	finding_free(found);
	int code = client_fail(client, &found->error);
	return rc ? client_fail(client, &output) : code;
}
