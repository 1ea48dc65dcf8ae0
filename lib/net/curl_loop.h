/* libcurl's transfers, driven by an event base. */
#ifndef ATLS_NET_CURL_LOOP_H
#define ATLS_NET_CURL_LOOP_H

#include "atls.h"

#include <curl/curl.h>
#include <event2/event.h>

struct atls_curl_loop;

/* One transfer: the owner's memory, and his handle's CURLOPT_PRIVATE while it runs. */
struct atls_curl_job {
	/* Called once, from the event base, when the transfer is over. */
	void (*done)(void *ctx, CURLcode rc);
	void *ctx;
	bool stays; /* a connection that is used on: the handle stays with the loop till removed */
};

struct atls_curl_loop *atls_curl_loop_new(struct event_base *base, struct atls_error *err);
void atls_curl_loop_free(struct atls_curl_loop *loop);

/* Begins a transfer. 0 or ATLS_E_MEMORY. */
int atls_curl_loop_add(struct atls_curl_loop *loop, CURL *easy, struct atls_curl_job *job);

/* Gives one up that is under way, or stays. */
void atls_curl_loop_remove(struct atls_curl_loop *loop, CURL *easy);

#endif
