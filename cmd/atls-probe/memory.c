#include "memory.h"

#include "baseline.h"
#include "probe.h"

#include "core/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_TEXT 300u

/* A line of --known-keys: "HOST:PORT sha256//BASE64". */
struct known {
	char *target;
	uint8_t pin[ATLS_PIN_LEN];
};

struct memory {
	struct baselines *baselines;
	FILE *save, *keys;
	const char *save_name, *keys_name;
	struct known *known; /* sorted up to sorted, then as they came */
	size_t count, cap, sorted;
};

static char *key_of(const struct target *target, char text[KEY_TEXT])
{
	const bool v6 = strchr(target->host, ':') != NULL;

	snprintf(text, KEY_TEXT, "%s%s%s:%u", v6 ? "[" : "", target->host, v6 ? "]" : "",
		target->port);
	return text;
}

static int by_target(const void *a, const void *b)
{
	const struct known *one = a, *other = b;
	return strcmp(one->target, other->target);
}

static int add_known(struct memory *memory, const char *target, const uint8_t pin[ATLS_PIN_LEN])
{
	if (memory->count == memory->cap) {
		size_t cap = memory->cap ? 2 * memory->cap : 64;
		struct known *grown = reallocarray(memory->known, cap, sizeof *grown);
		if (!grown)
			return ATLS_E_MEMORY;
		memory->known = grown;
		memory->cap = cap;
	}
	struct known *known = &memory->known[memory->count];
	known->target = strdup(target);
	if (!known->target)
		return ATLS_E_MEMORY;
	memcpy(known->pin, pin, ATLS_PIN_LEN);
	memory->count++;
	return ATLS_OK;
}

static int read_known(struct memory *memory, char *line, unsigned number, struct atls_error *err)
{
	struct atls_policy one = {0};
	char *space = strchr(line, ' ');

	if (!space || space == line)
		return atls_error_set(err, ATLS_E_LOCAL,
			"known keys '%s': line %u is not 'HOST:PORT sha256//...'",
			memory->keys_name, number);
	*space = '\0';
	if (atls_policy_add_pins(&one, space + 1, err) || one.pin_count != 1)
		return atls_error_set(err, ATLS_E_LOCAL, "known keys '%s': line %u has no key",
			memory->keys_name, number);
	return add_known(memory, line, one.pins[0]);
}

static int open_known(struct memory *memory, const char *name, struct atls_error *err)
{
	char *line = NULL;
	size_t cap = 0;
	unsigned number = 0;
	int rc = ATLS_OK;

	memory->keys_name = name;
	memory->keys = fopen(name, "a+e");
	if (!memory->keys)
		return atls_error_set(err, ATLS_E_LOCAL, "cannot open known keys '%s': %s", name,
			strerror(errno));
	while (!rc && getline(&line, &cap, memory->keys) >= 0) {
		line[strcspn(line, "\r\n")] = '\0';
		number++;
		if (line[0] && line[0] != '#')
			rc = read_known(memory, line, number, err);
	}
	free(line);
	if (memory->count)
		qsort(memory->known, memory->count, sizeof *memory->known, by_target);
	memory->sorted = memory->count;
	return rc;
}

struct memory *memory_open(const struct settings *settings, struct atls_error *err)
{
	struct memory *memory = calloc(1, sizeof *memory);
	int rc = memory ? ATLS_OK : ATLS_E_MEMORY;

	if (!rc && settings->baseline) {
		memory->baselines = baselines_read(settings->baseline, err);
		rc = memory->baselines ? ATLS_OK : err->code;
	}
	if (!rc && settings->known_keys)
		rc = open_known(memory, settings->known_keys, err);
	if (!rc && settings->save) {
		memory->save_name = settings->save;
		memory->save = fopen(settings->save, "we");
		if (!memory->save)
			rc = atls_error_set(err, ATLS_E_LOCAL, "cannot write '%s': %s",
				settings->save, strerror(errno));
	}
	if (!rc)
		return memory;
	atls_error_set(err, rc, "out of memory for what was seen before");
	memory_close(memory);
	return NULL;
}

void memory_close(struct memory *memory)
{
	if (!memory)
		return;
	baselines_free(memory->baselines);
	if (memory->save)
		fclose(memory->save);
	if (memory->keys)
		fclose(memory->keys);
	for (size_t i = 0; i < memory->count; i++)
		free(memory->known[i].target);
	free(memory->known);
	free(memory);
}

bool memory_baseline(
	const struct memory *memory, const struct target *target, struct atls_sight *sight)
{
	char key[KEY_TEXT];

	return memory->baselines && baselines_find(memory->baselines, key_of(target, key), sight);
}

static const struct known *find(const struct memory *memory, const struct target *target)
{
	char key[KEY_TEXT];
	const struct known wanted = {.target = key_of(target, key)};
	const struct known *found = memory->sorted ? bsearch(&wanted, memory->known, memory->sorted,
							     sizeof wanted, by_target)
						   : NULL;

	for (size_t i = memory->sorted; !found && i < memory->count; i++)
		if (strcmp(memory->known[i].target, key) == 0)
			found = &memory->known[i];
	return found;
}

bool memory_known_key(
	const struct memory *memory, const struct target *target, uint8_t pin[ATLS_PIN_LEN])
{
	const struct known *known = find(memory, target);

	if (known)
		memcpy(pin, known->pin, ATLS_PIN_LEN);
	return known != NULL;
}

static int note_key(struct memory *memory, const struct probe *probe, struct atls_error *err)
{
	char key[KEY_TEXT], pin[ATLS_PIN_TEXT];

	if (probe->verdict == VERDICT_INTERCEPTED || find(memory, probe->target))
		return ATLS_OK;
	atls_pin_text(probe->judgement.leaf.pin, pin);
	if (add_known(memory, key_of(probe->target, key), probe->judgement.leaf.pin))
		return atls_error_set(err, ATLS_E_MEMORY, "out of memory for known keys");
	if (fprintf(memory->keys, "%s %s\n", key, pin) < 0 || fflush(memory->keys) == EOF)
		return atls_error_set(err, ATLS_E_LOCAL, "cannot write known keys '%s': %s",
			memory->keys_name, strerror(errno));
	return ATLS_OK;
}

int memory_note(struct memory *memory, const struct probe *probe, struct atls_error *err)
{
	char key[KEY_TEXT];
	int rc = ATLS_OK;

	if (probe->looks[0].shown.count == 0)
		return ATLS_OK;
	if (memory->keys)
		rc = note_key(memory, probe, err);
	if (!rc && memory->save)
		rc = baseline_write(
			memory->save, memory->save_name, key_of(probe->target, key), probe, err);
	return rc;
}
