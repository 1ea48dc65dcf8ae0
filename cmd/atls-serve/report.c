#include "service.h"

#include "cli/out.h"
#include "cli/report.h"
#include "core/err.h"

#include <stdlib.h>
#include <string.h>

/* The report's session: one object in, one out, and nothing of it for the backend. */

#define READ_MAX (16u << 10)

void report_carried(struct tunnel *tunnel, const struct atls_http_request *request)
{
	struct atls_report_connection connection;
	atls_http_request_connection(request, &connection);
	tunnel->wanders =
		tunnel->wanders ||
		(tunnel->carried && !atls_report_same_binding(&connection, &tunnel->carrier));
	tunnel->carrier = connection;
	tunnel->carried = true;
}

static void add_certificate(json_t *facts, const char *key, const struct atls_report_chain *chain,
	struct atls_verdict *verdict)
{
	static const struct atls_policy nothing;
	char hash[ATLS_FINGERPRINT_TEXT];
	memset(verdict, 0, sizeof *verdict);
	if (!chain->count)
		return;
	(void)atls_policy_judge(&nothing, chain->der, 1, verdict);
	atls_report_fingerprint(&chain->der[0], hash);
	json_object_set_new(facts, key,
		json_pack("{s:s, s:o, s:o}", "sha256", hash, "subject",
			atls_out_string(verdict->subject), "issuer",
			atls_out_string(verdict->issuer)));
}

static void tell(const struct tunnel *tunnel, const struct atls_report_seen *seen, const char *host,
	enum atls_report_finding finding)
{
	struct atls_verdict verdict;
	char name[ATLS_ID_SHORT + 1];
	const char *peer = tunnel->session->peer;
	const struct atls_log_about about = {.event = "report",
		.session = atls_id_short(tunnel->session->id, name),
		.facts = json_pack("{s:o, s:o, s:s, s:b, s:b, s:o}", "peer", atls_out_string(peer),
			"host", atls_out_string(host), "finding", atls_report_word(finding),
			"intercepted", atls_report_is_intercepted(finding), "tls",
			seen->connection.tls, "version",
			atls_out_string(seen->connection.version))};
	add_certificate(about.facts, "seen", &seen->chain, &verdict);
	atls_log_event(&tunnel->service->house->log, ATLS_LOG_NOTICE, &about,
		"session %s: report from %s about '%s': %s%s%s%s%s%s", name, peer, host,
		seen->chain.count ? "certificate of '" : "no certificate", verdict.subject,
		seen->chain.count ? "', issued by '" : "", verdict.issuer,
		seen->chain.count ? "': " : ": ", atls_report_sentence(finding));
}

/* Says what is shown on the connection that the report came on. */
static void answer(struct tunnel *tunnel, const struct atls_report_seen *seen, const char *host)
{
	struct house *house = tunnel->service->house;
	struct fronts *fronts = &house->fronts;
	struct atls_engine *engine = tunnel->session->engine;
	pthread_mutex_lock(&house->fronting);
	fronts_refresh(fronts, &house->log);
	struct atls_report_shown shown = fronts->shown; /* the chains stay theirs */
	shown.connection = tunnel->carrier;
	if (!shown.connection.tls)
		shown.own.count = 0;
	enum atls_report_finding finding = atls_report_judge(seen, &shown, !tunnel->wanders);
	tell(tunnel, seen, host, finding);
	char *text = atls_report_shown_text(&shown, finding);
	pthread_mutex_unlock(&house->fronting);
	size_t len = text ? strlen(text) : 0;
	/* A new session's output has room for the longest. */
	if (!text || atls_engine_write(engine, text, len) != (ssize_t)len)
		tunnel_abort(tunnel, "transport report: out of memory");
	else
		(void)atls_engine_close(engine);
	free(text);
	tunnel->down += len;
	tunnel->backend_shut = true;
}

static void take(struct tunnel *tunnel)
{
	struct atls_report_seen seen;
	struct atls_error err = {0};
	char host[ATLS_REPORT_HOST];
	tunnel->up = tunnel->queue.len;
	if (atls_report_seen_parse((const char *)atls_buf_bytes(&tunnel->queue), tunnel->queue.len,
		    &seen, host, &err))
		tunnel_abort(tunnel, "%s", err.text);
	else
		answer(tunnel, &seen, host);
	atls_report_seen_free(&seen);
	atls_buf_consume(&tunnel->queue, tunnel->queue.len);
}

/* It ends by its newline, for those whose TLS cannot close one direction alone. */
static bool is_line(const struct tunnel *tunnel)
{
	return tunnel->queue.len && atls_buf_bytes(&tunnel->queue)[tunnel->queue.len - 1] == '\n';
}

void report_pump(struct tunnel *tunnel)
{
	struct atls_engine *engine = tunnel->session->engine;
	uint8_t *room;
	ssize_t len = 1;
	if (tunnel->backend_shut)
		return;
	while (len > 0 && tunnel->queue.len <= ATLS_REPORT_MAX &&
		atls_buf_reserve(&tunnel->queue, READ_MAX, &room) == ATLS_OK) {
		len = atls_engine_read(engine, room, READ_MAX);
		if (len > 0)
			atls_buf_commit(&tunnel->queue, (size_t)len);
	}
	if (tunnel->queue.len > ATLS_REPORT_MAX)
		tunnel_abort(tunnel, "transport report: it is too long");
	else if (len == 0 || is_line(tunnel))
		take(tunnel);
}
