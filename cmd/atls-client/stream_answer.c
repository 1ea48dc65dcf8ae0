/* What answers do to a session of stream carriage. */
#include "session_impl.h"

#include "told.h"

#include "core/err.h"
#include "core/stream_tls.h"
#include "net/clock.h"

#include <string.h>

/* Who wants a longer pause does so at the beginning, where the user can be told. */
#define OPENING_RETRY_AFTER_S 1

/* An answer as far as it is read. */
struct heard {
	unsigned slot;
	struct atls_http_answer *answer;
	struct atls_stream_judgement it;
};

/* ---- The way to begin: stream, stream in json, base ---- */

static void begin(struct session *session, enum atls_encoding encoding, bool stream,
	const struct atls_error *why)
{
	struct atls_error failure = {0};
	session_log(session, ATLS_LOG_VERBOSE, "carriage_changed",
		"%s carriage in %s cannot work here: %s; going on with %s carriage in %s", "stream",
		session->course.codec->name, why->text, stream ? "stream" : "base",
		atls_body_codec(encoding)->name);
	session->course.codec = atls_body_codec(encoding);
	if (session_begin(session, stream, &failure))
		session_end(session, &failure);
	else
		session_step(session);
}

/* Without TLS there is no other way. */
static void refused_raw(struct session *session, const struct heard *heard)
{
	struct atls_error err = heard->it.err;
	if (heard->answer->status == 200 || heard->answer->status == 409) {
		err = (struct atls_error){0};
		atls_error_set(&err, ATLS_E_NETWORK,
			"HTTP: " ATLS_STREAM_HEADER " is stripped on the way %s the service, and "
			"--raw cannot do without",
			heard->answer->status == 409 ? "to" : "back from");
		atls_error_hint(&err, "the inner TLS can: both sides without --raw; or try "
				      "--carriage ws");
	}
	session_end(session, &err);
}

/* What is tried next, as long as nothing but a handshake was said. */
static void other_way(struct session *session, const struct atls_error *why)
{
	const struct settings *settings = &session->client->settings;
	bool json = session->course.codec->session_in_body;
	bool free_choice = settings->encoding < 0;
	if (!json && free_choice) {
		begin(session, ATLS_JSON, true, why);
	} else if (settings->carriage != CARRIAGE_AUTO) {
		session_end(session, why);
	} else if (free_choice) {
		session->course.may_change = session->binary_works;
		session->client->base_only = true;
		session->client->base_json = !session->binary_works;
		begin(session, session->binary_works ? ATLS_ATLS : ATLS_JSON, false, why);
	} else {
		session->client->base_only = true;
		begin(session, (enum atls_encoding)settings->encoding, false, why);
	}
}

/* Who answers in json without the member knows nothing of it: the session goes on in base carriage,
 * if all that was said went into its first body. */
static bool go_on_in_base(struct session *session, const struct atls_body *body)
{
	const uint8_t *bytes;
	const struct atls_stream_facts facts = atls_stream_client_facts(session->stream);
	if (!body->session || session->binary_works || facts.sent != facts.said ||
		atls_engine_output(session->course.engine, &bytes) ||
		session->client->settings.carriage != CARRIAGE_AUTO)
		return false;
	atls_stream_client_free(session->stream);
	session->stream = NULL;
	session->client->base_only = session->client->base_json = true;
	session_log(session, ATLS_LOG_VERBOSE, "carriage_changed",
		"the service knows no stream carriage; going on with base carriage in json");
	struct atls_error err = {0};
	enum atls_course_turn turn = atls_course_valid(&session->course, body, atls_now_ms(), &err);
	base_turn(session, turn, &err);
	return true;
}

static void bare_opening(struct session *session, struct heard *heard)
{
	struct atls_error err = {0};
	if (session->client->settings.raw) {
		refused_raw(session, heard);
		return;
	}
	if (session->course.codec->session_in_body && go_on_in_base(session, &heard->it.body))
		return;
	/* Base carriage would need the cookie. */
	if (!session->course.codec->session_in_body)
		session->binary_works = heard->answer->cookies;
	atls_error_set(&err, ATLS_E_PROTOCOL,
		"protocol: the first answer has no " ATLS_STREAM_HEADER
		": the service does not know it, or it is stripped on the way");
	atls_error_hint(&err, "--carriage auto or base goes without it");
	other_way(session, &err);
}

/* ---- Valid answers ---- */

static void go_over_to_json(struct session *session, const struct heard *heard)
{
	if (session->course.codec->session_in_body ||
		!atls_stream_client_facts(session->stream).in_body)
		return;
	if (session->client->settings.raw) {
		refused_raw(session, heard);
		return;
	}
	session->course.codec = atls_body_codec(ATLS_JSON);
	session_log(session, ATLS_LOG_VERBOSE, "encoding_changed",
		ATLS_STREAM_HEADER " is stripped on the way: the session goes on in json");
}

void stream_take(struct session *session)
{
	atls_stream_client_take_all(session->stream, session->course.engine);
}

