/* One connection, one handshake and perhaps one request: what shows there. */
#ifndef ATLS_PROBE_LOOK_H
#define ATLS_PROBE_LOOK_H

#include "run.h"

#define LOOK_LABEL 128u

enum look_kind {
	LOOK_FIRST,    /* the target as it was asked for */
	LOOK_INVENTED, /* a name that nobody has */
	LOOK_CANARY,
	LOOK_WAY,   /* the same name by another way */
	LOOK_HTTP,  /* HTTP over TLS */
	LOOK_PLAIN, /* HTTP in plain text */
};

struct look;
typedef void look_over(void *ctx, struct look *look);

struct look {
	/* The owner's to fill in. */
	enum look_kind kind;
	const char *host;
	unsigned port;
	const char *name; /* to ask for */
	struct atls_way way;
	char label[LOOK_LABEL]; /* of a way, for people */
	look_over *over;
	void *ctx;

	/* What came of it. */
	struct atls_error error;
	struct atls_shown shown;
	struct atls_http_sight http;
	char address[64];
	int64_t took_ms;

	/* Under way. */
	struct run *run;
	struct atls_dial *dial;
	struct atls_handshake *handshake;
	struct atls_http_ask *ask;
	int64_t began;
	bool busy;
};

/* Begins; over is called once, from the event base, unless look_free() comes first. */
void look_start(struct run *run, struct look *look);

/* Gives it up, with why as its error. Nothing if it is over. */
void look_stop(struct look *look, const struct atls_error *why);

void look_free(struct look *look);

#endif
