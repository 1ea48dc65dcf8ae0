#include "dialog.h"

#include "body.h"
#include "form.h"
#include "limits.h"

#include <stdlib.h>
#include <string.h>

/* A request whose answer has not come. */
struct pending {
	struct pending *next;
	unsigned long long exchange; /* 0: none of ATLS */
	char *session;               /* null: not known yet */
	bool held;                   /* not given to the sink yet; message has its body */
	struct http_message *message;
	size_t size;
};

struct dialog {
	struct dialogs *dialogs;
	char *label;
	char *last; /* the session of the last answer, or null */
	struct pending *first;
	unsigned count;
	size_t memory;

	bool websocket, named;   /* the latter: by who reads the form */
	bool socket_raw;         /* of a raw stream */
	struct pending *upgrade; /* what asked for it, and the answer, wait for its first words */
	struct http_message *upgraded;
	char *socket_session;
	unsigned long long socket_exchange;
	bool positioned[2]; /* by direction: up, down */
	uint64_t position[2];
};

struct dialog *dialog_new(struct dialogs *dialogs, const char *label)
{
	struct dialog *dialog = calloc(1, sizeof *dialog);
	if (!dialog)
		return NULL;
	dialog->dialogs = dialogs;
	dialog->label = strdup(label);
	if (dialog->label)
		return dialog;
	free(dialog);
	return NULL;
}

static void pending_free(struct pending *pending)
{
	free(pending->session);
	free(pending->message);
	free(pending);
}

/* Takes the one at *link out of the list. */
static struct pending *take_out(struct dialog *dialog, struct pending **link)
{
	struct pending *pending = *link;
	*link = pending->next;
	dialog->count--;
	dialog->memory -= pending->size;
	return pending;
}

void dialog_free(struct dialog *dialog)
{
	if (!dialog)
		return;
	while (dialog->first)
		pending_free(take_out(dialog, &dialog->first));
	if (dialog->upgrade)
		pending_free(dialog->upgrade);
	free(dialog->upgraded);
	free(dialog->label);
	free(dialog->last);
	free(dialog->socket_session);
	free(dialog);
}

size_t dialog_memory(const struct dialog *dialog)
{
	return dialog ? sizeof *dialog + dialog->memory : 0;
}

const char *dialog_method(const struct dialog *dialog)
{
	return dialog->first ? dialog->first->message->method : NULL;
}

bool dialog_is_websocket(const struct dialog *dialog)
{
	return dialog->websocket;
}

/* ---- Giving ---- */

/* A session's own name: where the form knows it, in the stream's dictionary, a json body, a cookie
 * that is named for it. */
static const char *own_session(const struct http_message *message, const struct body *body)
{
	if (message->session || message->number)
		return message->session;
	if (body->dict.has & ATLS_DICT_ID)
		return body->dict.id;
	if (body->session)
		return body->session;
	return message->cookie_is_ours || message->answer ? message->cookie : NULL;
}

/* Where a body's first byte stands in its direction, if a dictionary says so. */
static bool dict_position(
	const struct atls_stream_dict *dict, enum piece_direction direction, uint64_t *position)
{
	*position = direction == PIECE_UP ? dict->up : dict->down;
	return dict->has & (direction == PIECE_UP ? ATLS_DICT_UP : ATLS_DICT_DOWN);
}

static int give(struct dialog *dialog, const struct http_message *message, const struct body *body,
	const char *session, unsigned long long exchange)
{
	const struct piece_sink *sink = dialog->dialogs->sink;
	const struct piece_http http = {.method = message->method,
		.path = message->path,
		.content_type = message->content_type,
		.status = message->status,
		.encoding = body->encoding,
		.session_member = body->session,
		.cookie = message->cookie,
		.stream = body->stream,
		.websocket = message->websocket,
		.raw = body->raw,
		.body = body->plain,
		.body_len = body->plain_len};
	struct piece piece = {.session = session,
		.direction = message->answer ? PIECE_DOWN : PIECE_UP,
		.exchange = exchange,
		.time_us = message->time_us,
		.bytes = body->records,
		.len = body->len,
		.source_offset = message->body_offset,
		.http = &http};
	piece.positioned = dict_position(&body->dict, piece.direction, &piece.position);
	return sink->piece(sink->ctx, &piece);
}

