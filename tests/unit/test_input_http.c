/* atls-dump's input: HTTP in files and connections, WebSockets, TCP in packets. */
#include "input.h"
#include "packets.h"
#include "tap.h"

#include "cmd/atls-dump/http.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define TEXT(text)   (const uint8_t *)(text), sizeof(text) - 1

#define REQUEST                                                                                    \
	"POST /atls HTTP/1.1\r\nContent-Type: application/atls\r\nContent-Length: "                \
	"3\r\n\r\n\x16\3\1"
#define COOKIE_REQUEST                                                                             \
	"POST /atls HTTP/1.1\r\nContent-Type: application/atls\r\nContent-Length: 3\r\n"           \
	"Cookie: node=0123456789abcdef; atls=C\r\n\r\n\x17\3\3"
#define ANSWER                                                                                     \
	"HTTP/1.1 200 OK\r\ncontent-type:application/atls \r\nContent-Length: 3\r\n"               \
	"Set-Cookie: node=0123456789abcdef\r\nSet-Cookie: atls=C; Path=/\r\n\r\n\x16\3\3"
#define CHUNKED                                                                                    \
	"HTTP/1.1 200 OK\r\nContent-Type: application/atls\r\nTransfer-Encoding: gzip, "           \
	"chunked\r\n\r\n"
#define BOTH "\nC up 1 POST /atls 0 2: 160301\nC down 1 - - 200 2: 160303"

static const struct file {
	const uint8_t *bytes;
	size_t len;
	const char *heard;
} files[] = {
	{TEXT(REQUEST ANSWER), BOTH},
	{TEXT("\r\n\n" REQUEST ANSWER COOKIE_REQUEST), BOTH "\nC up 2 POST /atls 0 2: 170303"},
	{TEXT(REQUEST "HTTP/1.1 100 Continue\r\n\r\n" ANSWER), BOTH},
	{TEXT("POST /atls HTTP/1.1\nContent-Type: application/atls\nContent-Length: "
	      "3\n\n\x16\3\1" ANSWER),
		BOTH},
	/* chunks, and chunks that curl took apart */
	{TEXT(CHUNKED "1\r\n\x16\r\n2;x=y\r\n\3\1\r\n0\r\nTrailer: x\r\n\r\n" ANSWER),
		"\n down 1 - - 200 2: 160301\nC down 2 - - 200 2: 160303"},
	{TEXT(CHUNKED "\x16\3\1" ANSWER),
		"\n down 1 - - 200 2: 160301\nC down 2 - - 200 2: 160303"},
	{TEXT(CHUNKED "1\r\n\x16xx\r\n" ANSWER),
		"\n! 89 the end of a chunk | x\n down 1 - - 200 2: 16\nC down 2 - - 200 2: 160303"},
	{TEXT(CHUNKED "1\r\n\x16\r\nzz\r\n" ANSWER),
		"\n! 91 the size of a chunk | z\n down 1 - - 200 2: 16"
		"\nC down 2 - - 200 2: 160303"},
	/* no body, whatever the length says */
	{TEXT("HEAD /atls HTTP/1.1\r\nATLS-Stream: x\r\n\r\n"
	      "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n" ANSWER),
		"\n up 1 HEAD /atls 0 -1: \n down 1 - - 200 -1: \nC down 2 - - 200 2: 160303"},
	{TEXT("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n" ANSWER),
		"\nC down 1 - - 200 2: 160303"},
	/* json, and TLS under another label */
	{TEXT("HTTP/1.1 200 OK\r\nContent-Type: application/atls\r\n\r\n"
	      "{\"session\":\"S\",\"records\":\"FgMD\"}"),
		"\nS down 1 - - 200 0: 160303"},
	{TEXT("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n\x15\3\3"),
		"\n down 1 - - 200 -1: 150303"},
	{TEXT("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\nHello"), ""},
	/* positions of a stream */
	{TEXT("POST / HTTP/1.1\r\nContent-Type: application/atls\r\nContent-Length: 1\r\n"
	      "ATLS-Stream: id=\"AAAAAAAAAAAAAAAAAAAAAA\", gen=1, up=5, ack=0, max=9\r\n\r\n\x16"
	      "HTTP/1.1 200 OK\r\nContent-Type: application/atls\r\nContent-Length: 1\r\n"
	      "ATLS-Stream: down=7, ack=6, max=9, inflight=4, keep=330\r\n\r\n\x17"),
		"\nAAAAAAAAAAAAAAAAAAAAAA up 1 @ POST / 0 2: 16"
		"\nAAAAAAAAAAAAAAAAAAAAAA down 1 @ - - 200 2: 17"},
	/* what is wrong, and reading that goes on */
	{TEXT("HTTP/1.1 2x0 OK\r\n\r\n" ANSWER),
		"\n! 9 an HTTP status of three digits | 2x0 OK\nC down 1 - - 200 2: 160303"},
	{TEXT("POST / FTP/1\r\n\r\n" ANSWER),
		"\n! 7 an HTTP version | FTP/1\nC down 1 - - 200 2: 160303"},
	{TEXT("POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n" ANSWER),
		"\n! 52 one Content-Length | 2\nC down 1 - - 200 2: 160303"},
	{TEXT("POST / HTTP/1.1\r\nno field\r\n\r\n" ANSWER),
		"\n! 17 an HTTP field | no field\nC down 1 - - 200 2: 160303"},
	{TEXT("noise\nmore\n" ANSWER),
		"\n! 0 an HTTP message | something else\nC down 1 - - 200 2: 160303"},
	{TEXT("HTTP/1.1 200 OK\r\nContent-Type: application/atls\r\nContent-Length: 9\r\n\r\n\x16"),
		"\n! 70 a whole body | 1 bytes of it\n down 1 - - 200 2: 16"},
	{TEXT("HTTP/1.1 200 OK\r\nContent-Type: application/atls\r\nContent-Encoding: br\r\n"
	      "Content-Length: 3\r\n\r\n\x16\3\1"),
		"\n! 92 a body that is not coded, or in gzip or deflate | br"
		"\n down 1 - - 200 2: 160301"},
	{TEXT("HTTP/1.1 200 OK\r\nContent-Type: application/atls\r\nContent-Encoding: gzip\r\n"
	      "Content-Length: 3\r\n\r\nabc"),
		"\n! 94 a zipped body | incorrect header check\n down 1 - - 200 2: 616263"},
};

