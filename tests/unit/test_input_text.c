/* atls-dump's input: text in hex and base64, JSON, HAR, curl's traces, mitmproxy's flows, and which
 * form an input is taken for. */
#include "input.h"
#include "tap.h"

#include "cmd/atls-dump/clock.h"
#include "cmd/atls-dump/recognise.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define TEXT(text)   (const uint8_t *)(text), sizeof(text) - 1

static const struct input {
	const struct form *form;
	const uint8_t *bytes;
	size_t len;
	const char *heard;
} inputs[] = {
	/* hex */
	{&form_hex, TEXT("160301"), "\n ? 0 - - 0 -2: 160301"},
	{&form_hex, TEXT("16 03\n01\r\n"), "\n ? 0 - - 0 -2: 160301"},
	{&form_hex, TEXT("0x16, 0x03, 0x01,\n  0x00\n"), "\n ? 0 - - 0 -2: 16030100"},
	{&form_hex, TEXT("\\x16\\x03"), "\n ? 0 - - 0 -2: 1603"},
	{&form_hex, TEXT("16030100\n16030100\n"), "\n ? 0 - - 0 -2: 1603010016030100"},
	{&form_hex, TEXT("16:03:01"), "\n ? 0 - - 0 -2: 160301"},
	{&form_hex, TEXT("00000000: 1603 0100                                abcd\n"),
		"\n ? 0 - - 0 -2: 16030100"},
	{&form_hex, TEXT("00000000: 7c31  |1\n"), "\n ? 0 - - 0 -2: 7c31"},
	{&form_hex, TEXT("00000000: 1603 01  16.\n00000003: ff  .\n"), "\n ? 0 - - 0 -2: 160301ff"},
	{&form_hex, TEXT("00000000  16 03 01 00 00 00 00 00  aa bb  |..........|\n0000000a\n"),
		"\n ? 0 - - 0 -2: 1603010000000000aabb"},
	{&form_hex, TEXT("00000000  16 03  |..|\n*\n00000006  ff  |.|\n00000007\n"),
		"\n ? 0 - - 0 -2: 160316031603ff"},
	{&form_hex, TEXT("00000000  16 03  |..|\n*\n00000001  ff  |.|\n"),
		"\n ? 0 - - 0 -2: 1603\n! 24 an offset behind the repeated lines | 1"
		"\n ? 0 - - 0 -2: ff"},
	{&form_hex, TEXT("00000000  16  |.|\n*\nffffffff  ff  |.|\n"),
		"\n ? 0 - - 0 -2: 16\n! 20 an offset behind the repeated lines | ffffffff"
		"\n ? 0 - - 0 -2: ff"},
	{&form_hex, TEXT("0000000 16 03 01\n0000003\n"), "\n ? 0 - - 0 -2: 160301"},
	{&form_hex, TEXT("16 03\nhello\nworld\n01"),
		"\n ? 0 - - 0 -2: 1603\n! 6 hex digits | hello\n ? 0 - - 0 -2: 01"},
	{&form_hex, TEXT("160\n16"), "\n! 0 hex digits | 160\n ? 0 - - 0 -2: 16"},
	/* base64 */
	{&form_base64, TEXT("FgMB"), "\n ? 0 - - 0 -2: 160301"},
	{&form_base64, TEXT("Fg\nMB\n"), "\n ? 0 - - 0 -2: 160301"},
	{&form_base64, TEXT("FgMBAA==FgM=\nFg=="), "\n ? 0 - - 0 -2: 16030100160316"},
	{&form_base64, TEXT("FgM\n"), "\n ? 0 - - 0 -2: 1603"},
	{&form_base64, TEXT("-_8"), "\n ? 0 - - 0 -2: fbff"},
	{&form_base64, TEXT("-----BEGIN X-----\nFgMB\n-----END X-----\n"),
		"\n ? 0 - - 0 -2: 160301"},
	{&form_base64, TEXT("FgMB\n!x\nFgMBA"),
		"\n ? 0 - - 0 -2: 160301\n! 5 base64 | !x\n ? 0 - - 0 -2: 160301"
		"\n! 13 base64 in groups of four | a single character at the end"},
	{&form_base64, TEXT("F==="), "\n! 1 base64 | ==="},
	/* json */
	{&form_json, TEXT("{\"records\":\"FgMBAAEB\"}{\"session\":\"S\",\"records\":\"FgMDAAEC\"}"),
		"\nS up 0 - - 0 0: 160301000101\nS down 0 - - 0 0: 160303000102"},
	{&form_json,
		TEXT("12:00 \"post\" {\"session\":\"S\",\"records\":\"FwMD\"} ok\n{\"level\":3}\n"
		     "x {\"session\":\"S\"}\n"),
		"\nS ? 0 - - 0 0: 170303\nS down 0 - - 0 0: "},
	{&form_json, TEXT("{\"records\":\"FgMB\"}"), "\n up 0 - - 0 0: 160301"},
	{&form_json,
		TEXT("{\"session\":\"S\",\"records\":\"FwMD\",\"stream\":\"id=\\\""
		     "AAAAAAAAAAAAAAAAAAAAAA\\\", gen=1, up=7, ack=0, max=9\"}"),
		"\nS up 0 @ - - 0 0: 170303"},
	{&form_json, TEXT("{\"session\":\"S\",\"records\":\"Fw MD\"}"),
		"\n! 0 a JSON body of ATLS | records are not canonical base64 at byte 26"
		"\nS ? 0 - - 0 0: 170303"},
	{&form_json, TEXT("{\"session\":\"S\nT\"}\n{\"session\":\"S\"}"),
		"\n! 0 the end of a JSON string | the end of the line\nS down 0 - - 0 0: "},
	{&form_json, TEXT("{\"session\":"),
		"\n! 0 the end of a JSON object | the end of the input"},
	{&form_json, TEXT("{\"session\":}{\"session\":\"S\"}"),
		"\n! 0 a JSON body of ATLS | expected a string at byte 11\nS down 0 - - 0 0: "},
	/* HAR */
	{&form_har,
		TEXT("{\"log\":{\"pages\":[{\"id\":\"{\"}],\"entries\":[{\"request\":{\"method\":"
		     "\"POST\",\"url\":\"http://h/atls\",\"postData\":{\"mimeType\":"
		     "\"application/atls\",\"text\":\"\\u0016\\u0003\\u0001\\u00ff\\u0000\"}},"
		     "\"response\":{\"status\":200,\"headers\":[{\"name\":\"Set-Cookie\","
		     "\"value\":\"atls=C; Path=/\"}],\"content\":{\"mimeType\":"
		     "\"application/atls\",\"text\":\"FgMD\",\"encoding\":\"base64\"}}}]}}"),
		"\nC up 1 POST /atls 0 2: 160301ff00\nC down 1 - - 200 2: 160303"},
	{&form_har,
		TEXT("{\"log\":{\"entries\":[{\"request\":{\"method\":\"POST\",\"postData\":{"
		     "\"mimeType\":\"application/atls\",\"text\":\"\\ufffd\"}}}]}}"),
		"\n! 19 bytes, or base64 | text in which bytes are lost\n up 1 POST - 0 2: "},
	{&form_har, TEXT("{\"log\":{\"entries\":[{\"request\":}]}}"),
		"\n! 31 JSON | unexpected token near '}'"},
	/* curl --trace */
	{&form_trace,
		TEXT("== Info: x\n=> Send header, 19 bytes (0x13)\n"
		     "0000: 50 4f 53 54 20 2f 20 48 54 54 50 2f 32 0d 0a 63 POST / HTTP/2..c\n"
		     "0010: 3a 0d 0a                                        :..\n"
		     "=> Send header, 2 bytes (0x2)\n0000: 0d 0a  ..\n"
		     "=> Send data, 3 bytes (0x3)\n0000: 16 03 01        ...\n"
		     "=> Send SSL data, 1 bytes (0x1)\n0000: 17    .\n"),
		"\n up 1 POST / 0 -1: 160301"},
	{&form_trace, TEXT("12:00:00.000000 => Send data, 9 bytes (0x9)\n0000: POST / HT\n"),
		"\n! 44 bytes in hex, as of curl --trace | 0000: POST / HT"},
	/* mitmproxy */
	{&form_flow, TEXT("0:}"), ""},
	{&form_flow, TEXT("5:hello,"), "\n! 2 a flow of mitmproxy | a value of type ','"},
	{&form_flow, TEXT("x"), "\n! 0 the length of a flow | x"},
	{&form_flow, TEXT("12"), "\n! 2 the length of a flow | the end of the input"},
	{&form_flow,
		TEXT("126:7:request;98:6:method;4:POST,4:path;2:/x,7:headers;40:36:12:content-"
		     "type,16:application/atls,]]7:content;3:\x16\x03\x01,}4:type;4:http;}"),
		"\n up 1 POST /x 0 2: 160301"},
	{&form_flow,
		TEXT("92:4:type;3:tcp;11:client_conn;10:2:id;2:c1;}8:messages;35:13:4:true!3:"
		     "\x16\x03\x01,]14:5:false!3:\x16\x03\x03,]]}"),
		"\nc1 up 0 @ - - 0 -2: 160301\nc1 down 0 @ - - 0 -2: 160303"},
};

