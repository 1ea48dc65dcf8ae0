#include "folder_form.h"

#include "clock.h"
#include "core/err.h"
#include "dialog.h"
#include "form.h"
#include "limits.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SOCKETS_MAX 64u

/* A WebSocket of a session, as the number of its request tells. */
struct socket {
	unsigned long long request;
	char *session;
	struct dialog *dialog;
};

struct folder {
	int dir;
	struct socket sockets[SOCKETS_MAX]; /* the one begun last at socket_next - 1 */
	unsigned socket_next;
	const struct piece_sink *sink;
	struct dialogs dialogs;
	struct dialog *dialog;
	struct lines lines;
};

static ssize_t read_all(int fd, uint8_t *to, size_t cap)
{
	size_t done = 0;
	ssize_t got;
	while (done < cap &&
		((got = read(fd, to + done, cap - done)) > 0 || (got < 0 && errno == EINTR)))
		done += got > 0 ? (size_t)got : 0;
	return (ssize_t)done;
}

/* The body in the file that a line of the index names, which is one of this folder. */
static int read_body(struct folder *folder, struct http_message *message, const char *file,
	uint8_t **body, uint64_t at)
{
	bool sound = file && *file && !strchr(file, '/');
	int fd = sound ? openat(folder->dir, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
		       : -1;
	message->body = (const uint8_t *)"";
	if (fd < 0) {
		sink_malformed(folder->sink, at, "the file of a body in this folder", "'%s': %s",
			file ? file : "", sound ? strerror(errno) : "not a name");
		return ATLS_OK;
	}
	*body = malloc(HTTP_BODY_MAX + 2);
	if (*body) {
		message->body_len = (size_t)read_all(fd, *body, HTTP_BODY_MAX + 1);
		(*body)[message->body_len] = '\0';
		message->body = *body;
	}
	close(fd);
	if (message->body_len > HTTP_BODY_MAX) {
		message->body_len = HTTP_BODY_MAX;
		message->cut = true;
		sink_malformed(folder->sink, at, "a body that can be held", "more than %u bytes",
			HTTP_BODY_MAX);
	}
	return *body ? ATLS_OK : ATLS_E_MEMORY;
}

static const char *text_of(const json_t *entry, const char *name)
{
	return json_string_value(json_object_get(entry, name));
}

/* ---- WebSockets ---- */

static void socket_free(struct socket *socket)
{
	dialog_free(socket->dialog);
	free(socket->session);
	*socket = (struct socket){0};
}

/* The one that the message is of, also if it is the first; null: no memory. */
static struct dialog *socket_of(struct folder *folder, const struct http_message *message)
{
	const char *session = message->session ? message->session : "";
	for (unsigned i = 0; i < SOCKETS_MAX; i++) {
		const struct socket *socket = &folder->sockets[i];
		if (socket->dialog && socket->request == message->number &&
			strcmp(socket->session, session) == 0)
			return socket->dialog;
	}
	struct socket *socket = &folder->sockets[folder->socket_next++ % SOCKETS_MAX];
	socket_free(socket);
	socket->request = message->number;
	socket->session = strdup(session);
	socket->dialog = dialog_new(&folder->dialogs, session);
	if (socket->session && socket->dialog &&
		dialog_begin_websocket(socket->dialog, session) == ATLS_OK)
		return socket->dialog;
	socket_free(socket);
	return NULL;
}

static int take_frame(struct folder *folder, const struct http_message *message, bool text)
{
	const struct dialog_frame frame = {.down = message->answer,
		.text = text,
		.bytes = message->body,
		.len = message->body_len,
		.time_us = message->time_us};
	struct dialog *dialog = socket_of(folder, message);
	return dialog ? dialog_frame(dialog, &frame) : ATLS_E_MEMORY;
}

/* ---- The index ---- */

static int take_entry(struct folder *folder, json_t *entry, uint64_t at)
{
	const char *direction = NULL, *file = NULL;
	json_int_t request = 0, status = 0;
	uint8_t *body = NULL;
	if (json_unpack(entry, "{s:I, s:s, s:s, s?I}", "request", &request, "direction", &direction,
		    "file", &file, "status", &status)) {
		sink_malformed(folder->sink, at, "an entry of atls-capture/1", "another object");
		return ATLS_OK;
	}
	struct http_message message = {.answer = strcmp(direction, "down") == 0,
		.content_type = text_of(entry, "content_type"),
		.status = (long)status,
		.stream = text_of(entry, "stream"),
		.session = text_of(entry, "session"),
		.number = (unsigned long long)request,
		.time_us = clock_parse(text_of(entry, "time"))};
	int rc = read_body(folder, &message, file, &body, at);
	const char *websocket = text_of(entry, "websocket");
	if (!rc)
		rc = websocket ? take_frame(folder, &message, strcmp(websocket, "text") == 0)
			       : dialog_message(folder->dialog, &message);
	free(body);
	return rc;
}

static int on_line(void *ctx, char *line, size_t len, uint64_t at, bool more)
{
	struct folder *folder = ctx;
	json_error_t error;
	if (len == 0)
		return ATLS_OK;
	json_t *entry = more ? NULL : json_loadb(line, len, 0, &error);
	if (!entry) {
		sink_malformed(folder->sink, at, "a line of JSON", "%s",
			more ? "a longer line" : error.text);
		return ATLS_OK;
	}
	int rc = take_entry(folder, entry, at);
	json_decref(entry);
	return rc;
}

static int read_index(struct folder *folder, int fd)
{
	uint8_t part[LINE_MAX_BYTES];
	ssize_t got = 0;
	int rc = ATLS_OK;
	while (!rc && (got = read_all(fd, part, sizeof part)) > 0)
		rc = lines_feed(&folder->lines, part, (size_t)got);
	if (!rc)
		rc = lines_end(&folder->lines);
	return rc ? rc : dialog_end(folder->dialog);
}

int folder_form_read(
	int dir, const char *name, const struct piece_sink *sink, struct atls_error *err)
{
	int fd = openat(dir, "index.jsonl", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return atls_error_set(err, ATLS_E_LOCAL,
			"'%s' is no capture of atls-client or atls-serve: index.jsonl: %s", name,
			strerror(errno));
	struct folder *folder = calloc(1, sizeof *folder);
	int rc = ATLS_E_MEMORY;
	if (folder) {
		folder->dir = dir;
		folder->sink = folder->dialogs.sink = sink;
		lines_init(&folder->lines, on_line, folder);
		folder->dialog = dialog_new(&folder->dialogs, "");
		if (folder->dialog)
			rc = read_index(folder, fd);
		dialog_free(folder->dialog);
		for (unsigned i = 0; i < SOCKETS_MAX; i++)
			socket_free(&folder->sockets[i]);
		free(folder);
	}
	close(fd);
	return rc;
}