static void files_are_read_however_they_are_cut(void)
{
	static struct heard heard;
	for (size_t i = 0; i < COUNT(files); i++)
		for (size_t size = 0; size <= files[i].len; size++) {
			heard_feed(&heard, &form_http, files[i].bytes, files[i].len, size);
			eq_int(heard.rc, ATLS_OK);
			if (strncmp(heard.text, files[i].heard, strlen(files[i].heard)) != 0)
				TAP_FAIL("%zu in parts of %zu: '%s', expected '%s'", i, size,
					heard.text, files[i].heard);
		}
}

static void files_may_end_anywhere(void)
{
	static struct heard heard;
	for (size_t i = 0; i < COUNT(files); i++)
		for (size_t len = 0; len < files[i].len; len++) {
			heard_feed(&heard, &form_http, files[i].bytes, len, 0);
			eq_int(heard.rc, ATLS_OK);
		}
}

/* ---- Packets ---- */

static struct packets all;

static void converse(struct packets *packets, const char *up, size_t up_len, const char *down,
	size_t down_len, size_t segment)
{
	packets_begin(packets, 101);
	packets_syn(packets);
	packets_send(packets, 0, up, up_len, segment);
	packets_send(packets, 1, down, down_len, segment);
	packets_fin(packets);
}

static const char up_text[] = REQUEST COOKIE_REQUEST;
static const char down_text[] = ANSWER CHUNKED "3\r\n\x17\3\3\r\n0\r\n\r\n";
static const char both_heard[] = "\nC up 1 POST /atls 0 2: 160301"
				 "\nC down 1 - - 200 2: 160303"
				 "\nC up 2 POST /atls 0 2: 170303"
				 "\nC down 2 - - 200 2: 170303";

/* Without regard to the order in which sessions' pieces come. */
static bool has_lines(const char *text, const char *lines)
{
	char line[256];
	for (const char *at = lines; *at; at += strlen(line)) {
		size_t len = 1 + strcspn(at + 1, "\n");
		memcpy(line, at, len);
		line[len] = '\0';
		if (!strstr(text, line))
			return false;
	}
	return true;
}

static void segments_of_any_size_are_joined(void)
{
	static struct heard heard;
	for (size_t segment = 1; segment <= sizeof up_text; segment++) {
		converse(&all, up_text, sizeof up_text - 1, down_text, sizeof down_text - 1,
			segment);
		heard_pcap(&heard, all.bytes, all.len, 0);
		eq_int(heard.malformed, 0);
		if (!has_lines(heard.text, both_heard))
			TAP_FAIL("segments of %zu: %s", segment, heard.text);
	}
}

static void segments_are_put_in_order(void)
{
	static struct heard heard;
	static struct packets mixed;
	static const int steps[] = {2, 3, 5, 7};
	for (size_t i = 0; i < COUNT(steps); i++) {
		converse(&all, up_text, sizeof up_text - 1, down_text, sizeof down_text - 1, 17);
		packets_shuffle(&mixed, &all, 2, (size_t)steps[i]);
		heard_pcap(&heard, mixed.bytes, mixed.len, 0);
		eq_int(heard.malformed, 0);
		if (!has_lines(heard.text, both_heard))
			TAP_FAIL("shuffled by %d: %s", steps[i], heard.text);
	}
}

