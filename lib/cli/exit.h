#ifndef ATLS_CLI_EXIT_H
#define ATLS_CLI_EXIT_H

/* Exit codes, the same in every tool. */
enum {
	ATLS_EXIT_OK = 0,
	ATLS_EXIT_NEGATIVE = 1, /* the tool worked and its finding is negative */
	ATLS_EXIT_USAGE = 2,
	ATLS_EXIT_NETWORK = 3,
	ATLS_EXIT_TLS = 4,
	ATLS_EXIT_PROTOCOL = 5,
	ATLS_EXIT_LOCAL = 6,
	ATLS_EXIT_UNDECIDED = 7,
	ATLS_EXIT_SIGNAL = 128, /* plus the signal's number */
};

/* The exit code for an enum atls_code. */
int atls_exit_code(int code);

#endif