/* Gives a request that waited, whose session is this one. */
static int give_held(struct dialog *dialog, struct pending *pending, const char *session)
{
	struct body body;
	if (!pending->held)
		return ATLS_OK;
	pending->held = false;
	int rc = body_read(&body, pending->message, NULL);
	if (!rc)
		rc = give(dialog, pending->message, &body, session, pending->exchange);
	body_free(&body);
	return rc;
}

/* No answer says how the session is called. */
static int give_up_on(struct dialog *dialog, struct pending *pending)
{
	const char *cookie = pending->message->cookie;
	int rc = give_held(dialog, pending, cookie ? cookie : dialog->label);
	pending_free(pending);
	return rc;
}

/* Gives what a WebSocket began with, under the name that it turned out to have. */
static int give_upgrade(struct dialog *dialog)
{
	struct pending *upgrade = dialog->upgrade;
	struct http_message *upgraded = dialog->upgraded;
	struct body body;
	if (!upgraded)
		return ATLS_OK;
	dialog->upgrade = NULL;
	dialog->upgraded = NULL;
	int rc = give_held(dialog, upgrade, dialog->socket_session);
	if (!rc)
		rc = body_read(&body, upgraded, NULL);
	if (!rc) {
		rc = give(dialog, upgraded, &body, dialog->socket_session, upgrade->exchange);
		body_free(&body);
	}
	pending_free(upgrade);
	free(upgraded);
	return rc;
}

int dialog_end(struct dialog *dialog)
{
	int rc = give_upgrade(dialog);
	while (dialog->first && !rc)
		rc = give_up_on(dialog, take_out(dialog, &dialog->first));
	return rc;
}

/* ---- Requests ---- */

static struct pending *add_pending(
	struct dialog *dialog, const struct http_message *message, bool with_body)
{
	struct pending *pending = calloc(1, sizeof *pending);
	struct pending **link = &dialog->first;
	if (!pending)
		return NULL;
	pending->message = http_message_copy(message, with_body, &pending->size);
	if (!pending->message) {
		free(pending);
		return NULL;
	}
	while (*link)
		link = &(*link)->next;
	*link = pending;
	dialog->count++;
	dialog->memory += pending->size;
	return pending;
}

static int note_session(char **to, const char *session)
{
	char *copy = strdup(session);
	if (!copy)
		return ATLS_E_MEMORY;
	free(*to);
	*to = copy;
	return ATLS_OK;
}

int dialog_begin_websocket(struct dialog *dialog, const char *session)
{
	dialog->websocket = dialog->named = true;
	dialog->socket_exchange = ++dialog->dialogs->exchanges;
	return note_session(&dialog->socket_session, session);
}

/* Whether it asks for a WebSocket of ours. */
static bool asks_websocket(const struct http_message *message)
{
	return message->websocket && message->subprotocol &&
	       (strstr(message->subprotocol, "atls") || body_is_raw(message->subprotocol));
}

static int take_request(
	struct dialog *dialog, const struct http_message *message, const struct body *body)
{
	const char *session = own_session(message, body);
	bool is_atls = body->is_atls || asks_websocket(message);
	bool hold = is_atls && message->body_len <= HTTP_HELD_MAX &&
		    (!session || (asks_websocket(message) && !(body->dict.has & ATLS_DICT_ID)));
	struct pending *pending = add_pending(dialog, message, hold);
	if (!pending)
		return ATLS_E_MEMORY;
	int rc = ATLS_OK;
	if (is_atls)
		pending->exchange = ++dialog->dialogs->exchanges;
	if (session && !hold)
		rc = note_session(&pending->session, session);
	pending->held = hold;
	if (!session)
		session = message->cookie ? message->cookie : dialog->label;
	if (is_atls && !hold && !rc)
		rc = give(dialog, message, body, session, pending->exchange);
	if (!rc && dialog->count > HTTP_PENDING)
		rc = give_up_on(dialog, take_out(dialog, &dialog->first));
	return rc;
}

/* ---- Answers ---- */

static bool is_answer_to(const struct http_message *answer, const struct http_message *request)
{
	return answer->number == request->number &&
	       (!answer->session || !request->session ||
		       strcmp(answer->session, request->session) == 0);
}

/* The request that it answers, taken out of the list; null if that is not there. */
static struct pending *request_of(struct dialog *dialog, const struct http_message *message)
{
	struct pending **link = &dialog->first;
	while (message->number && *link && !is_answer_to(message, (*link)->message))
		link = &(*link)->next;
	return *link ? take_out(dialog, link) : NULL;
}

