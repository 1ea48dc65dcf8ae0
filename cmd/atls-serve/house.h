/* What all threads of the service have in common: what the command line said, what was read at the
 * start, and what is counted over all of them. */
#ifndef ATLS_SERVE_HOUSE_H
#define ATLS_SERVE_HOUSE_H

#include "front.h"
#include "options.h"

#include "cli/capture.h"
#include "cli/creds.h"
#include "core/id.h"
#include "net/http_server.h"
#include "trust/policy.h"

#include <netdb.h>
#include <pthread.h>

struct service;

struct house {
	/* Written before there is a second thread. */
	struct settings settings;
	struct atls_log log;
	struct atls_creds creds;
	gnutls_priority_t priorities;
	struct atls_policy policy; /* for client certificates */
	struct addrinfo *backend;
	struct atls_id_keys keys; /* that divide the ids among the threads */
	struct service *services; /* settings.threads of them */
	unsigned listening;       /* of settings.listen, so many listen */
	void (*idle)(void *ctx);  /* draining, and the last session ended; from any thread */
	void *idle_ctx;

	struct atls_http_bodies bodies;
	_Atomic unsigned long long requests; /* numbers them, in the log and in a capture */
	_Atomic uint64_t buffered;           /* bytes that all tunnels hold */
	_Atomic uint64_t promised;           /* bytes that clients of stream carriage may send */
	_Atomic unsigned live;               /* sessions that are not finished */

	pthread_mutex_t counting; /* for these, and for live to change */
	void *addresses;          /* clients that have sessions, by tsearch(3) */
	bool draining;

	pthread_mutex_t fronting;
	struct fronts fronts;

	pthread_mutex_t capturing;
	struct atls_capture *capture; /* --capture, or null */
};

/* Reads what the settings, which are in it already, name. 0, or the error's code. To be freed in
 * either case. */
int house_prepare(struct house *house, struct atls_error *err);
void house_free(struct house *house);

/* Counts a new session of a client at that address, as house_leave() uncounts it. 0; ATLS_E_LIMIT
 * when there are too many in all, ATLS_E_AGAIN when there are too many of this address,
 * ATLS_E_LOCAL when the service is going down, or ATLS_E_MEMORY. */
int house_enter(struct house *house, const char *address, struct atls_error *err);
void house_leave(struct house *house, const char *address);

/* Lets no more sessions in: idle() is called once when none is left. */
void house_drain(struct house *house);

/* Adds a body to --capture's. */
void house_capture(
	struct house *house, const struct atls_capture_body *about, const void *bytes, size_t len);

#endif
