#include "cli/exit.h"

#include "atls.h"

int atls_exit_code(int code)
{
	switch (code) {
	case ATLS_OK:
		return ATLS_EXIT_OK;
	case ATLS_E_USAGE:
		return ATLS_EXIT_USAGE;
	case ATLS_E_NETWORK:
		return ATLS_EXIT_NETWORK;
	case ATLS_E_TLS:
		return ATLS_EXIT_TLS;
	case ATLS_E_PROTOCOL:
		return ATLS_EXIT_PROTOCOL;
	default: /* memory, a limit, a file: this machine's */
		return ATLS_EXIT_LOCAL;
	}
}
