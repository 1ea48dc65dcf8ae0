#include "probe.h"

#include "memory.h"

#include "cli/exit.h"
#include "core/err.h"
#include "net/timer.h"

#include <arpa/inet.h>
#include <gnutls/crypto.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HTTPS_PORT   443u
#define HTTP_PORT    80u
#define INVENTED_LEN 10u

const char *verdict_word(enum verdict verdict)
{
	static const char *const words[] = {
		[VERDICT_DIRECT] = "direct",
		[VERDICT_INTERCEPTED] = "intercepted",
		[VERDICT_UNDECIDED] = "undecided",
		[VERDICT_UNREACHABLE] = "unreachable",
	};
	return words[verdict];
}

int probe_exit_code(const struct probe *probe)
{
	switch (probe->verdict) {
	case VERDICT_DIRECT:
		return probe->judgement.faults && !probe->run->settings.ignore_faults
			       ? ATLS_EXIT_TLS
			       : ATLS_EXIT_OK;
	case VERDICT_INTERCEPTED:
		return ATLS_EXIT_NEGATIVE;
	case VERDICT_UNDECIDED:
		return ATLS_EXIT_UNDECIDED;
	default:
		return atls_exit_code(probe->looks[0].error.code);
	}
}

/* ---- the judgement ----------------------------------------------------------------------------
 */

/* What was seen besides the first handshake. */
struct gathered {
	struct atls_other invented, ways[LOOKS_MAX];
	struct atls_proof proof;
	struct atls_further further;
};

static void gather(struct probe *probe, struct gathered *all)
{
	memset(all, 0, sizeof *all);
	all->further.ways = all->ways;
	all->further.canaries = probe->run->canaries;
	all->further.canary_count = probe->run->canary_count;
	if (probe->proof && proof_error(probe->proof)->code == ATLS_OK) {
		all->proof = (struct atls_proof){proof_finding(probe->proof),
			proof_seen(probe->proof), proof_shown(probe->proof)};
		all->further.proof = &all->proof;
	}
	for (unsigned i = 1; i < probe->look_count; i++) {
		const struct look *look = &probe->looks[i];
		const struct atls_sight sight = atls_shown_sight(&look->shown);
		if (look->kind == LOOK_HTTP || look->kind == LOOK_PLAIN)
			all->further.http = &look->http;
		if (look->error.code || sight.count == 0)
			continue;
		if (look->kind == LOOK_INVENTED) {
			all->invented = (struct atls_other){.name = look->name, .sight = sight};
			all->further.invented = &all->invented;
		} else if (look->kind == LOOK_WAY) {
			all->ways[all->further.way_count++] =
				(struct atls_other){.way = look->label, .sight = sight};
		}
	}
}

static void judge(struct probe *probe)
{
	struct run *run = probe->run;
	struct atls_expected expected = run->expected;
	struct atls_sight sight = atls_shown_sight(&probe->looks[0].shown);
	struct atls_sight baseline;
	uint8_t known[ATLS_PIN_LEN];
	struct gathered all;

	expected.name = probe->name;
	expected.now = probe->when;
	if (memory_baseline(run->memory, probe->target, &baseline))
		expected.baseline = &baseline;
	if (memory_known_key(run->memory, probe->target, known))
		expected.known_key = known;
	sight.more = probe->complete.more;
	sight.more_count = probe->complete.more_count;
	if (!sight.ocsp && probe->complete.ocsp.size)
		sight.ocsp = &probe->complete.ocsp;
	if (probe->complete.crl.size)
		sight.crl = &probe->complete.crl;
	gather(probe, &all);
	if (atls_judge(&expected, &sight, &all.further, &probe->judgement))
		atls_error_set(&probe->looks[0].error, ATLS_E_MEMORY, "out of memory");
}

static void finish(struct probe *probe)
{
	judge(probe);
	if (probe->looks[0].error.code && !probe->judgement.portal)
		probe->verdict = VERDICT_UNREACHABLE;
	else
		probe->verdict = probe->judgement.finding == ATLS_DIRECT ? VERDICT_DIRECT
				 : probe->judgement.finding == ATLS_INTERCEPTED
					 ? VERDICT_INTERCEPTED
					 : VERDICT_UNDECIDED;
	probe->over(probe->ctx, probe);
}

