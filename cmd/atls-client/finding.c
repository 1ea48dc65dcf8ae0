#include "finding.h"

#include "outer_report.h"

#include "cli/exit.h"
#include "cli/out.h"
#include "cli/report.h"
#include "core/err.h"
#include "net/clock.h"

#include <errno.h>
#include <string.h>

static void gather_report(struct finding *found, const struct outer_report *report)
{
	static const char *const states[] = {
		[OUTER_REPORT_OPEN] = "open",
		[OUTER_REPORT_ANSWERED] = "answered",
		[OUTER_REPORT_UNTAKEN] = "untaken",
		[OUTER_REPORT_FAILED] = "failed",
	};
	const char *sentence = "it was not answered";
	found->report = json_pack("{s:s}", "state", states[report->state]);
	if (report->state == OUTER_REPORT_ANSWERED) {
		sentence = atls_report_sentence(report->finding);
		json_object_update_new(found->report,
			json_pack("{s:s, s:b, s:b, s:o}", "finding",
				atls_report_word(report->finding), "intercepted",
				atls_report_is_intercepted(report->finding), "steady",
				report->steady, "service", atls_report_shown_json(&report->shown)));
	} else if (report->state == OUTER_REPORT_UNTAKEN) {
		sentence = "the service takes none";
	} else if (report->state == OUTER_REPORT_FAILED) {
		sentence = report->error.text;
		json_object_set_new(found->report, "error", atls_out_string(sentence));
	}
	snprintf(found->report_sentence, sizeof found->report_sentence, "%s", sentence);
}

/* What there is of HTTP. */
static void gather_carriage(
	struct finding *found, struct client *client, const struct session *session)
{
	const struct session_facts facts = session_facts(session);
	snprintf(found->url, sizeof found->url, "%s", facts.url);
	found->encoding = facts.codec->name;
	found->carriage = facts.carriage;
	found->streams = facts.streams;
	found->path = facts.path;
	found->websocket = facts.websocket;
	found->exchanges = facts.exchanges;
	found->http = atls_http_version(facts.channel);
	found->outer_seen = outer_judge(client, facts.channel, &found->outer, found->outer_sentence,
		sizeof found->outer_sentence);
	outer_chain(facts.channel, &found->outer_chain);
	if (facts.report)
		gather_report(found, facts.report);
}

void finding_gather(struct finding *found, struct client *client, const struct route *route,
	const struct atls_error *err)
{
	const struct session *session = route_session(route);
	const struct atls_engine *engine = route_engine(route);
	if (err)
		found->error = *err;
	found->unchecked = client->policy.chain_unchecked;
	found->direct = !session;
	if (session) {
		gather_carriage(found, client, session);
	} else {
		snprintf(found->url, sizeof found->url, "%s", client->settings.url);
		found->encoding = "none";
		found->http = "?";
	}
	direct_tried_copy(&found->tried, route_tried(route));
	if (client->direct)
		snprintf(found->target, sizeof found->target, "%s",
			direct_way_target(client->direct));
	unsigned certificates;
	found->raw = client->settings.raw;
	found->inner_seen = inner_peers(engine, &certificates) != NULL;
	inner_chain(engine, &found->inner_chain);
	found->handshake_ms = route_handshake_ms(route);
	if (found->inner_seen) {
		inner_judge(client, engine, &found->inner);
		inner_suite(engine, found->suite, sizeof found->suite);
	}
}

