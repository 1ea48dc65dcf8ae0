/* An HTTP request that is being answered: what service.c and stream.c share. */
#ifndef ATLS_SERVE_PENDING_H
#define ATLS_SERVE_PENDING_H

#include "service.h"

#include "core/body.h"

#define COOKIE      "atls"
#define COOKIE_TEXT 128u

/* A request as far as it is read. */
struct asked {
	bool read;
	struct atls_body body;
	struct atls_stream_dict dict;
	bool has_dict;
	const char *id; /* of the session, by cookie or in the body; or null */
	size_t id_len;
	bool sought_stream, sought_id; /* there is no session of that name */
};

struct pending {
	struct service *service; /* whose thread has it now */
	struct atls_http_request *request;
	struct tunnel *tunnel;        /* base carriage: waits there, or null */
	struct atls_session *session; /* stream carriage: waits there, or null */
	const struct atls_body_codec *codec;
	unsigned long long number;
	const char *content_type; /* that it came with: JSON may be labelled application/atls */
	bool dict_in_body;
	struct asked asked;
	struct websocket *socket; /* that its connection became, or null */
	TAILQ_ENTRY(pending) entry;
};

/* A refusal, with a line for the person who reads it. retry_after and dict may be null. */
void pending_refuse(struct pending *pending, unsigned status, const char *retry_after,
	const struct atls_stream_dict *dict, const char *why);

/* The cookie that names a session; the attributes are those of protocol rules 4.7. */
void pending_cookie(const struct pending *pending, const char *id, char text[COOKIE_TEXT]);

/* Adds a body to --capture's. id and stream, an ATLS-Stream header, may be null; status 0: a
 * request's. */
void pending_capture(const struct pending *pending, const char *id, unsigned status,
	const char *type, const char *stream, const void *bytes, size_t len);

/* Why there is no session. */
struct refusal {
	unsigned status;
	const char *retry_after;
	struct atls_error err;
};

/* A new session; stream_id: for stream carriage, or null. Null with no filled. */
struct atls_session *service_open(struct service *service, const struct atls_http_request *request,
	const char *stream_id, struct refusal *no);

/* Makes a new session one of stream carriage. 0 or ATLS_E_MEMORY. */
int stream_begin(struct service *service, struct atls_session *session, const char *stream_id);

/* Whether the request is where the session is that its headers name, as far as they tell. If not,
 * it went there, to be served anew. */
bool route_by_head(struct pending *pending);
/* The session that a request names, or a new one; null after a refusal, or when the request went
 * where its session is, to be served anew. */
struct atls_session *route_to_session(struct pending *pending);
/* Begins to serve a request, or goes on in another thread. */
void service_serve(void *pending);

/* Hands a request to a session of stream carriage. The tunnel may be gone afterwards. */
void stream_offer(struct pending *pending, struct atls_session *session,
	const struct atls_stream_dict *dict, const struct atls_body *body);

/* A request without a dictionary for such a session: it feeds nothing. */
void stream_conflict(struct pending *pending, struct atls_session *session);

/* What came in order goes to TLS. */
void stream_feed(struct atls_session *session);

/* Whether a request asks for a WebSocket, where there may be one. */
bool websocket_is_wanted(const struct atls_http_request *request);
/* Answers it. */
void websocket_begin(struct pending *pending);
/* The connection is closed. Null is allowed. */
void websocket_free(struct websocket *socket);

#endif
