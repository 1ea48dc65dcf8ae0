/*
 * Memory that is refused at the n-th request, for n = 1, 2, 3... until a run passes without: over
 * buffers, a pair of engines, the session table, stream carriage, bodies and policies. Nothing
 * crashes, nothing leaks, nothing is believed that would not be believed otherwise, and an engine
 * fails or works.
 *
 * Our own requests come here by the linker's --wrap (see the Makefile), GnuTLS's by its pointers.
 * GnuTLS itself leaks, and in places crashes, when its requests are refused. So these runs are
 * children's; what is GnuTLS's alone is counted, and all else must hold there, too. With UNIT_FEW
 * in the environment (under valgrind, which would tell all of GnuTLS's crashes) only ours are
 * refused.
 */
#include "judge.h"
#include "pair.h"
#include "tap.h"

#include "core/buf.h"
#include "core/session.h"
#include "trust/judge.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the allocator --------------------------------------------------------------------------- */

/* Weak: without --wrap the program still links, and says that it tests nothing. */
void *__real_malloc(size_t size) __attribute__((weak));
void *__real_calloc(size_t count, size_t size) __attribute__((weak));
void *__real_realloc(void *ptr, size_t size) __attribute__((weak));
void __real_free(void *ptr) __attribute__((weak));

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *ptr, size_t size);
void __wrap_free(void *ptr);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t max);

enum owner { OURS, GNUTLS, OWNERS };

#define SLOTS (1u << 16)
/* Pointers are kept turned around, so that LeakSanitizer does not take this for a use of them. */
#define TURN(ptr) (~(uintptr_t)(ptr))

static struct {
	bool on;           /* requests are counted and kept */
	enum owner victim; /* whose requests are counted */
	bool for_all;      /* not only the one, but all from there on are refused */
	unsigned long refuse;
	unsigned long asked;
	unsigned long refused;
	unsigned long live[OWNERS];
	bool gnutls_is_in; /* between its request and the answer */
	struct slot {
		uintptr_t turned; /* 0: free */
		unsigned long number;
		size_t size;
		enum owner owner;
	} slots[SLOTS];
} heap;

static size_t home(uintptr_t turned)
{
	return (size_t)(((uint64_t)turned * 0x9e3779b97f4a7c15u) >> 48) & (SLOTS - 1);
}

static void keep(const void *ptr, size_t size, enum owner owner)
{
	size_t i = home(TURN(ptr));
	while (heap.slots[i].turned)
		i = (i + 1) & (SLOTS - 1);
	heap.slots[i] = (struct slot){TURN(ptr), heap.asked, size, owner};
	if (++heap.live[owner] > SLOTS / 2) {
		printf("Bail out! too many allocations\n");
		abort();
	}
}

/* Takes ptr out and closes the gap that it leaves. */
static void drop(const void *ptr)
{
	size_t i = home(TURN(ptr));
	while (heap.slots[i].turned && heap.slots[i].turned != TURN(ptr))
		i = (i + 1) & (SLOTS - 1);
	if (!heap.slots[i].turned)
		return;
	heap.live[heap.slots[i].owner]--;
	for (size_t k = i;;) {
		heap.slots[i].turned = 0;
		size_t from;
		do {
			k = (k + 1) & (SLOTS - 1);
			if (!heap.slots[k].turned)
				return;
			from = home(heap.slots[k].turned);
		} while (i <= k ? i < from && from <= k : i < from || from <= k);
		heap.slots[i] = heap.slots[k];
		i = k;
	}
}

static bool granted(enum owner owner)
{
	if (!heap.on || owner != heap.victim)
		return true;
	heap.asked++;
	if (heap.refuse == 0 || heap.asked < heap.refuse ||
		(heap.asked > heap.refuse && !heap.for_all))
		return true;
	heap.refused++;
	errno = ENOMEM;
	return false;
}

static void *allocate(size_t count, size_t size, enum owner owner)
{
	if (!granted(owner))
		return NULL;
	void *ptr = __real_calloc(count, size);
	if (ptr && heap.on)
		keep(ptr, count * size, owner);
	return ptr;
}

static void *reallocate(void *ptr, size_t size, enum owner owner)
{
	if (!granted(owner))
		return NULL;
	if (ptr)
		drop(ptr);
	void *moved = __real_realloc(ptr, size);
	if (moved && heap.on)
		keep(moved, size, owner);
	return moved;
}

static char *duplicate(const char *text, size_t len, enum owner owner)
{
	char *copy = allocate(1, len + 1, owner);
	if (copy)
		memcpy(copy, text, len);
	return copy;
}

/* What was asked for without zeros gets none. */
static void *soiled(void *ptr, size_t size)
{
	if (ptr)
		memset(ptr, 0xa5, size);
	return ptr;
}

void *__wrap_malloc(size_t size)
{
	return heap.on ? soiled(allocate(1, size, OURS), size) : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return allocate(count, size, OURS);
}

void *__wrap_realloc(void *ptr, size_t size)
{
	return reallocate(ptr, size, OURS);
}

void __wrap_free(void *ptr)
{
	if (ptr)
		drop(ptr);
	__real_free(ptr);
}

