/* Numbers, sizes and seconds on a command line. */
#include "cli/opt.h"
#include "core/err.h"
#include "tests/unit/tap.h"

typedef int read_value(const char *, uint64_t, uint64_t, uint64_t *, struct atls_error *);

static const struct value_case {
	read_value *read;
	const char *text;
	uint64_t min, max, want;
	const char *error; /* null: want is the value */
} value_cases[] = {
	{atls_opt_number, "0", 0, 9, 0, NULL},
	{atls_opt_number, "007", 0, 9, 7, NULL},
	{atls_opt_number, "65535", 0, 65535, 65535, NULL},
	{atls_opt_number, "18446744073709551615", 0, UINT64_MAX, UINT64_MAX, NULL},
	{atls_opt_number, "18446744073709551616", 0, UINT64_MAX, 0,
		"'18446744073709551616' is not a number from 0 to 18446744073709551615"},
	{atls_opt_number, "99999999999999999999999", 1, 5, 0,
		"'99999999999999999999999' is not a number from 1 to 5"},
	{atls_opt_number, "", 1, 5, 0, "'' is not a number from 1 to 5"},
	{atls_opt_number, "0", 1, 5, 0, "'0' is not a number from 1 to 5"},
	{atls_opt_number, "6", 1, 5, 0, "'6' is not a number from 1 to 5"},
	{atls_opt_number, "-1", 1, 5, 0, "'-1' is not a number from 1 to 5"},
	{atls_opt_number, "+1", 1, 5, 0, "'+1' is not a number from 1 to 5"},
	{atls_opt_number, " 1", 1, 5, 0, "' 1' is not a number from 1 to 5"},
	{atls_opt_number, "1 ", 1, 5, 0, "'1 ' is not a number from 1 to 5"},
	{atls_opt_number, "1x", 1, 5, 0, "'1x' is not a number from 1 to 5"},
	{atls_opt_number, "0x1", 1, 5, 0, "'0x1' is not a number from 1 to 5"},
	{atls_opt_number, "1.0", 1, 5, 0, "'1.0' is not a number from 1 to 5"},
	{atls_opt_number, "1e3", 1, 5000, 0, "'1e3' is not a number from 1 to 5000"},
	{atls_opt_size, "0", 0, 9, 0, NULL},
	{atls_opt_size, "1k", 1, 1024, 1024, NULL},
	{atls_opt_size, "64K", 1, 65536, 65536, NULL},
	{atls_opt_size, "2M", 1, 2 << 20, 2 << 20, NULL},
	{atls_opt_size, "2m", 1, 2 << 20, 2 << 20, NULL},
	{atls_opt_size, "3g", 0, UINT64_MAX, UINT64_C(3) << 30, NULL},
	{atls_opt_size, "17179869183G", 0, UINT64_MAX, UINT64_C(17179869183) << 30, NULL},
	{atls_opt_size, "17179869184G", 0, UINT64_MAX, 0,
		"'17179869184G' is not a size from 0 to 18446744073709551615"},
	{atls_opt_size, "1023", 1024, 8 << 20, 0, "'1023' is not a size from 1k to 8M"},
	{atls_opt_size, "9M", 1, 8 << 20, 0, "'9M' is not a size from 1 to 8M"},
	{atls_opt_size, "k", 1, 1536, 0, "'k' is not a size from 1 to 1536"},
	{atls_opt_size, "", 1, 9, 0, "'' is not a size from 1 to 9"},
	{atls_opt_size, "1kB", 1, UINT64_C(5) << 30, 0, "'1kB' is not a size from 1 to 5G"},
	{atls_opt_size, "1 k", 1, 9, 0, "'1 k' is not a size from 1 to 9"},
	{atls_opt_size, "1T", 1, 9, 0, "'1T' is not a size from 1 to 9"},
	{atls_opt_size, "1\x0b", 1, 9, 0, "'1\x0b' is not a size from 1 to 9"},
	{atls_opt_size, "-1k", 1, 9, 0, "'-1k' is not a size from 1 to 9"},
	{atls_opt_size, "0.5k", 1, 9, 0, "'0.5k' is not a size from 1 to 9"},
	{atls_opt_seconds, "0", 0, 9, 0, NULL},
	{atls_opt_seconds, "0.2", 0, 1000, 200, NULL},
	{atls_opt_seconds, ".25", 0, 1000, 250, NULL},
	{atls_opt_seconds, "00.2000", 0, 1000, 200, NULL},
	{atls_opt_seconds, "30", 10, 30000, 30000, NULL},
	{atls_opt_seconds, "0.0000000000000000000001", 0, 9, 1, NULL},
	{atls_opt_seconds, "1.9991", 0, 9000, 2000, NULL},
	{atls_opt_seconds, "18446744073709551.615", 0, UINT64_MAX, UINT64_MAX, NULL},
	{atls_opt_seconds, "18446744073709551.616", 0, 1000, 0,
		"'18446744073709551.616' is not a number of seconds from 0 to 1"},
	{atls_opt_seconds, "18446744073709551.6151", 0, 1000, 0,
		"'18446744073709551.6151' is not a number of seconds from 0 to 1"},
	{atls_opt_seconds, "18446744073709552", 0, 1500, 0,
		"'18446744073709552' is not a number of seconds from 0 to 1.5"},
	{atls_opt_seconds, "99999999999999999999999", 1, 10, 0,
		"'99999999999999999999999' is not a number of seconds from 0.001 to 0.01"},
	{atls_opt_seconds, "", 0, 1000, 0, "'' is not a number of seconds from 0 to 1"},
	{atls_opt_seconds, ".", 0, 1000, 0, "'.' is not a number of seconds from 0 to 1"},
	{atls_opt_seconds, "1.", 0, 1000, 0, "'1.' is not a number of seconds from 0 to 1"},
	{atls_opt_seconds, "1..2", 0, 5000, 0, "'1..2' is not a number of seconds from 0 to 5"},
	{atls_opt_seconds, "0,2", 0, 1000, 0, "'0,2' is not a number of seconds from 0 to 1"},
	{atls_opt_seconds, "1e3", 0, 9000, 0, "'1e3' is not a number of seconds from 0 to 9"},
	{atls_opt_seconds, "1s", 0, 9000, 0, "'1s' is not a number of seconds from 0 to 9"},
	{atls_opt_seconds, "-0.1", 0, 9000, 0, "'-0.1' is not a number of seconds from 0 to 9"},
	{atls_opt_seconds, " 1", 0, 9000, 0, "' 1' is not a number of seconds from 0 to 9"},
	{atls_opt_seconds, "inf", 0, 9000, 0, "'inf' is not a number of seconds from 0 to 9"},
	{atls_opt_seconds, "9.0001", 0, 9000, 0, "'9.0001' is not a number of seconds from 0 to 9"},
};

static void test_values(void)
{
	for (size_t i = 0; i < sizeof value_cases / sizeof *value_cases; i++) {
		const struct value_case *c = &value_cases[i];
		struct atls_error err = {.code = ATLS_OK};
		uint64_t got = 4711;
		int rc = c->read(c->text, c->min, c->max, &got, &err);
		eq_int(rc, c->error ? ATLS_E_USAGE : ATLS_OK);
		eq_str(err.text, c->error ? c->error : "");
		eq_int(got, c->error ? 4711 : c->want);
	}
}

int main(void)
{
	run(test_values);
	return tap_done();
}
