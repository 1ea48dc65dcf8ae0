/* A hostile end of a WebSocket: the answer to the upgrade, then frames, in pieces of a size that
 * the first byte says; the second says which end we are. Both ends' own speech goes in between. */
#include "core/ws.h"
#include "core/ws_upgrade.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool condition)
{
	if (!condition)
		abort();
}

static int on_bytes(void *ctx, const uint8_t *bytes, size_t len)
{
	size_t *total = ctx;
	need(bytes && len);
	*total += len;
	return ATLS_OK;
}

static int on_text(void *ctx, const char *text, size_t len)
{
	(void)ctx;
	need(len <= ATLS_WS_TEXT_MAX && (text || !len));
	return len && text[0] == '!' ? ATLS_E_PROTOCOL : ATLS_OK;
}

static void upgrade(const uint8_t *data, size_t size)
{
	struct atls_error err = {0};
	unsigned status = 0;
	ssize_t rc = atls_ws_read_answer((const char *)data, size,
		"dGhlIHNhbXBsZSBub25jZQ==", ATLS_WS_PROTOCOL, &status, &err);
	need(rc > 0 || rc == ATLS_E_AGAIN || err.code == rc);
	need(rc <= (ssize_t)size && (rc <= 0 || status == 101));
}

static void frames(const uint8_t *data, size_t size, size_t step, enum atls_role role)
{
	static const struct atls_ws_events events = {on_bytes, on_text};
	size_t total = 0;
	struct atls_ws *ws = atls_ws_new(role, &events, &total);
	int rc = ATLS_OK;
	need(ws != NULL);
	for (size_t at = 0; at < size && !rc; at += step) {
		const uint8_t *out;
		unsigned status;
		struct atls_error err = {0};
		rc = atls_ws_feed(ws, data + at, step < size - at ? step : size - at, &err);
		need(rc == ATLS_OK || rc == ATLS_E_PROTOCOL || rc == ATLS_E_LIMIT);
		if (!rc && !atls_ws_closed(ws, &status))
			need(atls_ws_text(ws, "ack=1", 5) == ATLS_OK);
		atls_ws_output_done(ws, atls_ws_output(ws, &out));
	}
	need(total <= size);
	atls_ws_free(ws);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	upgrade(data + 2, size - 2);
	frames(data + 2, size - 2, data[0] ? data[0] : size,
		data[1] & 1 ? ATLS_SERVER : ATLS_CLIENT);
	return 0;
}
