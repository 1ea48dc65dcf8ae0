/* What atls-client makes of each status, type and body of an answer. */
#include "tap.h"

#include "core/answer.h"

#include <stdlib.h>

/* All statuses from here up to the next line's. */
static const struct verdict {
	long status;
	enum atls_answer_means action;
	int code;
	const char *text; /* with the status in it, if there is a %ld */
} verdicts[] = {
	{100, ATLS_ANSWER_END, ATLS_E_PROTOCOL, "protocol: status %ld instead of 200"},
	{200, ATLS_ANSWER_VALID, ATLS_OK, ""},
	{201, ATLS_ANSWER_END, ATLS_E_PROTOCOL, "protocol: status %ld instead of 200"},
	{300, ATLS_ANSWER_END, ATLS_E_NETWORK, "HTTP: refused with status %ld"},
	{400, ATLS_ANSWER_OTHER_ENCODING, ATLS_E_PROTOCOL,
		"HTTP: status %ld: what answers there does not take bodies of type "
		"application/atls"},
	{401, ATLS_ANSWER_END, ATLS_E_NETWORK, "HTTP: refused with status %ld"},
	{403, ATLS_ANSWER_OTHER_ENCODING, ATLS_E_NETWORK, "HTTP: refused with status %ld"},
	{406, ATLS_ANSWER_END, ATLS_E_NETWORK, "HTTP: refused with status %ld"},
	{408, ATLS_ANSWER_LOST, ATLS_E_NETWORK, "HTTP: status %ld, try again later"},
	{409, ATLS_ANSWER_CONFLICT, ATLS_E_PROTOCOL,
		"protocol: status %ld: the service wants another carriage for this session"},
	{410, ATLS_ANSWER_END, ATLS_E_NETWORK, "HTTP: refused with status %ld"},
	{411, ATLS_ANSWER_END, ATLS_E_NETWORK, "HTTP: status %ld: the length was lost on the way"},
	{412, ATLS_ANSWER_END, ATLS_E_NETWORK, "HTTP: refused with status %ld"},
	{413, ATLS_ANSWER_TOO_LARGE, ATLS_E_NETWORK,
		"HTTP: status %ld: even small bodies are refused"},
	{414, ATLS_ANSWER_END, ATLS_E_NETWORK, "HTTP: refused with status %ld"},
	{415, ATLS_ANSWER_OTHER_ENCODING, ATLS_E_PROTOCOL,
		"HTTP: status %ld: what answers there does not take bodies of type "
		"application/atls"},
	{416, ATLS_ANSWER_END, ATLS_E_NETWORK, "HTTP: refused with status %ld"},
	{422, ATLS_ANSWER_UNKNOWN, ATLS_E_PROTOCOL,
		"protocol: status %ld: the service does not know this session (any more)"},
	{423, ATLS_ANSWER_END, ATLS_E_NETWORK, "HTTP: refused with status %ld"},
	{425, ATLS_ANSWER_LOST, ATLS_E_NETWORK, "HTTP: status %ld, try again later"},
	{426, ATLS_ANSWER_END, ATLS_E_NETWORK, "HTTP: refused with status %ld"},
	{429, ATLS_ANSWER_LOST, ATLS_E_NETWORK, "HTTP: status %ld, try again later"},
	{430, ATLS_ANSWER_END, ATLS_E_NETWORK, "HTTP: refused with status %ld"},
	{500, ATLS_ANSWER_LOST, ATLS_E_NETWORK, "HTTP: status %ld"},
	{600, ATLS_ANSWER_END, ATLS_E_PROTOCOL, "HTTP: status %ld is none that HTTP has"},
	{1000, ATLS_ANSWER_END, ATLS_E_PROTOCOL, ""},
};

static enum atls_answer_means judge(long status, const char *type, enum atls_encoding encoding,
	const char *text, struct atls_error *err)
{
	struct atls_http_answer answer = {.status = status, .cookies = true};
	struct atls_body body = {0};
	char *copy = strdup(text);
	if (!copy)
		abort();
	snprintf(answer.content_type, sizeof answer.content_type, "%s", type);
	answer.body = (uint8_t *)copy;
	answer.len = strlen(copy);
	enum atls_answer_means action =
		atls_answer_judge(&answer, atls_body_codec(encoding), true, &body, err);
	free(copy);
	return action;
}

static void every_status_has_its_verdict(void)
{
	const struct verdict *verdict = verdicts;
	for (long status = 100; status < 1000; status++) {
		struct atls_error err = {0};
		char text[ATLS_ERROR_TEXT];
		if (verdict[1].status == status)
			verdict++;
		enum atls_answer_means action =
			judge(status, "application/atls", ATLS_ATLS, "x", &err);
		if (action != verdict->action || err.code != verdict->code)
			TAP_FAIL("status %ld: action %d, code %d", status, action, err.code);
		const char *at = strstr(verdict->text, "%ld");
		snprintf(text, sizeof text, "%.*s%ld%s", (int)(at ? at - verdict->text : 0),
			verdict->text, status, at ? at + 3 : "");
		eq_str(err.text, at ? text : "");
	}
}

