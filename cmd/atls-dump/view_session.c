/* One line, or one JSON object, a session: who spoke to whom, how, and how it ended. */
#include "explain/fingerprint.h"
#include "explain/names.h"
#include "json.h"
#include "view.h"

#include <nettle/sha2.h>
#include <stdlib.h>

#define NAME_TEXT  256u
#define CERTS_KEPT 8u

struct summary {
	unsigned number;
	const char *input;
	char name[NAME_TEXT];
	size_t name_len;
	char alpn[NAME_TEXT]; /* what the server chose, else the client's first */
	size_t alpn_len;
	uint16_t offered, version, suite;
	bool client, server, retry, psk, early, finished[3], closed[3], cut;
	bool raw; /* a raw stream that is no TLS: bytes is all that there is */
	char ja3[ATLS_JA3_TEXT], ja3s[ATLS_JA3_TEXT], ja4[ATLS_JA4_TEXT];
	uint8_t certs[CERTS_KEPT][SHA256_DIGEST_SIZE];
	unsigned cert_count;
	uint64_t records[3], bytes[3], sealed[3], opened[3];
	enum atls_trace_direction last; /* of the last record */
	uint16_t last_len;
	int64_t first_us, last_us;
	int alert[3]; /* the last fatal one, or -1 */
};

struct view {
	struct json json;
	bool as_json;
};

static struct summary *summary_of(const struct flow *flow)
{
	struct summary *summary = flow->slots[FLOW_SUMMARY];
	if (!summary && (summary = calloc(1, sizeof *summary))) {
		summary->first_us = summary->last_us = -1;
		summary->alert[0] = summary->alert[1] = summary->alert[2] = -1;
		flow->slots[FLOW_SUMMARY] = summary;
	}
	return summary;
}

static void note_place(struct summary *summary, const struct flow *flow)
{
	summary->input = flow->place.input;
	if (summary->first_us < 0)
		summary->first_us = flow->place.time_us;
	summary->last_us = flow->place.time_us;
}

static void on_record(void *ctx, const struct flow *flow, const struct atls_trace_record *record)
{
	struct summary *summary = summary_of(flow);
	(void)ctx;
	if (!summary)
		return;
	note_place(summary, flow);
	summary->last = record->direction;
	summary->last_len = record->record->len;
	summary->records[record->direction]++;
	summary->bytes[record->direction] += record->record->len;
	summary->sealed[record->direction] += record->seal > ATLS_SEAL_OPENED;
	summary->opened[record->direction] += record->seal == ATLS_SEAL_OPENED;
	summary->cut |= record->record->missing > 0;
	if (record->content && record->type == ATLS_RECORD_ALERT && record->len == 2) {
		if (record->content[1] == 0)
			summary->closed[record->direction] = true;
		else if (record->content[0] == 2)
			summary->alert[record->direction] = record->content[1];
	}
}

static void copy(char *to, size_t *len, struct atls_span from)
{
	*len = from.len < NAME_TEXT ? from.len : NAME_TEXT;
	if (*len)
		memcpy(to, from.at, *len);
}

static void note_alpn(struct summary *summary, struct atls_span list)
{
	if (list.len && list.at[0] < list.len)
		copy(summary->alpn, &summary->alpn_len,
			(struct atls_span){list.at + 1, list.at[0]});
}

static void note_hello(struct summary *summary, const struct atls_hello *hello)
{
	note_alpn(summary, hello->alpn);
	if (hello->client) {
		summary->client = true;
		copy(summary->name, &summary->name_len, hello->name);
		summary->offered = atls_hello_version(hello);
		summary->early = hello->early_data;
		atls_ja3(hello, summary->ja3);
		atls_ja4(hello, summary->ja4);
		return;
	}
	summary->server = !hello->retry;
	summary->retry |= hello->retry;
	summary->version = atls_hello_version(hello);
	summary->suite = hello->suite;
	summary->psk = hello->psk;
	atls_ja3(hello, summary->ja3s);
}

