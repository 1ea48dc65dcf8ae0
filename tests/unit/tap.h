/* A small harness: checks that say where they failed, TAP on standard output. */
#ifndef ATLS_TESTS_TAP_H
#define ATLS_TESTS_TAP_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static int tap_count;
static int tap_failed;
static bool tap_test_failed;

#define TAP_FAIL(...)                                                                              \
	do {                                                                                       \
		tap_test_failed = true;                                                            \
		printf("# %s:%d: ", __FILE__, __LINE__);                                           \
		printf(__VA_ARGS__);                                                               \
		printf("\n");                                                                      \
	} while (0)

/* Checks report and go on; the test as a whole fails if one did. Each is an expression's worth. */
#define ok(condition)                                                                              \
	do {                                                                                       \
		if (!(condition))                                                                  \
			TAP_FAIL("not true: %s", #condition);                                      \
	} while (0)

#define eq_int(got, want)                                                                          \
	do {                                                                                       \
		long long tap_got = (long long)(got), tap_want = (long long)(want);                \
		if (tap_got != tap_want)                                                           \
			TAP_FAIL("%s is %lld, expected %lld", #got, tap_got, tap_want);            \
	} while (0)

#define eq_str(got, want)                                                                          \
	do {                                                                                       \
		const char *tap_got = (got), *tap_want = (want);                                   \
		if (!tap_got || strcmp(tap_got, tap_want) != 0)                                    \
			TAP_FAIL("%s is '%s', expected '%s'", #got, tap_got ? tap_got : "(null)",  \
				tap_want);                                                         \
	} while (0)

#define eq_mem(got, got_len, want, want_len)                                                       \
	do {                                                                                       \
		size_t tap_got_len = (got_len), tap_want_len = (want_len);                         \
		if (tap_got_len != tap_want_len ||                                                 \
			(tap_want_len && memcmp((got), (want), tap_want_len) != 0))                \
			TAP_FAIL("%s: %zu bytes that differ from the %zu expected", #got,          \
				tap_got_len, tap_want_len);                                        \
	} while (0)

/* Runs one test function and prints its line. */
#define run(test)                                                                                  \
	do {                                                                                       \
		tap_test_failed = false;                                                           \
		test();                                                                            \
		tap_count++;                                                                       \
		tap_failed += tap_test_failed;                                                     \
		printf("%sok %d - %s\n", tap_test_failed ? "not " : "", tap_count, #test);         \
		fflush(stdout);                                                                    \
	} while (0)

/* The plan, last; main() returns it. */
static inline int tap_done(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed != 0;
}

#endif