static void valid(struct session *session, struct heard *heard)
{
	if (heard->it.body.session && session_keep_id(session, &heard->it.body)) {
		session_fail_memory(session);
		return;
	}
	if (atls_stream_client_answered(session->stream, heard->slot, &heard->it.dict,
		    heard->it.body.records, heard->it.body.len, atls_now_ms(), &heard->it.err)) {
		session_end(session, &heard->it.err);
		return;
	}
	stream_take(session);
	session_note_established(session);
	/* The next exchange travels while this one is decrypted, written out and refilled. */
	if (heard->it.body.len >= ATLS_STREAM_BULK)
		session_carry(session);
	session_step(session);
}

/* ---- Losses ---- */

/* Whether that is the end of a session which had nothing else to say. */
static bool last_word_is_lost(struct session *session, const struct heard *heard, bool unknown)
{
	struct atls_engine *engine = session->course.engine;
	if (!atls_stream_client_last_word_is_lost(session->stream, engine, &session->last_word,
		    session->lanes[heard->slot].sent_at, unknown, heard->answer->retry_after_s > 0,
		    atls_now_ms()))
		return false;
	bool failed = atls_engine_state(engine) & ATLS_FAILED;
	session_end(session, failed ? atls_engine_error(engine) : NULL);
	return true;
}

static void lost(struct session *session, struct heard *heard, bool unknown)
{
	int64_t retry_after =
		heard->answer->retry_after_s > 0 ? heard->answer->retry_after_s * 1000 : 0;
	session->last_loss = heard->it.err;
	if (last_word_is_lost(session, heard, unknown))
		return;
	session_log(session, ATLS_LOG_VERBOSE, "exchange_lost", "an exchange was lost: %s",
		heard->it.err.text);
	if (atls_stream_client_lost(
		    session->stream, heard->slot, unknown, retry_after, atls_now_ms()))
		session_end(session, &heard->it.err);
	else
		session_step(session);
}

static void too_large(struct session *session, struct heard *heard)
{
	if (atls_stream_client_too_large(session->stream, heard->slot)) {
		session_end(session, &heard->it.err);
		return;
	}
	session_log(session, ATLS_LOG_VERBOSE, "body_size",
		"a body was refused for its size: now %zu bytes at most",
		atls_stream_client_facts(session->stream).body_max);
	session_step(session);
}

static void stripped(struct session *session, struct heard *heard, bool conflict)
{
	session_log(session, ATLS_LOG_VERBOSE, "exchange_lost",
		conflict ? "status %ld: the request's " ATLS_STREAM_HEADER " did not arrive"
			 : "status %ld: the answer's " ATLS_STREAM_HEADER " did not arrive",
		heard->answer->status);
	atls_stream_client_stripped(session->stream, heard->slot, conflict,
		heard->it.has_dict ? &heard->it.dict : NULL, atls_now_ms());
	go_over_to_json(session, heard);
	session_step(session);
}

/* ---- All of them ---- */

/* The opening request is repeated a few times, if the path is there at all. */
static void opening_lost(struct session *session, struct heard *heard)
{
	const struct atls_http_answer *answer = heard->answer;
	if ((answer->status || answer->sent) && answer->retry_after_s <= OPENING_RETRY_AFTER_S &&
		++session->tries < ATLS_STREAM_OPENING_TRIES)
		lost(session, heard, false);
	else
		session_end(session, &heard->it.err);
}

/* The service had said its last word, and is gone before it heard ours. */
static const struct atls_error unheard = {.code = ATLS_E_NETWORK,
	.text = "backend: the service ended the session before it took all that was sent"};

static void unknown(struct session *session, struct heard *heard)
{
	const struct settings *settings = &session->client->settings;
	if (!atls_stream_client_facts(session->stream).open && settings->encoding < 0 &&
		!settings->raw && !session->course.codec->session_in_body) {
		other_way(session, &heard->it.err);
		return;
	}
	if (atls_engine_state(session->course.engine) & ATLS_PEER_CLOSED)
		heard->it.err = unheard;
	lost(session, heard, true);
}

void stream_answered(struct lane *lane, struct atls_http_answer *answer)
{
	struct session *session = lane->session;
	struct heard heard = {.slot = (unsigned)(lane - session->lanes), .answer = answer};
	bool first = !atls_stream_client_facts(session->stream).open;
	atls_stream_judge(answer, lane->codec, first, &heard.it);
	switch (heard.it.means) {
	case ATLS_STREAM_VALID:
		valid(session, &heard);
		break;
	case ATLS_STREAM_BARE:
		bare_opening(session, &heard);
		break;
	case ATLS_STREAM_STRIPPED:
		stripped(session, &heard, answer->status != 200);
		break;
	case ATLS_STREAM_TOO_LARGE:
		too_large(session, &heard);
		break;
	case ATLS_STREAM_MISSED:
		if (first)
			opening_lost(session, &heard);
		else
			lost(session, &heard, false);
		break;
	case ATLS_STREAM_UNKNOWN:
		unknown(session, &heard);
		break;
	case ATLS_STREAM_REFUSED:
		if (session->client->settings.raw)
			refused_raw(session, &heard);
		else
			other_way(session, &heard.it.err);
		break;
	case ATLS_STREAM_END:
		session_end(session, &heard.it.err);
		break;
	}
}
