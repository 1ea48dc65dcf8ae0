/* Which keys count when: RFC 8446 section 4, RFC 5246 section 7. */
#include "explain/names.h"
#include "explain/trace_impl.h"

#include <string.h>

#define VERSION_13  0x0304
#define GAP_RECORDS 64u /* that may be missing in a gap, at most, for the next to be opened */

const char *atls_seal_text(enum atls_seal seal)
{
	static const char *const texts[ATLS_SEALS] = {
		"not sealed",
		"opened",
		"no keylog",
		"no secret in the keylog",
		"wrong secret",
		"cipher suite not supported",
		"its hello was not seen",
		"bytes are missing before it",
		"bytes of it are missing",
	};
	return texts[seal];
}

static void shut(struct side *side, enum atls_seal why)
{
	if (side->open)
		atls_opener_end(&side->opener);
	side->open = false;
	side->shut = why;
}

void atls_trace_forget(struct atls_trace *trace)
{
	for (int i = ATLS_TRACE_UP; i <= ATLS_TRACE_DOWN; i++) {
		struct side *side = &trace->sides[i];
		shut(side, ATLS_SEAL_NO_HELLO);
		gnutls_memset(side->secret, 0, sizeof side->secret);
		side->epoch = EPOCH_PLAIN;
		side->sealed = side->gap = false;
	}
	trace->hello_seen = trace->settled = trace->retry = trace->early = trace->etm = false;
	trace->version = trace->suite = 0;
	trace->client_types = trace->server_types = 0;
	trace->suite_count = 0;
}

/* ---- TLS 1.3 -------------------------------------------------------------------------------- */

static enum atls_secret secret_of(enum atls_trace_direction direction, enum epoch epoch)
{
	bool up = direction == ATLS_TRACE_UP;
	if (epoch == EPOCH_EARLY)
		return ATLS_SECRET_CLIENT_EARLY;
	if (epoch == EPOCH_HANDSHAKE)
		return up ? ATLS_SECRET_CLIENT_HANDSHAKE : ATLS_SECRET_SERVER_HANDSHAKE;
	return up ? ATLS_SECRET_CLIENT_TRAFFIC : ATLS_SECRET_SERVER_TRAFFIC;
}

/* Sets a side up for the secret it has. */
static bool use_secret(struct side *side, unsigned number)
{
	struct atls_suite suite;
	shut(side, ATLS_SEAL_SUITE);
	side->open = atls_suite_describe(number, &suite) && suite.kind != ATLS_SUITE_UNSUPPORTED &&
		     atls_opener_begin_13(&side->opener, &suite, side->secret, side->secret_len);
	return side->open;
}

static void enter(struct atls_trace *trace, enum atls_trace_direction direction, enum epoch epoch)
{
	struct side *side = &trace->sides[direction];
	size_t len;
	shut(side, trace->config.keylog ? ATLS_SEAL_NO_SECRET : ATLS_SEAL_NO_KEYLOG);
	side->epoch = epoch;
	if (!trace->config.keylog)
		return;
	const uint8_t *secret = atls_keylog_find(
		trace->config.keylog, secret_of(direction, epoch), trace->client_random, &len);
	if (!secret)
		return;
	memcpy(side->secret, secret, len);
	side->secret_len = len;
	/* 0-RTT goes by the suite of its ticket: any that was offered. */
	if (epoch == EPOCH_EARLY)
		side->shut = ATLS_SEAL_WRONG_SECRET;
	else
		use_secret(side, trace->suite);
}

static void update_key(struct atls_trace *trace, struct side *side)
{
	uint8_t next[ATLS_SECRET_MAX];
	struct atls_suite suite;
	if (side->epoch != EPOCH_TRAFFIC || !side->open ||
		!atls_suite_describe(trace->suite, &suite) ||
		!atls_expand_label(suite.prf, side->secret, side->secret_len, "traffic upd", next,
			side->secret_len))
		return;
	memcpy(side->secret, next, side->secret_len);
	gnutls_memset(next, 0, sizeof next);
	use_secret(side, trace->suite);
}

