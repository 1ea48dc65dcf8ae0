/*
 * HTTP answers in any order, and what a client makes of them: head, judgement, decoding, the names
 * of sessions, 422 counted, the change of encoding, a real engine behind it.
 *
 * The first byte chooses the encoding: 'j', 'o', 'b' (application/atls), else auto. Then answers: a
 * head of lines up to an empty one (without a status line there was no answer), two bytes of
 * length, a body. A body "@" becomes what an honest service would say.
 */
#include "tests/unit/certs.h"

#include "core/base.h"
#include "core/course.h"
#include "core/err.h"
#include "net/http_head.h"
#include "trust/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define ANSWERS_MAX 24
static const char told[] = "said by the client", answered[] = "said by the service";

static gnutls_certificate_credentials_t server_cred, client_cred;
static gnutls_priority_t priorities;
static struct atls_policy policy = {.name = "a.example", .purpose = GNUTLS_KP_TLS_WWW_SERVER};
static const struct atls_base_limits limits = {
	.body_max = 4096, .idle_ms = 1000, .resume_ms = 60000, .seed = 1};

/* A client and, as far as it is asked, an honest service. */
struct party {
	struct atls_course course;
	struct atls_http_head head;
	struct atls_engine *service;
	int64_t now;
	bool over;
	bool changed, renewed; /* the encoding; the session */
	bool said;
	size_t heard;
};

static void need(bool condition)
{
	if (!condition)
		abort();
}

static void set_up(void)
{
	static struct cert ca, leaf;
	cert_set_clock(CERT_NOW);
	cert_make(&ca, &(struct cert_spec){.cn = "Test CA", .ca = true}, NULL);
	cert_make(&leaf, &(struct cert_spec){.cn = "service", .names = "a.example"}, &ca);
	server_cred = cert_credentials(&leaf, NULL);
	CERT_OK(gnutls_certificate_allocate_credentials(&client_cred));
	CERT_OK(gnutls_priority_init(&priorities, "NORMAL:-GROUP-ALL:+GROUP-X25519", NULL));
	policy.anchors = cert_anchors((const struct cert *[]){&ca}, 1);
}

static struct atls_engine *make_engine(enum atls_role role)
{
	struct atls_error err = {0};
	bool server = role == ATLS_SERVER;
	const struct atls_engine_config config = {
		.role = role,
		.credentials = server ? server_cred : client_cred,
		.priorities = priorities,
		.server_name = server ? NULL : policy.name,
		.verify = server ? NULL : atls_policy_verify,
		.verify_ctx = &policy,
	};
	struct atls_engine *engine = atls_engine_new(&config, &err);
	need(engine != NULL);
	return engine;
}

/* A course begins, for the first time or in json. */
static void begin(struct party *party)
{
	atls_engine_free(party->service);
	party->service = NULL;
	memset(&party->head, 0, sizeof party->head);
	atls_course_begin(&party->course, make_engine(ATLS_CLIENT), &limits, party->now);
}

/* The next request goes out, as late as it may. False if there is none. */
static bool request(struct party *party)
{
	const uint8_t *bytes = NULL;
	size_t len = 0;
	int64_t at;
	enum atls_base_step step =
		atls_base_next(&party->course.base, party->now, &bytes, &len, &at);
	if (step == ATLS_BASE_WAIT && at != INT64_MAX) {
		need(at > party->now && at - party->now <= ATLS_ALIVE_MS);
		party->now = at;
		step = atls_base_next(&party->course.base, party->now, &bytes, &len, &at);
	}
	if (step != ATLS_BASE_SEND)
		return false;
	need(len <= limits.body_max);
	return true;
}

/* What the request said reaches the service, which answers. Returns the answer, to be freed. */
static uint8_t *honest(struct party *party, size_t *len)
{
	const struct atls_body_codec *codec = party->course.codec;
	const uint8_t *bytes;
	char heard[64];
	if (!party->service)
		party->service = make_engine(ATLS_SERVER);
	(void)atls_engine_output(party->course.engine, &bytes);
	(void)atls_engine_feed(party->service, bytes, party->course.base.sent);
	if (atls_engine_read(party->service, heard, sizeof heard) > 0)
		(void)atls_engine_write(party->service, answered, sizeof answered);
	size_t pending = atls_engine_output(party->service, &bytes);
	uint8_t *body = malloc(codec->encoded_size("S", NULL, pending));
	need(body != NULL);
	*len = codec->encode("S", NULL, bytes, pending, body);
	atls_engine_output_done(party->service, pending);
	return body;
}

