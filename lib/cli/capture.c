#include "cli/capture.h"

#include "cli/out.h"
#include "core/err.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BODY_NAME 32

struct atls_capture {
	const struct atls_log *log;
	int dir;
	FILE *index; /* null: given up */
	unsigned long long count;
};

static FILE *create(int dir, const char *name)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
	if (fd >= 0 && !file)
		close(fd);
	return file;
}

struct atls_capture *atls_capture_open(
	const char *dir, const struct atls_log *log, struct atls_error *err)
{
	struct atls_capture *capture = calloc(1, sizeof *capture);
	if (!capture) {
		atls_error_set(err, ATLS_E_MEMORY, "out of memory for a capture");
		return NULL;
	}
	capture->log = log;
	capture->dir = -1;
	if (mkdir(dir, 0700) == 0 || errno == EEXIST)
		capture->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (capture->dir >= 0)
		capture->index = create(capture->dir, "index.jsonl");
	if (capture->index)
		return capture;
	atls_error_set(err, ATLS_E_LOCAL, "cannot capture to '%s': %s", dir,
		errno == EEXIST ? "it holds a capture already" : strerror(errno));
	atls_capture_close(capture);
	return NULL;
}

void atls_capture_close(struct atls_capture *capture)
{
	if (!capture)
		return;
	if (capture->index)
		fclose(capture->index);
	if (capture->dir >= 0)
		close(capture->dir);
	free(capture);
}

static bool write_body(int dir, const char *name, const void *bytes, size_t len)
{
	FILE *file = create(dir, name);
	if (!file)
		return false;
	bool done = len == 0 || fwrite(bytes, 1, len, file) == len;
	return fclose(file) == 0 && done;
}

static bool write_line(struct atls_capture *capture, const struct atls_capture_body *about,
	const char *name, size_t len)
{
	struct timespec now;
	char second[ATLS_TIME_TEXT], when[48];
	clock_gettime(CLOCK_REALTIME, &now);
	atls_out_time(now.tv_sec, second);
	snprintf(when, sizeof when, "%.19s.%06ldZ", second, now.tv_nsec / 1000);
	json_t *line = json_pack("{s:s, s:I, s:s, s:o?, s:I, s:s, s:o?, s:I, s:s}", "schema",
		"atls-capture/1", "n", (json_int_t)capture->count, "time", when, "session",
		about->session ? atls_out_string(about->session) : NULL, "request",
		(json_int_t)about->request, "direction", about->down ? "down" : "up",
		"content_type", about->content_type ? atls_out_string(about->content_type) : NULL,
		"bytes", (json_int_t)len, "file", name);
	if (line && about->stream)
		json_object_set_new(line, "stream", atls_out_string(about->stream));
	if (line && about->websocket)
		json_object_set_new(line, "websocket", json_string(about->websocket));
	else if (line && about->down)
		json_object_set_new(line, "status", json_integer(about->status));
	bool done = line &&
		    json_dumpf(line, capture->index, JSON_COMPACT | JSON_ENSURE_ASCII) == 0 &&
		    fputc('\n', capture->index) != EOF && fflush(capture->index) == 0;
	json_decref(line);
	return done;
}

void atls_capture_write(struct atls_capture *capture, const struct atls_capture_body *about,
	const void *bytes, size_t len)
{
	char name[BODY_NAME];
	if (!capture || !capture->index)
		return;
	capture->count++;
	snprintf(name, sizeof name, "%06llu-%s.body", capture->count, about->down ? "down" : "up");
	if (write_body(capture->dir, name, bytes, len) && write_line(capture, about, name, len))
		return;
	atls_log(capture->log, ATLS_LOG_ERROR, "the capture ends here: cannot write '%s': %s", name,
		strerror(errno));
	fclose(capture->index);
	capture->index = NULL;
}
