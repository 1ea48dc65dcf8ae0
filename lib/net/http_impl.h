/* What http_server.c (listeners and connections) and http_request.c (one exchange) share. */
#ifndef ATLS_NET_HTTP_IMPL_H
#define ATLS_NET_HTTP_IMPL_H

#include "net/http_server.h"

#include "core/buf.h"

#include <microhttpd.h>
#include <sys/queue.h>

#define PEER_TEXT 64

struct atls_http_daemon {
	struct atls_http_server *server;
	struct MHD_Daemon *mhd;
	struct event *ready;
	struct event *timer;
	struct event
		*wake; /* an answer is to go out: not the timer, which may be set anew before */
	bool secure;
	SLIST_ENTRY(atls_http_daemon) entry;
};

struct atls_http_connection {
	struct MHD_Connection *mhd;
	struct atls_http_request *request; /* under way, or null */
	int64_t since;      /* of what it is doing now: waiting, receiving, answering */
	int64_t head_since; /* bytes that are no whole head yet; 0: none */
	uint64_t received;  /* bytes up to the end of the last request */
	TAILQ_ENTRY(atls_http_connection) entry;
};

struct atls_http_request {
	struct atls_http_daemon *daemon;
	struct MHD_Connection *mhd;
	struct atls_http_connection *connection;
	char *method;
	char *path;
	struct atls_buf body;
	size_t counted; /* bytes of all bodies in flight */
	size_t discarded;
	unsigned refusal; /* status to answer with once the body is through */
	struct MHD_Response *response;
	unsigned status;
	bool ready;
	bool replied; /* whoever has it has said the answer */
	bool answered;
	bool suspended;
	bool queued;
	bool lent;
	struct atls_letter letter; /* it is lent, or it comes back */
	char peer[PEER_TEXT];
	void *user;
	struct MHD_UpgradeResponseHandle *upgraded; /* until it is ended */
	bool left_http;                             /* the connection is no longer HTTP's */
	atls_http_upgrade_fn *opened;
	void *opened_ctx;
};

struct atls_http_server {
	struct atls_http_server_config config;
	struct event *sweep;
	SLIST_HEAD(, atls_http_daemon) daemons;
	TAILQ_HEAD(, atls_http_connection) connections;
};

/* libmicrohttpd's callbacks for requests, with a daemon as their context. */
enum MHD_Result atls_http_on_request(void *daemon, struct MHD_Connection *mhd, const char *path,
	const char *method, const char *version, const char *data, size_t *len, void **request);
void atls_http_on_completed(void *daemon, struct MHD_Connection *mhd, void **request,
	enum MHD_RequestTerminationCode why);

/* Bytes that came over a TCP connection so far; 0 for others. */
uint64_t atls_http_received(struct MHD_Connection *mhd);
/* Lets the prepared response go out, now or when libmicrohttpd asks. */
void atls_http_answered(struct atls_http_request *request);
/* Calls open with the request at once, or where it is at home if it is lent. */
void atls_http_at_home(struct atls_http_request *request, void (*open)(void *request));
/* Closes an upgraded connection of this thread's. */
void atls_http_upgrade_close(void *request);

/* Says a status on a connection that is about to be closed amid a request. */
void atls_http_say_last(struct atls_http_request *request, unsigned status);

#endif
