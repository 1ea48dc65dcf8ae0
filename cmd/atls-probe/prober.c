#include "prober.h"

#include "memory.h"
#include "output.h"
#include "watch.h"

#include "cli/exit.h"
#include "core/err.h"
#include "net/timer.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <unistd.h>

#define SIGNALS 2

struct prober {
	struct run *run;
	struct watch *watch; /* null: one round */
	size_t next;         /* target */
	unsigned busy;
	unsigned long done;
	unsigned seen; /* exit codes, a bit each */
	TAILQ_HEAD(probes, probe) active, over;
	struct event *turn; /* frees what is over, and begins anew */
	struct event *signals[SIGNALS];
	struct look canaries[CANARIES_MAX];
	struct target canary_targets[CANARIES_MAX];
	unsigned canaries_busy;
	bool progress;
	int signal;
	struct atls_error error;
};

/* ---- what is said -----------------------------------------------------------------------------
 */

static void show_progress(const struct prober *prober)
{
	if (prober->progress)
		fprintf(stderr, "\r%lu of %zu ", prober->done, prober->run->targets.count);
}

static void hide_progress(const struct prober *prober)
{
	if (prober->progress)
		fprintf(stderr, "\r%24s\r", "");
}

/* Of several codes, the first that is there counts. */
static int exit_code(const struct prober *prober)
{
	static const int order[] = {ATLS_EXIT_USAGE, ATLS_EXIT_LOCAL, ATLS_EXIT_NEGATIVE,
		ATLS_EXIT_TLS, ATLS_EXIT_PROTOCOL, ATLS_EXIT_NETWORK, ATLS_EXIT_UNDECIDED};

	for (size_t i = 0; i < sizeof order / sizeof *order; i++)
		if (prober->seen & 1u << order[i])
			return order[i];
	return ATLS_EXIT_OK;
}

static void give_up(struct prober *prober)
{
	atls_log_error(&prober->run->log, &prober->error);
	prober->seen |= 1u << atls_exit_code(prober->error.code);
	event_base_loopbreak(prober->run->base);
}

/* ---- targets ----------------------------------------------------------------------------------
 */

static void probe_done(void *ctx, struct probe *probe)
{
	struct prober *prober = ctx;
	int rc = ATLS_OK;

	prober->done++;
	prober->seen |= 1u << probe_exit_code(probe);
	hide_progress(prober);
	if (!prober->watch || watch_is_news(prober->watch, probe))
		rc = output_probe(probe, prober->done, &prober->error);
	if (!rc)
		rc = memory_note(prober->run->memory, probe, &prober->error);
	show_progress(prober);
	TAILQ_REMOVE(&prober->active, probe, entry);
	TAILQ_INSERT_TAIL(&prober->over, probe, entry);
	if (rc)
		give_up(prober);
	event_active(prober->turn, EV_TIMEOUT, 0);
}

static void round_done(struct prober *prober)
{
	struct run *run = prober->run;

	hide_progress(prober);
	if (!prober->watch) {
		(void)output_end(run, prober->done, &prober->error);
		event_base_loopbreak(run->base);
		return;
	}
	if (watch_keep(prober->watch, &prober->error)) {
		give_up(prober);
		return;
	}
	prober->next = 0;
	prober->done = 0;
	prober->seen = 0;
	atls_timer_set(prober->turn, (int64_t)run->settings.watch_ms);
}

static unsigned free_all(struct probes *probes)
{
	unsigned count = 0;

	for (struct probe *probe; (probe = TAILQ_FIRST(probes)); count++) {
		TAILQ_REMOVE(probes, probe, entry);
		probe_free(probe);
	}
	return count;
}

static void on_turn(evutil_socket_t fd, short what, void *ctx)
{
	struct prober *prober = ctx;
	struct run *run = prober->run;

	(void)fd;
	(void)what;
	prober->busy -= free_all(&prober->over);
	while (!prober->error.code && prober->next < run->targets.count &&
		prober->busy < run->settings.parallel) {
		prober->busy++;
		struct probe *probe =
			probe_new(run, &run->targets.target[prober->next++], probe_done, prober);
		if (probe) {
			TAILQ_INSERT_TAIL(&prober->active, probe, entry);
			probe_start(probe);
			continue;
		}
		atls_error_set(&prober->error, ATLS_E_MEMORY, "out of memory for a probe");
		give_up(prober);
	}
	if (!prober->error.code && prober->busy == 0 && prober->next == run->targets.count)
		round_done(prober);
}