/* ---- more looks, where the first leaves a doubt -------------------------------------------------
 */

static void look_done(void *ctx, struct look *look);

/* A look at the target, to be changed before it begins; null if there are enough. */
static struct look *add_look(struct probe *probe, enum look_kind kind)
{
	if (probe->look_count == LOOKS_MAX)
		return NULL;
	struct look *look = &probe->looks[probe->look_count++];
	*look = (struct look){
		.kind = kind,
		.host = probe->target->host,
		.port = probe->target->port,
		.name = probe->name,
		.way = probe->run->way,
		.over = look_done,
		.ctx = probe,
	};
	return look;
}

/* A name that cannot be: of random letters, below a domain that is kept from existing (RFC 6761).
 */
static void add_invented(struct probe *probe)
{
	unsigned char random[INVENTED_LEN];
	struct look *look = add_look(probe, LOOK_INVENTED);

	if (!look || gnutls_rnd(GNUTLS_RND_NONCE, random, sizeof random) < 0)
		return;
	for (size_t i = 0; i < sizeof random; i++)
		probe->invented[i] = (char)('a' + random[i] % 26);
	snprintf(probe->invented + INVENTED_LEN, sizeof probe->invented - INVENTED_LEN, ".invalid");
	look->name = probe->invented;
}

static void add_plain(struct probe *probe)
{
	const struct look *first = &probe->looks[0];
	bool same_port = first->error.code == ATLS_E_PROTOCOL;

	if (!same_port && probe->target->port != HTTPS_PORT)
		return;
	struct look *look = add_look(probe, LOOK_PLAIN);
	if (look && !same_port)
		look->port = HTTP_PORT;
}

static void add_way(struct probe *probe, const char *label, long ip_version, const char *proxy)
{
	struct look *look = add_look(probe, LOOK_WAY);

	if (!look)
		return;
	look->way.ip_version = ip_version;
	if (proxy)
		look->way.proxy = proxy;
	snprintf(look->label, sizeof look->label, "%s", label);
}

/* Each further address of the name, by itself. */
static void add_addresses(struct probe *probe)
{
	const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct addrinfo *list = NULL;
	char text[INET6_ADDRSTRLEN];

	if (probe->run->way.resolve || probe->run->way.connect_to ||
		getaddrinfo(probe->target->host, NULL, &hints, &list))
		return;
	for (const struct addrinfo *at = list; at && probe->look_count < LOOKS_MAX;
		at = at->ai_next) {
		if (getnameinfo(at->ai_addr, at->ai_addrlen, text, sizeof text, NULL, 0,
			    NI_NUMERICHOST) ||
			strcmp(text, probe->looks[0].address) == 0)
			continue;
		bool v6 = at->ai_family == AF_INET6;
		unsigned index = probe->look_count;
		snprintf(probe->addresses[index], sizeof probe->addresses[index], "::%s%s%s:%u",
			v6 ? "[" : "", text, v6 ? "]" : "", probe->target->port);
		probe->ways[index] = curl_slist_append(NULL, probe->addresses[index]);
		struct look *look = add_look(probe, LOOK_WAY);
		look->way.connect_to = probe->ways[index];
		snprintf(look->label, sizeof look->label, "at %s", text);
	}
	freeaddrinfo(list);
}

static void add_ways(struct probe *probe)
{
	const struct run *run = probe->run;
	const char *proxy = run->way.proxy ? run->way.proxy : atls_way_environment(true);

	if (proxy && *proxy) {
		add_way(probe, "directly", run->way.ip_version, "");
		return;
	}
	if (run->way.ip_version == CURL_IPRESOLVE_WHATEVER) {
		bool v6 = strchr(probe->looks[0].address, ':') != NULL;
		add_way(probe, v6 ? "by IPv4" : "by IPv6",
			v6 ? CURL_IPRESOLVE_V4 : CURL_IPRESOLVE_V6, NULL);
	}
	add_addresses(probe);
}

