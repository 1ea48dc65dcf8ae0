/* A session's base carriage: one request at a time. */
#include "session_impl.h"

#include "net/clock.h"
#include "net/timer.h"

#include <stdlib.h>

/* The body is a copy: the engine's output may move while the request is under way. */
static void send_body(struct session *session, const uint8_t *bytes, size_t len)
{
	struct lane *lane = &session->lanes[0];
	size_t size = session->course.codec->encoded_size(session->course.id, NULL, len);
	lane->body = malloc(size ? size : 1);
	if (!lane->body) {
		session_fail_memory(session);
		return;
	}
	session_log(session, ATLS_LOG_DEBUG, "request", "sending %zu TLS bytes", len);
	size = session->course.codec->encode(
		session->course.id, NULL, len ? bytes : (const uint8_t *)"", len, lane->body);
	session_post(session, lane, lane->body, size, NULL, 0);
}

void base_carry(struct session *session)
{
	int64_t now = atls_now_ms();
	int64_t at;
	size_t len = 0;
	const uint8_t *bytes = NULL;
	switch (atls_base_next(&session->course.base, now, &bytes, &len, &at)) {
	case ATLS_BASE_SEND:
		send_body(session, bytes, len);
		break;
	case ATLS_BASE_WAIT:
		if (at != INT64_MAX)
			atls_timer_set(session->timer, at - now);
		break;
	case ATLS_BASE_DONE:
		if (!session->stopping && atls_engine_error(session->course.engine)->code)
			session_failed(session);
		else
			session_done(session);
		break;
	}
}