char *__wrap_strdup(const char *text)
{
	return duplicate(text, strlen(text), OURS);
}

char *__wrap_strndup(const char *text, size_t max)
{
	return duplicate(text, strnlen(text, max), OURS);
}

/* Stands before the C library's, which would ask where nobody counts. */
void *reallocarray(void *ptr, size_t count, size_t size)
{
	return size && count > SIZE_MAX / size ? NULL : __wrap_realloc(ptr, count * size);
}

static void *tls_malloc(size_t size)
{
	return soiled(allocate(1, size, GNUTLS), size);
}

static void *tls_calloc(size_t count, size_t size)
{
	return allocate(count, size, GNUTLS);
}

static void *tls_realloc(void *ptr, size_t size)
{
	heap.gnutls_is_in = true;
	void *moved = reallocate(ptr, size, GNUTLS);
	heap.gnutls_is_in = false;
	return moved;
}

static void tls_free(void *ptr)
{
	heap.gnutls_is_in = true;
	__wrap_free(ptr);
	heap.gnutls_is_in = false;
}

static char *tls_strdup(const char *text)
{
	heap.gnutls_is_in = true;
	char *copy = duplicate(text, strlen(text), GNUTLS);
	heap.gnutls_is_in = false;
	return copy;
}

static void take_gnutls(void)
{
	gnutls_malloc = tls_malloc;
	gnutls_calloc = tls_calloc;
	gnutls_realloc = tls_realloc;
	gnutls_strdup = tls_strdup;
	gnutls_free = tls_free;
}

/* ---- the sweep ------------------------------------------------------------------------------- */

/* One run; it leaves nothing behind. Whether memory was refused in it is heap.refused. */
typedef void scenario(const void *ctx);

/* Each request of GnuTLS's is refused once alone; with all behind it, only every so many. */
#define ALL_STRIDE 5u

/* What children tell. */
static struct told {
	unsigned long n;
	unsigned long stride;
	bool for_all;
	unsigned long leaks;
} * told;

static bool few; /* UNIT_FEW */

/* Exit codes of children. */
enum { CHILD_DONE = 0, CHILD_FAILED = 1, CHILD_CRASHED_IN_GNUTLS = 42 };

static void judge_leaks(void)
{
	bool tolerated = heap.victim == GNUTLS && heap.refused > 0;
	for (size_t i = 0; i < SLOTS; i++) {
		const struct slot *slot = &heap.slots[i];
		if (slot->turned && (slot->owner == OURS || !tolerated))
			TAP_FAIL("%s request of %zu bytes (number %lu) was not freed",
				slot->owner == OURS ? "our" : "GnuTLS's", slot->size, slot->number);
	}
	told->leaks += heap.live[GNUTLS] > 0;
	memset(heap.slots, 0, sizeof heap.slots);
	memset(heap.live, 0, sizeof heap.live);
}

static void once(
	scenario *run_once, const void *ctx, enum owner victim, unsigned long refuse, bool for_all)
{
	heap.victim = victim;
	heap.refuse = refuse;
	heap.for_all = for_all;
	heap.asked = heap.refused = 0;
	heap.on = true;
	run_once(ctx);
	heap.on = false;
	if (heap.live[OURS] + heap.live[GNUTLS])
		judge_leaks();
}

/* From told->n on, until a run passes without a refusal. */
static void refuse_rest(scenario *run_once, const void *ctx, enum owner victim)
{
	for (; !tap_test_failed; told->n += told->stride) {
		once(run_once, ctx, victim, told->n, told->for_all);
		if (tap_test_failed)
			TAP_FAIL("that was with %s request %lu%s refused",
				victim == OURS ? "our" : "GnuTLS's", told->n,
				told->for_all ? " and all behind it" : "");
		else if (heap.refused == 0)
			break;
	}
}

/* Whether GnuTLS, or what it calls, is at work, and not we. Clang puts its sanitizer's stand-ins
 * for the C library into the program; these have names that can be looked up, and we have none. */
/* NOLINTBEGIN(bugprone-signal-handler,cert-sig30-c): it crashed in any case, and only it is looked
 * at how. */
static bool is_gnutls_at_work(void *const *frames, int count)
{
	Dl_info info, own;
	if (!dladdr((void *)(uintptr_t)home, &own))
		return false;
	for (int i = 2; i < count; i++) { /* the handler, and its return */
		if (!dladdr(frames[i], &info))
			continue;
		if (strstr(info.dli_fname, "libgnutls"))
			return true;
		if (info.dli_fbase == own.dli_fbase && !info.dli_sname)
			return false;
	}
	return false;
}

static void on_crash(int number)
{
	void *frames[64];
	heap.on = false;
	int count = backtrace(frames, 64);
	if (heap.gnutls_is_in || is_gnutls_at_work(frames, count))
		_exit(CHILD_CRASHED_IN_GNUTLS);
	backtrace_symbols_fd(frames, count, STDOUT_FILENO);
	signal(number, SIG_DFL);
	raise(number);
}
/* NOLINTEND(bugprone-signal-handler,cert-sig30-c) */

