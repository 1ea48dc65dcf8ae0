/* A message in a few words, for a line. */
#include "explain/fingerprint.h"
#include "explain/names.h"
#include "view.h"

#include <stdlib.h>

const char *view_direction(enum atls_trace_direction direction)
{
	static const char *const names[] = {"?", "up", "down"};
	return names[direction];
}

void view_free(struct watcher *watcher)
{
	free(watcher->ctx);
	*watcher = (struct watcher){0};
}

uint64_t view_body_offset(const struct flow *flow, const struct atls_record *record)
{
	return record->offset >= flow->origin.start ? record->offset - flow->origin.start : 0;
}

static void named(struct out *out, unsigned value, const char *name)
{
	if (name) {
		out_text(out, name);
		return;
	}
	out_text(out, "0x");
	out_hex(out, (const uint8_t[]){(uint8_t)(value >> 8), (uint8_t)value}, 2);
}

static void alpn(struct out *out, struct atls_span list)
{
	const char *before = " alpn=";
	while (list.len && list.at[0] < list.len) {
		out_text(out, before);
		out_escaped(out, list.at + 1, list.at[0]);
		before = ",";
		list.len -= 1 + (size_t)list.at[0];
		list.at += 1 + (size_t)list.at[0];
	}
}

static void client_hello(struct out *out, const struct atls_hello *hello, bool brief)
{
	char ja4[ATLS_JA4_TEXT];
	if (hello->name.len) {
		out_text(out, " name=");
		out_escaped(out, hello->name.at, hello->name.len);
	}
	alpn(out, hello->alpn);
	out_text(out, " version=");
	named(out, atls_hello_version(hello), atls_name_version(atls_hello_version(hello)));
	if (hello->early_data)
		out_text(out, " early_data");
	if (brief)
		return;
	atls_ja4(hello, ja4);
	if (*ja4) {
		out_text(out, " ja4=");
		out_text(out, ja4);
	}
}

static void server_hello(struct out *out, const struct atls_hello *hello)
{
	out_text(out, " version=");
	named(out, atls_hello_version(hello), atls_name_version(atls_hello_version(hello)));
	out_text(out, " suite=");
	named(out, hello->suite, atls_name_suite(hello->suite));
	alpn(out, hello->alpn);
	if (hello->psk)
		out_text(out, " psk");
}

void view_message_words(struct out *out, const struct atls_trace_message *message, bool brief)
{
	const char *name = atls_name_handshake_type(message->message.type);
	if (name) {
		out_text(out, name);
	} else {
		out_text(out, "message ");
		out_number(out, message->message.type);
	}
	if (message->hello && message->hello->client)
		client_hello(out, message->hello, brief);
	else if (message->hello)
		server_hello(out, message->hello);
}

void view_content_words(struct out *out, const struct atls_trace_record *record)
{
	const char *name;
	if (record->type == ATLS_RECORD_ALERT && record->len >= 2) {
		name = atls_name_alert_level(record->content[0]);
		out_text(out, name ? name : "level?");
		out_char(out, ' ');
		name = atls_name_alert(record->content[1]);
		if (name)
			out_text(out, name);
		else
			out_number(out, record->content[1]);
	} else if (record->type == ATLS_RECORD_HEARTBEAT && record->len) {
		name = atls_name_heartbeat_type(record->content[0]);
		out_text(out, name ? name : "heartbeat?");
	}
}