/* The application's part: says its sentence, and hears nothing but the service's. */
static void talk(struct party *party)
{
	char heard[sizeof answered];
	struct atls_engine *engine = party->course.engine;
	ssize_t got = atls_engine_read(engine, heard, sizeof heard - party->heard);
	if (got > 0) {
		need(memcmp(heard, answered + party->heard, (size_t)got) == 0);
		party->heard += (size_t)got;
	}
	if (party->heard == sizeof answered)
		(void)atls_engine_close(engine);
	if (!party->said)
		party->said = atls_course_write(&party->course, told, sizeof told) > 0;
}

static void take(struct party *party, struct atls_http_answer *answer)
{
	struct atls_course *course = &party->course;
	struct atls_error err = {0};
	const struct atls_body_codec *codec = course->codec;
	char *id = course->id ? strdup(course->id) : NULL;
	uint64_t exchanges = course->base.exchanges;
	enum atls_course_turn turn = atls_course_answered(course, answer, party->now, &err);
	need(course->base.exchanges == exchanges || answer->status == 200);
	need(course->base.exchanges <= exchanges + 1);
	need(err.code == ATLS_OK || err.text[0]);
	if (course->base.exchanges > exchanges)
		need(err.code == ATLS_OK && turn <= ATLS_COURSE_BULK);
	need(!id || strcmp(id, course->id) == 0);
	free(id);
	need(turn == ATLS_COURSE_ANEW || codec == course->codec);
	need(!course->id || (course->codec->session_in_body && *course->id &&
				    strlen(course->id) <= ATLS_SESSION_MAX));
	if (turn == ATLS_COURSE_ANEW) {
		bool same = codec == course->codec;
		bool *before = same ? &party->renewed : &party->changed;
		need(!*before && err.code);
		need(same ? answer->status == 409 : course->codec == atls_body_codec(ATLS_JSON));
		*before = true;
		begin(party);
	}
	party->over = turn == ATLS_COURSE_OVER;
	if (!party->over)
		talk(party);
}

static bool begins(const char *text, size_t len)
{
	return len > 9 && memcmp(text, "HTTP/1.1 ", 9) == 0;
}

/* The head of an answer, or several: interim ones come first. Returns their length. */
static size_t read_head(
	struct party *party, struct atls_http_answer *answer, const char *text, size_t len)
{
	struct atls_http_head *head = &party->head;
	size_t at = 0;
	atls_http_head_begin(head);
	struct atls_http_head before = *head;
	while (at < len && !answer->error.code && !(head->whole && !begins(text + at, len - at))) {
		const char *end = memchr(text + at, '\n', len - at);
		size_t line = end ? (size_t)(end - text) + 1 - at : len - at;
		int rc = atls_http_head_line(head, answer, text + at, line);
		need(rc == answer->error.code);
		at += line;
	}
	if (!head->whole)
		atls_error_set(&answer->error, ATLS_E_NETWORK, "HTTP: no answer");
	answer->status = answer->error.code ? 0 : head->status % 1000;
	need(strlen(head->cookies) < ATLS_COOKIE_MAX);
	need(!before.cookies_fixed || strcmp(before.cookies, head->cookies) == 0);
	need(strlen(answer->content_type) < ATLS_TYPE_TEXT);
	need(strlen(answer->accept) < ATLS_TYPE_TEXT);
	return at;
}

/* One answer to one request. Returns its length in data. */
static size_t answer_one(struct party *party, const uint8_t *data, size_t len)
{
	struct atls_http_answer answer = {0};
	size_t at = read_head(party, &answer, (const char *)data, len);
	size_t size = len - at >= 2 ? (size_t)data[at] << 8 | data[at + 1] : 0;
	at += len - at >= 2 ? 2 : len - at;
	if (size > len - at)
		size = len - at;
	answer.len = size;
	if (size == 1 && data[at] == '@') {
		answer.body = honest(party, &answer.len);
	} else if (size) {
		answer.body = malloc(size);
		need(answer.body != NULL);
		memcpy(answer.body, data + at, size);
	}
	take(party, &answer);
	free(answer.body);
	return at + size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (!server_cred)
		set_up();
	if (len < 1)
		return 0;
	const char *letters = "job";
	const char *letter = data[0] ? strchr(letters, data[0]) : NULL;
	struct party party = {.now = 1};
	atls_course_init(&party.course, letter ? (int)(letter - letters) : -1);
	begin(&party);
	size_t at = 1;
	for (int i = 0; i < ANSWERS_MAX && at < len && !party.over && request(&party); i++)
		at += answer_one(&party, data + at, len - at);
	atls_engine_free(party.service);
	atls_course_free(&party.course);
	return 0;
}