/* The answer opened a WebSocket, whose first text message names the session. */
static int begin_websocket(struct dialog *dialog, struct pending *pending,
	const struct http_message *message, const char *session)
{
	size_t size;
	int rc = give_upgrade(dialog);
	if (rc)
		return rc;
	dialog->websocket = true;
	dialog->socket_raw =
		pending->message->subprotocol && body_is_raw(pending->message->subprotocol);
	dialog->socket_exchange = pending->exchange;
	dialog->upgrade = pending;
	dialog->upgraded = http_message_copy(message, false, &size);
	return dialog->upgraded ? note_session(&dialog->socket_session, session) : ATLS_E_MEMORY;
}

static int give_answer(struct dialog *dialog, struct pending *pending,
	const struct http_message *message, const struct body *body)
{
	const char *session = pending ? pending->session : NULL;
	unsigned long long exchange = pending ? pending->exchange : 0;
	if (!session)
		session = own_session(message, body);
	if (!session)
		session = pending ? pending->message->cookie : dialog->last;
	if (!session)
		session = dialog->label;
	if (exchange == 0)
		exchange = ++dialog->dialogs->exchanges;
	if (pending && message->status == 101 && message->websocket)
		return begin_websocket(dialog, pending, message, session);
	int rc = pending ? give_held(dialog, pending, session) : ATLS_OK;
	if (!rc)
		rc = give(dialog, message, body, session, exchange);
	return rc ? rc : note_session(&dialog->last, session);
}

static int take_answer(
	struct dialog *dialog, const struct http_message *message, const struct body *body)
{
	if (message->status / 100 == 1 && message->status != 101)
		return ATLS_OK; /* 100 Continue and its like: the answer is yet to come */
	struct pending *pending = request_of(dialog, message);
	int rc = ATLS_OK;
	if (body->is_atls || (pending && pending->exchange))
		rc = give_answer(dialog, pending, message, body);
	if (pending && pending != dialog->upgrade)
		pending_free(pending);
	return rc;
}

int dialog_message(struct dialog *dialog, const struct http_message *message)
{
	struct body body;
	int rc = body_read(&body, message, dialog->dialogs->sink);
	if (!rc)
		rc = message->answer ? take_answer(dialog, message, &body)
				     : take_request(dialog, message, &body);
	body_free(&body);
	return rc;
}

/* ---- WebSocket ---- */

/* A text message: what the stream carriage says of itself. */
static int take_text(struct dialog *dialog, const struct dialog_frame *frame)
{
	struct atls_stream_dict dict;
	struct atls_error err = {0};
	const char *text = (const char *)frame->bytes;
	uint64_t position;
	if (atls_stream_dict_read(&dict, text, frame->len, &err))
		sink_malformed(dialog->dialogs->sink, frame->offset,
			"a dictionary of stream carriage", "%.80s (%s)", text, err.text);
	if (dict_position(&dict, frame->down ? PIECE_DOWN : PIECE_UP, &position)) {
		dialog->positioned[frame->down] = true;
		dialog->position[frame->down] = position;
	}
	if (!frame->down && dict.has & ATLS_DICT_ID && !dialog->named)
		return note_session(&dialog->socket_session, dict.id);
	return ATLS_OK;
}

int dialog_frame(struct dialog *dialog, const struct dialog_frame *frame)
{
	const struct piece_sink *sink = dialog->dialogs->sink;
	const char *text = frame->text ? (const char *)frame->bytes : NULL;
	int rc = text ? take_text(dialog, frame) : ATLS_OK;
	const struct piece_http http = {.encoding = -1,
		.stream = text,
		.websocket = true,
		.raw = dialog->socket_raw,
		.body = frame->bytes,
		.body_len = frame->len};
	const struct piece piece = {.session = dialog->socket_session,
		.direction = frame->down ? PIECE_DOWN : PIECE_UP,
		.exchange = dialog->socket_exchange,
		.time_us = frame->time_us,
		.bytes = frame->bytes,
		.len = frame->text ? 0 : frame->len,
		.source_offset = frame->offset,
		.positioned = dialog->positioned[frame->down],
		.position = dialog->position[frame->down],
		.http = &http};
	rc = rc ? rc : give_upgrade(dialog);
	rc = rc ? rc : sink->piece(sink->ctx, &piece);
	dialog->position[frame->down] += piece.len;
	return rc;
}
