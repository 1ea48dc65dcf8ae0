#include "look.h"

#include "core/err.h"
#include "net/clock.h"

#include <stdio.h>
#include <string.h>

static void finish(struct look *look)
{
	atls_http_ask_free(look->ask);
	atls_handshake_free(look->handshake);
	atls_dial_free(look->dial);
	look->ask = NULL;
	look->handshake = NULL;
	look->dial = NULL;
	look->busy = false;
	look->took_ms = atls_now_ms() - look->began;
	look->over(look->ctx, look);
}

static void fail(struct look *look, const struct atls_error *why)
{
	atls_error_set(&look->error, why->code, "%s", why->text);
	atls_error_hint(&look->error, "%s", why->hint);
	finish(look);
}

static void asked(void *ctx, const struct atls_http_sight *sight)
{
	struct look *look = ctx;

	look->http = *sight;
	finish(look);
}

static void ask(struct look *look)
{
	look->ask = atls_http_ask_new(look->run->base, look->dial, look->handshake, look->name,
		(int64_t)look->run->settings.connect_ms, asked, look);
	if (!look->ask)
		finish(look);
}

static void shaken(void *ctx, const struct atls_error *err)
{
	struct look *look = ctx;

	if (err->code) {
		fail(look, err);
		return;
	}
	atls_handshake_take(look->handshake, &look->shown);
	if (look->kind == LOOK_HTTP)
		ask(look);
	else
		finish(look);
}

static void flight(void *ctx, bool down, unsigned number, const void *bytes, size_t len)
{
	const struct look *look = ctx;
	const struct atls_capture_body about = {
		.session = look->host, .request = number, .down = down, .content_type = NULL};

	atls_capture_write(look->run->capture, &about, bytes, len);
}

static void shake(struct look *look)
{
	static const char *const protocols[] = {"h2", "http/1.1"};
	struct atls_error err = {0};
	bool http = look->kind == LOOK_HTTP;
	const struct atls_handshake_config config = {
		.priorities = look->run->priorities,
		.credentials = look->run->credentials,
		.server_name = look->name,
		.alpn = http ? protocols + 1 : protocols,
		.alpn_count = http ? 1 : 2,
		.max_ms = (int64_t)look->run->settings.connect_ms,
		.flight = look->run->capture && look->kind == LOOK_FIRST ? flight : NULL,
		.done = shaken,
		.ctx = look,
	};

	look->handshake = atls_handshake_new(look->run->base, look->dial, &config, &err);
	if (!look->handshake)
		fail(look, &err);
}

static void dialed(void *ctx, const struct atls_error *err)
{
	struct look *look = ctx;

	snprintf(look->address, sizeof look->address, "%s", atls_dial_address(look->dial));
	if (err->code)
		fail(look, err);
	else if (look->kind == LOOK_PLAIN)
		ask(look);
	else
		shake(look);
}

void look_start(struct run *run, struct look *look)
{
	struct atls_error err = {0};

	look->run = run;
	look->began = atls_now_ms();
	look->busy = true;
	look->dial =
		atls_dial_new(run->loop, &look->way, look->host, look->port, dialed, look, &err);
	if (!look->dial)
		fail(look, &err);
}

void look_stop(struct look *look, const struct atls_error *why)
{
	if (look->busy)
		fail(look, why);
}

void look_free(struct look *look)
{
	atls_http_ask_free(look->ask);
	atls_handshake_free(look->handshake);
	atls_dial_free(look->dial);
	atls_shown_free(&look->shown);
	memset(look, 0, sizeof *look);
}
