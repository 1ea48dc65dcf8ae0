/* What was found on the way to a service, for the next run: --path-cache FILE. */
#ifndef ATLS_CLIENT_PATH_CACHE_H
#define ATLS_CLIENT_PATH_CACHE_H

#include "atls.h"

#include <stdint.h>

struct client;
struct session;
struct path_cache;

/* Of one path; 0 or false: nothing was found. */
struct path_memory {
	int64_t since; /* seconds since 1970, of the finding */
	bool base;     /* there is no stream carriage */
	bool json;     /* the header of the other encodings does not get through */
	bool websocket_refused;
	uint64_t body_max; /* bytes */
	int64_t poll_ms;   /* longest time that a request was held without being cut */
	unsigned inflight; /* requests at once that carried most */
};

/* Reads what FILE has of this client's path into client->memory; a file that is no good is told,
 * and left alone. Null with err filled: memory. */
struct path_cache *path_cache_open(struct client *client, struct atls_error *err);

/* A session is over: what it found is written, if it is news. */
void path_cache_note(
	struct path_cache *cache, struct client *client, const struct session *session);

void path_cache_free(struct path_cache *cache);

#endif
