/* The rules of records and messages: RFC 8446 sections 5 and 6, RFC 5246 sections 6 and 7. */
#include "check.h"

#include "explain/names.h"
#include "explain/suite.h"

#include <stdio.h>

#define VERSION_12 0x0303
#define VERSION_13 0x0304

static void too_long(
	struct check *check, const struct flow *flow, const struct atls_trace_record *record)
{
	const struct atls_record *r = record->record;
	size_t most = record->seal == ATLS_SEAL_NONE  ? ATLS_RECORD_PLAIN_MAX
		      : record->version >= VERSION_13 ? ATLS_RECORD_MAX_13
						      : ATLS_RECORD_MAX;
	char text[80];
	if (r->len > most) {
		snprintf(text, sizeof text, "a record of %u bytes, %zu are allowed", r->len, most);
		check_finding(check, flow, record->direction, r->offset, "record_too_long", text);
	}
	if (record->seal == ATLS_SEAL_OPENED && record->len > ATLS_RECORD_PLAIN_MAX)
		check_finding(check, flow, record->direction, r->offset, "plaintext_too_long",
			"more than 16384 bytes are in a record");
}

/* What a record's header may say. */
static void header(struct check *check, const struct flow *flow, const struct checked *checked,
	const struct atls_trace_record *record)
{
	const struct atls_record *r = record->record;
	if (r->type > ATLS_RECORD_HEARTBEAT)
		check_finding(check, flow, record->direction, r->offset, "record_type",
			"no record of TLS has this type");
	if (r->type == ATLS_RECORD_HEARTBEAT && !checked->heartbeat)
		check_finding(check, flow, record->direction, r->offset, "heartbeat",
			"a heartbeat that was not agreed on");
	if (r->version < 0x0301 || r->version > VERSION_12)
		check_finding(check, flow, record->direction, r->offset, "record_version",
			"a record's version is none of TLS 1.0 to 1.2");
	if (r->len == 0 && r->type != ATLS_RECORD_DATA)
		check_finding(check, flow, record->direction, r->offset, "record_empty",
			"a record of this type may not be empty");
}

static void alert(struct check *check, const struct flow *flow, struct checked *checked,
	const struct atls_trace_record *record)
{
	if (record->len != 2) {
		check_finding(check, flow, record->direction, record->record->offset,
			"alert_length", "an alert is not of two bytes");
		return;
	}
	if (record->content[0] != 1 && record->content[0] != 2)
		check_finding(check, flow, record->direction, record->record->offset, "alert_level",
			"an alert is neither a warning nor fatal");
	if (record->content[1] == 0)
		checked->sides[record->direction].closed = true;
	else if (record->content[0] == 2)
		checked->sides[record->direction].fatal = true;
}

static void content(struct check *check, const struct flow *flow, struct checked *checked,
	const struct atls_trace_record *record)
{
	uint64_t offset = record->record->offset;
	if (record->type == ATLS_RECORD_ALERT)
		alert(check, flow, checked, record);
	else if (record->type == ATLS_RECORD_CCS && (record->len != 1 || record->content[0] != 1))
		check_finding(check, flow, record->direction, offset, "change_cipher_spec",
			"a change_cipher_spec is not the one byte 1");
	else if (record->type == ATLS_RECORD_HEARTBEAT && record->len >= 3 &&
		 3u + ((size_t)record->content[1] << 8 | record->content[2]) + 16 > record->len)
		check_finding(check, flow, record->direction, offset, "heartbeat_length",
			"a heartbeat claims more payload than it carries");
}

void check_record(struct check *check, const struct flow *flow, struct checked *checked,
	const struct atls_trace_record *record)
{
	const struct atls_record *r = record->record;
	enum atls_trace_direction direction = record->direction;
	if (r->missing) {
		check_finding(check, flow, direction, r->offset, "record_cut",
			"the stream ends amid a record");
		return;
	}
	if (checked->sides[direction].closed)
		check_finding(check, flow, direction, r->offset, "data_after_close",
			"a record after close_notify");
	else if (checked->sides[direction].fatal)
		check_finding(check, flow, direction, r->offset, "data_after_alert",
			"a record after a fatal alert");
	header(check, flow, checked, record);
	too_long(check, flow, record);
	if (record->seal == ATLS_SEAL_WRONG_SECRET)
		check_finding(check, flow, direction, r->offset, "not_authentic",
			"a record does not open with the session's secret");
	if (r->type == ATLS_RECORD_DATA && !checked->hello)
		check_finding(check, flow, direction, r->offset, "data_before_hello",
			"application data before any ClientHello");
	if (record->content)
		content(check, flow, checked, record);
	checked->sides[direction].any = true;
	checked->sides[direction].sealed = record->seal > ATLS_SEAL_OPENED;
	checked->sides[direction].alert = record->type == ATLS_RECORD_ALERT;
	checked->sides[direction].len = r->len;
	checked->sides[direction].end = r->offset + ATLS_RECORD_HEADER + r->len;
}

/* ---- messages ------------------------------------------------------------------------------- */

