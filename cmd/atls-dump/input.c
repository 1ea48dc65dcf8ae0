#include "input.h"

#include "core/err.h"
#include "folder_form.h"
#include "form.h"
#include "pcap_form.h"
#include "recognise.h"
#include "source.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const struct form *find_form(const char *name)
{
	static const struct form *const forms[] = {&form_raw, &form_json, &form_hex, &form_base64,
		&form_http, &form_trace, &form_har, &form_flow};
	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
		if (strcmp(forms[i]->name, name) == 0)
			return forms[i];
	return NULL;
}

static int push(struct source *source, const struct form *form, const struct piece_sink *sink)
{
	uint8_t *bytes = malloc(INPUT_READ);
	void *state = form->open(sink);
	int rc = bytes && state ? ATLS_OK : ATLS_E_MEMORY;
	size_t got = 1;
	while (!rc && got) {
		got = source_read(source, bytes, INPUT_READ);
		rc = got ? form->feed(state, bytes, got) : form->end(state);
	}
	if (state)
		form->close(state);
	free(bytes);
	return rc;
}

static int read_source(struct source *source, const char *form, const char *name,
	const struct piece_sink *sink, struct atls_error *err)
{
	source_peek(source);
	if (!form)
		form = recognise(source->head, source->head_len);
	if (!form && source->head_len) {
		atls_error_set(
			err, ATLS_E_PROTOCOL, "%s: no form of a capture is recognised", name);
		return atls_error_hint(err, "--from FORM says what it is (%s)", INPUT_FORMS);
	}
	if (!form)
		return ATLS_OK;
	if (strcmp(form, "pcap") == 0)
		return pcap_form_read(source, sink);
	const struct form *parser = find_form(form);
	if (!parser)
		return atls_error_set(
			err, ATLS_E_USAGE, "%s: %s is read from a folder", name, form);
	return push(source, parser, sink);
}

int input_read(const struct input_options *options, int fd, const char *name,
	const struct piece_sink *sink, struct atls_error *err)
{
	struct stat status;
	struct source *source;
	if (fstat(fd, &status) == 0 && S_ISDIR(status.st_mode))
		return folder_form_read(fd, name, sink, err);
	source = malloc(sizeof *source);
	if (!source)
		return atls_error_set(err, ATLS_E_MEMORY, "%s: out of memory", name);
	source_init(source, &fd);
	int rc = read_source(source, options->from, name, sink, err);
	if (!rc && source->failed)
		rc = atls_error_set(err, ATLS_E_LOCAL, "%s: %s", name, strerror(source->failed));
	if (rc == ATLS_E_MEMORY)
		atls_error_set(err, rc, "%s: out of memory", name);
	free(source);
	return rc;
}
