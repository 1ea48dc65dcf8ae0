#include "explain/resumption.h"

#include <nettle/sha2.h>
#include <string.h>

void atls_resumption_token(struct atls_span of, uint8_t token[ATLS_TOKEN])
{
	struct sha256_ctx sha256;
	sha256_init(&sha256);
	sha256_update(&sha256, of.len, of.at);
	sha256_digest(&sha256, ATLS_TOKEN, token);
}

void atls_resumption_note(struct atls_resumptions *resumptions, const uint8_t token[ATLS_TOKEN],
	const uint8_t random[32])
{
	if (atls_resumption_find(resumptions, token))
		return;
	struct atls_resumption *entry = &resumptions->entries[resumptions->next];
	memcpy(entry->token, token, sizeof entry->token);
	memcpy(entry->random, random, sizeof entry->random);
	resumptions->next = (resumptions->next + 1) % ATLS_RESUMPTIONS;
	if (resumptions->count < ATLS_RESUMPTIONS)
		resumptions->count++;
}

const uint8_t *atls_resumption_find(
	const struct atls_resumptions *resumptions, const uint8_t token[ATLS_TOKEN])
{
	for (unsigned i = 0; i < resumptions->count; i++)
		if (memcmp(resumptions->entries[i].token, token, ATLS_TOKEN) == 0)
			return resumptions->entries[i].random;
	return NULL;
}