static void each_lost_segment_is_told(void)
{
	static struct heard heard;
	static struct packets lossy;
	converse(&all, up_text, sizeof up_text - 1, down_text, sizeof down_text - 1, 17);
	for (size_t lost = 2; lost + 2 < all.count; lost++) {
		packets_without(&lossy, &all, lost);
		heard_pcap(&heard, lossy.bytes, lossy.len, 0);
		eq_int(heard.rc, ATLS_OK);
		if (!strstr(heard.text, "a gap of "))
			TAP_FAIL("without packet %zu: %s", lost, heard.text);
	}
}

static void repeated_and_overlapping_segments_count_once(void)
{
	static struct heard heard;
	packets_begin(&all, 101);
	packets_syn(&all);
	for (size_t at = 0; at < sizeof up_text - 1; at += 10) {
		size_t from = at < 25 ? 0 : at - 25;
		size_t to = at + 20 < sizeof up_text - 1 ? at + 20 : sizeof up_text - 1;
		packets_at(&all, 0, from, up_text + from, to - from);
	}
	packets_send(&all, 1, down_text, sizeof down_text - 1, 1000);
	heard_pcap(&heard, all.bytes, all.len, 0);
	eq_int(heard.malformed, 0);
	ok(has_lines(heard.text, both_heard));
}

static void a_connection_may_be_tls_or_turn_into_it(void)
{
	static struct heard heard;
	static const char hello[] = "\x16\3\1\0\4\1\0\0\0", answer[] = "\x16\3\3\0\4\2\0\0\0";
	converse(&all, hello, sizeof hello - 1, answer, sizeof answer - 1, 1);
	heard_pcap(&heard, all.bytes, all.len, 0);
	eq_str(heard.text, "\n10.0.0.1:40000-10.0.0.2:80#0 up 0 @ - - 0 -2: 160301000401000000"
			   "\n10.0.0.1:40000-10.0.0.2:80#0 down 0 @ - - 0 -2: 160303000402000000"
			   "\n10.0.0.1:40000-10.0.0.2:80#0 is over");
	packets_begin(&all, 101);
	packets_syn(&all);
	packets_send(&all, 0, TEXT_OF("CONNECT h:443 HTTP/1.1\r\n\r\n"), 99);
	packets_send(&all, 1, TEXT_OF("HTTP/1.1 200 Connected\r\n\r\n"), 99);
	packets_send(&all, 0, hello, sizeof hello - 1, 99);
	packets_send(&all, 1, answer, sizeof answer - 1, 99);
	heard_pcap(&heard, all.bytes, all.len, 0);
	eq_str(heard.text, "\n10.0.0.1:40000-10.0.0.2:80#0 up 0 @ - - 0 -2: 160301000401000000"
			   "\n10.0.0.1:40000-10.0.0.2:80#0 down 0 @ - - 0 -2: 160303000402000000"
			   "\n10.0.0.1:40000-10.0.0.2:80#0 is over");
}

/* The beginning is missing: what is client and server, the content tells. */
static void a_capture_may_begin_amid_a_connection(void)
{
	static struct heard heard;
	packets_begin(&all, 101);
	packets_send(&all, 1, TEXT_OF("the end of an answer"), 99);
	packets_send(&all, 0, up_text, sizeof up_text - 1, 1000);
	packets_send(&all, 1, down_text, sizeof down_text - 1, 1000);
	heard_pcap(&heard, all.bytes, all.len, 0);
	eq_int(heard.malformed, 0);
	ok(has_lines(heard.text, both_heard));
}

static void websocket_frames_are_unmasked_and_joined(void)
{
	static struct heard heard;
	static const char upgrade[] =
		"GET /atls HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: atls\r\n\r\n";
	static const char switched[] =
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\n\r\n"
		"\x81\x2f"
		"down=9, ack=5, max=65536, inflight=4, keep=330 "
		"\x82\x03\x16\3\3\x88\x00";
	static const char frames[] = "\x81\x36"
				     "id=\"AAAAAAAAAAAAAAAAAAAAAA\", gen=2, up=5, ack=0, max=9"
				     "\x02\x82\1\2\3\4\x17\1\x89\x81zzzz"
				     "P"
				     "\x80\x81\1\2\3\4\2";
	for (size_t segment = 1; segment < 100; segment += segment < 20 ? 1 : 17) {
		packets_begin(&all, 101);
		packets_syn(&all);
		packets_send(&all, 0, upgrade, sizeof upgrade - 1, segment);
		packets_send(&all, 1, switched, 57, segment);
		packets_send(&all, 0, frames, sizeof frames - 1, segment);
		packets_send(&all, 1, switched + 57, sizeof switched - 1 - 57, segment);
		heard_pcap(&heard, all.bytes, all.len, 0);
		eq_str(heard.text, "\nAAAAAAAAAAAAAAAAAAAAAA up 1 GET /atls 0 -1 websocket: "
				   "\nAAAAAAAAAAAAAAAAAAAAAA down 1 - - 101 -1 websocket: "
				   "\nAAAAAAAAAAAAAAAAAAAAAA up 1 @ - - 0 -1 websocket: 160303"
				   "\nAAAAAAAAAAAAAAAAAAAAAA down 1 @ - - 0 -1 websocket: 160303");
	}
}

