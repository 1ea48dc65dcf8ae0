#include "baseline.h"

#include "probe.h"

#include "cli/out.h"
#include "core/base64.h"
#include "core/err.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct baseline {
	char *target;
	struct atls_shown shown;
};

struct baselines {
	struct baseline *baseline; /* sorted */
	size_t count, cap;
};

void baselines_free(struct baselines *baselines)
{
	if (!baselines)
		return;
	for (size_t i = 0; i < baselines->count; i++) {
		free(baselines->baseline[i].target);
		atls_shown_free(&baselines->baseline[i].shown);
	}
	free(baselines->baseline);
	free(baselines);
}

static void copy_text(char text[ATLS_SHOWN_TEXT], json_t *object, const char *name)
{
	const char *value = json_string_value(json_object_get(object, name));

	snprintf(text, ATLS_SHOWN_TEXT, "%s", value ? value : "");
}

static bool read_certificate(gnutls_datum_t *der, json_t *value)
{
	const char *text = json_string_value(value);

	der->data = text ? (unsigned char *)strdup(text) : NULL;
	if (!der->data)
		return false;
	ssize_t len = atls_base64_decode(der->data, strlen(text));
	der->size = len > 0 ? (unsigned)len : 0;
	return len > 0;
}

/* One line. What is more in it than is known here does no harm. */
static bool read_line(struct baseline *baseline, json_t *line)
{
	const char *schema = json_string_value(json_object_get(line, "schema"));
	const char *target = json_string_value(json_object_get(line, "target"));
	json_t *chain = json_object_get(line, "chain"), *tls = json_object_get(line, "tls");
	struct atls_shown *shown = &baseline->shown;

	if (!schema || strcmp(schema, BASELINE_SCHEMA) != 0 || !target || !json_is_array(chain))
		return false;
	for (size_t i = 0; i < json_array_size(chain) && i < ATLS_SHOWN_CERTS; i++) {
		shown->count++;
		if (!read_certificate(&shown->chain[i], json_array_get(chain, i)))
			return false;
	}
	copy_text(shown->version, tls, "version");
	copy_text(shown->suite, tls, "suite");
	copy_text(shown->group, tls, "group");
	copy_text(shown->alpn, tls, "alpn");
	if (json_is_true(json_object_get(tls, "ocsp_staple"))) {
		shown->ocsp.data = malloc(1);
		shown->ocsp.size = shown->ocsp.data != NULL;
	}
	baseline->target = strdup(target);
	return baseline->target && shown->count;
}

static int add_line(struct baselines *baselines, const char *text)
{
	if (baselines->count == baselines->cap) {
		size_t cap = baselines->cap ? 2 * baselines->cap : 16;
		struct baseline *grown = reallocarray(baselines->baseline, cap, sizeof *grown);
		if (!grown)
			return ATLS_E_MEMORY;
		baselines->baseline = grown;
		baselines->cap = cap;
	}
	struct baseline *baseline = &baselines->baseline[baselines->count++];
	memset(baseline, 0, sizeof *baseline);
	json_t *line = json_loads(text, 0, NULL);
	bool good = line && read_line(baseline, line);
	json_decref(line);
	return good ? ATLS_OK : ATLS_E_LOCAL;
}

static int by_target(const void *a, const void *b)
{
	const struct baseline *one = a, *other = b;
	return strcmp(one->target, other->target);
}

static int read_lines(
	struct baselines *baselines, FILE *file, const char *name, struct atls_error *err)
{
	char *line = NULL;
	size_t cap = 0;
	unsigned number = 0;
	int rc = ATLS_OK;

	while (!rc && getline(&line, &cap, file) >= 0) {
		number++;
		rc = add_line(baselines, line);
		if (rc == ATLS_E_LOCAL)
			atls_error_set(err, rc, "baseline '%s': line %u is not of %s", name, number,
				BASELINE_SCHEMA);
	}
	free(line);
	return rc ? atls_error_set(err, rc, "out of memory for the baseline") : ATLS_OK;
}

struct baselines *baselines_read(const char *name, struct atls_error *err)
{
	FILE *file = fopen(name, "re");

	if (!file) {
		atls_error_set(
			err, ATLS_E_LOCAL, "cannot read baseline '%s': %s", name, strerror(errno));
		return NULL;
	}
	struct baselines *baselines = calloc(1, sizeof *baselines);
	if (!baselines) {
		atls_error_set(err, ATLS_E_MEMORY, "out of memory for the baseline");
	} else if (read_lines(baselines, file, name, err)) {
		baselines_free(baselines);
		baselines = NULL;
	} else if (baselines->count) {
		qsort(baselines->baseline, baselines->count, sizeof *baselines->baseline,
			by_target);
	}
	fclose(file);
	return baselines;
}

bool baselines_find(const struct baselines *baselines, const char *target, struct atls_sight *sight)
{
	const struct baseline wanted = {.target = (char *)(uintptr_t)target};
	const struct baseline *found = baselines->count
					       ? bsearch(&wanted, baselines->baseline,
							 baselines->count, sizeof wanted, by_target)
					       : NULL;
	if (found)
		*sight = atls_shown_sight(&found->shown);
	return found != NULL;
}

static json_t *certificates(const struct atls_shown *shown)
{
	json_t *chain = json_array();

	for (unsigned i = 0; i < shown->count; i++) {
		const gnutls_datum_t *der = &shown->chain[i];
		size_t len = atls_base64_encoded_size(der->size);
		char *text = malloc(len + 1);
		if (!text) {
			json_decref(chain);
			return NULL;
		}
		atls_base64_encode((uint8_t *)text, der->data, der->size);
		text[len] = '\0';
		json_array_append_new(chain, json_string(text));
		free(text);
	}
	return chain;
}

int baseline_write(FILE *file, const char *name, const char *target, const struct probe *probe,
	struct atls_error *err)
{
	const struct atls_shown *shown = &probe->looks[0].shown;
	char when[ATLS_TIME_TEXT];

	atls_out_time(probe->when, when);
	json_t *line = json_pack("{s:s, s:s, s:s, s:s, s:o, s:{s:o, s:o, s:o, s:o, s:b}}", "schema",
		BASELINE_SCHEMA, "target", target, "time", when, "verdict",
		verdict_word(probe->verdict), "chain", certificates(shown), "tls", "version",
		atls_out_string(shown->version), "suite", atls_out_string(shown->suite), "group",
		atls_out_string(shown->group), "alpn", atls_out_string(shown->alpn), "ocsp_staple",
		shown->ocsp.size != 0);
	bool done = line && json_dumpf(line, file, JSON_COMPACT | JSON_ENSURE_ASCII) == 0 &&
		    fputc('\n', file) != EOF && fflush(file) == 0;
	json_decref(line);
	if (done)
		return ATLS_OK;
	return atls_error_set(err, ATLS_E_LOCAL, "cannot write '%s': %s", name, strerror(errno));
}
