#include "proof.h"

#include "cli/report.h"
#include "core/base.h"
#include "core/buf.h"
#include "core/err.h"
#include "net/clock.h"
#include "net/timer.h"

#include <stdlib.h>
#include <string.h>

#define READ_MAX (16u << 10)

struct proof {
	struct proof_config config;
	const struct atls_body_codec *codec;
	struct atls_http_channel *channel;
	struct atls_engine *engine;
	struct atls_base base;
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

static void step(struct proof *proof);

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
		len = atls_engine_read(proof->engine, room, READ_MAX);
		if (len > 0)
			atls_buf_commit(&proof->answer, (size_t)len);
	}
	if (len <= 0)
		return;
	atls_error_set(&proof->error, ATLS_E_PROTOCOL, "transport report: the answer is too long");
	end(proof);
}

/* The same connection has to carry all of it, if a channel binding is to prove anything. */
static void report(struct proof *proof)
{
	struct atls_report_connection now;

	if (!atls_report_selected(proof->engine)) {
		atls_error_set(
			&proof->error, ATLS_E_PROTOCOL, "transport report: the service takes none");
		end(proof);
		return;
	}
	if (!proof->text)
		compose(proof);
	else if (!proof->connection || atls_http_outer(proof->channel, &now) != proof->connection)
		proof->steady = false;
	while (proof->told < proof->len) {
		ssize_t done = atls_engine_write(
			proof->engine, proof->text + proof->told, proof->len - proof->told);
		if (done <= 0)
			break;
		proof->told += (size_t)done;
	}
	if (proof->told == proof->len)
		(void)atls_engine_close(proof->engine);
	take(proof);
}

static void finish(struct proof *proof)
{
	const struct atls_error *failed = atls_engine_error(proof->engine);

	if (failed->code)
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
	size_t size = proof->codec->encoded_size(NULL, NULL, len);

	free(proof->body);
	proof->body = malloc(size ? size : 1);
	if (proof->body)
		size = proof->codec->encode(
			NULL, NULL, len ? bytes : (const uint8_t *)"", len, proof->body);
	if (proof->body &&
		atls_http_post(proof->channel, proof->codec->content_type, proof->body, size) == 0)
		return;
	atls_error_set(&proof->error, ATLS_E_MEMORY, "out of memory for a request");
	end(proof);
}

static void step(struct proof *proof)
{
	const uint8_t *bytes = NULL;
	size_t len = 0;
	int64_t at, now = atls_now_ms();

	if (!proof->over && (atls_engine_state(proof->engine) & ATLS_ESTABLISHED))
		report(proof);
	if (proof->over)
		return;
	switch (atls_base_next(&proof->base, now, &bytes, &len, &at)) {
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
	struct atls_body body = {0};

	if (answer->status == 0) {
		if (atls_base_lost(&proof->base, 0, atls_now_ms()) || !proof->base.answered) {
			atls_error_set(&proof->error, ATLS_E_NETWORK, "%s", answer->error.text);
			end(proof);
		}
	} else if (answer->status != 200 ||
		   atls_encoding_by_type(answer->content_type) != ATLS_ATLS || answer->encoded) {
		atls_error_set(&proof->error, ATLS_E_PROTOCOL,
			"protocol: what answers there is no ATLS service (status %ld)",
			answer->status);
		end(proof);
	} else if (proof->codec->decode(answer->body, answer->len, &body, &proof->error)) {
		end(proof);
	} else {
		(void)atls_base_answered(&proof->base, body.records, body.len, atls_now_ms());
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

static bool set_up(struct proof *proof, struct run *run, struct atls_error *err)
{
	static const char *const protocols[] = {ATLS_REPORT_PROTOCOL};
	const struct proof_config *config = &proof->config;
	const struct atls_way *way = &run->way;
	const struct atls_engine_config engine = {
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

	proof->codec = atls_body_codec(ATLS_ATLS);
	proof->url = url_of(config->url, proof->codec);
	const struct atls_http_client_config http = {
		.url = proof->url,
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
	if (!proof->url)
		return false;
	proof->channel = atls_http_channel_new(config->http, &http, answered, proof, err);
	proof->engine = atls_engine_new(&engine, err);
	if (!proof->channel || !proof->engine)
		return false;
	atls_base_init(&proof->base, proof->engine, &limits, atls_now_ms());
	return true;
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
	proof->steady = true;
	atls_buf_init(&proof->answer, ATLS_REPORT_MAX + READ_MAX);
	proof->timer = event_new(run->base, -1, 0, on_timer, proof);
	proof->deadline = event_new(run->base, -1, 0, on_deadline, proof);
	if (proof->timer && proof->deadline && set_up(proof, run, err)) {
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
	atls_engine_free(proof->engine);
	if (proof->timer)
		event_free(proof->timer);
	if (proof->deadline)
		event_free(proof->deadline);
	atls_report_seen_free(&proof->seen);
	atls_report_shown_free(&proof->shown);
	atls_buf_free(&proof->answer);
	free(proof->body);
	free(proof->url);
	free(proof->text);
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
