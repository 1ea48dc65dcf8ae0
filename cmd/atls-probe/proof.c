#include "proof.h"

#include "cli/report.h"
#include "core/buf.h"
#include "core/course.h"
#include "core/err.h"
#include "net/clock.h"
#include "net/timer.h"

#include <stdlib.h>
#include <string.h>

#define READ_MAX (16u << 10)

struct proof {
	struct proof_config config;
	struct atls_http_channel *channel;
	struct atls_course course;
	struct event *timer, *deadline;
	uint8_t *body;
	char *url, *text;
	size_t told, len;
	struct atls_buf answer;
	unsigned long connection;
	bool steady, over;
	struct atls_report_seen seen;
	struct atls_report_shown shown;
	enum atls_report_finding finding;
	struct atls_error error;
};

static int begin(struct proof *proof, struct atls_error *err);

/* Told from the event base, so that the owner may free everything then. */
static void end(struct proof *proof)
{
	if (proof->over)
		return;
	proof->over = true;
	event_del(proof->deadline);
	event_active(proof->timer, EV_TIMEOUT, 0);
}

/* ---- the report -------------------------------------------------------------------------------
 */

static void drop_report(struct proof *proof)
{
	free(proof->text);
	proof->text = NULL;
	proof->told = proof->len = 0;
	proof->steady = true;
	atls_buf_consume(&proof->answer, proof->answer.len);
	atls_report_seen_free(&proof->seen);
	atls_report_shown_free(&proof->shown);
}

static void compose(struct proof *proof)
{
	char *const *pem;
	unsigned count = atls_http_outer_chain(proof->channel, &pem);

	proof->connection = atls_http_outer(proof->channel, &proof->seen.connection);
	for (unsigned i = 0; i < count; i++)
		(void)atls_report_chain_add_pem(&proof->seen.chain, pem[i], strlen(pem[i]));
	proof->text = atls_report_seen_text(&proof->seen, proof->config.host);
	proof->len = proof->text ? strlen(proof->text) : 0;
}

static void take(struct proof *proof)
{
	uint8_t *room;
	ssize_t len = 1;

	while (len > 0 && atls_buf_reserve(&proof->answer, READ_MAX, &room) == ATLS_OK) {
		len = atls_engine_read(proof->course.engine, room, READ_MAX);
		if (len > 0)
			atls_buf_commit(&proof->answer, (size_t)len);
	}
	if (len <= 0)
		return;
	atls_error_set(&proof->error, ATLS_E_PROTOCOL, "transport report: the answer is too long");
	end(proof);
}

static void takes_none(struct proof *proof)
{
	atls_error_set(&proof->error, ATLS_E_PROTOCOL, "transport report: the service takes none");
}

/* The same connection has to carry all of it, if a channel binding is to prove anything. */
static void report(struct proof *proof)
{
	struct atls_report_connection now;

	if (!atls_report_selected(proof->course.engine)) {
		takes_none(proof);
		end(proof);
		return;
	}
	if (!proof->text)
		compose(proof);
	else if (!proof->connection || atls_http_outer(proof->channel, &now) != proof->connection)
		proof->steady = false;
	while (proof->told < proof->len) {
		ssize_t done = atls_engine_write(
			proof->course.engine, proof->text + proof->told, proof->len - proof->told);
		if (done <= 0)
			break;
		proof->told += (size_t)done;
	}
	if (proof->told == proof->len)
		(void)atls_engine_close(proof->course.engine);
	take(proof);
}

static void finish(struct proof *proof)
{
	const struct atls_engine *engine = proof->course.engine;
	const struct atls_error *failed = atls_engine_error(engine);

	if (failed->code &&
		gnutls_alert_get(atls_engine_session(engine)) == GNUTLS_A_NO_APPLICATION_PROTOCOL)
		takes_none(proof);
	else if (failed->code)
		atls_error_set(&proof->error, failed->code, "%s", failed->text);
	else if (atls_report_shown_parse((const char *)atls_buf_bytes(&proof->answer),
			 proof->answer.len, &proof->shown, &proof->error) == ATLS_OK)
		proof->finding = atls_report_judge(&proof->seen, &proof->shown, proof->steady);
	end(proof);
}