/* A child goes on from told->n. Its exit status. */
static int child(scenario *run_once, const void *ctx)
{
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		signal(SIGSEGV, on_crash);
		signal(SIGABRT, on_crash);
		signal(SIGBUS, on_crash);
		refuse_rest(run_once, ctx, GNUTLS);
		fflush(stdout);
		_exit(tap_test_failed ? CHILD_FAILED : CHILD_DONE);
	}
	int status = -1;
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return status;
}

/* Returns how many runs ended in a crash of GnuTLS's own. */
static unsigned long refuse_gnutls(scenario *run_once, const void *ctx)
{
	unsigned long crashes = 0;
	for (;;) {
		int status = child(run_once, ctx);
		if (WIFEXITED(status) && WEXITSTATUS(status) == CHILD_CRASHED_IN_GNUTLS) {
			crashes++;
			told->n += told->stride;
			continue;
		}
		if (!WIFEXITED(status) || WEXITSTATUS(status) != CHILD_DONE)
			TAP_FAIL("GnuTLS's request %lu%s refused: wait status 0x%x", told->n,
				told->for_all ? " and all behind it" : "", (unsigned)status);
		return crashes;
	}
}

static void refuse_each(scenario *run_once, const void *ctx, const char *name)
{
	unsigned long count[OWNERS] = {0}, crashes = 0;
	if (tap_test_failed)
		return;
	*told = (struct told){0};
	once(run_once, ctx, OURS, 0, false); /* what is made once in a process is made here */
	for (int for_all = 0; for_all < 2 && !tap_test_failed; for_all++) {
		told->for_all = for_all;
		told->n = told->stride = 1;
		refuse_rest(run_once, ctx, OURS);
		if (!for_all)
			count[OURS] = told->n - 1;
		if (few)
			continue;
		told->n = 1;
		told->stride = for_all ? ALL_STRIDE : 1;
		crashes += refuse_gnutls(run_once, ctx);
		if (!for_all)
			count[GNUTLS] = told->n - 1;
	}
	printf("# %s: %lu requests of ours, %lu of GnuTLS's refused; of the latter it leaked %lu "
	       "times and crashed %lu times\n",
		name, count[OURS], count[GNUTLS], told->leaks, crashes);
	if (tap_test_failed)
		printf("# that was %s\n", name);
}

/* ---- buffers --------------------------------------------------------------------------------- */

static void use_buffer(const void *ctx)
{
	struct atls_buf buf;
	uint8_t piece[700], want = 0, next = 0;
	(void)ctx;
	atls_buf_init(&buf, 8000);
	for (int i = 0; i < 40; i++) {
		size_t before = buf.len, len = 1 + (size_t)i * 17;
		for (size_t k = 0; k < len; k++)
			piece[k] = (uint8_t)(next + k);
		int rc = atls_buf_append(&buf, piece, len);
		if (rc == ATLS_OK)
			next = (uint8_t)(next + len);
		else
			ok(heap.refused ? rc == ATLS_E_MEMORY || rc == ATLS_E_LIMIT
					: rc == ATLS_E_LIMIT);
		eq_int(buf.len, rc ? before : before + len);
		size_t gone = buf.len / 3;
		for (size_t k = 0; k < gone; k++)
			ok(atls_buf_bytes(&buf)[k] == (uint8_t)(want + k));
		want = (uint8_t)(want + gone);
		atls_buf_consume(&buf, gone);
	}
	for (size_t k = 0; k < buf.len; k++)
		ok(atls_buf_bytes(&buf)[k] == (uint8_t)(want + k));
	atls_buf_free(&buf);
	eq_int(buf.len, 0);
}

static void buffers(void)
{
	refuse_each(use_buffer, NULL, "buffer");
}

/* ---- engines --------------------------------------------------------------------------------- */

