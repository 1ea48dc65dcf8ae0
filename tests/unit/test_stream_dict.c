#include "tap.h"

#include "core/stream_dict.h"

#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

#define ID       "AbCdEfGhIjKlMnOpQrSt-_"
#define REQUEST  "id=\"" ID "\", gen=1, up=0, ack=0, max=65536"
#define TOP      999999999999999
#define LIST16   "1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1"
#define PARAMS16 ";a;a;a;a;a;a;a;a;a;a;a;a;a;a;a;a"
#define KEYS31   "a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a"

static const struct good {
	const char *text;
	struct atls_stream_dict dict;
} good[] = {
	{"", {0}},
	{"   ", {0}},
	{REQUEST, {.has = ATLS_DICT_REQUEST, .id = ID, .gen = 1, .max = 65536}},
	{"max=65536,ack=0,\tup=0 \t, \tgen=1, id=\"" ID "\"  ",
		{.has = ATLS_DICT_REQUEST, .id = ID, .gen = 1, .max = 65536}},
	{REQUEST ", poll=25, fin", {.has = ATLS_DICT_REQUEST | ATLS_DICT_POLL | ATLS_DICT_FIN,
					   .id = ID,
					   .gen = 1,
					   .max = 65536,
					   .poll = 25}},
	{"down=7, ack=517, max=65536, inflight=4, keep=330, fin",
		{.has = ATLS_DICT_ANSWER | ATLS_DICT_FIN,
			.down = 7,
			.ack = 517,
			.max = 65536,
			.inflight = 4,
			.keep = 330}},
	{"up=999999999999999", {.has = ATLS_DICT_UP, .up = TOP}},
	{"up=000000000000001", {.has = ATLS_DICT_UP, .up = 1}},
	{"up=-0", {.has = ATLS_DICT_UP}},
	{"up=1;a=2;b;c=\"x\"", {.has = ATLS_DICT_UP, .up = 1}},
	{"up=1, up=2", {.has = ATLS_DICT_UP, .up = 2}},
	{"fin=?1", {.has = ATLS_DICT_FIN}},
	{"fin=?0", {0}},
	{"fin, fin=?0", {0}},
	{"fin;a", {.has = ATLS_DICT_FIN}},
	{"fin, abort", {.has = ATLS_DICT_FIN | ATLS_DICT_ABORT}},
	{"fin, abort=?0", {.has = ATLS_DICT_FIN}},
	{"abort, fin, fin=?0", {.has = ATLS_DICT_ABORT}},
	/* what is not known, in every form that a value can have */
	{"a=1, b=-1.5, c=\"x\\\\\\\"\", d=tok/en:x, e=:aGk=:, f=?0, g, *h=*i", {0}},
	{"a=(), b=( 1 \"x\";q=1  tok ), c=(1);x=2", {0}},
	{"a=(" LIST16 ")", {0}},
	{"a=1" PARAMS16, {0}},
	{KEYS31 ", up=1", {.has = ATLS_DICT_UP, .up = 1}},
	{"up-=1, upp=2, u=3, fi, max_=4, a-very-long-key-of-somebody-else=5", {0}},
};