void finding_free(struct finding *found)
{
	direct_tried_free(&found->tried);
	atls_report_chain_free(&found->outer_chain);
	atls_report_chain_free(&found->inner_chain);
	json_decref(found->report);
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

/* What came of --direct. */
static json_t *json_tried(const struct finding *found)
{
	const struct direct_tried *tried = &found->tried;
	json_t *object = json_pack("{s:o, s:b}", "target", atls_out_string(found->target), "used",
		found->direct && found->tried.error.code == ATLS_OK);
	if (!tried->tried)
		return object;
	json_object_set_new(object, "took_ms", json_integer(tried->took_ms));
	if (tried->error.code) {
		json_object_set_new(object, "remembered", json_boolean(tried->remembered));
		json_object_set_new(object, "code", json_string(atls_code_word(tried->error.code)));
		json_object_set_new(object, "reason", atls_out_string(tried->error.text));
	}
	if (!tried->seen)
		return object;
	json_object_set_new(object, "finding", json_string(atls_finding_word(tried->finding)));
	if (tried->who[0])
		json_object_set_new(object, "who", atls_out_string(tried->who));
	json_object_set_new(object, "certificate", json_certificate(&tried->verdict));
	return object;
}

/* What stream carriage learned of the way. */
static json_t *json_path(const struct finding *found)
{
	const struct atls_stream_facts *path = &found->path;
	json_t *object = json_pack("{s:b, s:I, s:i, s:I, s:I, s:I}", "header_stripped",
		path->in_body, "requests_lost", (json_int_t)path->lost, "requests_at_once",
		(int)path->inflight, "body_max", (json_int_t)path->body_max, "bytes_acknowledged",
		(json_int_t)path->acked, "bytes_unacknowledged",
		(json_int_t)(path->said - path->acked));
	if (path->cut_ms)
		json_object_set_new(object, "poll_cut_ms", json_integer(path->cut_ms));
	json_object_set_new(object, "websocket", ws_found_json(&found->websocket));
	return object;
}

json_t *finding_json(const struct finding *found, const char *schema)
{
	json_t *root = json_pack("{s:s, s:o, s:b, s:s, s:s, s:I}", "schema", schema, "url",
		atls_out_string(found->url), "ok", found->error.code == ATLS_OK, "encoding",
		found->encoding, "http_version", found->http, "exchanges",
		(json_int_t)found->exchanges);
	json_object_set_new(root, "way", json_string(found->direct ? "direct" : "atls"));
	if (found->target[0])
		json_object_set_new(root, "direct", json_tried(found));
	if (found->direct || found->carriage)
		json_object_set_new(
			root, "carriage", json_string(found->direct ? "none" : found->carriage));
	if (found->streams)
		json_object_set_new(root, "path", json_path(found));
	if (found->raw)
		json_object_set_new(
			root, "raw", json_pack("{s:s, s:b}", "type", found->raw, "encrypted", 0));
	if (found->outer_seen)
		json_object_set_new(root, "outer", json_certificate(&found->outer));
	if (found->inner_seen) {
		json_t *inner = json_certificate(&found->inner);
		json_object_set_new(inner, "suite", atls_out_string(found->suite));
		json_object_set_new(inner, "checked", json_boolean(!found->unchecked));
		json_object_set_new(root, "inner", inner);
	}
	if (found->report)
		json_object_set(root, "report", found->report);
	if (found->error.code) {
		json_object_set_new(root, "error", atls_out_string(found->error.text));
		json_object_set_new(
			root, "exit_code", json_integer(atls_exit_code(found->error.code)));
	}
	return root;
}

static void add_traffic(json_t *root, const struct traffic *traffic)
{
	char from[ATLS_TIME_TEXT];
	atls_out_time(traffic->began, from);
	json_object_set_new(root, "began", json_string(from));
	json_object_set_new(root, "duration_ms", json_integer(atls_now_ms() - traffic->since));
	json_object_set_new(root, "bytes_up", json_integer((json_int_t)traffic->up));
	json_object_set_new(root, "bytes_down", json_integer((json_int_t)traffic->down));
}

/* The chain of "outer" or "inner". */
static void add_chain(json_t *root, const char *key, const struct atls_report_chain *chain)
{
	if (chain->count)
		json_object_set_new(
			json_object_get(root, key), "chain", atls_report_chain_json(chain));
}

void report_write(struct client *client, const struct finding *found, const struct traffic *traffic)
{
	json_t *root = finding_json(found, "atls-client-report/1");
	if (found->tried.chain.count)
		json_object_set_new(json_object_get(json_object_get(root, "direct"), "certificate"),
			"chain", atls_report_chain_json(&found->tried.chain));
	add_chain(root, "outer", &found->outer_chain);
	add_chain(root, "inner", &found->inner_chain);
	if (found->handshake_ms >= 0)
		json_object_set_new(root, "handshake_ms", json_integer(found->handshake_ms));
	if (traffic)
		add_traffic(root, traffic);
	bool done = root &&
		    json_dumpf(root, client->report, JSON_COMPACT | JSON_ENSURE_ASCII) == 0 &&
		    fputc('\n', client->report) != EOF && fflush(client->report) == 0;
	if (!done)
		atls_log(&client->log, ATLS_LOG_ERROR, "cannot write report '%s': %s",
			client->settings.report, strerror(errno));
	json_decref(root);
}
