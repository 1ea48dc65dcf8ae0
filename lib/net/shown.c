#include "net/handshake.h"

#include <stdlib.h>
#include <string.h>

void atls_shown_free(struct atls_shown *shown)
{
	for (unsigned i = 0; i < shown->count; i++)
		free(shown->chain[i].data);
	free(shown->ocsp.data);
	memset(shown, 0, sizeof *shown);
}

struct atls_sight atls_shown_sight(const struct atls_shown *shown)
{
	return (struct atls_sight){
		.chain = shown->chain,
		.count = shown->count,
		.ocsp = shown->ocsp.size ? &shown->ocsp : NULL,
		.stapled = shown->ocsp.size != 0,
		.version = shown->version,
		.suite = shown->suite,
		.group = shown->group,
		.alpn = shown->alpn,
	};
}