static const char TLS12[] = "NORMAL:-VERS-ALL:+VERS-TLS1.2";
static const char TLS13[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3";

/* What all runs of an engine scenario share, made while memory is not short. */
struct ground {
	struct pair pair; /* its engines are not used */
	struct atls_engine_config client, server;
};

enum { CARRIED = 20000 };

struct flow {
	struct atls_engine *from, *to;
	size_t sent, got;
	bool ended; /* to saw from's close_notify */
};

static void ground_new(struct ground *ground, const struct pair_spec *spec)
{
	struct pair *pair = &ground->pair;
	pair_new(pair, spec);
	atls_engine_free(pair->client);
	atls_engine_free(pair->server);
	pair->client = pair->server = NULL;
	ground->client = (struct atls_engine_config){.role = ATLS_CLIENT,
		.credentials = pair->client_cred,
		.priorities = pair->priorities,
		.server_name = pair->policy.name,
		.verify = atls_policy_verify,
		.verify_ctx = &pair->policy};
	ground->server = (struct atls_engine_config){.role = ATLS_SERVER,
		.credentials = pair->server_cred,
		.priorities = pair->priorities,
		.require_certificate = spec->require,
		.verify = spec->require ? atls_policy_verify : NULL,
		.verify_ctx = &pair->client_policy};
}

static bool has(const struct atls_engine *engine, unsigned bits)
{
	return (atls_engine_state(engine) & bits) == bits;
}

static struct atls_engine *try_new(const struct atls_engine_config *config)
{
	struct atls_error err = {0};
	struct atls_engine *engine = atls_engine_new(config, &err);
	if (engine) {
		eq_int(err.code, ATLS_OK);
	} else {
		ok(heap.refused > 0);
		ok(err.code == ATLS_E_MEMORY || err.code == ATLS_E_TLS);
		ok(err.text[0] != '\0');
	}
	return engine;
}

/* Failed for a reason that it can name; or not at all. */
static void check_error(const struct atls_engine *engine)
{
	const struct atls_error *err = atls_engine_error(engine);
	eq_int(has(engine, ATLS_FAILED), err->code != ATLS_OK);
	if (err->code) {
		ok(err->code == ATLS_E_MEMORY || err->code == ATLS_E_TLS);
		ok(err->text[0] != '\0');
		ok(!has(engine, ATLS_CAN_WRITE));
	}
}

static uint8_t byte_at(size_t i)
{
	return (uint8_t)(i * 31 + (i >> 8));
}

static void flow_read(struct flow *flow)
{
	uint8_t data[5000];
	ssize_t rc;
	while (!flow->ended && (rc = atls_engine_read(flow->to, data, sizeof data)) >= 0) {
		flow->ended = rc == 0;
		for (size_t i = 0; i < (size_t)rc; i++)
			if (data[i] != byte_at(flow->got + i))
				TAP_FAIL("byte %zu is not the one that was sent", flow->got + i);
		flow->got += (size_t)rc;
	}
}

static void flow_write(struct flow *flow)
{
	uint8_t data[CARRIED];
	for (size_t i = flow->sent; i < CARRIED; i++)
		data[i - flow->sent] = byte_at(i);
	ssize_t rc = atls_engine_write(flow->from, data, CARRIED - flow->sent);
	if (rc > 0)
		flow->sent += (size_t)rc;
	if (flow->sent == CARRIED)
		(void)atls_engine_close(flow->from);
}

static size_t drive(struct flow *up, struct flow *down, size_t cut)
{
	flow_write(up);
	flow_write(down);
	size_t moved = pair_move(up->from, up->to, cut) + pair_move(down->from, down->to, cut);
	flow_read(up);
	flow_read(down);
	return moved;
}

static void check_flow(const struct flow *flow)
{
	ok(flow->got <= CARRIED);
	if (flow->ended)
		eq_int(flow->got, CARRIED);
}

static void use_pair(const void *ctx)
{
	const struct ground *ground = ctx;
	struct atls_engine *client = try_new(&ground->client), *server = try_new(&ground->server);
	struct flow up = {.from = client, .to = server}, down = {.from = server, .to = client};
	if (client && server) {
		/* Cut here and there, so that the input buffers grow and move. */
		while (drive(&up, &down, 3000))
			;
		check_error(client);
		check_error(server);
		check_flow(&up);
		check_flow(&down);
		bool failed = has(client, ATLS_FAILED) || has(server, ATLS_FAILED);
		if (failed)
			ok(heap.refused > 0);
		else
			ok(up.ended && down.ended);
	}
	atls_engine_free(client);
	atls_engine_free(server);
}

static void a_pair_with(const char *name, const struct pair_spec *spec)
{
	struct ground ground;
	ground_new(&ground, spec);
	refuse_each(use_pair, &ground, name);
	pair_free(&ground.pair);
}

static void pair_tls13(void)
{
	a_pair_with("TLS 1.3", &(struct pair_spec){.priorities = TLS13});
}

static void pair_tls12(void)
{
	a_pair_with("TLS 1.2", &(struct pair_spec){.priorities = TLS12});
}

static void pair_with_client_certificate(void)
{
	a_pair_with("client certificate",
		&(struct pair_spec){
			.priorities = TLS13, .require = true, .client_certificate = true});
}

/* Whom one side must refuse, it never believes, however short memory is. */
static void use_distrust(const void *ctx)
{
	const struct ground *ground = ctx;
	struct atls_engine *client = try_new(&ground->client), *server = try_new(&ground->server);
	bool clients = !ground->server.require_certificate; /* whose part it is */
	while (client && server) {
		const struct atls_engine *judge = clients ? client : server;
		size_t moved =
			pair_move(client, server, SIZE_MAX) + pair_move(server, client, SIZE_MAX);
		ok(!has(judge, ATLS_ESTABLISHED));
		ok(!has(judge, ATLS_CAN_WRITE));
		if (moved)
			continue;
		check_error(client);
		check_error(server);
		ok(has(client, ATLS_FAILED) || has(server, ATLS_FAILED));
		break;
	}
	atls_engine_free(client);
	atls_engine_free(server);
}

static void distrust_with(const char *name, const struct pair_spec *spec)
{
	struct ground ground;
	ground_new(&ground, spec);
	refuse_each(use_distrust, &ground, name);
	pair_free(&ground.pair);
}

static void distrust_stays(void)
{
	distrust_with(
		"wrong name", &(struct pair_spec){.priorities = TLS13, .expect = "b.example"});
	distrust_with("no anchor", &(struct pair_spec){.priorities = TLS12, .untrusted = true});
	distrust_with(
		"no client certificate", &(struct pair_spec){.priorities = TLS13, .require = true});
}

/* ---- the session table ----------------------------------------------------------------------- */

struct served {
	struct atls_sessions *table;
	struct atls_session *session;
	struct atls_engine *client;
	uint8_t body[16384];
	size_t body_len;
	bool lossy; /* an answer's memory was refused: repeats of it are empty */
};

/* What the HTTP side does with an offer: FULL is 503, and comes again. */
static enum atls_offer offer(struct served *s)
{
	enum atls_offer offered = ATLS_OFFER_FULL;
	for (int i = 0; i < 3 && offered == ATLS_OFFER_FULL; i++) {
		unsigned long before = heap.refused;
		offered = atls_session_offer(s->session, s->body, s->body_len, i);
		if (offered == ATLS_OFFER_FULL)
			ok(heap.refused > before);
	}
	return offered;
}

/* The body once more: its answer is the one that it had, or none. */
static void offer_again(struct served *s, const uint8_t *bytes, size_t len)
{
	enum atls_offer offered = offer(s);
	if (offered == ATLS_OFFER_FULL)
		return;
	eq_int(offered, ATLS_OFFER_REPEAT);
	if (s->session->answer.len == 0 && len > 0)
		ok(heap.refused > 0);
	else
		eq_mem(atls_buf_bytes(&s->session->answer), s->session->answer.len, bytes, len);
}

/* One exchange, with its repeat. False when the session is over for this client. */
static bool exchange(struct served *s)
{
	static uint8_t answer[65536];
	char data[4096];
	const uint8_t *bytes;
	size_t len = atls_engine_output(s->client, &bytes);
	s->body_len = len < sizeof s->body ? len : sizeof s->body;
	if (s->body_len)
		memcpy(s->body, bytes, s->body_len);
	enum atls_offer offered = offer(s);
	if (offered == ATLS_OFFER_FULL)
		return false;
	eq_int(offered, s->body_len ? ATLS_OFFER_TAKEN : ATLS_OFFER_POLL);
	struct atls_engine *engine = s->session->engine;
	ssize_t rc;
	while ((rc = atls_engine_read(engine, data, sizeof data)) > 0)
		(void)atls_engine_write(engine, data, (size_t)rc);
	if (rc == 0)
		(void)atls_engine_close(engine);
	len = atls_engine_output(engine, &bytes);
	if (len > sizeof answer)
		len = sizeof answer;
	if (len)
		memcpy(answer, bytes, len);
	atls_session_answered(s->session, len, false);
	if (s->body_len >= ATLS_REPEAT_MIN)
		offer_again(s, answer, len);
	atls_engine_output_done(s->client, s->body_len);
	(void)atls_engine_feed(s->client, answer, len);
	return !has(s->client, ATLS_FAILED) && !has(engine, ATLS_FAILED);
}

static void forget(void *ctx, struct atls_session *session)
{
	atls_session_remove(ctx, session);
}

static void talk(struct served *s)
{
	char data[64];
	size_t got = 0;
	for (int i = 0; i < 4 && !has(s->client, ATLS_ESTABLISHED); i++)
		if (!exchange(s))
			return;
	(void)atls_engine_write(s->client, "hello", 5);
	(void)atls_engine_close(s->client);
	ssize_t rc = ATLS_E_AGAIN;
	for (int i = 0; i < 4 && rc; i++) {
		if (!exchange(s))
			return;
		while ((rc = atls_engine_read(s->client, data, sizeof data)) > 0)
			got += (size_t)rc;
	}
	if (rc == 0)
		eq_mem(data, got, "hello", 5);
	else
		ok(heap.refused > 0);
	if (s->session->engine && atls_engine_closed(s->session->engine))
		atls_session_finish(s->table, s->session, 5);
	eq_int(atls_session_offer(s->session, NULL, 0, 6),
		s->session->engine ? ATLS_OFFER_POLL : ATLS_OFFER_REPEAT);
}

static void use_table(const void *ctx)
{
	static const struct atls_session_limits limits = {
		.sessions_max = 1, .opening_ms = 90, .idle_ms = 300, .linger_ms = 60};
	const struct ground *ground = ctx;
	static struct served s;
	s = (struct served){.table = atls_sessions_new(&limits)};
	if (!s.table) {
		ok(heap.refused > 0);
		return;
	}
	for (int i = 0; i < 2; i++) { /* more than finished ones are kept */
		struct atls_error err = {0};
		struct atls_engine *server = try_new(&ground->server);
		s.client = try_new(&ground->client);
		int rc = server ? atls_session_open(s.table, server, "peer", i, &s.session, &err)
				: ATLS_E_MEMORY;
		if (rc) {
			ok(heap.refused > 0);
			eq_int(rc, ATLS_E_MEMORY);
			atls_engine_free(server);
		} else if (s.client) {
			talk(&s);
			atls_session_finish(s.table, s.session, 5);
		} else {
			atls_session_remove(s.table, s.session);
		}
		atls_engine_free(s.client);
		eq_int(atls_sessions_count(s.table), 0);
	}
	atls_sessions_each(s.table, forget, s.table);
	atls_sessions_expire(s.table, INT64_MAX, NULL, NULL);
	atls_sessions_free(s.table);
}

static void session_table(void)
{
	struct ground ground;
	ground_new(&ground, &(struct pair_spec){.priorities = TLS13});
	refuse_each(use_table, &ground, "session table");
	pair_free(&ground.pair);
}

/* ---- stream carriage as embedders have it ---------------------------------------------------- */

enum { STREAM_ROUND_MS = 50, STREAM_ROUNDS = 4000 };

struct streamed {
	struct atls_engine *client, *server;
	struct atls_stream *stream;
	struct atls_stream_host *host;
	size_t said, heard;
	bool ended;
	int64_t now;
	unsigned slots[ATLS_STREAM_INFLIGHT_MAX]; /* their addresses are the requests' names */
	uint8_t body[1 << 16];
};

/* An answer, or another status. */
static void stream_answer(struct streamed *s, unsigned slot, struct atls_stream_reply *reply)
{
	struct atls_stream_response response = {.status = 503};
	if (reply) {
		ok(reply->len <= sizeof s->body);
		memcpy(s->body, reply->body, reply->len);
		response = (struct atls_stream_response){.status = (long)reply->status,
			.content_type = reply->content_type,
			.dict = reply->dict,
			.body = s->body,
			.len = reply->len};
	}
	(void)atls_stream_answered(s->stream, slot, &response, s->now);
}

static int stream_ask(struct streamed *s, const struct atls_stream_request *request)
{
	struct atls_stream_call call;
	struct atls_error err = {0};
	const struct atls_stream_host_config config = {.body_max = 4096};
	ok(request->len <= sizeof s->body);
	memcpy(s->body, request->body, request->len);
	eq_int(atls_stream_call_read(
		       &call, request->content_type, request->dict, s->body, request->len, &err),
		1);
	if (!s->host)
		s->host = atls_stream_host_new(s->server, &call, &config, &err);
	if (!s->host) {
		eq_int(err.code, ATLS_E_MEMORY);
		return ATLS_E_MEMORY;
	}
	s->slots[request->slot] = request->slot;
	return atls_stream_host_request(s->host, &s->slots[request->slot], &call, s->now, &err);
}

/* The server hears its client out, and closes. */
static void stream_serve(struct streamed *s)
{
	struct atls_stream_reply reply;
	uint8_t data[4096];
	int64_t at;
	ssize_t n;
	while ((n = atls_engine_read(s->server, data, sizeof data)) > 0)
		s->heard += (size_t)n;
	if (n == 0)
		(void)atls_engine_close(s->server);
	while (s->host && atls_stream_host_next(s->host, s->now, &reply, &at)) {
		stream_answer(s, *(unsigned *)reply.request, &reply);
		atls_stream_reply_free(&reply);
	}
}

static enum atls_stream_step stream_round(struct streamed *s)
{
	static const uint8_t data[CARRIED];
	struct atls_stream_request request;
	enum atls_stream_step step;
	int64_t at;
	ssize_t n;
	while (s->said < CARRIED && (n = atls_engine_write(s->client, data, CARRIED - s->said)) > 0)
		s->said += (size_t)n;
	if (s->said == CARRIED)
		(void)atls_engine_close(s->client);
	s->ended = s->ended || atls_engine_read(s->client, s->body, sizeof s->body) == 0;
	while ((step = atls_stream_next(s->stream, s->now, &request, &at)) == ATLS_STREAM_SEND)
		if (stream_ask(s, &request))
			stream_answer(s, request.slot, NULL);
	stream_serve(s);
	s->now += STREAM_ROUND_MS;
	return step;
}

/* What it was refused, it says or gets over. */
static void stream_outcome(const struct streamed *s, enum atls_stream_step step)
{
	const struct atls_error *err = step == ATLS_STREAM_LOST ? atls_stream_error(s->stream)
								: atls_engine_error(s->client);
	ok(step == ATLS_STREAM_DONE || step == ATLS_STREAM_LOST);
	if (err->code) {
		ok(heap.refused > 0);
		ok(err->text[0] != '\0');
	} else {
		eq_int(step, ATLS_STREAM_DONE);
		ok(s->ended);
		eq_int(s->heard, CARRIED);
	}
}

static void use_stream(const void *ctx)
{
	const struct ground *ground = ctx;
	const struct atls_stream_config config = {.body_max = 4096, .resume_ms = 3000};
	static struct streamed s;
	struct atls_error err = {0};
	s = (struct streamed){
		.client = try_new(&ground->client), .server = try_new(&ground->server)};
	if (s.client && s.server) {
		s.stream = atls_stream_new(s.client, ATLS_JSON, &config, 0, &err);
		eq_int(err.code, s.stream ? ATLS_OK : ATLS_E_MEMORY);
	}
	if (s.stream) {
		enum atls_stream_step step = ATLS_STREAM_WAIT;
		for (int i = 0; i < STREAM_ROUNDS && step == ATLS_STREAM_WAIT; i++)
			step = stream_round(&s);
		stream_outcome(&s, step);
	}
	atls_stream_free(s.stream);
	atls_stream_host_free(s.host);
	atls_engine_free(s.client);
	atls_engine_free(s.server);
}

/* GnuTLS's own requests are the pairs' matter. */
static void stream_carriage(void)
{
	struct ground ground;
	bool before = few;
	ground_new(&ground, &(struct pair_spec){.priorities = TLS13});
	few = true;
	refuse_each(use_stream, &ground, "stream carriage");
	few = before;
	pair_free(&ground.pair);
}

/* ---- bodies and policies --------------------------------------------------------------------- */

static void use_codecs(const void *ctx)
{
	static const uint8_t records[] = {22, 3, 3, 0, 1, 0};
	(void)ctx;
	for (int i = 0; i < ATLS_ENCODINGS; i++) {
		const struct atls_body_codec *codec = atls_body_codec((enum atls_encoding)i);
		struct atls_body body;
		struct atls_error err = {0};
		uint8_t text[200];
		ok(codec->encoded_size("S\"1", NULL, sizeof records) <= sizeof text);
		size_t len = codec->encode("S\"1", NULL, records, sizeof records, text);
		eq_int(codec->decode(text, len, &body, &err), ATLS_OK);
		eq_mem(body.records, body.len, records, sizeof records);
		if (codec->session_in_body) {
			memcpy(text, "{\"records\": 1}", 14);
			eq_int(codec->decode(text, 14, &body, &err), ATLS_E_PROTOCOL);
			ok(err.text[0] != '\0');
		}
	}
}

static void use_pins(const void *ctx)
{
	struct atls_policy policy = {0};
	struct atls_error err = {0};
	(void)ctx;
	eq_int(atls_policy_add_pins(&policy,
		       "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;"
		       "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
		       &err),
		ATLS_OK);
	eq_int(policy.pin_count, 2);
	eq_int(atls_policy_add_pins(&policy, "sha256//short", &err), ATLS_E_USAGE);
}

/* They ask for no memory at all, so none can be refused. */
static void bodies_and_pins(void)
{
	once(use_codecs, NULL, OURS, 1, true);
	eq_int(heap.asked, 0);
	once(use_pins, NULL, OURS, 1, true);
	eq_int(heap.asked, 0);
}

struct judging {
	struct atls_policy policy;
	gnutls_datum_t chain[4];
	unsigned count;
	bool good;
};

static void use_judge(const void *ctx)
{
	const struct judging *judging = ctx;
	struct atls_verdict verdict;
	struct atls_error err = {0};
	gnutls_alert_description_t alert = GNUTLS_A_CLOSE_NOTIFY;
	int rc = atls_policy_judge(&judging->policy, judging->chain, judging->count, &verdict);
	eq_int(rc == 0, verdict.faults == 0);
	ok(rc == 0 || rc == ATLS_E_TLS || rc == ATLS_E_MEMORY);
	if (!judging->good)
		ok(rc < 0);
	else if (rc)
		ok(heap.refused > 0);
	struct atls_policy policy = judging->policy;
	rc = atls_policy_verify(&policy, judging->chain, judging->count, &alert, &err);
	eq_int(err.code, rc);
	if (!judging->good)
		ok(rc < 0);
	else if (rc)
		ok(heap.refused > 0);
	if (rc)
		ok(err.text[0] != '\0' && alert != GNUTLS_A_CLOSE_NOTIFY);
}

static void judge_with(struct judging *judging, const char *name)
{
	judging->count = chain_der((const struct cert *const[4]){&leaf, &inter}, judging->chain);
	judging->policy.purpose = GNUTLS_KP_TLS_WWW_SERVER;
	refuse_each(use_judge, judging, name);
	if (judging->policy.anchors)
		gnutls_x509_trust_list_deinit(judging->policy.anchors, 1);
}

static void policy_judges(void)
{
	const struct cert *anchor = &root, *other = &other_root;
	judge_setup();
	judge_with(&(struct judging){.good = true,
			   .policy = {.anchors = cert_anchors(&anchor, 1), .name = NAME}},
		"judge, good");
	judge_with(&(struct judging){.policy = {.anchors = cert_anchors(&other, 1), .name = NAME}},
		"judge, untrusted");
	judge_with(&(struct judging){.policy = {.anchors = cert_anchors(&anchor, 1),
					     .name = "other.example"}},
		"judge, wrong name");
	judge_with(&(struct judging){.policy = {.anchors = cert_anchors(&anchor, 1),
					     .name = NAME,
					     .pin_count = 1}},
		"judge, wrong pin");
	judge_teardown();
}

/* ---- who stands between ---------------------------------------------------------------------- */

/* Beyond the room that a first one makes. */
#define MANY_ROOTS 70u

static void use_roots(const void *ctx)
{
	gnutls_datum_t der[4];
	struct atls_chain chain = {0};
	unsigned held = 0;
	uint8_t other[8] = {0};
	(void)ctx;
	struct atls_roots *roots = atls_roots_new();
	if (!roots) {
		ok(heap.refused > 0);
		return;
	}
	bool taken = atls_roots_add(roots, root.der.data, root.der.size, ATLS_ORIGIN_PUBLIC) == 0;
	ok(taken || heap.refused);
	eq_int(atls_roots_holds(roots, root.der.data, root.der.size), taken);
	for (unsigned i = 0; i < MANY_ROOTS; i++) {
		other[0] = (uint8_t)i;
		int rc = atls_roots_add(roots, other, sizeof other, ATLS_ORIGIN_ADDED);
		ok(rc == 0 || (rc == ATLS_E_MEMORY && heap.refused));
		eq_int(atls_roots_holds(roots, other, sizeof other), rc == 0);
		held += rc == 0;
	}
	eq_int(atls_roots_count(roots, ATLS_ORIGIN_ADDED), held);
	eq_int(atls_roots_count(roots, ATLS_ORIGIN_PUBLIC), taken);
	if (atls_chain_import(&chain, der,
		    chain_der((const struct cert *const[4]){&leaf, &inter}, der)) == 0) {
		gnutls_x509_trust_list_t list = atls_roots_for(roots, &chain, false);
		ok(list || heap.refused);
		if (list)
			gnutls_x509_trust_list_deinit(list, 1);
	}
	atls_chain_free(&chain);
	atls_roots_free(roots);
}

/* A sight, what is known of it, and what must come of it as long as memory lasts. */
struct case_of {
	struct atls_expected expected;
	gnutls_datum_t chain[4], before[4];
	unsigned count, before_count;
	enum atls_finding finding;
};

/* Short memory may leave a case open, and vouches for nobody. (Where GnuTLS hides that it got no
 * memory for a public root, an added one may still be accused.) */
static void use_case(const void *ctx)
{
	const struct case_of *given = ctx;
	struct atls_judgement got;
	struct atls_expected expected = given->expected;
	const struct atls_sight before = {.chain = given->before, .count = given->before_count};
	const struct atls_sight sight = {.chain = given->chain, .count = given->count, .alpn = ""};
	int rc;

	if (before.count)
		expected.baseline = &before;
	rc = atls_judge(&expected, &sight, NULL, &got);
	ok(rc == 0 || (rc == ATLS_E_MEMORY && heap.refused));
	if (!heap.refused)
		eq_int(got.finding, given->finding);
	ok(got.finding != ATLS_DIRECT || given->finding == ATLS_DIRECT);
}

static void case_with(const char *name, struct case_of *given, const struct cert *const chain[4],
	const struct cert *const before[4])
{
	given->count = chain_der(chain, given->chain);
	given->before_count = chain_der(before, given->before);
	refuse_each(use_case, given, name);
}

static void who_stands_between(void)
{
	static const struct cert *const none[4];
	struct cert stranger, forged, old, rotated;
	judge_setup();
	cert_make(&stranger, &(struct cert_spec){.cn = "Stranger", .ca = true}, NULL);
	cert_make(&forged, &(struct cert_spec){.cn = "Forged", .names = NAME}, &stranger);
	cert_make(&old, &(struct cert_spec){.cn = "Old", .names = NAME}, &other_root);
	cert_make(&rotated, &(struct cert_spec){.cn = "Rotated", .names = NAME}, &other_root);
	refuse_each(use_roots, NULL, "roots");
	struct atls_roots *roots = atls_roots_new();
	ok(roots && !atls_roots_add(roots, root.der.data, root.der.size, ATLS_ORIGIN_PUBLIC));
	const struct atls_expected expected = {.name = NAME, .roots = roots, .now = CERT_NOW};
	case_with("a public root vouches",
		&(struct case_of){.expected = expected, .finding = ATLS_DIRECT},
		(const struct cert *const[4]){&leaf, &inter}, none);
	case_with("another than before",
		&(struct case_of){.expected = expected, .finding = ATLS_INTERCEPTED},
		(const struct cert *const[4]){&forged},
		(const struct cert *const[4]){&leaf, &inter});
	case_with("another key of the same CA",
		&(struct case_of){.expected = expected, .finding = ATLS_DIRECT},
		(const struct cert *const[4]){&rotated},
		(const struct cert *const[4]){&old, &other_root});
	atls_roots_free(roots);
	cert_free(&rotated);
	cert_free(&old);
	cert_free(&forged);
	cert_free(&stranger);
	judge_teardown();
}

/* ---------------------------------------------------------------------------------------------- */

static void the_linker_wraps(void)
{
	ok(__real_malloc && __real_calloc && __real_realloc && __real_free);
	if (tap_test_failed)
		printf("# link with -Wl,--wrap=malloc,--wrap=calloc and so on: see the Makefile\n");
}

int main(void)
{
	run(the_linker_wraps);
	if (tap_failed)
		return tap_done();
	told = mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (told == MAP_FAILED) {
		printf("Bail out! no shared memory\n");
		return 1;
	}
	few = getenv("UNIT_FEW") != NULL;
	void *frame;
	(void)backtrace(&frame, 1); /* loads what it needs now */
	take_gnutls();
	run(buffers);
	run(pair_tls13);
	run(pair_tls12);
	run(pair_with_client_certificate);
	run(distrust_stays);
	run(session_table);
	run(stream_carriage);
	run(bodies_and_pins);
	run(policy_judges);
	run(who_stands_between);
	return tap_done();
}
