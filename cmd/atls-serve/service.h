/* The service: HTTP requests to sessions, and each session to the backend. */
#ifndef ATLS_SERVE_SERVICE_H
#define ATLS_SERVE_SERVICE_H

#include "house.h"

#include "core/session.h"
#include "net/http_server.h"
#include "net/mailbox.h"

#include <sys/queue.h>

#define ANSWER_BYTES   (256u << 10) /* TLS bytes in one answer */
#define BULK_BYTES     (16u << 10)  /* a body of this size has more behind it: it is not held */
#define POLL_HOLD_PART 10 /* a poll is held for this part of --hold: speech waits behind it */
#define INPUT_SOFT_MAX (1u << 20) /* undelivered input above which answers wait for the backend */
#define LINGER_MS      60000      /* of a finished session */
#define TRIM_MS        10000      /* between two times that freed memory is given back */

/* What one thread has of the house: connections, and the sessions whose ids are its part. All of it
 * is that thread's alone. */
struct service {
	struct house *house;
	struct atls_id_share share;
	struct event_base *base;
	struct atls_mailbox *mailbox;
	struct event *expire;
	struct atls_http_server *http;
	struct atls_sessions *sessions;
	int64_t trim_at;    /* when freed memory is given back next */
	int64_t trim_until; /* the last session's remains are gone by then */
};

struct pending;
struct websocket;

/* A session and its connection to the backend. */
struct tunnel {
	struct service *service;
	struct atls_session *session;
	TAILQ_HEAD(, pending) waiting; /* requests that wait for an answer */
	bool large;                    /* the last body was: there is more behind it */
	bool streams;                  /* the last body but one was held in vain: the same */
	bool held_out;                 /* the hold is over: answer with what there is */
	struct event *hold;
	struct websocket *socket; /* stream carriage: that carries it, or null */
	uint64_t promised;        /* stream carriage: this tunnel's part of the service's */
	int64_t linger_until; /* stream carriage: all is said and acknowledged, but the end; or 0 */
	bool lingers;         /* all is said; the hold is for the client to fetch it */
	bool poll;            /* what waits is a poll */
	struct event *soon;   /* to move what came in, after its answer has left */

	int fd; /* the backend's, or -1 */
	const struct addrinfo *next_address;
	struct event *readable, *writable, *connecting;
	bool connected;
	bool backend_eof;      /* its end was read */
	bool backend_shut;     /* our end was sent */
	bool up_dead;          /* the backend takes no more */
	struct atls_buf queue; /* plaintext on its way to the backend */

	bool report; /* what comes is a transport report, and not for the backend */
	struct atls_report_connection carrier; /* of its last request */
	bool carried;                          /* there was one */
	bool wanders; /* they came on several, or none that is known again */

	bool told; /* the log says what was negotiated */
	uint64_t accounted;
	uint64_t up, down;
	struct atls_error error; /* why it ended, if not by both sides' close */
};

/* The callbacks of http_server.h, with a service as their context. */
unsigned service_admit(
	void *service, struct atls_http_request *request, struct atls_http_header *extra);
void service_refused(void *service, const struct atls_http_request *request, unsigned status);
void service_ready(void *service, struct atls_http_request *request);
void service_done(void *service, struct atls_http_request *request);

/* Whether requests wait for this tunnel's answer. */
bool service_waits(const struct tunnel *tunnel);
/* Answers all that wait with the first len bytes of the engine's output. */
void service_answer(struct tunnel *tunnel, size_t len, bool final);

/* Makes the part-th of the house's services, for at most so many connections of each listener. 0,
 * or the error's code; to be freed in either case. */
int service_init(struct service *service, struct house *house, unsigned part, unsigned connections,
	struct atls_error *err);
/* Whose sessions have such an id, of ATLS_ID_TEXT - 1 characters. */
struct service *service_of(const struct service *service, const char *id);

/* Ends all sessions with close_notify. */
void service_close_all(struct service *service);
/* When no thread runs any more: drops all sessions; then, with no letters left, the connections;
 * then the rest. */
void service_drop_all(struct service *service);
void service_stop(struct service *service);
void service_free(struct service *service);

/* A tunnel for a new session: takes the session's user pointer. Null: memory. */
struct tunnel *tunnel_new(struct service *service, struct atls_session *session);
/* Answers a bulk body before the work on it, if that is safe: the next one travels meanwhile. */
bool tunnel_answer_early(struct tunnel *tunnel);
/* Moves what can be moved, and answers if it is time to. The tunnel may be gone afterwards. */
void tunnel_pump(struct tunnel *tunnel);
/* Ends the session: with an alert that the next request gets. */
void tunnel_abort(struct tunnel *tunnel, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Whether all is said in both directions, and only has to be delivered. */
bool tunnel_is_over(const struct tunnel *tunnel);
/* What the client sent and the backend has not taken. */
size_t tunnel_undelivered(const struct tunnel *tunnel);
/* What one session may hold of output, so that all together leave room for what comes in. */
size_t tunnel_fair_share(const struct service *service);
/* Ends and logs it; the session stays as a finished one if remember, else it is gone. */
void tunnel_end(struct tunnel *tunnel, bool remember);
/* The client fell silent or took too long: the backend is told by a reset. */
void tunnel_drop(struct tunnel *tunnel, const char *why);

/* A request of a session that is, or may become, a report's. */
void report_carried(struct tunnel *tunnel, const struct atls_http_request *request);
/* Takes what came of a report, and answers it. */
void report_pump(struct tunnel *tunnel);

/* Stream carriage: gives the answers that are due. True if the tunnel ended by that. */
bool stream_answer(struct tunnel *tunnel);
/* Stream carriage: answers all that wait. */
void stream_release(struct atls_session *session);

/* Says what there is on the session's WebSocket, if it has one. True if bytes went out, so that
 * there is room for more. */
bool websocket_carry(struct tunnel *tunnel);
/* The session is over, or goes on without its WebSocket. */
void websocket_leave(struct tunnel *tunnel);

/* What the log says of a session, and of a request. */
void tell_open(const struct tunnel *tunnel);
void tell_end(const struct tunnel *tunnel);
/* why may be null. */
void tell_refusal(const struct service *service, const struct atls_http_request *request,
	unsigned status, const char *why);
void tell_websocket(const struct tunnel *tunnel);
/* tunnel may be null. */
void tell_websocket_end(
	const struct service *service, const struct tunnel *tunnel, const struct atls_error *err);
void tell_answer(const struct service *service, const char *id, size_t len);

/* The connection to the backend. */
void backend_connect(struct tunnel *tunnel);
/* Plaintext from the engine to the backend, and from the backend to the engine. */
void backend_push(struct tunnel *tunnel);
void backend_pull(struct tunnel *tunnel);
/* Closes it: by a reset if the stream was cut. */
void backend_close(struct tunnel *tunnel, bool reset);

#endif