/* ALPN as TLS 1.3's EncryptedExtensions has it. */
static void note_extensions(struct summary *summary, const struct atls_message *message)
{
	struct atls_span list = {message->bytes + 6, message->len > 6 ? message->len - 6 : 0},
			 value;
	unsigned type;
	while (atls_extension_next(&list, &type, &value))
		if (type == 16 && value.len > 2)
			note_alpn(summary, (struct atls_span){value.at + 2, value.len - 2});
}

static void note_certificates(struct summary *summary, const struct atls_message *message)
{
	struct sha256_ctx sha256;
	const uint8_t *der;
	size_t at = 0, len;
	while (summary->cert_count < CERTS_KEPT &&
		atls_message_certificate(message, &at, &der, &len)) {
		sha256_init(&sha256);
		sha256_update(&sha256, len, der);
		sha256_digest(&sha256, SHA256_DIGEST_SIZE, summary->certs[summary->cert_count++]);
	}
}

static void on_message(void *ctx, const struct flow *flow, const struct atls_trace_message *message)
{
	struct summary *summary = summary_of(flow);
	(void)ctx;
	if (!summary)
		return;
	if (message->hello)
		note_hello(summary, message->hello);
	else if (message->message.type == ATLS_ENCRYPTED_EXTENSIONS)
		note_extensions(summary, &message->message);
	else if (message->message.type == ATLS_CERTIFICATE && message->direction == ATLS_TRACE_DOWN)
		note_certificates(summary, &message->message);
	else if (message->message.type == ATLS_FINISHED)
		summary->finished[message->direction] = true;
}

/* Of what nobody reads, how much it is: up to where it came. */
static void on_piece(void *ctx, const struct flow *flow, const struct piece *piece)
{
	struct summary *summary = flow->opaque ? summary_of(flow) : NULL;
	(void)ctx;
	if (!summary)
		return;
	uint64_t *bytes = &summary->bytes[piece->direction];
	uint64_t end = (piece->positioned ? piece->position : *bytes) + piece->len;
	note_place(summary, flow);
	summary->raw = true;
	if (end > *bytes)
		*bytes = end;
}