static bool has_extension(const struct atls_hello *hello, unsigned type)
{
	for (size_t i = 0; i < hello->extension_count && i < ATLS_HELLO_TYPES; i++)
		if (hello->types[i] == type)
			return true;
	return false;
}

static bool twice(const struct atls_hello *hello)
{
	size_t count = hello->extension_count < ATLS_HELLO_TYPES ? hello->extension_count
								 : ATLS_HELLO_TYPES;
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < i; k++)
			if (hello->types[i] == hello->types[k])
				return true;
	return false;
}

static bool offers(const struct atls_hello *hello, unsigned suite)
{
	for (size_t i = 0; i < hello->suites.len / 2; i++)
		if (atls_span_u16(hello->suites, i) == suite)
			return true;
	return false;
}

/* Where a message stands, or its record. */
static uint64_t place(const struct atls_trace_message *message, const struct checked *checked)
{
	uint64_t offset = atls_trace_place(message, 0);
	return offset != UINT64_MAX ? offset : checked->sides[message->direction].end;
}

static void server_hello(struct check *check, const struct flow *flow, struct checked *checked,
	const struct atls_trace_message *message)
{
	const struct atls_hello *hello = message->hello;
	uint64_t at = place(message, checked);
	struct atls_suite suite;
	checked->settled = true;
	checked->version = atls_hello_version(hello);
	checked->suite = hello->suite;
	checked->heartbeat = checked->heartbeat && has_extension(hello, 15);
	if (!checked->hello)
		check_finding(check, flow, message->direction, at, "server_hello_first",
			"a ServerHello without a ClientHello");
	if (checked->version < VERSION_12)
		check_finding(check, flow, message->direction, at, "old_version",
			"a version before TLS 1.2 was chosen (RFC 8996 forbids it)");
	if (!atls_suite_describe(hello->suite, &suite))
		check_finding(check, flow, message->direction, at, "unknown_suite",
			"a cipher suite without a name was chosen");
	else if (suite.kind == ATLS_SUITE_NULL || suite.anonymous)
		check_finding(check, flow, message->direction, at, "weak_suite",
			"a cipher suite that does not encrypt, or names nobody, was chosen");
}

static void client_hello(struct check *check, const struct flow *flow, struct checked *checked,
	const struct atls_trace_message *message)
{
	checked->hello = true;
	checked->heartbeat = has_extension(message->hello, 15);
	/* RFC 8446 section 4.2.11: binders cover what stands before them. */
	const struct atls_hello *hello = message->hello;
	size_t count = hello->extension_count;
	if (hello->psk && count && count <= ATLS_HELLO_TYPES && hello->types[count - 1] != 41)
		check_finding(check, flow, message->direction, place(message, checked),
			"psk_not_last", "pre_shared_key is not the last extension");
	if (offers(hello, 0x5600) && atls_hello_version(hello) < VERSION_12)
		check_finding(check, flow, message->direction, place(message, checked), "fallback",
			"the client says that it fell back to an older version");
}

void check_message(struct check *check, const struct flow *flow, struct checked *checked,
	const struct atls_trace_message *message)
{
	const struct atls_message *m = &message->message;
	uint64_t at = place(message, checked);
	if (!atls_name_handshake_type(m->type))
		check_finding(check, flow, message->direction, at, "message_type",
			"no handshake message has this type");
	if (!message->hello)
		return;
	if (message->hello->broken) {
		check_finding(check, flow, message->direction, at, "malformed",
			"a hello whose lengths do not fit");
		return;
	}
	if (twice(message->hello))
		check_finding(check, flow, message->direction, at, "extension_twice",
			"an extension stands twice in one hello");
	if (message->hello->client)
		client_hello(check, flow, checked, message);
	else if (!message->hello->retry)
		server_hello(check, flow, checked, message);
}

/* ---- the end -------------------------------------------------------------------------------- */

/* Without keys a close_notify of TLS 1.3 shows by its size alone, unless it is padded. */
static bool may_be_close(const struct checked *checked, int side)
{
	struct atls_suite suite;
	if (checked->sides[side].closed)
		return true;
	if (!checked->sides[side].sealed)
		return false;
	if (checked->version < VERSION_13)
		return checked->sides[side].alert;
	return atls_suite_describe(checked->suite, &suite) &&
	       checked->sides[side].len == 3 + suite.tag_len;
}

void check_end(struct check *check, const struct flow *flow, struct checked *checked)
{
	bool fatal = checked->sides[1].fatal || checked->sides[2].fatal;
	for (int side = ATLS_TRACE_UP; side <= ATLS_TRACE_DOWN && checked->settled; side++)
		if (checked->sides[side].any && !fatal && !may_be_close(checked, side))
			check_finding(check, flow, (enum atls_trace_direction)side,
				checked->sides[side].end, "truncated",
				"the direction ends without close_notify");
	if (checked->waiting)
		check_finding(check, flow, ATLS_TRACE_UP, checked->sides[1].end, "unanswered",
			"the last request has no answer");
	if (checked->hello && !checked->settled && !fatal)
		check_finding(check, flow, ATLS_TRACE_DOWN, checked->sides[2].end,
			"no_server_hello", "the ClientHello has no answer");
}