/* What is still to be asked, by what the first handshake left open. */
static void look_further(struct probe *probe)
{
	const enum depth depth = probe->run->settings.depth;
	unsigned from = probe->look_count;

	if (probe->late) {
		finish(probe);
		return;
	}
	if (probe->looks[0].error.code) {
		if (depth != DEPTH_QUICK)
			add_plain(probe);
	} else {
		judge(probe);
		bool doubt = probe->judgement.finding == ATLS_UNDECIDED;
		if (depth == DEPTH_FULL || (depth == DEPTH_AUTO && doubt)) {
			add_invented(probe);
			add_look(probe, LOOK_HTTP);
		}
		if (depth == DEPTH_FULL)
			add_ways(probe);
	}
	/* One more than there are, so that those that fail at once do not end it. */
	unsigned to = probe->look_count;
	probe->busy = to - from + 1;
	for (unsigned i = from; i < to; i++)
		look_start(probe->run, &probe->looks[i]);
	if (--probe->busy == 0)
		finish(probe);
}

static void proof_done(void *ctx, struct proof *proof)
{
	struct probe *probe = ctx;
	const struct atls_error *failed = proof_error(proof);

	if (failed->code)
		atls_log(&probe->run->log, ATLS_LOG_NOTICE, "%s: no proof: %s", probe->target->text,
			failed->text);
	look_further(probe);
}

static bool begin_proof(struct probe *probe)
{
	struct run *run = probe->run;
	struct atls_error err = {0};

	if (!probe->target->proof || probe->late)
		return false;
	probe->inner = run->inner;
	probe->inner.name = probe->target->host;
	const struct proof_config config = {
		.http = run->http,
		.url = probe->target->text,
		.host = probe->target->host,
		.policy = &probe->inner,
		.credentials = run->credentials,
		.priorities = run->inner_priorities,
		.max_ms = (int64_t)run->settings.connect_ms,
		.done = proof_done,
		.ctx = probe,
	};
	probe->proof = proof_start(run, &config, &err);
	if (!probe->proof)
		atls_log_error(&run->log, &err);
	return probe->proof != NULL;
}

static void completed(void *ctx)
{
	struct probe *probe = ctx;

	probe->completed = true;
	if (!begin_proof(probe))
		look_further(probe);
}

static void look_done(void *ctx, struct look *look)
{
	struct probe *probe = ctx;

	if (look != &probe->looks[0]) {
		if (--probe->busy == 0)
			finish(probe);
		return;
	}
	if (probe->run->settings.fetch && !look->error.code)
		complete_start(&probe->complete, probe->run, &look->shown, completed, probe);
	else
		completed(probe);
}

/* Too long: what has come is what is judged. */
static void on_limit(evutil_socket_t fd, short what, void *ctx)
{
	struct probe *probe = ctx;
	struct atls_error why = {0};

	(void)fd;
	(void)what;
	atls_error_set(&why, ATLS_E_NETWORK, "connection: not done within %.1f s (--max-time)",
		(double)probe->run->settings.max_ms / 1000);
	probe->late = true;
	if (probe->looks[0].busy) {
		look_stop(&probe->looks[0], &why);
	} else if (probe->proof && probe->busy == 0) {
		/* Its own deadline ends it. */
		return;
	} else if (!probe->completed) {
		atls_fetch_free(probe->complete.fetch);
		probe->complete.fetch = NULL;
		completed(probe);
	} else {
		for (unsigned i = 1; i < probe->look_count; i++)
			look_stop(&probe->looks[i], &why);
	}
}

struct probe *probe_new(struct run *run, const struct target *target, probe_over *over, void *ctx)
{
	struct probe *probe = calloc(1, sizeof *probe);

	if (!probe)
		return NULL;
	probe->run = run;
	probe->target = target;
	probe->name = run->settings.servername ? run->settings.servername : target->host;
	probe->over = over;
	probe->ctx = ctx;
	probe->when = time(NULL);
	probe->limit = event_new(run->base, -1, 0, on_limit, probe);
	if (!probe->limit) {
		free(probe);
		return NULL;
	}
	add_look(probe, LOOK_FIRST);
	return probe;
}

void probe_start(struct probe *probe)
{
	atls_timer_set(probe->limit, (int64_t)probe->run->settings.max_ms);
	look_start(probe->run, &probe->looks[0]);
}

void probe_free(struct probe *probe)
{
	if (!probe)
		return;
	for (unsigned i = 0; i < probe->look_count; i++) {
		look_free(&probe->looks[i]);
		curl_slist_free_all(probe->ways[i]);
	}
	complete_free(&probe->complete);
	proof_free(probe->proof);
	atls_event_free(probe->limit);
	free(probe);
}