static const struct bad {
	const char *text;
	const char *complaint;
} bad[] = {
	{"up=1,", "a comma at the end at character 5"},
	{"up=1, ", "a comma at the end"},
	{",up=1", "expected a key at character 0"},
	{"up=1,,ack=1", "expected a key at character 5"},
	{"up=1 ack=2", "expected ',' at character 5"},
	{"up=1;ack=2;", "expected a key"},
	{"Up=1", "expected a key"},
	{"1=1", "expected a key"},
	{"\"up\"=1", "expected a key"},
	{"a =1", "expected ','"},
	{"up= 1", "expected a value"},
	{"up=", "expected a value"},
	{"up=+1", "expected a value"},
	{"up=-", "expected a digit"},
	{"up=1x", "expected ','"},
	{"up=1.", "not a decimal"},
	{"a=1.2345", "not a decimal"},
	{"a=1234567890123.5", "not a decimal"},
	{"up=1000000000000000", "too long a number"},
	{"a=1000000000000000", "too long a number"},
	{"a=\"x", "string without an end"},
	{"a=\"\x7f\"", "string without an end"},
	{"a=\"\xc3\xa9\"", "string without an end"},
	{"a=\"\\n\"", "bad escape"},
	{"a=:a-:", "byte sequence without an end"},
	{"a=?2", "not a boolean"},
	{"a=?", "not a boolean"},
	{"a=(1", "list without an end"},
	{"a=(1,2)", "list without an end"},
	{"a=((1))", "expected a value"},
	{"a=(" LIST16 " 1)", "too long a list"},
	{"a=1" PARAMS16 ";a", "too many parameters"},
	{KEYS31 ",a,a", "too many keys"},
	{"a=1;B=2", "expected a key"},
	{"a=1\n, b=2", "expected ','"},
	/* known keys with values of another kind */
	{"up=-1", "of the wrong kind"},
	{"up=1.0", "of the wrong kind"},
	{"up=\"1\"", "of the wrong kind"},
	{"up", "of the wrong kind"},
	{"up=?1", "of the wrong kind"},
	{"up=(1)", "of the wrong kind"},
	{"max=tok", "of the wrong kind"},
	{"fin=1", "of the wrong kind"},
	{"fin, abort=1", "of the wrong kind"},
	{"fin=(?1)", "of the wrong kind"},
	{"fin=\"\"", "of the wrong kind"},
	{"id=" ID, "of the wrong kind"},
	{"id=\"\"", "of the wrong kind"},
	{"id=\"" ID "A\"", "of the wrong kind"},
	{"id=\"AbCdEfGhIjKlMnOpQrSt-\"", "of the wrong kind"},
	{"id=\"AbCdEfGhIjKlMnOpQrSt+/\"", "of the wrong kind"},
	{"id=\"AbCdEfGhIjKlMnOpQr\\\"\\\"\"", "of the wrong kind"},
	{"id=1", "of the wrong kind"},
};

static void same_dict(
	const char *text, const struct atls_stream_dict *a, const struct atls_stream_dict *b)
{
	if (a->has != b->has || strcmp(a->id, b->id) != 0 || a->gen != b->gen || a->up != b->up ||
		a->down != b->down || a->ack != b->ack || a->max != b->max || a->poll != b->poll ||
		a->inflight != b->inflight || a->keep != b->keep)
		TAP_FAIL("%s: read otherwise", text);
}

/* From memory of exactly that length, so that the sanitizers see a read past its end. */
static int read_exact(
	struct atls_stream_dict *dict, const char *text, size_t len, struct atls_error *err)
{
	char *copy = malloc(len ? len : 1);
	if (!copy)
		abort();
	memcpy(copy, text, len);
	int rc = atls_stream_dict_read(dict, copy, len, err);
	free(copy);
	return rc;
}

static void good_ones_are_read(void)
{
	for (size_t i = 0; i < COUNT(good); i++) {
		struct atls_stream_dict dict;
		struct atls_error err = {0};
		if (read_exact(&dict, good[i].text, strlen(good[i].text), &err))
			TAP_FAIL("%s: %s", good[i].text, err.text);
		same_dict(good[i].text, &dict, &good[i].dict);
	}
}

static void bad_ones_are_refused(void)
{
	const struct atls_stream_dict none = {0};
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct atls_stream_dict dict;
		struct atls_error err = {0};
		int rc = read_exact(&dict, bad[i].text, strlen(bad[i].text), &err);
		if (rc != ATLS_E_PROTOCOL || err.code != rc || !strstr(err.text, bad[i].complaint))
			TAP_FAIL("%s: %d '%s', expected '%s'", bad[i].text, rc, err.text,
				bad[i].complaint);
		same_dict(bad[i].text, &dict, &none);
	}
}

