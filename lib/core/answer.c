#include "core/answer.h"

#include "core/body.h"
#include "core/err.h"

#include <string.h>

/* Whether the label fits. Draft -00 section 7.2 shows JSON bodies labelled application/atls. */
static bool type_fits(const struct atls_http_answer *answer, const struct atls_body_codec *codec)
{
	if (atls_body_type_is(answer->content_type, codec->content_type))
		return true;
	return codec->session_in_body && atls_encoding_by_type(answer->content_type) == ATLS_ATLS &&
	       atls_body_is_json(answer->body, answer->len);
}

static enum atls_answer_means judge_body(struct atls_http_answer *answer,
	const struct atls_body_codec *codec, bool first, struct atls_body *body,
	struct atls_error *err)
{
	if (!type_fits(answer, codec)) {
		atls_error_set(err, ATLS_E_PROTOCOL,
			"protocol: what answers there is no ATLS service: status 200 with content "
			"type "
			"'%s' instead of '%s'",
			answer->content_type, codec->content_type);
		atls_error_hint(err, "a captive portal or a proxy's own page may stand in between");
		return ATLS_ANSWER_END;
	}
	if (answer->encoded) {
		atls_error_set(err, ATLS_E_PROTOCOL,
			"protocol: the answer's body is compressed although that was excluded");
		return ATLS_ANSWER_END;
	}
	if (codec->decode(answer->body, answer->len, body, err))
		return ATLS_ANSWER_END;
	if (!first || (codec->session_in_body ? body->session != NULL : answer->cookies))
		return ATLS_ANSWER_VALID;
	atls_error_set(err, ATLS_E_PROTOCOL,
		"protocol: the first answer names no session: it has no %s",
		codec->session_in_body ? "member 'session'" : "cookie");
	return codec->session_in_body ? ATLS_ANSWER_END : ATLS_ANSWER_OTHER_ENCODING;
}

static enum atls_answer_means refusal(long status, struct atls_error *err)
{
	atls_error_set(err, ATLS_E_NETWORK, "HTTP: refused with status %ld", status);
	if (status == 407)
		atls_error_hint(err, "give the proxy's credentials with --proxy-user");
	else if (status == 401)
		atls_error_hint(err, "whoever wants credentials can get them with --header");
	else if (status == 404 || status == 405)
		atls_error_hint(err,
			"is the URL's path right? The drafts' own are /.well-known/atls and "
			"/atls");
	else if (status > 300 && status <= 308 && status != 304)
		atls_error_hint(err, "redirects are not followed; give the URL that it leads to");
	return ATLS_ANSWER_END;
}

/* What has no rule of its own. */
static enum atls_answer_means judge_class(long status, struct atls_error *err)
{
	if (status >= 600) {
		atls_error_set(
			err, ATLS_E_PROTOCOL, "HTTP: status %ld is none that HTTP has", status);
		return ATLS_ANSWER_END;
	}
	if (status >= 500) {
		atls_error_set(err, ATLS_E_NETWORK, "HTTP: status %ld", status);
		if (status == 511)
			atls_error_hint(
				err, "the network wants a log-in first: open a page in a browser");
		return ATLS_ANSWER_LOST;
	}
	if (status < 300) {
		atls_error_set(err, ATLS_E_PROTOCOL, "protocol: status %ld instead of 200", status);
		return ATLS_ANSWER_END;
	}
	return refusal(status, err);
}

static bool lists(const char *types, const char *type)
{
	size_t len = strlen(type);
	for (const char *at = types; *at; at += strspn(at, ", ")) {
		size_t part = strcspn(at, ", ");
		if (part == len && strncmp(at, type, len) == 0)
			return true;
		at += part;
	}
	return false;
}

/* Who takes the very type that was sent did not get it. */
static void hint_types(const char *types, const char *sent, struct atls_error *err)
{
	if (lists(types, sent))
		atls_error_hint(
			err, "it takes that type: something on the way strips or changes it");
	else
		atls_error_hint(err,
			"it takes %s; --raw TYPE has to be the same on both sides, or on neither",
			types);
}

enum atls_answer_means atls_answer_judge(struct atls_http_answer *answer,
	const struct atls_body_codec *codec, bool first, struct atls_body *body,
	struct atls_error *err)
{
	long status = answer->status;
	switch (status) {
	case 0:
		*err = answer->error;
		return answer->error.code == ATLS_E_NETWORK ? ATLS_ANSWER_LOST : ATLS_ANSWER_END;
	case 200:
		return judge_body(answer, codec, first, body, err);
	case 408:
	case 425:
	case 429:
		atls_error_set(err, ATLS_E_NETWORK, "HTTP: status %ld, try again later", status);
		return ATLS_ANSWER_LOST;
	case 400:
	case 415:
		atls_error_set(err, ATLS_E_PROTOCOL,
			"HTTP: status %ld: what answers there does not take bodies of type %s",
			status, codec->content_type);
		if (status == 415 && answer->accept[0])
			hint_types(answer->accept, codec->content_type, err);
		return ATLS_ANSWER_OTHER_ENCODING;
	case 403:
	case 404:
	case 405:
		(void)refusal(status, err);
		return ATLS_ANSWER_OTHER_ENCODING;
	case 411:
		atls_error_set(
			err, ATLS_E_NETWORK, "HTTP: status 411: the length was lost on the way");
		return ATLS_ANSWER_END;
	case 413:
		atls_error_set(
			err, ATLS_E_NETWORK, "HTTP: status 413: even small bodies are refused");
		return ATLS_ANSWER_TOO_LARGE;
	case 409:
		atls_error_set(err, ATLS_E_PROTOCOL,
			"protocol: status 409: the service wants another "
			"carriage for this session");
		return ATLS_ANSWER_CONFLICT;
	case 422:
		atls_error_set(err, ATLS_E_PROTOCOL,
			"protocol: status 422: the service does not know this session (any more)");
		return ATLS_ANSWER_UNKNOWN;
	default:
		return judge_class(status, err);
	}
}
