#include "trust/judge.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

static bool is_address(const char *name)
{
	unsigned char address[16];

	return inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;
}

/* The end of name that holds the last count labels; name itself if it has no more. */
static const char *last_labels(const char *name, unsigned count)
{
	const char *at = name + strlen(name);

	while (at > name) {
		if (at[-1] == '.' && --count == 0)
			break;
		at--;
	}
	return at;
}

/* The domain that somebody registered: two labels, or three where the second is one that country
 * registries use ("co.uk", "com.au"). */
static const char *registered(const char *name)
{
	const char *top = last_labels(name, 1), *two = last_labels(name, 2);
	size_t second = top > two ? (size_t)(top - two - 1) : 0;

	return strlen(top) == 2 && second > 0 && second <= 3 ? last_labels(name, 3) : two;
}

bool atls_names_related(const char *a, const char *b)
{
	if (strncmp(a, "*.", 2) == 0)
		a += 2;
	if (strncmp(b, "*.", 2) == 0)
		b += 2;
	if (!*a || !*b)
		return false;
	if (strcasecmp(a, b) == 0)
		return true;
	if (is_address(a) || is_address(b) || !strchr(a, '.') || !strchr(b, '.'))
		return false;
	const char *domain = registered(a);
	return strchr(domain, '.') && strcasecmp(domain, registered(b)) == 0;
}

static bool is_private_v4(const unsigned char a[4])
{
	return a[0] == 10 || a[0] == 127 || (a[0] == 172 && (a[1] & 0xf0) == 16) ||
	       (a[0] == 192 && a[1] == 168) || (a[0] == 169 && a[1] == 254);
}

static bool is_private_v6(const unsigned char a[16])
{
	static const unsigned char loopback[16] = {[15] = 1};

	return (a[0] & 0xfe) == 0xfc || (a[0] == 0xfe && (a[1] & 0xc0) == 0x80) ||
	       memcmp(a, loopback, sizeof loopback) == 0;
}

/* RFC 6762 appendix G, RFC 8375, RFC 6761, and what ICANN keeps for private use. */
static const char *const internal_ends[] = {"local", "localhost", "localdomain", "lan", "home",
	"corp", "internal", "intranet", "private", "home.arpa"};

bool atls_name_is_internal(const char *name)
{
	unsigned char address[16];

	if (inet_pton(AF_INET, name, address) == 1)
		return is_private_v4(address);
	if (inet_pton(AF_INET6, name, address) == 1)
		return is_private_v6(address);
	if (!strchr(name, '.'))
		return true;
	for (size_t i = 0; i < sizeof internal_ends / sizeof *internal_ends; i++) {
		size_t len = strlen(internal_ends[i]), all = strlen(name);
		if (all > len && name[all - len - 1] == '.' &&
			strcasecmp(name + all - len, internal_ends[i]) == 0)
			return true;
	}
	return false;
}
