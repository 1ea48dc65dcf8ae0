/* Byte streams that protect themselves (RAW STREAMS in atls(7)): an engine without TLS, and bodies
 * of type application/TYPE+octet-stream. Nothing here encrypts or tells who the peer is. */
#ifndef ATLS_CORE_RAW_H
#define ATLS_CORE_RAW_H

#include "atls.h"

#define ATLS_RAW_TYPE_MAX 64u /* characters of a TYPE */

/* How bodies and WebSockets of a TYPE are called. */
struct atls_raw {
	struct atls_body_codec codec; /* its content_type is the one below */
	char content_type[sizeof "application/+octet-stream" + ATLS_RAW_TYPE_MAX];
	const char *protocol; /* Sec-WebSocket-Protocol: the part behind "application/" */
};

/* Fills raw, which must not move afterwards, with the names of a TYPE: letters (of either case),
 * digits, '.', '_' and '-', a letter or digit first; "atls" is taken. 0, or ATLS_E_USAGE with err
 * saying what is wrong. */
int atls_raw_init(struct atls_raw *raw, const char *type, struct atls_error *err);

/*
 * An engine that passes bytes on as they are, for stream carriage alone: what is written is the
 * output, what is fed is read, and both directions stand at once. Its other end's end is
 * atls_engine_end_input(), an orderly one. input_max and output_max are those of struct
 * atls_engine_config. atls_engine_session() of it is null. Null: memory.
 */
struct atls_engine *atls_raw_engine_new(
	size_t input_max, size_t output_max, struct atls_error *err);

/* Says that no more bytes will come although there should be: what is here is read, and then the
 * session fails. To TLS that is atls_engine_end_input(), which has its own means to tell. */
void atls_engine_abort_input(struct atls_engine *engine);

/* Whether this side's direction broke off, and no alert in the output says so. */
bool atls_engine_broke_off(const struct atls_engine *engine);

/* Whether it was the other end that failed, or said that the session did. */
bool atls_engine_peer_failed(const struct atls_engine *engine);

/* How much of the output the end of this side's direction takes: a close_notify, or nothing. */
size_t atls_engine_close_len(const struct atls_engine *engine);

/* The engine's part that is another one without TLS; for engine.c alone. */
ssize_t atls_raw_read(struct atls_engine *engine, void *data, size_t cap);
ssize_t atls_raw_write(struct atls_engine *engine, const void *data, size_t len);

#endif