/* ---- TLS 1.2 and before --------------------------------------------------------------------- */

/* A token of what is not empty. */
static bool take_token(const struct atls_trace *trace, struct atls_span of, uint8_t *token)
{
	if (of.len && trace->config.resumptions && trace->config.keylog)
		atls_resumption_token(of, token);
	return of.len && trace->config.resumptions && trace->config.keylog;
}

static void note_offer(struct atls_trace *trace, struct atls_span list)
{
	struct atls_span value;
	unsigned type;
	trace->full = trace->has_offered = trace->has_session_id = trace->has_issued = false;
	while (atls_extension_next(&list, &type, &value))
		if (type == 35)
			trace->has_offered = take_token(trace, value, trace->offered);
}

static void note_ticket(struct atls_trace *trace, const struct atls_message *message)
{
	const size_t head = ATLS_MESSAGE_HEADER + 6; /* with lifetime and length */
	if (message->len > head)
		trace->has_issued = take_token(trace,
			(struct atls_span){message->bytes + head, message->len - head},
			trace->issued);
}

/* The secret of this session, or of the one that it goes on with; then others may do so. */
static const uint8_t *find_master(struct atls_trace *trace, size_t *len)
{
	const struct atls_keylog *keylog = trace->config.keylog;
	struct atls_resumptions *resumptions = trace->config.resumptions;
	const uint8_t *random = trace->client_random;
	const uint8_t *master = atls_keylog_find(keylog, ATLS_SECRET_MASTER, random, len);
	if (!resumptions || (!master && trace->full))
		return master;
	if (!master) {
		random = trace->has_offered ? atls_resumption_find(resumptions, trace->offered)
					    : NULL;
		if (!random && trace->has_session_id)
			random = atls_resumption_find(resumptions, trace->session_id);
		if (random)
			master = atls_keylog_find(keylog, ATLS_SECRET_MASTER, random, len);
	}
	if (master && trace->has_session_id)
		atls_resumption_note(resumptions, trace->session_id, random);
	if (master && trace->has_issued)
		atls_resumption_note(resumptions, trace->issued, random);
	return master;
}

/* ---- what messages settle ------------------------------------------------------------------- */

static void note_client_hello(struct atls_trace *trace, const struct atls_hello *hello)
{
	if (!hello->random)
		return;
	memcpy(trace->client_random, hello->random, sizeof trace->client_random);
	trace->hello_seen = true;
	note_offer(trace, hello->extensions);
	if (trace->sides[ATLS_TRACE_UP].sealed)
		return; /* renegotiation */
	trace->retry = false;
	trace->suite_count = 0;
	for (size_t i = 0; i < hello->suites.len / 2 && trace->suite_count < SUITES_13; i++) {
		unsigned suite = atls_span_u16(hello->suites, i);
		if (suite >> 8 == 0x13)
			trace->suites[trace->suite_count++] = (uint16_t)suite;
	}
	trace->early = hello->early_data;
	if (trace->early)
		enter(trace, ATLS_TRACE_UP, EPOCH_EARLY);
}

/* The type of certificate that each side settled on (RFC 7250 section 3). */
static void note_types(struct atls_trace *trace, struct atls_span list)
{
	struct atls_span value;
	unsigned type;
	while (atls_extension_next(&list, &type, &value)) {
		if (type == 19 && value.len == 1)
			trace->client_types = value.at[0];
		if (type == 20 && value.len == 1)
			trace->server_types = value.at[0];
	}
}