/* Memory is bounded, and what is beyond is said. */
static void gaps_that_are_never_filled_give_way(void)
{
	static struct heard heard;
	static char data[1400];
	packets_begin(&all, 101);
	packets_syn(&all);
	packets_send(&all, 0, TEXT_OF("\x17\3\3\xff\xff\x17\3\3"), 99);
	for (size_t i = 0; i < 1100; i++)
		packets_at(&all, 0, 100 + i * sizeof data, data, sizeof data);
	heard_pcap(&heard, all.bytes, all.len, 0);
	eq_int(heard.malformed, 1);
	ok(strstr(heard.text, "a gap of 92 bytes"));
	eq_int(heard.bytes, 8 + 1100 * sizeof data);
}

static const char three_records[] = "\x17\3\3\0\1a\x17\3\3\0\1b\x17\3\3\0\1c";

/* The second of three records was not captured up to here, and the other end has them all. */
static void begin_acked_hole(struct packets *packets)
{
	packets_begin(packets, 101);
	packets_syn(packets);
	packets_at(packets, 0, 0, three_records, 6);
	packets_at(packets, 0, 12, three_records + 12, 6);
	packets->seen[1] = 18;
	packets_at(packets, 1, 0, NULL, 0);
}

static void what_was_acknowledged_is_not_waited_for(void)
{
	static struct heard heard;
	begin_acked_hole(&all);
	packets_send(&all, 1, TEXT_OF("\x17\3\3\0\1d"), 99);
	packets_at(&all, 0, 18, three_records, 6);
	heard_pcap(&heard, all.bytes, all.len, 0);
	eq_int(heard.malformed, 1);
	const char *gap = strstr(heard.text, "a gap of 6 bytes");
	const char *behind = strstr(heard.text, "170303000163");
	const char *answer = strstr(heard.text, "170303000164");
	ok(gap && behind && answer && gap < behind && behind < answer);
	ok(strstr(heard.text, "170303000161"));
}

static void what_was_acknowledged_may_be_captured_late(void)
{
	static struct heard heard;
	begin_acked_hole(&all);
	packets_at(&all, 0, 6, three_records + 6, 6);
	packets_send(&all, 1, TEXT_OF("\x17\3\3\0\1d"), 99);
	heard_pcap(&heard, all.bytes, all.len, 0);
	eq_int(heard.malformed, 0);
	ok(strstr(heard.text, "170303000161170303000162170303000163"));
}

/* Neither a FIN that was not captured nor a number out of the window. */
static void acknowledged_numbers_without_bytes_are_no_gap(void)
{
	static struct heard heard;
	packets_begin(&all, 101);
	packets_syn(&all);
	packets_send(&all, 0, three_records, 18, 99);
	for (uint32_t seen = 17; seen < 20; seen++) {
		all.seen[1] = seen;
		packets_at(&all, 1, 0, NULL, 0);
		packets_at(&all, 1, 0, NULL, 0);
	}
	all.seen[1] = 0x60000000;
	packets_at(&all, 1, 0, NULL, 0);
	packets_at(&all, 1, 0, NULL, 0);
	heard_pcap(&heard, all.bytes, all.len, 0);
	eq_int(heard.malformed, 0);
	eq_int(heard.bytes, 18);
}

int main(void)
{
	run(files_are_read_however_they_are_cut);
	run(files_may_end_anywhere);
	run(segments_of_any_size_are_joined);
	run(segments_are_put_in_order);
	run(each_lost_segment_is_told);
	run(repeated_and_overlapping_segments_count_once);
	run(a_connection_may_be_tls_or_turn_into_it);
	run(a_capture_may_begin_amid_a_connection);
	run(websocket_frames_are_unmasked_and_joined);
	run(gaps_that_are_never_filled_give_way);
	run(what_was_acknowledged_is_not_waited_for);
	run(what_was_acknowledged_may_be_captured_late);
	run(acknowledged_numbers_without_bytes_are_no_gap);
	return tap_done();
}
