#include "core/raw.h"

#include "core/ascii.h"
#include "core/body_binary.h"
#include "core/engine_impl.h"
#include "core/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Names ---- */

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* RFC 6838 section 4.2 allows more, which would have to be quoted somewhere. */
static bool is_type(const char *type)
{
	size_t len = strlen(type);
	if (len == 0 || len > ATLS_RAW_TYPE_MAX || !is_alnum(atls_lower(type[0])))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_alnum(atls_lower(type[i])) && !strchr("._-", type[i]))
			return false;
	return true;
}

int atls_raw_init(struct atls_raw *raw, const char *type, struct atls_error *err)
{
	if (!is_type(type))
		return atls_error_set(err, ATLS_E_USAGE,
			"'%s' is no type: letters, digits, '.', '_' and '-', at most %u", type,
			ATLS_RAW_TYPE_MAX);
	snprintf(raw->content_type, sizeof raw->content_type, "application/%s+octet-stream", type);
	for (char *at = raw->content_type; *at; at++)
		*at = atls_lower(*at);
	if (strcmp(raw->content_type, atls_body_codec(ATLS_OCTET_STREAM)->content_type) == 0)
		return atls_error_set(
			err, ATLS_E_USAGE, "'%s' is the type of bodies with the inner TLS", type);
	raw->protocol = strchr(raw->content_type, '/') + 1;
	raw->codec = *atls_body_codec(ATLS_ATLS);
	raw->codec.name = "raw";
	raw->codec.content_type = raw->content_type;
	return ATLS_OK;
}

/* ---- The engine ---- */

struct atls_engine *atls_raw_engine_new(size_t input_max, size_t output_max, struct atls_error *err)
{
	struct atls_engine *engine = calloc(1, sizeof *engine);
	if (!engine) {
		atls_error_set(err, ATLS_E_MEMORY, "raw stream: out of memory");
		return NULL;
	}
	engine->output_max = output_max ? output_max : ATLS_OUTPUT_MAX;
	engine->established = true;
	engine->drained = true;
	atls_buf_init(&engine->in, input_max ? input_max : ATLS_INPUT_MAX);
	atls_buf_init(&engine->out, engine->output_max);
	return engine;
}

ssize_t atls_raw_read(struct atls_engine *engine, void *data, size_t cap)
{
	size_t len = cap < engine->in.len ? cap : engine->in.len;
	if (len) {
		memcpy(data, atls_buf_bytes(&engine->in), len);
		atls_buf_consume(&engine->in, len);
		return (ssize_t)len;
	}
	if (!engine->input_ended) {
		engine->drained = true;
		return ATLS_E_AGAIN;
	}
	if (engine->input_aborted)
		return atls_error_set(&engine->error, ATLS_E_TLS,
			"raw stream: it was truncated: the other end broke it off");
	engine->peer_closed = true;
	return 0;
}

ssize_t atls_raw_write(struct atls_engine *engine, const void *data, size_t len)
{
	int rc = atls_buf_append(&engine->out, data, len);
	return rc ? atls_error_set(&engine->error, rc,
			    "raw stream: out of memory for %zu bytes of output", len)
		  : (ssize_t)len;
}

/* ---- What another end would tell by TLS ---- */

void atls_engine_abort_input(struct atls_engine *engine)
{
	if (!engine->input_ended)
		engine->input_aborted = true;
	atls_engine_end_input(engine);
}

bool atls_engine_broke_off(const struct atls_engine *engine)
{
	return !engine->tls && engine->error.code != ATLS_OK && !engine->closed;
}

bool atls_engine_peer_failed(const struct atls_engine *engine)
{
	return engine->tls ? gnutls_alert_get(engine->tls) != GNUTLS_A_CLOSE_NOTIFY
			   : engine->input_aborted;
}

size_t atls_engine_close_len(const struct atls_engine *engine)
{
	return engine->close_len;
}