/* ---- canaries ------------------------------------------------------------------------------ */

static void begin(struct prober *prober)
{
	event_active(prober->turn, EV_TIMEOUT, 0);
}

static void canary_done(void *ctx, struct look *look)
{
	struct prober *prober = ctx;
	struct run *run = prober->run;

	if (look->error.code)
		atls_log(&run->log, ATLS_LOG_NOTICE, "canary '%s': %s", look->host,
			look->error.text);
	else
		run->canaries[run->canary_count++] = (struct atls_other){
			.name = look->name, .sight = atls_shown_sight(&look->shown)};
	if (--prober->canaries_busy == 0)
		begin(prober);
}

static int begin_canaries(struct prober *prober)
{
	struct run *run = prober->run;
	unsigned count = run->settings.canary_count;

	for (unsigned i = 0; i < count; i++) {
		struct target *target = &prober->canary_targets[i];
		if (target_read(target, run->settings.canaries[i], &prober->error))
			return prober->error.code;
		prober->canaries[i] = (struct look){.kind = LOOK_CANARY,
			.host = target->host,
			.port = target->port,
			.name = target->host,
			.way = run->way,
			.over = canary_done,
			.ctx = prober};
	}
	prober->canaries_busy = count + 1;
	for (unsigned i = 0; i < count; i++)
		look_start(run, &prober->canaries[i]);
	if (--prober->canaries_busy == 0)
		begin(prober);
	return ATLS_OK;
}

/* ---- the run ----------------------------------------------------------------------------------
 */

static void on_signal(evutil_socket_t number, short what, void *ctx)
{
	struct prober *prober = ctx;

	(void)what;
	if (prober->signal)
		_exit(ATLS_EXIT_SIGNAL + (int)number);
	prober->signal = (int)number;
	event_base_loopbreak(prober->run->base);
}

static bool prepare(struct prober *prober)
{
	static const int numbers[SIGNALS] = {SIGINT, SIGTERM};
	struct run *run = prober->run;
	bool done = true;

	prober->turn = event_new(run->base, -1, 0, on_turn, prober);
	for (int i = 0; i < SIGNALS; i++) {
		prober->signals[i] = evsignal_new(run->base, numbers[i], on_signal, prober);
		done = done && prober->signals[i] && event_add(prober->signals[i], NULL) == 0;
	}
	prober->progress = run->targets.count > 1 && run->settings.level >= ATLS_LOG_NOTICE &&
			   !run->settings.watch_ms && !run->log.json && isatty(STDERR_FILENO);
	if (run->settings.watch_ms)
		prober->watch = watch_open(run, &prober->error);
	if (!done || !prober->turn)
		atls_error_set(&prober->error, ATLS_E_MEMORY, "out of memory for events");
	return prober->error.code == ATLS_OK;
}

static void release(struct prober *prober)
{
	free_all(&prober->over);
	free_all(&prober->active);
	for (unsigned i = 0; i < CANARIES_MAX; i++) {
		look_free(&prober->canaries[i]);
		target_free(&prober->canary_targets[i]);
	}
	for (int i = 0; i < SIGNALS; i++)
		atls_event_free(prober->signals[i]);
	atls_event_free(prober->turn);
	watch_close(prober->watch);
	free(prober);
}

int prober_run(struct run *run)
{
	struct prober *prober = calloc(1, sizeof *prober);
	int code = ATLS_EXIT_LOCAL;

	if (!prober)
		return code;
	prober->run = run;
	TAILQ_INIT(&prober->active);
	TAILQ_INIT(&prober->over);
	if (prepare(prober) && begin_canaries(prober) == ATLS_OK) {
		event_base_dispatch(run->base);
		hide_progress(prober);
		code = prober->signal ? ATLS_EXIT_SIGNAL + prober->signal : exit_code(prober);
	} else {
		atls_log_error(&run->log, &prober->error);
		code = atls_exit_code(prober->error.code);
	}
	release(prober);
	return code;
}
