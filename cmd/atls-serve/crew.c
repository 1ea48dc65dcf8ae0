#include "crew.h"

#include "entrance.h"
#include "service.h"

#include "core/err.h"
#include "net/timer.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* After close_notify went out, for clients to fetch it. */
#define CLOSE_MS 2000

struct hand {
	struct service *service;
	pthread_t thread;
	struct atls_letter close, stop;
};

struct crew {
	struct house *house;
	struct service *first;
	unsigned count; /* of hands, so many run */
	struct event *signals[2];
	struct event *grace;
	struct atls_letter idle;
	bool closing;
	int signal;
	struct hand hands[]; /* one of each further service */
};

static void *work(void *ctx)
{
	const struct hand *hand = ctx;
	event_base_dispatch(hand->service->base);
	return NULL;
}

/* ---- Letters to the threads ---- */

static void on_close(void *ctx)
{
	service_close_all(ctx);
}

static void on_stop(void *ctx)
{
	struct service *service = ctx;
	event_base_loopbreak(service->base);
}

/* The last answers still have to leave. */
static void on_idle(void *ctx)
{
	const struct timeval moment = {.tv_usec = 100000};
	struct crew *crew = ctx;
	event_base_loopexit(crew->first->base, &moment);
}

/* From any thread. */
static void tell_idle(void *ctx)
{
	struct crew *crew = ctx;
	crew->idle = (struct atls_letter){.open = on_idle, .ctx = crew};
	atls_mailbox_post(crew->first->mailbox, &crew->idle);
}

static void close_all(struct crew *crew)
{
	for (unsigned i = 0; i < crew->count; i++) {
		struct hand *hand = &crew->hands[i];
		hand->close = (struct atls_letter){.open = on_close, .ctx = hand->service};
		atls_mailbox_post(hand->service->mailbox, &hand->close);
	}
	service_close_all(crew->first);
}

static void stop(struct crew *crew)
{
	for (unsigned i = 0; i < crew->count; i++) {
		struct hand *hand = &crew->hands[i];
		hand->stop = (struct atls_letter){.open = on_stop, .ctx = hand->service};
		atls_mailbox_post(hand->service->mailbox, &hand->stop);
	}
	for (unsigned i = 0; i < crew->count; i++)
		pthread_join(crew->hands[i].thread, NULL);
	crew->count = 0;
}

/* ---- Signals ---- */

/* Grace is over: first close_notify, and then, whoever fetched it or not, the end. */
static void on_grace(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	struct crew *crew = ctx;
	if (crew->closing) {
		event_base_loopbreak(crew->first->base);
		return;
	}
	crew->closing = true;
	atls_timer_set(crew->grace, CLOSE_MS);
	close_all(crew);
}

static void on_signal(evutil_socket_t number, short what, void *ctx)
{
	(void)what;
	struct crew *crew = ctx;
	struct house *house = crew->house;
	if (crew->signal) {
		event_base_loopbreak(crew->first->base);
		return;
	}
	crew->signal = (int)number;
	unsigned sessions = house->live;
	const struct atls_log_about about = {.event = "going_down",
		.facts = json_pack("{s:i, s:I}", "sessions", (int)sessions, "grace_ms",
			(json_int_t)house->settings.grace_ms)};
	atls_log_event(&house->log, ATLS_LOG_NOTICE, &about, "going down: %u sessions get %.1f s",
		sessions, (double)house->settings.grace_ms / 1000);
	atls_timer_set(crew->grace, (int64_t)house->settings.grace_ms);
	house_drain(house);
}

static int make_events(struct crew *crew, struct atls_error *err)
{
	static const int numbers[2] = {SIGTERM, SIGINT};
	struct event_base *base = crew->first->base;
	crew->grace = event_new(base, -1, 0, on_grace, crew);
	bool done = crew->grace != NULL;
	for (int i = 0; i < 2 && done; i++) {
		crew->signals[i] = evsignal_new(base, numbers[i], on_signal, crew);
		done = crew->signals[i] && event_add(crew->signals[i], NULL) == 0;
	}
	return done ? ATLS_OK : atls_error_set(err, ATLS_E_MEMORY, "out of memory for events");
}

static void free_events(struct crew *crew)
{
	atls_event_free(crew->grace);
	for (int i = 0; i < 2; i++)
		atls_event_free(crew->signals[i]);
}

/* ---- The run ---- */

/* Signals are the first thread's. */
static int start(struct crew *crew, struct atls_error *err)
{
	unsigned wanted = (unsigned)crew->house->settings.threads - 1;
	sigset_t all, before;
	int why = 0;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (crew->count < wanted && !why) {
		struct hand *hand = &crew->hands[crew->count];
		hand->service = &crew->house->services[crew->count + 1];
		why = pthread_create(&hand->thread, NULL, work, hand);
		crew->count += !why;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return why ? atls_error_set(err, ATLS_E_LOCAL, "cannot start a thread: %s", strerror(why))
		   : ATLS_OK;
}

/* What the threads left, for one alone. Sessions that end give answers, and letters bring them
 * home. */
static void clear(struct house *house)
{
	bool any = true;
	for (uint64_t i = 0; i < house->settings.threads; i++)
		service_drop_all(&house->services[i]);
	while (any) {
		any = false;
		for (uint64_t i = 0; i < house->settings.threads; i++)
			any = atls_mailbox_empty(house->services[i].mailbox) || any;
	}
	for (uint64_t i = 0; i < house->settings.threads; i++)
		service_stop(&house->services[i]);
}

int crew_run(struct house *house, int *number, struct atls_error *err)
{
	struct crew *crew =
		calloc(1, sizeof *crew + house->settings.threads * sizeof crew->hands[0]);
	if (!crew)
		return atls_error_set(err, ATLS_E_MEMORY, "out of memory for threads");
	crew->house = house;
	crew->first = &house->services[0];
	house->idle = tell_idle;
	house->idle_ctx = crew;
	int rc = make_events(crew, err);
	if (!rc)
		rc = start(crew, err);
	if (!rc)
		event_base_dispatch(crew->first->base);
	stop(crew);
	clear(house);
	free_events(crew);
	*number = crew->signal;
	free(crew);
	return rc;
}

int crew_make(struct house *house, struct atls_error *err)
{
	unsigned connections = entrance_connections(&house->settings, err);
	int rc = connections ? ATLS_OK : err->code;
	house->services = calloc(house->settings.threads, sizeof *house->services);
	if (!house->services)
		return atls_error_set(err, ATLS_E_MEMORY, "out of memory for threads");
	for (unsigned i = 0; i < house->settings.threads && !rc; i++)
		rc = service_init(&house->services[i], house, i, connections, err);
	return rc;
}

void crew_free(struct house *house)
{
	for (uint64_t i = 0; house->services && i < house->settings.threads; i++) {
		service_stop(&house->services[i]);
		service_free(&house->services[i]);
	}
	free(house->services);
	house->services = NULL;
}