static void forms_give_what_is_in_them_however_they_are_cut(void)
{
	static struct heard heard;
	for (size_t i = 0; i < COUNT(inputs); i++) {
		const struct input *input = &inputs[i];
		for (size_t size = 0; size <= input->len; size++) {
			heard_feed(&heard, input->form, input->bytes, input->len, size);
			eq_int(heard.rc, ATLS_OK);
			if (strcmp(heard.text, input->heard) != 0)
				TAP_FAIL("%s in parts of %zu: '%s', expected '%s'", input->bytes,
					size, heard.text, input->heard);
		}
	}
}

/* No crash, no read past the end, and nothing that was not there: but for hex and base64, where an
 * offset or a line of PEM means something else when it is cut. */
static void forms_take_an_end_anywhere(void)
{
	static struct heard whole, cut;
	for (size_t i = 0; i < COUNT(inputs); i++) {
		const struct input *input = &inputs[i];
		heard_feed(&whole, input->form, input->bytes, input->len, 0);
		for (size_t len = 0; len < input->len; len++) {
			heard_feed(&cut, input->form, input->bytes, len, 0);
			eq_int(cut.rc, ATLS_OK);
			bool text = input->form == &form_hex || input->form == &form_base64;
			if (!text && cut.bytes > whole.bytes)
				TAP_FAIL("%s cut to %zu: %s", input->bytes, len, cut.text);
		}
	}
}

