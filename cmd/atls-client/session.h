/* One ATLS session: engine, base carriage and HTTP channel together, and the choice of encoding. */
#ifndef ATLS_CLIENT_SESSION_H
#define ATLS_CLIENT_SESSION_H

#include "options.h"
#include "path_cache.h"
#include "ws_found.h"

#include "cli/capture.h"
#include "core/stream.h"
#include "net/http_client.h"

#include <stdio.h>

/* What all sessions of a run share. */
struct client {
	struct settings settings;
	struct atls_log log;
	bool unfinished; /* a progress line stands on the terminal */
	struct event_base *base;
	struct atls_http_client *http;
	struct atls_http_client_config way;
	gnutls_certificate_credentials_t credentials;
	gnutls_priority_t priorities;
	struct atls_policy policy;
	char *host;                   /* of the URL */
	char *name;                   /* expected of the service */
	bool path_given;              /* the URL has a path of its own */
	unsigned https_port;          /* of an https URL, else 0 */
	FILE *report;                 /* --report, or null */
	struct atls_capture *capture; /* --capture, or null */
	struct direct_way *direct;    /* --direct, or null */
	struct path_cache *cache;     /* --path-cache, or null */
	struct path_memory memory;    /* what it has of this path */
	struct atls_error stopped;    /* --max-time is over, if it has a code */
	bool base_only;               /* found by a session: there is no stream carriage... */
	bool base_json;               /* ...bodies are to be json */
	int64_t ws_not_before;        /* ...and none on a WebSocket, until then */
	bool outer_told;              /* -v reported the outer TLS already */
	unsigned numbers;             /* sessions begun */
};

/* Prints an error, if it is one, and returns the exit code for it. */
int client_fail(const struct client *client, struct atls_error *err);

struct session;
struct outer_report;

struct session_events {
	/* The engine may have plaintext, room or news. Called from the event base; read and write
	 * the engine, then return: what is to be sent goes out after it. */
	void (*progress)(void *ctx, struct atls_engine *engine);
	/* The session is over, err->code ATLS_OK if both sides closed it. Called once, last, from
	 * the event base: the owner may free the session in it. */
	void (*ended)(void *ctx, const struct atls_error *err);
};

/* Begins a session; its first request goes out from the event base. Null with err filled. */
struct session *session_new(struct client *client, const struct session_events *events, void *ctx,
	struct atls_error *err);

void session_free(struct session *session);

/* As atls_engine_write(), and remembers what may have to be said again in another encoding. */
ssize_t session_write(struct session *session, const void *data, size_t len);

/* Something changed outside: calls progress() and sends what there is. Not from progress() itself.
 */
void session_kick(struct session *session);

/* Ends the session as the user's wish: close_notify goes out, and ended() comes when it is
 * delivered or a moment later. */
void session_stop(struct session *session);

/* Ends it as failed on this side: the peer gets an alert, ended() gets err. From progress() only.
 */
void session_abort(struct session *session, const struct atls_error *err);

/* What a session is made of at the moment; the pointers are its own, and another encoding changes
 * them. */
struct session_facts {
	struct atls_engine *engine;
	struct atls_http_channel *channel;
	const struct atls_body_codec *codec;
	const char *url; /* that is posted to */
	const char *carriage;
	bool streams;       /* it is stream carriage */
	uint64_t exchanges; /* with a valid answer */
	bool heard;         /* the service has all that was said so far, and answered to it */
	struct atls_stream_facts path; /* stream carriage: what was found */
	struct ws_found websocket;
	const struct outer_report *report; /* --report-outer; null: none was asked for */
	int64_t handshake_ms;              /* -1: it is not done */
};

struct session_facts session_facts(const struct session *session);

#endif