/* ---- the carriage -----------------------------------------------------------------------------
 */

static void send_body(struct proof *proof, const uint8_t *bytes, size_t len)
{
	const struct atls_body_codec *codec = proof->course.codec;
	const char *id = proof->course.id;
	size_t size = codec->encoded_size(id, NULL, len);

	free(proof->body);
	proof->body = malloc(size ? size : 1);
	if (proof->body)
		size = codec->encode(id, NULL, len ? bytes : (const uint8_t *)"", len, proof->body);
	if (proof->body &&
		atls_http_post(proof->channel, codec->content_type, proof->body, size) == 0)
		return;
	atls_error_set(&proof->error, ATLS_E_MEMORY, "out of memory for a request");
	end(proof);
}

static void step(struct proof *proof)
{
	const uint8_t *bytes = NULL;
	size_t len = 0;
	int64_t at, now = atls_now_ms();

	if (!proof->over && (atls_engine_state(proof->course.engine) & ATLS_ESTABLISHED))
		report(proof);
	if (proof->over)
		return;
	switch (atls_base_next(&proof->course.base, now, &bytes, &len, &at)) {
	case ATLS_BASE_SEND:
		send_body(proof, bytes, len);
		break;
	case ATLS_BASE_WAIT:
		if (at != INT64_MAX)
			atls_timer_set(proof->timer, at - now);
		break;
	case ATLS_BASE_DONE:
		finish(proof);
		break;
	}
}

static void answered(void *ctx, struct atls_http_answer *answer)
{
	struct proof *proof = ctx;
	struct atls_error err = {0};

	if (proof->over)
		return;
	switch (atls_course_answered(&proof->course, answer, atls_now_ms(), &err)) {
	case ATLS_COURSE_ANEW:
		if (begin(proof, &proof->error))
			end(proof);
		break;
	case ATLS_COURSE_OVER:
		/* Nobody waits for the end of a session whose report is answered. */
		if (err.code &&
			!(answer->status == 422 && atls_course_only_close_is_left(&proof->course)))
			proof->error = err;
		if (proof->error.code)
			end(proof);
		else
			finish(proof);
		break;
	case ATLS_COURSE_ON:
	case ATLS_COURSE_BULK:
		break;
	}
	step(proof);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct proof *proof = ctx;

	(void)fd, (void)what;
	if (proof->over)
		proof->config.done(proof->config.ctx, proof);
	else
		step(proof);
}

static void on_deadline(evutil_socket_t fd, short what, void *ctx)
{
	struct proof *proof = ctx;

	(void)fd, (void)what;
	atls_error_set(&proof->error, ATLS_E_NETWORK, "connection: no proof within %.1f s",
		(double)proof->config.max_ms / 1000);
	end(proof);
}

/* ---- set-up -----------------------------------------------------------------------------------
 */

/* The draft's own path, for a URL that has none. */
static char *url_of(const char *text, const struct atls_body_codec *codec)
{
	char *path = NULL, *all = NULL, *url = NULL;
	CURLU *parts = curl_url();

	if (parts && !curl_url_set(parts, CURLUPART_URL, text, CURLU_DEFAULT_SCHEME) &&
		!curl_url_get(parts, CURLUPART_PATH, &path, 0) &&
		(strcmp(path, "/") != 0 || !curl_url_set(parts, CURLUPART_PATH, codec->path, 0)) &&
		!curl_url_get(parts, CURLUPART_URL, &all, 0))
		url = strdup(all);
	curl_free(path);
	curl_free(all);
	curl_url_cleanup(parts);
	return url;
}