static void note_server_hello(struct atls_trace *trace, const struct atls_hello *hello)
{
	if (!hello->random)
		return;
	trace->version = atls_hello_version(hello);
	trace->suite = hello->suite;
	if (hello->retry) {
		trace->retry = true;
		trace->early = false;
		trace->sides[ATLS_TRACE_UP].epoch = EPOCH_PLAIN;
		return;
	}
	memcpy(trace->server_random, hello->random, sizeof trace->server_random);
	trace->settled = true;
	trace->etm = hello->etm;
	note_types(trace, hello->extensions);
	if (trace->version < VERSION_13) {
		trace->has_session_id = take_token(trace, hello->session_id, trace->session_id);
		return;
	}
	enter(trace, ATLS_TRACE_DOWN, EPOCH_HANDSHAKE);
	if (trace->sides[ATLS_TRACE_UP].epoch != EPOCH_EARLY)
		enter(trace, ATLS_TRACE_UP, EPOCH_HANDSHAKE);
}

static void note_encrypted_extensions(struct atls_trace *trace, const struct atls_message *message)
{
	struct atls_span list = {message->bytes + ATLS_MESSAGE_HEADER + 2,
		message->len >= ATLS_MESSAGE_HEADER + 2 ? message->len - ATLS_MESSAGE_HEADER - 2
							: 0};
	if (list.len)
		note_types(trace, list);
}

void atls_trace_note(struct atls_trace *trace, enum atls_trace_direction direction,
	const struct atls_message *message, const struct atls_hello *hello)
{
	bool is_13 = trace->version >= VERSION_13;
	switch (message->type) {
	case ATLS_CLIENT_HELLO:
		note_client_hello(trace, hello);
		break;
	case ATLS_SERVER_HELLO:
	case ATLS_HELLO_RETRY_REQUEST:
		if (hello) /* none where a draft's message of that type is on the wire */
			note_server_hello(trace, hello);
		break;
	case ATLS_ENCRYPTED_EXTENSIONS:
		note_encrypted_extensions(trace, message);
		break;
	case ATLS_SERVER_HELLO_DONE:
		trace->full = true;
		break;
	case ATLS_NEW_SESSION_TICKET:
		if (!is_13)
			note_ticket(trace, message);
		break;
	case ATLS_END_OF_EARLY_DATA:
		if (is_13)
			enter(trace, direction, EPOCH_HANDSHAKE);
		break;
	case ATLS_FINISHED:
		if (is_13 && trace->sides[direction].epoch != EPOCH_TRAFFIC)
			enter(trace, direction, EPOCH_TRAFFIC);
		break;
	case ATLS_KEY_UPDATE:
		if (is_13)
			update_key(trace, &trace->sides[direction]);
		break;
	default:
		break;
	}
}

void atls_trace_change(struct atls_trace *trace, enum atls_trace_direction direction)
{
	struct side *side = &trace->sides[direction];
	struct atls_suite suite;
	size_t len = 0;
	if (trace->version >= VERSION_13 || (!trace->settled && trace->early))
		return;
	side->sealed = true;
	if (!trace->settled || !trace->hello_seen) {
		shut(side, ATLS_SEAL_NO_HELLO);
		return;
	}
	shut(side, trace->config.keylog ? ATLS_SEAL_NO_SECRET : ATLS_SEAL_NO_KEYLOG);
	const uint8_t *master = trace->config.keylog ? find_master(trace, &len) : NULL;
	if (!master || len != 48)
		return;
	const struct atls_opener_12 from = {
		.version = trace->version,
		.etm = trace->etm,
		.master = master,
		.client_random = trace->client_random,
		.server_random = trace->server_random,
		.client = direction == ATLS_TRACE_UP,
	};
	side->shut = ATLS_SEAL_SUITE;
	side->open = atls_suite_describe(trace->suite, &suite) &&
		     atls_opener_begin_12(&side->opener, &suite, &from);
}

/* ---- records -------------------------------------------------------------------------------- */

bool atls_trace_sealed(const struct atls_trace *trace, enum atls_trace_direction direction,
	const struct atls_record *record)
{
	const struct side *side = &trace->sides[direction];
	if (record->type == ATLS_RECORD_DATA)
		return true;
	/* In a renegotiation a change_cipher_spec is sealed, too. */
	return side->sealed && (record->type != ATLS_RECORD_CCS || record->len != 1);
}

