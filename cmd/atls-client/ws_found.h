/* What came of a session's WebSockets, for --report and the log. */
#ifndef ATLS_CLIENT_WS_FOUND_H
#define ATLS_CLIENT_WS_FOUND_H

#include "atls.h"

#include <jansson.h>

enum ws_state {
	WS_UNTRIED,    /* none was asked for */
	WS_REMEMBERED, /* nor that, since one was refused before on this path */
	WS_STOOD,
	WS_REFUSED,   /* the upgrade was answered with something else */
	WS_SWALLOWED, /* it was granted, and nobody speaks */
	WS_FAILED,    /* it was not answered, or the connection ended before the service spoke */
};

struct ws_found {
	enum ws_state state;  /* of the last one */
	unsigned status;      /* HTTP status of the answer to the upgrade; 0: there was none */
	unsigned stood, lost; /* so many carried the session; of these, so many were lost */
	char reason[ATLS_ERROR_TEXT]; /* why the last one did not come to be */
};

/* The service spoke on one. */
void ws_found_stood(struct ws_found *found);
/* One did not come to be. */
void ws_found_none(
	struct ws_found *found, enum ws_state state, unsigned status, const char *reason);

/* As an object, for the caller; null if memory is short. */
json_t *ws_found_json(const struct ws_found *found);

#endif