/* Begins, or begins anew in the encoding that is left: with another inner session, and so another
 * report. */
static int begin(struct proof *proof, struct atls_error *err)
{
	static const char *const protocols[] = {ATLS_REPORT_PROTOCOL};
	const struct proof_config *config = &proof->config;
	const struct atls_engine_config wanted = {
		.role = ATLS_CLIENT,
		.credentials = config->credentials,
		.priorities = config->priorities,
		.server_name = config->policy->name,
		.verify = atls_policy_verify,
		.verify_ctx = (void *)(uintptr_t)config->policy,
		.protocols = protocols,
		.protocol_count = 1,
	};
	const struct atls_base_limits limits = {
		.body_max = ATLS_BODY_DEFAULT,
		.idle_ms = ATLS_POLL_IDLE_MS,
		.resume_ms = config->max_ms,
		.seed = (uint32_t)atls_now_ms(),
	};
	struct atls_engine *engine = atls_engine_new(&wanted, err);

	if (!engine)
		return err->code;
	atls_course_begin(&proof->course, engine, &limits, atls_now_ms());
	drop_report(proof);
	free(proof->url);
	proof->url = url_of(config->url, proof->course.codec);
	atls_http_channel_forget(proof->channel);
	if (!proof->url || atls_http_channel_url(proof->channel, proof->url))
		return atls_error_set(err, ATLS_E_MEMORY, "out of memory for a URL");
	return ATLS_OK;
}

static int set_up(struct proof *proof, struct run *run, struct atls_error *err)
{
	const struct proof_config *config = &proof->config;
	const struct atls_way *way = &run->way;
	const struct atls_http_client_config http = {
		.url = config->url,
		.proxy = way->proxy,
		.proxy_user = way->proxy_user,
		.proxy_anyauth = way->proxy_anyauth,
		.interface = way->interface,
		.resolve = way->resolve,
		.connect_to = way->connect_to,
		.ip_version = way->ip_version,
		.connect_ms = way->connect_ms,
		.stall_s = (long)(config->max_ms / 1000 + 1),
	};

	atls_course_init(&proof->course, -1);
	proof->channel = atls_http_channel_new(config->http, &http, answered, proof, err);
	return proof->channel ? begin(proof, err) : err->code;
}

struct proof *proof_start(
	struct run *run, const struct proof_config *config, struct atls_error *err)
{
	struct proof *proof = calloc(1, sizeof *proof);

	if (!proof) {
		atls_error_set(err, ATLS_E_MEMORY, "out of memory for a proof");
		return NULL;
	}
	proof->config = *config;
	atls_buf_init(&proof->answer, ATLS_REPORT_MAX + READ_MAX);
	proof->timer = event_new(run->base, -1, 0, on_timer, proof);
	proof->deadline = event_new(run->base, -1, 0, on_deadline, proof);
	if (proof->timer && proof->deadline && set_up(proof, run, err) == ATLS_OK) {
		atls_timer_set(proof->deadline, config->max_ms);
		atls_timer_set(proof->timer, 0);
		return proof;
	}
	atls_error_set(err, ATLS_E_MEMORY, "out of memory for a proof");
	proof_free(proof);
	return NULL;
}

void proof_free(struct proof *proof)
{
	if (!proof)
		return;
	atls_http_channel_free(proof->channel);
	atls_course_free(&proof->course);
	atls_event_free(proof->timer);
	atls_event_free(proof->deadline);
	drop_report(proof);
	atls_buf_free(&proof->answer);
	free(proof->body);
	free(proof->url);
	free(proof);
}

const struct atls_error *proof_error(const struct proof *proof)
{
	return &proof->error;
}

enum atls_report_finding proof_finding(const struct proof *proof)
{
	return proof->finding;
}

const struct atls_report_seen *proof_seen(const struct proof *proof)
{
	return &proof->seen;
}

const struct atls_report_shown *proof_shown(const struct proof *proof)
{
	return &proof->shown;
}
