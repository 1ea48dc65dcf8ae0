#include "cli/exit.h"
#include "core/err.h"
#include "flow.h"
#include "options.h"
#include "view.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define WATCHERS_MAX 8u
#define KEYLOG_MAX   (64u << 20) /* bytes of a keylog */

/* One run. */
struct dump {
	struct settings settings;
	struct atls_log log;
	struct atls_keylog *keylog;
	struct flows *flows;
	struct watcher watchers[WATCHERS_MAX]; /* the first is our own */
	size_t watcher_count;
	const char *input; /* the file that is being read */
	bool malformed;
	struct out out;
};

/* ---- what is malformed ---------------------------------------------------------------------- */

static void on_malformed(void *ctx, const struct flow *flow, enum atls_trace_direction direction,
	uint64_t offset, const char *expected, const char *found)
{
	struct dump *dump = ctx;
	dump->malformed = true;
	if (dump->settings.check) /* it is a finding */
		return;
	atls_log(&dump->log, ATLS_LOG_NOTICE, "%s: %s%s%sat %llu: expected %s, found %s",
		dump->input, flow ? flow->label : "", flow && *flow->label ? " " : "",
		!flow || direction == ATLS_TRACE_UNKNOWN ? ""
		: direction == ATLS_TRACE_UP             ? "up "
							 : "down ",
		(unsigned long long)offset, expected, found);
}

static void on_input_malformed(void *ctx, uint64_t offset, const char *expected, const char *found)
{
	struct dump *dump = ctx;
	for (size_t i = 0; i < dump->watcher_count; i++)
		if (dump->watchers[i].malformed)
			dump->watchers[i].malformed(dump->watchers[i].ctx, NULL, ATLS_TRACE_UNKNOWN,
				offset, expected, found);
}

/* A record that the stream ends in. */
static void on_record_end(
	void *ctx, const struct flow *flow, const struct atls_trace_record *record)
{
	struct dump *dump = ctx;
	(void)flow;
	if (record->record->missing)
		dump->malformed = true;
}

/* ---- files ---------------------------------------------------------------------------------- */

static int read_keylog(struct dump *dump, struct atls_error *err)
{
	const char *name = dump->settings.keylog;
	int rc = ATLS_OK;
	unsigned skipped = 0;
	char *text = NULL;
	FILE *file = fopen(name, "re");
	size_t len = 0;
	if (file && (text = malloc(KEYLOG_MAX)))
		len = fread(text, 1, KEYLOG_MAX, file);
	dump->keylog = atls_keylog_new();
	if (!file || ferror(file))
		rc = atls_error_set(err, ATLS_E_LOCAL, "'%s': %s", name, strerror(errno));
	else if (!text || !dump->keylog || atls_keylog_add(dump->keylog, text, len, &skipped))
		rc = atls_error_set(err, ATLS_E_MEMORY, "'%s': out of memory", name);
	else if (len == KEYLOG_MAX)
		rc = atls_error_set(err, ATLS_E_LOCAL, "'%s': it is too long", name);
	if (text)
		gnutls_memset(text, 0, len);
	free(text);
	if (file)
		fclose(file);
	if (!rc && skipped)
		atls_log(&dump->log, ATLS_LOG_NOTICE, "%s: %u lines are malformed", name, skipped);
	if (!rc && atls_keylog_count(dump->keylog) == 0)
		atls_log(&dump->log, ATLS_LOG_NOTICE, "%s: it holds no secrets", name);
	return rc;
}

static int on_piece(void *ctx, const struct piece *piece)
{
	struct dump *dump = ctx;
	return flows_piece(dump->flows, dump->input, piece);
}

static int dump_file(struct dump *dump, const char *name, struct atls_error *err)
{
	const struct piece_sink sink = {on_piece, on_input_malformed, dump};
	bool standard = strcmp(name, "-") == 0;
	int fd = standard ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return atls_error_set(err, ATLS_E_LOCAL, "'%s': %s", name, strerror(errno));
	dump->input = standard ? "standard input" : name;
	for (size_t i = 0; i < dump->watcher_count; i++)
		if (dump->watchers[i].input)
			dump->watchers[i].input(dump->watchers[i].ctx, dump->input);
	int rc = input_read(&dump->settings.input, fd, dump->input, &sink, err);
	flows_end(dump->flows);
	if (!standard)
		close(fd);
	return rc;
}