/* Cut anywhere, a dictionary is refused or is one with fewer keys: never another one. */
static void cut_at_every_byte(void)
{
	static const char text[] = REQUEST ", poll=25;a=\"b\", fin";
	struct atls_stream_dict whole, dict;
	eq_int(atls_stream_dict_read(&whole, text, strlen(text), NULL), ATLS_OK);
	for (size_t len = 0; len < strlen(text); len++) {
		int rc = read_exact(&dict, text, len, NULL);
		ok(rc == ATLS_OK || (rc == ATLS_E_PROTOCOL && dict.has == 0));
		ok(!(dict.has & ~whole.has));
		ok(!(dict.has & ATLS_DICT_ID) || strcmp(dict.id, ID) == 0);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		for (size_t len = 0; len < strlen(bad[i].text); len++)
			(void)read_exact(&dict, bad[i].text, len, NULL);
}

static void a_nul_is_no_end(void)
{
	struct atls_stream_dict dict;
	eq_int(read_exact(&dict, "up=1\0", 5, NULL), ATLS_E_PROTOCOL);
	eq_int(read_exact(&dict, "up=\0", 4, NULL), ATLS_E_PROTOCOL);
	eq_int(read_exact(&dict, "a=\"\0\"", 5, NULL), ATLS_E_PROTOCOL);
}

static void too_long_a_text_is_refused(void)
{
	char text[ATLS_DICT_LENGTH_MAX + 2];
	struct atls_stream_dict dict;
	memset(text, ' ', sizeof text);
	memcpy(text, "up=5", 4);
	eq_int(atls_stream_dict_read(&dict, text, ATLS_DICT_LENGTH_MAX, NULL), ATLS_OK);
	eq_int(dict.up, 5);
	eq_int(atls_stream_dict_read(&dict, text, ATLS_DICT_LENGTH_MAX + 1, NULL), ATLS_E_PROTOCOL);
}

static void what_is_missing_is_named(void)
{
	static const char *const names[] = {"id", "gen", "up", "ack", "max"};
	struct atls_stream_dict dict;
	eq_int(atls_stream_dict_read(&dict, REQUEST, strlen(REQUEST), NULL), ATLS_OK);
	eq_int(atls_stream_dict_need(&dict, ATLS_DICT_REQUEST, NULL), ATLS_OK);
	for (size_t i = 0; i < COUNT(names); i++) {
		static const unsigned bits[] = {
			ATLS_DICT_ID, ATLS_DICT_GEN, ATLS_DICT_UP, ATLS_DICT_ACK, ATLS_DICT_MAX};
		struct atls_error err = {0};
		char quoted[16];
		dict.has = ATLS_DICT_REQUEST & ~bits[i];
		snprintf(quoted, sizeof quoted, "'%s'", names[i]);
		eq_int(atls_stream_dict_need(&dict, ATLS_DICT_REQUEST, &err), ATLS_E_PROTOCOL);
		ok(strstr(err.text, quoted) != NULL);
	}
}

static void what_is_written_is_read_again(void)
{
	const struct atls_stream_dict most = {.has = (ATLS_DICT_FIN << 1) - 1,
		.id = ID,
		.gen = TOP,
		.up = TOP,
		.down = TOP,
		.ack = TOP,
		.max = TOP,
		.poll = TOP,
		.inflight = TOP,
		.keep = TOP};
	char text[ATLS_STREAM_TEXT];
	struct atls_stream_dict again;
	size_t len = atls_stream_dict_write(&most, text);
	eq_int(len, strlen(text));
	eq_int(atls_stream_dict_read(&again, text, len, NULL), ATLS_OK);
	same_dict(text, &again, &most);
	for (size_t i = 0; i < COUNT(good); i++) {
		len = atls_stream_dict_write(&good[i].dict, text);
		eq_int(atls_stream_dict_read(&again, text, len, NULL), ATLS_OK);
		same_dict(text, &again, &good[i].dict);
	}
	atls_stream_dict_write(&good[2].dict, text);
	eq_str(text, REQUEST);
}

int main(void)
{
	run(good_ones_are_read);
	run(bad_ones_are_refused);
	run(cut_at_every_byte);
	run(a_nul_is_no_end);
	run(too_long_a_text_is_refused);
	run(what_is_missing_is_named);
	run(what_is_written_is_read_again);
	return tap_done();
}
