#include "cli/exit.h"
#include "core/err.h"
#include "explain/record.h"
#include "options.h"
#include "out.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

/* One run over one input. */
struct dump {
	struct settings settings;
	struct atls_log log;
	struct out out;
	struct atls_record_reader reader;
	bool malformed;
};

static const char *record_name(uint8_t type)
{
	static const char *const names[] = {
		"change_cipher_spec", "alert", "handshake", "application_data", "heartbeat"};
	return type >= ATLS_RECORD_CCS && type <= ATLS_RECORD_HEARTBEAT
		       ? names[type - ATLS_RECORD_CCS]
		       : "unknown";
}

static void show_record(struct dump *dump, const struct atls_record *record)
{
	struct out *out = &dump->out;
	out_number_padded(out, record->offset, 12);
	out_padded(out, record_name(record->type), 20);
	out_number(out, record->len);
	if (record->missing)
		out_text(out, "  cut");
	out_char(out, '\n');
}

static void on_malformed(void *ctx, uint64_t offset, const char *expected, const char *found)
{
	struct dump *dump = ctx;
	dump->malformed = true;
	atls_log(&dump->log, ATLS_LOG_NOTICE, "at %llu: expected %s, found %s",
		(unsigned long long)offset, expected, found);
}

static int on_piece(void *ctx, const struct piece *piece)
{
	struct dump *dump = ctx;
	struct atls_record_reader *reader = &dump->reader;
	const uint8_t *bytes = piece->bytes;
	size_t len = piece->len;
	enum atls_record_step step;
	while ((step = atls_record_next(reader, &bytes, &len)) != ATLS_RECORD_MORE) {
		if (step == ATLS_RECORD_NO_MEMORY)
			return ATLS_E_MEMORY;
		if (step == ATLS_RECORD_WRONG)
			on_malformed(dump, reader->now.offset, "a TLS record", "something else");
		else
			show_record(dump, &reader->now);
	}
	return ATLS_OK;
}

static int dump_file(struct dump *dump, const char *name, struct atls_error *err)
{
	const struct piece_sink sink = {on_piece, on_malformed, dump};
	bool standard = strcmp(name, "-") == 0;
	int fd = standard ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return atls_error_set(err, ATLS_E_LOCAL, "'%s': %s", name, strerror(errno));
	int rc = input_read(
		&dump->settings.input, fd, standard ? "standard input" : name, &sink, err);
	if (!rc && atls_record_end(&dump->reader)) {
		dump->malformed = true;
		show_record(dump, &dump->reader.now);
	}
	atls_record_free(&dump->reader);
	if (!standard)
		close(fd);
	return rc;
}

int main(int argc, char **argv)
{
	static struct dump dump = {.out.fd = STDOUT_FILENO};
	char dash[] = "-", *standard[] = {dash};
	struct atls_error err = {0};
	int code = ATLS_EXIT_OK;
	signal(SIGPIPE, SIG_IGN);
	if (dump_settings_read(&dump.settings, argc, argv, &code))
		return code;
	dump.log = (struct atls_log){.tool = atls_dump_tool.name, .level = dump.settings.level};
	char **files = dump.settings.file_count ? dump.settings.files : standard;
	int count = dump.settings.file_count ? dump.settings.file_count : 1;
	int rc = 0;
	for (int i = 0; i < count && !rc; i++)
		rc = dump_file(&dump, files[i], &err);
	if (!rc)
		rc = out_flush(&dump.out, &err);
	if (rc)
		atls_log_error(&dump.log, &err);
	return rc ? atls_exit_code(rc) : dump.malformed ? ATLS_EXIT_NEGATIVE : ATLS_EXIT_OK;
}