/* ---- the run -------------------------------------------------------------------------------- */

static bool watch(struct dump *dump, struct watcher watcher)
{
	if (watcher.ctx)
		dump->watchers[dump->watcher_count++] = watcher;
	return watcher.ctx != NULL;
}

static struct watcher choose(
	const struct settings *settings, const struct view_config *view, struct atls_error *err)
{
	if (settings->fields)
		return view_fields(view, settings->fields, err);
	if (settings->check)
		return view_check(view, settings->json);
	if (settings->ladder || settings->svg)
		return view_ladder(view, settings->svg);
	if (settings->sessions)
		return view_sessions(view, settings->json);
	if (settings->json)
		return view_json(view);
	return settings->tree ? view_tree(view) : view_line(view);
}

static int prepare(struct dump *dump, struct atls_error *err)
{
	const struct settings *settings = &dump->settings;
	const struct view_config view = {
		.out = &dump->out, .malformed = &dump->malformed, .all_bytes = settings->all_bytes};
	const struct extract_dirs dirs = {settings->certs, settings->plaintext, settings->records};
	const struct watcher own = {
		.ctx = dump, .malformed = on_malformed, .record_end = on_record_end};
	bool done = watch(dump, own) && watch(dump, choose(settings, &view, err));
	if (done && (dirs.certs || dirs.plaintext || dirs.records))
		done = watch(dump, extract(&dirs, &dump->log, err));
	const struct flows_config config = {.watchers = dump->watchers,
		.watcher_count = dump->watcher_count,
		.keylog = dump->keylog,
		.bodies = dirs.records != NULL};
	if (done && !err->code)
		dump->flows = flows_new(&config);
	if (err->code)
		return err->code;
	return dump->flows ? ATLS_OK : atls_error_set(err, ATLS_E_MEMORY, "out of memory");
}

static int run(struct dump *dump, struct atls_error *err)
{
	char dash[] = "-", *standard[] = {dash};
	const struct settings *settings = &dump->settings;
	char **files = settings->file_count ? settings->files : standard;
	int count = settings->file_count ? settings->file_count : 1;
	int rc = settings->keylog ? read_keylog(dump, err) : ATLS_OK;
	if (!rc)
		rc = prepare(dump, err);
	for (int i = 0; i < count && !rc; i++)
		rc = dump_file(dump, files[i], err);
	for (size_t i = 0; i < dump->watcher_count; i++)
		if (dump->watchers[i].end)
			dump->watchers[i].end(dump->watchers[i].ctx);
	if (rc == ATLS_E_MEMORY)
		atls_error_set(err, rc, "out of memory");
	int flushed = out_flush(&dump->out, rc ? NULL : err);
	return rc ? rc : flushed;
}

static void end(struct dump *dump)
{
	flows_free(dump->flows);
	for (size_t i = 1; i < dump->watcher_count; i++)
		view_free(&dump->watchers[i]);
	atls_keylog_free(dump->keylog);
}

int main(int argc, char **argv)
{
	static struct dump dump = {.out.fd = STDOUT_FILENO};
	struct atls_error err = {0};
	int code = ATLS_EXIT_OK;
	signal(SIGPIPE, SIG_IGN);
	if (dump_settings_read(&dump.settings, argc, argv, &code))
		return code;
	dump.log = (struct atls_log){.tool = atls_dump_tool.name,
		.level = dump.settings.level,
		.json = dump.settings.log_json};
	int rc = run(&dump, &err);
	if (err.code == ATLS_E_USAGE)
		atls_error_hint(&err, "see '%s --help'", atls_dump_tool.name);
	if (rc)
		atls_log_error(&dump.log, &err);
	end(&dump);
	return rc ? atls_exit_code(rc) : dump.malformed ? ATLS_EXIT_NEGATIVE : ATLS_EXIT_OK;
}
