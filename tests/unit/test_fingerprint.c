/* JA3, JA3S and JA4 of hellos made after published examples. */
#include "explain/fingerprint.h"
#include "tests/unit/hello_make.h"
#include "tests/unit/tap.h"

static const int none[] = {-1};

/* The examples of the README of github.com/salesforce/ja3. */
static void ja3_of_the_published_examples(void)
{
	static const int suites[] = {47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4, -1},
			 extensions[] = {0, 10, 11, -1}, groups[] = {23, 24, 25, -1},
			 points[] = {0, -1};
	static const int other_suites[] = {4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99, -1};
	const struct hello_lists one = {.version = 769,
		.suites = suites,
		.extensions = extensions,
		.groups = groups,
		.points = points};
	const struct hello_lists two = {.version = 769, .suites = other_suites, .extensions = none};
	struct made made;
	struct atls_hello hello;
	char text[ATLS_JA3_TEXT], raw[256];

	make_client(&made, &one);
	atls_hello_read(&hello, true, made.bytes, made.len);
	ok(!hello.broken);
	atls_ja3_text(&hello, raw, sizeof raw);
	eq_str(raw, "769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0");
	atls_ja3(&hello, text);
	eq_str(text, "ada70206e40642a3e4461f35503241d5");

	make_client(&made, &two);
	atls_hello_read(&hello, true, made.bytes, made.len);
	atls_ja3_text(&hello, raw, sizeof raw);
	eq_str(raw, "769,4-5-10-9-100-98-3-6-19-18-99,,,");
	atls_ja3(&hello, text);
	eq_str(text, "de350869b8c85de67a350c8d186f11e6");
}

/* The example of the same README, of JA3S. */
static void ja3s_of_the_published_example(void)
{
	static const int suites[] = {47, -1}, extensions[] = {65281, 0, 11, 35, 5, 16, -1},
			 points[] = {0, -1};
	const struct hello_lists lists = {.version = 769,
		.suites = suites,
		.extensions = extensions,
		.points = points,
		.alpn = "h2"};
	struct made made;
	struct atls_hello hello;
	char text[ATLS_JA3_TEXT], raw[64];
	make_server(&made, &lists);
	atls_hello_read(&hello, false, made.bytes, made.len);
	atls_ja3_text(&hello, raw, sizeof raw);
	eq_str(raw, "769,47,65281-0-11-35-5-16");
	atls_ja3(&hello, text);
	eq_str(text, "836ce314215654b5b1f85f97c73e506f");
}

/* The example of technical_details/JA4.md of github.com/FoxIO-LLC/ja4, in another order and with
 * GREASE, neither of which may count. */
static void ja4_of_the_published_example(void)
{
	static const int suites[] = {0x0a0a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030,
		0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035, -1};
	static const int extensions[] = {0x1a1a, 0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017,
		0x002d, 0x000d, 0x0005, 0x0023, 0x0012, 0x002b, 0xff01, 0x000b, 0x000a, 0x0015, -1};
	static const int groups[] = {0x2a2a, 29, 23, 24, -1}, points[] = {0, -1},
			 versions[] = {0x3a3a, 0x0304, 0x0303, -1};
	static const int signatures[] = {
		0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601, -1};
	const struct hello_lists lists = {.version = 0x0303,
		.suites = suites,
		.extensions = extensions,
		.groups = groups,
		.points = points,
		.signatures = signatures,
		.versions = versions,
		.alpn = "h2"};
	struct made made;
	struct atls_hello hello;
	char text[ATLS_JA4_TEXT];
	make_client(&made, &lists);
	atls_hello_read(&hello, true, made.bytes, made.len);
	ok(!hello.broken);
	atls_ja4(&hello, text);
	eq_str(text, "t13d1516h2_8daaf6152771_e5627efa2ab1");
}

/* What the method says of hellos that lack something. */
static void ja4_of_bare_hellos(void)
{
	static const int suites[] = {0x002f, -1}, alpn_only[] = {16, -1};
	struct hello_lists lists = {.version = 0x0302, .suites = none, .extensions = none};
	struct made made;
	struct atls_hello hello;
	char text[ATLS_JA4_TEXT];
	make_client(&made, &lists);
	atls_hello_read(&hello, true, made.bytes, made.len);
	atls_ja4(&hello, text);
	eq_str(text, "t11i000000_000000000000_000000000000");

	lists.suites = suites;
	lists.extensions = alpn_only;
	lists.alpn = "\xab";
	make_client(&made, &lists);
	atls_hello_read(&hello, true, made.bytes, made.len);
	atls_ja4(&hello, text);
	ok(strncmp(text, "t11i0101ab_", 11) == 0);
}

static void broken_hellos_have_none(void)
{
	static const int suites[] = {0x002f, -1}, extensions[] = {0, 10, -1}, groups[] = {29, -1};
	const struct hello_lists lists = {
		.version = 0x0303, .suites = suites, .extensions = extensions, .groups = groups};
	struct made made;
	struct atls_hello hello;
	char ja3[ATLS_JA3_TEXT], ja4[ATLS_JA4_TEXT];
	make_client(&made, &lists);
	size_t bare = made.len;
	make_client(&made, &lists);
	for (size_t len = 0; len < bare; len++) {
		atls_hello_read(&hello, true, made.bytes, len);
		atls_ja3(&hello, ja3);
		atls_ja4(&hello, ja4);
		/* Without its extensions a ClientHello is whole, too. */
		if (hello.broken)
			ok(*ja3 == '\0' && *ja4 == '\0');
		else
			ok(hello.extension_count == 0 && len == 2 + 32 + 1 + 2 + 2 + 2);
	}
}

int main(void)
{
	run(ja3_of_the_published_examples);
	run(ja3s_of_the_published_example);
	run(ja4_of_the_published_example);
	run(ja4_of_bare_hellos);
	run(broken_hellos_have_none);
	return tap_done();
}
