#include "explain/keylog.h"

#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>

#define RANDOM_LEN 32u

struct entry {
	uint8_t kind, len;
	uint8_t random[RANDOM_LEN];
	uint8_t secret[ATLS_SECRET_MAX];
};

struct atls_keylog {
	struct entry *entries;
	size_t count, cap;
};

static const char *const labels[ATLS_SECRETS] = {
	"CLIENT_RANDOM",
	"CLIENT_EARLY_TRAFFIC_SECRET",
	"CLIENT_HANDSHAKE_TRAFFIC_SECRET",
	"SERVER_HANDSHAKE_TRAFFIC_SECRET",
	"CLIENT_TRAFFIC_SECRET_0",
	"SERVER_TRAFFIC_SECRET_0",
};

struct atls_keylog *atls_keylog_new(void)
{
	return calloc(1, sizeof(struct atls_keylog));
}

void atls_keylog_free(struct atls_keylog *keylog)
{
	if (!keylog)
		return;
	if (keylog->entries)
		gnutls_memset(keylog->entries, 0, keylog->cap * sizeof *keylog->entries);
	free(keylog->entries);
	free(keylog);
}

size_t atls_keylog_count(const struct atls_keylog *keylog)
{
	return keylog->count;
}

static int compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order = memcmp(x->random, y->random, RANDOM_LEN);
	return order ? order : x->kind - y->kind;
}

static int digit(char byte)
{
	if (byte >= '0' && byte <= '9')
		return byte - '0';
	byte = (char)(byte | 0x20);
	return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* Reads hex up to a space or the end; returns the bytes, or 0 if there are none, or more than cap,
 * or other characters. */
static size_t read_hex(const char **at, const char *end, uint8_t *out, size_t cap)
{
	size_t len = 0;
	while (*at < end && **at == ' ')
		++*at;
	while (*at < end && **at != ' ') {
		int high = digit(**at), low = *at + 1 < end ? digit((*at)[1]) : -1;
		if (high < 0 || low < 0 || len == cap)
			return 0;
		out[len++] = (uint8_t)(high << 4 | low);
		*at += 2;
	}
	return len;
}

/* Memory that held secrets is wiped when it is given back. */
static bool grow(struct atls_keylog *keylog)
{
	size_t cap = keylog->cap ? keylog->cap * 2 : 64;
	struct entry *more = calloc(cap, sizeof *more);
	if (!more)
		return false;
	if (keylog->count) {
		memcpy(more, keylog->entries, keylog->count * sizeof *more);
		gnutls_memset(keylog->entries, 0, keylog->cap * sizeof *more);
	}
	free(keylog->entries);
	keylog->entries = more;
	keylog->cap = cap;
	return true;
}

static int kind_of(const char *line, size_t len)
{
	for (int i = 0; i < ATLS_SECRETS; i++)
		if (strlen(labels[i]) == len && memcmp(line, labels[i], len) == 0)
			return i;
	return -1;
}

static int add_line(
	struct atls_keylog *keylog, const char *line, const char *end, unsigned *skipped)
{
	const char *space = memchr(line, ' ', (size_t)(end - line));
	int kind = space ? kind_of(line, (size_t)(space - line)) : -1;
	if (kind < 0)
		return ATLS_OK;
	if (keylog->count == keylog->cap && !grow(keylog))
		return ATLS_E_MEMORY;
	struct entry *entry = &keylog->entries[keylog->count];
	entry->kind = (uint8_t)kind;
	size_t random = read_hex(&space, end, entry->random, RANDOM_LEN);
	size_t secret = random ? read_hex(&space, end, entry->secret, ATLS_SECRET_MAX) : 0;
	if (random == RANDOM_LEN && secret >= 16) {
		entry->len = (uint8_t)secret;
		keylog->count++;
	} else {
		++*skipped;
	}
	return ATLS_OK;
}

int atls_keylog_add(struct atls_keylog *keylog, const char *text, size_t len, unsigned *skipped)
{
	const char *end = text + len;
	while (text < end) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));
		const char *next = stop ? stop + 1 : end;
		if (!stop)
			stop = end;
		while (stop > text && (stop[-1] == '\r' || stop[-1] == ' '))
			stop--;
		int rc = add_line(keylog, text, stop, skipped);
		if (rc)
			return rc;
		text = next;
	}
	if (keylog->count)
		qsort(keylog->entries, keylog->count, sizeof *keylog->entries, compare);
	return ATLS_OK;
}

const uint8_t *atls_keylog_find(const struct atls_keylog *keylog, enum atls_secret kind,
	const uint8_t random[32], size_t *len)
{
	struct entry key = {.kind = (uint8_t)kind};
	memcpy(key.random, random, RANDOM_LEN);
	const struct entry *found =
		keylog->count ? bsearch(&key, keylog->entries, keylog->count, sizeof key, compare)
			      : NULL;
	if (!found)
		return NULL;
	*len = found->len;
	return found->secret;
}