/* Some records may be missing: a later number may fit. */
static bool try_open(struct atls_trace *trace, struct side *side, const struct atls_record *record,
	struct atls_opened *opened)
{
	uint64_t first = side->opener.sequence;
	unsigned tries = side->gap ? GAP_RECORDS : 1;
	for (unsigned i = 0; i < tries; i++) {
		side->opener.sequence = first + i;
		if (atls_opener_open(&side->opener, record, trace->config.room, opened)) {
			side->gap = false;
			return true;
		}
	}
	side->opener.sequence = first;
	return false;
}

/* 0-RTT: with each suite that could be the ticket's. */
static bool open_early(struct atls_trace *trace, struct side *side,
	const struct atls_record *record, struct atls_opened *opened)
{
	if (side->open)
		return try_open(trace, side, record, opened);
	if (side->shut == ATLS_SEAL_NO_KEYLOG || side->shut == ATLS_SEAL_NO_SECRET)
		return false;
	for (unsigned i = 0; i < trace->suite_count; i++)
		if (use_secret(side, trace->suites[i]) && try_open(trace, side, record, opened))
			return true;
	shut(side, ATLS_SEAL_WRONG_SECRET);
	return false;
}

/* The message that changes the keys may not have been seen: the later ones are tried, too. */
static bool open_later(struct atls_trace *trace, enum atls_trace_direction direction,
	const struct atls_record *record, struct atls_opened *opened)
{
	struct side *side = &trace->sides[direction];
	enum epoch was = side->epoch;
	enum atls_seal why = side->open ? ATLS_SEAL_WRONG_SECRET : side->shut;
	if (!trace->settled || !trace->config.keylog)
		return false;
	for (enum epoch next = was + 1; next <= EPOCH_TRAFFIC; next++) {
		enter(trace, direction, next);
		if (side->open && try_open(trace, side, record, opened))
			return true;
	}
	enter(trace, direction, was);
	if (!side->open)
		side->shut = why;
	return false;
}

static enum atls_seal open_13(struct atls_trace *trace, enum atls_trace_direction direction,
	const struct atls_record *record, struct atls_opened *opened)
{
	struct side *side = &trace->sides[direction];
	uint64_t sequence = side->opener.sequence;
	bool fresh = !side->open || sequence == 0 || side->epoch == EPOCH_EARLY;
	if (side->epoch == EPOCH_EARLY ? open_early(trace, side, record, opened)
				       : side->open && try_open(trace, side, record, opened))
		return ATLS_SEAL_OPENED;
	if (fresh && open_later(trace, direction, record, opened))
		return ATLS_SEAL_OPENED;
	if (side->gap)
		return ATLS_SEAL_GAP;
	return side->open ? ATLS_SEAL_WRONG_SECRET : side->shut;
}

enum atls_seal atls_trace_open(struct atls_trace *trace, enum atls_trace_direction direction,
	const struct atls_record *record, struct atls_opened *opened)
{
	struct side *side = &trace->sides[direction];
	bool is_13 = trace->version >= VERSION_13 || (!trace->settled && trace->early);
	if (!trace->hello_seen || (!trace->settled && !trace->early))
		return ATLS_SEAL_NO_HELLO;
	if (!trace->config.keylog)
		return ATLS_SEAL_NO_KEYLOG;
	if (record->missing || !record->body)
		return ATLS_SEAL_CUT;
	if (is_13)
		return open_13(trace, direction, record, opened);
	if (!side->open)
		return side->sealed ? side->shut : ATLS_SEAL_NO_HELLO;
	if (try_open(trace, side, record, opened))
		return ATLS_SEAL_OPENED;
	return side->gap ? ATLS_SEAL_GAP : ATLS_SEAL_WRONG_SECRET;
}
