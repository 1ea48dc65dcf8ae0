#include "outer_report.h"

#include "session_impl.h"
#include "told.h"

#include "cli/report.h"
#include "core/err.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A path that closes after each answer never keeps a connection: then the chain alone counts. */
#define TRIES    3
#define READ_MAX (16u << 10)

struct outer_report *outer_report_new(void)
{
	struct outer_report *report = calloc(1, sizeof *report);
	if (report)
		atls_buf_init(&report->answer, ATLS_REPORT_MAX + READ_MAX);
	return report;
}

static void drop(struct outer_report *report)
{
	free(report->text);
	report->text = NULL;
	report->told = report->len = 0;
	atls_buf_consume(&report->answer, report->answer.len);
	atls_report_seen_free(&report->seen);
	atls_report_shown_free(&report->shown);
}

void outer_report_free(struct outer_report *report)
{
	if (!report)
		return;
	drop(report);
	atls_buf_free(&report->answer);
	free(report);
}

void outer_report_begin(struct outer_report *report)
{
	drop(report);
	report->steady = true;
}

static bool is_plain(const struct client *client)
{
	return strncasecmp(client->settings.url, "http://", 7) == 0;
}

/* The answer that established the session came by a connection of which all is known. */
static void compose(struct outer_report *report, const struct client *client,
	const struct atls_http_channel *channel)
{
	report->connection = atls_http_outer(channel, &report->seen.connection);
	if (!report->connection && !is_plain(client)) {
		/* Another session's, of long ago, or a Unix socket's. */
		atls_error_set(&report->error, ATLS_E_LOCAL,
			"transport report: it is not known what the connection showed");
		report->text = strdup("");
		return;
	}
	outer_chain(channel, &report->seen.chain);
	report->text = atls_report_seen_text(&report->seen, client->host);
	report->len = report->text ? strlen(report->text) : 0;
}

static void take(struct outer_report *report, struct atls_engine *engine)
{
	uint8_t *room;
	ssize_t len = 1;
	while (len > 0 && atls_buf_reserve(&report->answer, READ_MAX, &room) == ATLS_OK) {
		len = atls_engine_read(engine, room, READ_MAX);
		if (len > 0)
			atls_buf_commit(&report->answer, (size_t)len);
	}
	if (len <= 0)
		return;
	struct atls_error err = {0};
	atls_error_set(&err, ATLS_E_PROTOCOL, "transport report: the answer is too long");
	atls_engine_abort(engine, GNUTLS_A_RECORD_OVERFLOW, &err);
}

void outer_report_step(struct outer_report *report, const struct client *client,
	struct atls_engine *engine, const struct atls_http_channel *channel)
{
	struct atls_report_connection now;
	if (!report->text)
		compose(report, client, channel);
	else if (!report->connection || atls_http_outer(channel, &now) != report->connection)
		report->steady = false;
	while (report->told < report->len) {
		ssize_t done = atls_engine_write(
			engine, report->text + report->told, report->len - report->told);
		if (done <= 0)
			break;
		report->told += (size_t)done;
	}
	if (report->told == report->len)
		(void)atls_engine_close(engine);
	take(report, engine);
}

bool outer_report_finish(struct outer_report *report)
{
	if (report->error.code ||
		atls_report_shown_parse((const char *)atls_buf_bytes(&report->answer),
			report->answer.len, &report->shown, &report->error)) {
		report->state = OUTER_REPORT_FAILED;
		return true;
	}
	report->finding = atls_report_judge(&report->seen, &report->shown, report->steady);
	report->state = OUTER_REPORT_ANSWERED;
	/* The bindings could tell more, had it gone by one connection. */
	bool again = report->finding == ATLS_REPORT_EQUAL && !report->steady &&
		     report->seen.connection.bound && report->shown.connection.bound;
	return !again || ++report->tries == TRIES;
}

/* Who is seen, and who is shown instead. */
static void describe(
	const struct atls_report_chain *chain, const char *whose, char *text, size_t cap)
{
	static const struct atls_policy nothing;
	struct atls_verdict verdict;
	char hash[ATLS_FINGERPRINT_TEXT];
	atls_report_fingerprint(&chain->der[0], hash);
	(void)atls_policy_judge(&nothing, chain->der, 1, &verdict);
	snprintf(text, cap, "%s '%s', issued by '%s', SHA-256 %s", whose, verdict.subject,
		verdict.issuer, hash);
}

static void tell_both(const struct outer_report *report, const struct session *session)
{
	const struct atls_report_shown *shown = &report->shown;
	const struct atls_report_chain *real = shown->front_count ? &shown->fronts[0] : &shown->own;
	char text[TOLD_TEXT];
	describe(&report->seen.chain, "the certificate seen is", text, sizeof text);
	session_log(session, ATLS_LOG_NOTICE, "report", "outer TLS: %s", text);
	if (!real->count)
		return;
	describe(real, "the service's own is", text, sizeof text);
	session_log(session, ATLS_LOG_NOTICE, "report", "outer TLS: %s", text);
}

void outer_report_tell(const struct outer_report *report, const struct session *session)
{
	bool intercepted;
	switch (report->state) {
	case OUTER_REPORT_ANSWERED:
		intercepted = atls_report_is_intercepted(report->finding);
		session_log(session, intercepted ? ATLS_LOG_NOTICE : ATLS_LOG_VERBOSE, "report",
			"outer TLS: %s", atls_report_sentence(report->finding));
		if (report->finding == ATLS_REPORT_OTHER_CHAIN)
			tell_both(report, session);
		break;
	case OUTER_REPORT_FAILED:
		session_log(session, ATLS_LOG_NOTICE, "report", "%s", report->error.text);
		break;
	default:
		session_log(session, ATLS_LOG_VERBOSE, "report",
			"outer TLS: the service takes no reports of it");
	}
}
