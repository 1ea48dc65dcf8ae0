/* One target, from its first handshake to its judgement. */
#ifndef ATLS_PROBE_PROBE_H
#define ATLS_PROBE_PROBE_H

#include "complete.h"
#include "look.h"
#include "proof.h"

#include <sys/queue.h>

#define LOOKS_MAX 16u

enum verdict { VERDICT_DIRECT, VERDICT_INTERCEPTED, VERDICT_UNDECIDED, VERDICT_UNREACHABLE };

struct probe;
typedef void probe_over(void *ctx, struct probe *probe);

struct probe {
	struct run *run;
	const struct target *target;
	const char *name;             /* that is asked for and expected */
	struct look looks[LOOKS_MAX]; /* the first is the target itself */
	unsigned look_count;
	struct complete complete;
	bool completed;
	struct proof *proof; /* null: none was wanted, or begun */
	struct atls_policy inner;
	bool late; /* --max-time is over: nothing more is asked */
	char invented[ATLS_NAME_TEXT];
	char addresses[LOOKS_MAX][64]; /* "::ADDRESS:PORT" for --connect-to */
	struct curl_slist *ways[LOOKS_MAX];
	unsigned busy;
	struct event *limit;
	time_t when;

	enum verdict verdict;
	struct atls_judgement judgement; /* where there was a handshake or a portal */

	probe_over *over;
	void *ctx;
	TAILQ_ENTRY(probe) entry; /* its owner's */
};

/* Null: memory. */
struct probe *probe_new(struct run *run, const struct target *target, probe_over *over, void *ctx);

/* Begins; over is called once, perhaps before this returns, and must not free the probe yet. */
void probe_start(struct probe *probe);
void probe_free(struct probe *probe);

/* "direct", "intercepted", "undecided", "unreachable". */
const char *verdict_word(enum verdict verdict);

/* The exit code that one target stands for. */
int probe_exit_code(const struct probe *probe);

#endif
