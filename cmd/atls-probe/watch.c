#include "watch.h"

#include "output.h"

#include "cli/out.h"
#include "core/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATE_SCHEMA "atls-probe-state/1"

struct watch {
	const char *name;
	json_t *state; /* the target's text -> its last finding as a sentence */
	bool changed;
};

static json_t *read_state(const char *name, struct atls_error *err)
{
	json_error_t why;
	FILE *file = fopen(name, "re");

	if (!file && errno == ENOENT)
		return json_object();
	if (!file) {
		atls_error_set(
			err, ATLS_E_LOCAL, "cannot read state '%s': %s", name, strerror(errno));
		return NULL;
	}
	json_t *root = json_loadf(file, 0, &why);
	fclose(file);
	const char *schema = json_string_value(json_object_get(root, "schema"));
	json_t *targets = json_object_get(root, "targets");
	if (schema && strcmp(schema, STATE_SCHEMA) == 0 && json_is_object(targets))
		json_incref(targets);
	else
		targets = NULL;
	json_decref(root);
	if (!targets)
		atls_error_set(
			err, ATLS_E_LOCAL, "state '%s': it is not of %s", name, STATE_SCHEMA);
	return targets;
}

struct watch *watch_open(struct run *run, struct atls_error *err)
{
	struct watch *watch = calloc(1, sizeof *watch);

	if (watch) {
		watch->name = run->settings.state;
		watch->state = watch->name ? read_state(watch->name, err) : json_object();
	}
	if (watch && watch->state)
		return watch;
	atls_error_set(err, ATLS_E_MEMORY, "out of memory to watch");
	watch_close(watch);
	return NULL;
}

void watch_close(struct watch *watch)
{
	if (!watch)
		return;
	json_decref(watch->state);
	free(watch);
}

bool watch_is_news(struct watch *watch, const struct probe *probe)
{
	char text[2 * ATLS_NAME_TEXT + FAULTS_TEXT + 64], faults[FAULTS_TEXT];

	snprintf(text, sizeof text, "%s; faults: %s; who: %s; issuer: %s",
		verdict_word(probe->verdict), output_faults(probe->judgement.faults, faults),
		probe->judgement.who, probe->judgement.leaf.issuer);
	json_t *now = atls_out_string(text);
	bool news = !json_equal(now, json_object_get(watch->state, probe->target->text));
	watch->changed |= news;
	json_object_set_new(watch->state, probe->target->text, now);
	return news;
}

int watch_keep(struct watch *watch, struct atls_error *err)
{
	if (!watch->name || !watch->changed)
		return ATLS_OK;
	json_t *root = json_pack("{s:s, s:O}", "schema", STATE_SCHEMA, "targets", watch->state);
	int why = atls_out_replace(watch->name, root, 0666);
	json_decref(root);
	if (why)
		return atls_error_set(err, ATLS_E_LOCAL, "cannot write state '%s': %s", watch->name,
			strerror(why));
	watch->changed = false;
	return ATLS_OK;
}
