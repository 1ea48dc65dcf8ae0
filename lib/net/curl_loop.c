#include "net/curl_loop.h"

#include "core/err.h"
#include "net/timer.h"

#include <stdlib.h>

struct atls_curl_loop {
	struct event_base *base;
	CURLM *multi;
	struct event *timer;
	struct event *wake; /* not the timer, which libcurl may stop before it came to that */
};

static void finish_all(struct atls_curl_loop *loop)
{
	int left;
	const CURLMsg *message;
	while ((message = curl_multi_info_read(loop->multi, &left))) {
		if (message->msg != CURLMSG_DONE)
			continue;
		struct atls_curl_job *job;
		CURL *easy = message->easy_handle;
		CURLcode rc = message->data.result;
		curl_easy_getinfo(easy, CURLINFO_PRIVATE, &job);
		if (!job->stays)
			curl_multi_remove_handle(loop->multi, easy);
		job->done(job->ctx, rc);
	}
}

static void on_socket(evutil_socket_t fd, short what, void *ctx)
{
	struct atls_curl_loop *loop = ctx;
	int running;
	int flags =
		(what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0);
	curl_multi_socket_action(loop->multi, fd, flags, &running);
	finish_all(loop);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	struct atls_curl_loop *loop = ctx;
	int running;
	curl_multi_socket_action(loop->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	finish_all(loop);
}

static void on_wake(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	finish_all(ctx);
}

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_ctx)
{
	(void)easy;
	struct atls_curl_loop *loop = ctx;
	struct event *event = socket_ctx;
	atls_event_free(event);
	event = NULL;
	if (what != CURL_POLL_REMOVE) {
		short flags = (short)(EV_PERSIST | (what & CURL_POLL_IN ? EV_READ : 0) |
				      (what & CURL_POLL_OUT ? EV_WRITE : 0));
		event = event_new(loop->base, fd, flags, on_socket, loop);
		if (!event || event_add(event, NULL))
			return -1;
	}
	curl_multi_assign(loop->multi, fd, event);
	return 0;
}

static int watch_timer(CURLM *multi, long ms, void *ctx)
{
	(void)multi;
	struct atls_curl_loop *loop = ctx;
	if (ms < 0)
		return event_del(loop->timer);
	return atls_timer_set(loop->timer, ms);
}

struct atls_curl_loop *atls_curl_loop_new(struct event_base *base, struct atls_error *err)
{
	struct atls_curl_loop *loop = calloc(1, sizeof *loop);
	if (loop) {
		loop->base = base;
		loop->multi = curl_multi_init();
		loop->timer = event_new(base, -1, 0, on_timer, loop);
		loop->wake = event_new(base, -1, 0, on_wake, loop);
	}
	if (!loop || !loop->multi || !loop->timer || !loop->wake) {
		atls_curl_loop_free(loop);
		atls_error_set(err, ATLS_E_MEMORY, "out of memory for the HTTP client");
		return NULL;
	}
	curl_multi_setopt(loop->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
	curl_multi_setopt(loop->multi, CURLMOPT_SOCKETDATA, loop);
	curl_multi_setopt(loop->multi, CURLMOPT_TIMERFUNCTION, watch_timer);
	curl_multi_setopt(loop->multi, CURLMOPT_TIMERDATA, loop);
	return loop;
}

void atls_curl_loop_free(struct atls_curl_loop *loop)
{
	if (!loop)
		return;
	if (loop->multi)
		curl_multi_cleanup(loop->multi);
	atls_event_free(loop->timer);
	atls_event_free(loop->wake);
	free(loop);
}

int atls_curl_loop_add(struct atls_curl_loop *loop, CURL *easy, struct atls_curl_job *job)
{
	curl_easy_setopt(easy, CURLOPT_PRIVATE, job);
	if (curl_multi_add_handle(loop->multi, easy) != CURLM_OK)
		return ATLS_E_MEMORY;
	/* Now, not a turn of the loop later; what comes of it at once is looked at there. */
	int running;
	curl_multi_socket_action(loop->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	event_active(loop->wake, EV_TIMEOUT, 0);
	return ATLS_OK;
}

void atls_curl_loop_remove(struct atls_curl_loop *loop, CURL *easy)
{
	curl_multi_remove_handle(loop->multi, easy);
}
