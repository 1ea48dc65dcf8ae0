/* A keylog of any text: what was read is found again. */
#include "explain/keylog.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t random[32];
	struct atls_keylog *keylog = atls_keylog_new();
	unsigned skipped = 0;
	size_t len = 0;
	if (!keylog)
		return 0;
	if (atls_keylog_add(keylog, (const char *)data, size, &skipped) == 0)
		for (int kind = 0; kind < ATLS_SECRETS; kind++)
			if (atls_keylog_find(keylog, (enum atls_secret)kind, random, &len) &&
				(len < 16 || len > ATLS_SECRET_MAX))
				abort();
	atls_keylog_free(keylog);
	return 0;
}