static const char *ending(const struct summary *summary)
{
	if (summary->raw)
		return "raw";
	if (summary->alert[1] >= 0 || summary->alert[2] >= 0)
		return "alert";
	if (summary->closed[1] && summary->closed[2])
		return "closed";
	if (summary->closed[1] || summary->closed[2])
		return "half_closed";
	return summary->cut ? "cut" : "open";
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static void put_side(struct json *json, const char *key, const struct summary *s, int side)
{
	json_open(json, key, '{');
	json_number(json, "records", s->records[side]);
	json_number(json, "bytes", s->bytes[side]);
	json_number(json, "opened", s->opened[side]);
	json_number(json, "closed", s->sealed[side]);
	json_flag(json, "close_notify", s->closed[side]);
	if (s->alert[side] >= 0)
		json_code(json, "alert", (unsigned)s->alert[side],
			atls_name_alert((unsigned)s->alert[side]));
	json_close(json, '}');
}

static void put_hellos(struct json *json, const struct summary *s)
{
	if (s->name_len)
		json_text(json, "name", s->name, s->name_len);
	if (s->alpn_len)
		json_text(json, "alpn", s->alpn, s->alpn_len);
	if (s->client) {
		json_code(json, "offered", s->offered, atls_name_version(s->offered));
		json_text(json, "ja3", s->ja3, strlen(s->ja3));
		json_text(json, "ja4", s->ja4, strlen(s->ja4));
		json_flag(json, "early_data_offered", s->early);
	}
	if (s->server || s->retry) {
		json_code(json, "version", s->version, atls_name_version(s->version));
		json_code(json, "cipher_suite", s->suite, atls_name_suite(s->suite));
		json_text(json, "ja3s", s->ja3s, strlen(s->ja3s));
		json_flag(json, "hello_retry", s->retry);
		json_flag(json, "psk", s->psk);
	}
}

static void put_json(struct json *json, const struct flow *flow, const struct summary *s)
{
	json->first = true;
	json_open(json, NULL, '{');
	json_word(json, "schema", "atls-dump/1");
	json_text(json, "input", s->input, strlen(s->input));
	if (*flow->label)
		json_text(json, "session", flow->label, strlen(flow->label));
	json_number(json, "flow", flow->number);
	if (s->first_us >= 0)
		json_time(json, "first", s->first_us);
	if (s->last_us >= 0)
		json_time(json, "last", s->last_us);
	put_hellos(json, s);
	if (s->cert_count) {
		json_open(json, "certificates", '[');
		for (unsigned i = 0; i < s->cert_count; i++)
			json_hex(json, NULL, s->certs[i], SHA256_DIGEST_SIZE);
		json_close(json, ']');
	}
	put_side(json, "up", s, ATLS_TRACE_UP);
	put_side(json, "down", s, ATLS_TRACE_DOWN);
	if (s->records[0])
		put_side(json, "unknown", s, ATLS_TRACE_UNKNOWN);
	json_word(json, "end", ending(s));
	json_close(json, '}');
	out_char(json->out, '\n');
}

/* ---- text ----------------------------------------------------------------------------------- */

static void put_named(struct out *out, const char *what, const char *name)
{
	out_text(out, what);
	out_text(out, name ? name : "unknown");
}

static void put_text(struct out *out, const struct flow *flow, const struct summary *s)
{
	out_text(out, "session ");
	if (*flow->label)
		out_escaped(out, flow->label, strlen(flow->label));
	else
		out_number(out, flow->number);
	if (s->name_len) {
		out_text(out, "  name=");
		out_escaped(out, s->name, s->name_len);
	}
	if (s->server) {
		put_named(out, "  version=", atls_name_version(s->version));
		put_named(out, "  suite=", atls_name_suite(s->suite));
	} else if (s->client) {
		put_named(out, "  offered=", atls_name_version(s->offered));
	}
	if (s->alpn_len) {
		out_text(out, "  alpn=");
		out_escaped(out, s->alpn, s->alpn_len);
	}
	if (*s->ja4)
		put_named(out, "  ja4=", s->ja4);
	for (int side = s->records[0] ? 0 : 1; side < 3; side++) {
		out_text(out, side == 0 ? "  ?=" : side == 1 ? "  up=" : "  down=");
		out_number(out, s->records[side]);
		out_char(out, '/');
		out_number(out, s->bytes[side]);
	}
	put_named(out, "  end=", ending(s));
	out_char(out, '\n');
}

static void put(struct view *view, const struct flow *flow)
{
	struct summary *summary = flow->slots[FLOW_SUMMARY];
	if (!summary)
		return;
	if (view->as_json)
		put_json(&view->json, flow, summary);
	else
		put_text(view->json.out, flow, summary);
	free(summary);
	flow->slots[FLOW_SUMMARY] = NULL;
}

/* The record of a new session's ClientHello was counted with the one before: it is taken along. */
static void on_session(void *ctx, const struct flow *flow)
{
	struct summary *summary = flow->slots[FLOW_SUMMARY];
	if (!summary || (!summary->client && !summary->server))
		return;
	enum atls_trace_direction last = summary->last;
	uint16_t len = summary->last_len;
	summary->records[last]--;
	summary->bytes[last] -= len;
	put(ctx, flow);
	summary = summary_of(flow);
	if (!summary)
		return;
	note_place(summary, flow);
	summary->records[last] = 1;
	summary->bytes[last] = len;
}

static void on_flow_end(void *ctx, const struct flow *flow)
{
	put(ctx, flow);
}

struct watcher view_sessions(const struct view_config *config, bool json)
{
	struct view *view = calloc(1, sizeof *view);
	if (!view)
		return (struct watcher){0};
	view->json.out = config->out;
	view->json.malformed = config->malformed;
	view->as_json = json;
	return (struct watcher){
		.ctx = view,
		.piece = on_piece,
		.session = on_session,
		.record = on_record,
		.message = on_message,
		.flow_end = on_flow_end,
	};
}