static void hints_are_where_there_is_a_next_thing(void)
{
	static const struct {
		long status;
		const char *hint; /* a part of it */
	} hints[] = {
		{301, "give the URL"},
		{302, "give the URL"},
		{303, "give the URL"},
		{307, "give the URL"},
		{308, "give the URL"},
		{401, "--header"},
		{404, "path"},
		{405, "path"},
		{407, "--proxy-user"},
		{511, "log-in"},
	};
	for (size_t i = 0; i < sizeof hints / sizeof *hints; i++) {
		struct atls_error err = {0};
		(void)judge(hints[i].status, "", ATLS_ATLS, "", &err);
		if (!strstr(err.hint, hints[i].hint))
			TAP_FAIL("status %ld: hint '%s'", hints[i].status, err.hint);
	}
	static const long without[] = {201, 300, 304, 309, 399, 400, 402, 403, 429, 500, 503, 600};
	for (size_t i = 0; i < sizeof without / sizeof *without; i++) {
		struct atls_error err = {0};
		(void)judge(without[i], "", ATLS_ATLS, "", &err);
		eq_str(err.hint, "");
	}
}

static void what_would_be_taken_is_told(void)
{
	struct atls_http_answer answer = {.status = 415, .accept = "application/ssh+octet-stream"};
	struct atls_body body;
	struct atls_error err = {0};
	eq_int(atls_answer_judge(&answer, atls_body_codec(ATLS_ATLS), true, &body, &err),
		ATLS_ANSWER_OTHER_ENCODING);
	ok(strstr(err.hint, "application/ssh+octet-stream; --raw TYPE") != NULL);
	/* Its name begins like one that was sent, and is not it. */
	err = (struct atls_error){0};
	strcpy(answer.accept, "application/atls+octet-stream, application/atls+json");
	(void)atls_answer_judge(&answer, atls_body_codec(ATLS_ATLS), true, &body, &err);
	ok(strstr(err.hint, "it takes application/atls+octet-stream, ") != NULL);
	err = (struct atls_error){0};
	strcpy(answer.accept, "application/atls+json, application/atls");
	(void)atls_answer_judge(&answer, atls_body_codec(ATLS_ATLS), true, &body, &err);
	ok(strstr(err.hint, "strips or changes it") != NULL);
}

static void only_the_own_type_is_taken(void)
{
	static const char named[] = "{\"session\": \"S\"}";
	static const struct {
		const char *type;
		enum atls_encoding encoding;
		enum atls_answer_means action;
	} types[] = {
		{"application/atls", ATLS_ATLS, ATLS_ANSWER_VALID},
		{"Application/ATLS; x=y", ATLS_ATLS, ATLS_ANSWER_VALID},
		{"application/atls+json", ATLS_JSON, ATLS_ANSWER_VALID},
		{"application/atls", ATLS_JSON, ATLS_ANSWER_VALID}, /* draft -00 section 7.2 */
		{"application/atls+octet-stream", ATLS_OCTET_STREAM, ATLS_ANSWER_VALID},
		{"application/atls", ATLS_OCTET_STREAM, ATLS_ANSWER_END},
		{"application/atls+octet-stream", ATLS_ATLS, ATLS_ANSWER_END},
		{"application/atls+octet-stream", ATLS_JSON, ATLS_ANSWER_END},
		{"application/atls+json", ATLS_ATLS, ATLS_ANSWER_END},
		{"application/json", ATLS_JSON, ATLS_ANSWER_END},
		{"application/atlsx", ATLS_ATLS, ATLS_ANSWER_END},
		{"text/html", ATLS_ATLS, ATLS_ANSWER_END},
		{"", ATLS_ATLS, ATLS_ANSWER_END},
	};
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		struct atls_error err = {0};
		if (judge(200, types[i].type, types[i].encoding, named, &err) != types[i].action)
			TAP_FAIL("type '%s' of encoding %d", types[i].type, types[i].encoding);
	}
	struct atls_error err = {0};
	eq_int(judge(200, "application/atls", ATLS_JSON, "x", &err), ATLS_ANSWER_END);
	eq_int(err.code, ATLS_E_PROTOCOL);
}

int main(void)
{
	run(every_status_has_its_verdict);
	run(hints_are_where_there_is_a_next_thing);
	run(what_would_be_taken_is_told);
	run(only_the_own_type_is_taken);
	return tap_done();
}
