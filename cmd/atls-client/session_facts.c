/* What others may know of a session. */
#include "session_impl.h"

#include "core/stream_ws.h"
#include "net/clock.h"

/* Whether the service has all that was said so far, and answered to it. */
static bool is_heard(const struct session *session)
{
	const uint8_t *bytes;
	if (atls_engine_output(session->course.engine, &bytes))
		return false;
	if (!session->stream)
		return session->course.base.exchanges - session->exchanges_before > 1;
	const struct atls_stream_facts facts = atls_stream_client_facts(session->stream);
	/* Without TLS, one answer says that the service took the session. */
	return facts.exchanges > !session->client->settings.raw && facts.acked == facts.said;
}

bool session_stands(const struct session *session)
{
	return (atls_engine_state(session->course.engine) & ATLS_ESTABLISHED) &&
	       (!session->stream || atls_stream_client_facts(session->stream).open);
}

/* A path that refused one is not asked again for a while. */
static struct ws_found websocket_found(const struct session *session)
{
	const struct client *client = session->client;
	struct ws_found found = session->ws_found;
	if (found.state == WS_UNTRIED && client->settings.carriage == CARRIAGE_AUTO &&
		client->ws_not_before > atls_now_ms())
		found.state = WS_REMEMBERED;
	return found;
}

struct session_facts session_facts(const struct session *session)
{
	bool websocket = session->stream && atls_stream_client_attached(session->stream);
	struct session_facts facts = {
		.engine = session->course.engine,
		.channel = session->lanes[0].channel,
		.codec = session->course.codec,
		.carriage = websocket         ? "ws"
			    : session->stream ? "stream"
					      : "base",
		.streams = session->stream != NULL,
		.url = session->url,
		.heard = is_heard(session),
		.exchanges = session->course.base.exchanges,
		.report = session->report,
		.handshake_ms = session->stood ? session->stood - session->began : -1,
	};
	if (session->stream) {
		facts.path = atls_stream_client_facts(session->stream);
		facts.exchanges += facts.path.exchanges;
		facts.websocket = websocket_found(session);
	}
	return facts;
}