static void a_line_of_any_length_is_hex(void)
{
	static struct heard heard;
	static uint8_t text[3 * 40000];
	for (size_t spacing = 0; spacing < 2; spacing++) {
		size_t len = 0, bytes = sizeof text / 3;
		for (size_t i = 0; i < bytes; i++) {
			memcpy(text + len, "5a ", 3);
			len += 2 + spacing;
		}
		heard_feed(&heard, &form_hex, text, len, 4097);
		eq_int(heard.bytes, bytes);
		eq_int(heard.malformed, 0);
	}
}

static void too_much_is_left_out_and_said(void)
{
	static struct heard heard;
	size_t len = JSON_OBJECT_MAX + 100;
	uint8_t *text = malloc(len);
	memset(text, ' ', len);
	text[0] = '{';
	static const char end[] = "}{\"session\":\"S\"}";
	memcpy(text + len - (sizeof end - 1), end, sizeof end - 1);
	heard_feed(&heard, &form_json, text, len, 60000);
	eq_str(heard.text, "\n! 0 an object that can be held | more than 3145728 bytes"
			   "\nS down 0 - - 0 0: ");
	free(text);
}

static void forms_are_recognised(void)
{
	static const struct {
		const uint8_t *bytes;
		size_t len;
		const char *form;
	} heads[] = {
		{TEXT("\x16\x03\x01"), "raw"},
		{TEXT("\x17"), "raw"},
		{TEXT("\xd4\xc3\xb2\xa1\2\0"), "pcap"},
		{TEXT("\n\r\r\n"), "pcap"},
		{TEXT("{\"records\": \"\"}"), "json"},
		{TEXT("12:00 POST {\"records\": \"\"}"), "json"},
		{TEXT("\xef\xbb\xbf {\n \"log\": {"), "har"},
		{TEXT("138:7:request;"), "flow"},
		{TEXT("== Info:   Trying 127.0.0.1:80...\n"), "trace"},
		{TEXT("12:00:00.123456 == Info: x\n"), "trace"},
		{TEXT("HTTP/1.1 200 OK\r\n"), "http"},
		{TEXT("POST / HTTP/1.1\r\n"), "http"},
		{TEXT("16030100"), "hex"},
		{TEXT("0x16, 0x03"), "hex"},
		{TEXT("00000000: 1603 0100 0f01  ......\n"), "hex"},
		{TEXT("00000000  16 03 01 00 0f 01 00 00  0b  |.........|\n"), "hex"},
		{TEXT("FgMBAA8BAAAL"), "base64"},
		{TEXT("-----BEGIN TLS-----\n"), "base64"},
		{TEXT("Dear Sir"), NULL},
		{TEXT("\x7f"
		      "ELF"),
			NULL},
		{TEXT("<html>"), NULL},
	};
	for (size_t i = 0; i < COUNT(heads); i++) {
		const char *form = recognise(heads[i].bytes, heads[i].len);
		if (strcmp(form ? form : "", heads[i].form ? heads[i].form : "") != 0)
			TAP_FAIL("%s is taken for %s", heads[i].bytes, form ? form : "nothing");
	}
}

static void times_are_read(void)
{
	eq_int(clock_parse("1970-01-01T00:00:01Z"), 1000000);
	eq_int(clock_parse("1970-01-01T00:00:00.000001Z"), 1);
	eq_int(clock_parse("1970-01-01T02:00:01.5+02:00"), 1500000);
	eq_int(clock_parse("1969-12-31T22:30:00-01:30"), -1);
	eq_int(clock_parse("1970-01-01T00:00:00-01:30"), 5400000000);
	eq_int(clock_parse("2026-11-25T07:39:10.1234567Z"), 1795592350123456);
	eq_int(clock_parse("2026-11-25"), -1);
	eq_int(clock_parse("2026-11-25T07:39:10"), -1);
	eq_int(clock_parse("2026-11-25T07:39:10Zx"), -1);
	eq_int(clock_parse(NULL), -1);
	eq_int(clock_from_seconds(1.5), 1500000);
	eq_int(clock_from_seconds(-1), -1);
	eq_int(clock_from_seconds(1e300), -1);
}

int main(void)
{
	run(forms_give_what_is_in_them_however_they_are_cut);
	run(forms_take_an_end_anywhere);
	run(a_line_of_any_length_is_hex);
	run(too_much_is_left_out_and_said);
	run(forms_are_recognised);
	run(times_are_read);
	return tap_done();
}
