/* --capture: every HTTP body and WebSocket message as it travelled, in order, with an index. */
#ifndef ATLS_CLI_CAPTURE_H
#define ATLS_CLI_CAPTURE_H

#include "cli/log.h"

struct atls_capture;

/* Makes dir (mode 0700) if there is none; one that holds a capture already is refused. Null with
 * err filled: ATLS_E_LOCAL, or ATLS_E_MEMORY. log is kept by reference. */
struct atls_capture *atls_capture_open(
	const char *dir, const struct atls_log *log, struct atls_error *err);

/* One body, or one message of a WebSocket, or what came of it at once. */
struct atls_capture_body {
	const char *session; /* a name for it, short enough to be no secret; null: not known */
	unsigned long long request; /* the same for a request and its answer, or for a WebSocket */
	bool down;                  /* from the server */
	const char *content_type;   /* null: none */
	long status;                /* of an answer, else 0 */
	const char *stream;         /* the header field ATLS-Stream; null: none */
	const char *websocket;      /* "text" or "binary"; null: a body */
};

/* Writes NNNNNN-up.body or NNNNNN-down.body and its line of index.jsonl. A failure is logged once
 * and ends the capture; a null capture is none. */
void atls_capture_write(struct atls_capture *capture, const struct atls_capture_body *about,
	const void *bytes, size_t len);

/* Null is allowed. */
void atls_capture_close(struct atls_capture *capture);

#endif
