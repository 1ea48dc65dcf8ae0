#include "net/handshake.h"

#include "core/buf.h"
#include "core/err.h"
#include "net/clock.h"
#include "net/timer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLIGHT_MAX (1u << 20)

struct atls_handshake {
	struct atls_handshake_config config;
	struct event_base *base;
	struct atls_dial *dial;
	int64_t deadline;
	gnutls_session_t tls;
	struct event *ready;
	struct atls_shown shown;
	struct atls_buf flight;
	bool flight_down;
	unsigned flights;
	bool made;
	bool heard;             /* a byte came */
	unsigned char first[5]; /* the first bytes that came */
	unsigned first_len;
};

/* ---- flights ----------------------------------------------------------------------------------
 */

static void end_flight(struct atls_handshake *handshake)
{
	struct atls_buf *flight = &handshake->flight;

	if (flight->len)
		handshake->config.flight(handshake->config.ctx, handshake->flight_down,
			++handshake->flights, atls_buf_bytes(flight), flight->len);
	atls_buf_consume(flight, flight->len);
}

static void note(struct atls_handshake *handshake, bool down, const void *bytes, size_t len)
{
	if (!handshake->config.flight)
		return;
	if (down != handshake->flight_down)
		end_flight(handshake);
	handshake->flight_down = down;
	(void)atls_buf_append(&handshake->flight, bytes, len);
}

static ssize_t push(gnutls_transport_ptr_t ctx, const void *bytes, size_t len)
{
	struct atls_handshake *handshake = ctx;
	ssize_t n = atls_dial_send(handshake->dial, bytes, len);

	if (n > 0)
		note(handshake, false, bytes, (size_t)n);
	if (n < 0)
		gnutls_transport_set_errno(handshake->tls, errno);
	return n;
}

static ssize_t pull(gnutls_transport_ptr_t ctx, void *bytes, size_t cap)
{
	struct atls_handshake *handshake = ctx;
	ssize_t n = atls_dial_recv(handshake->dial, bytes, cap);

	if (n > 0) {
		const unsigned char *at = bytes;
		for (ssize_t i = 0; i < n && handshake->first_len < sizeof handshake->first; i++)
			handshake->first[handshake->first_len++] = at[i];
		handshake->heard = true;
		note(handshake, true, bytes, (size_t)n);
	}
	if (n < 0)
		gnutls_transport_set_errno(handshake->tls, errno);
	return n;
}

/* ---- what was shown ---------------------------------------------------------------------------
 */

static int note_extension(void *ctx, unsigned number, const unsigned char *data, unsigned len)
{
	struct atls_handshake *handshake = ctx;
	struct atls_shown *shown = &handshake->shown;

	(void)data, (void)len;
	if (shown->extension_count < ATLS_SHOWN_EXTENSIONS)
		shown->extensions[shown->extension_count++] = number;
	return 0;
}

/* Behind the version, random, session id, suite and compression of a ServerHello. */
static gnutls_datum_t extensions_of(unsigned type, const gnutls_datum_t *message)
{
	const unsigned fixed = 2 + 32;
	unsigned skip = 0;

	if (type == GNUTLS_HANDSHAKE_SERVER_HELLO && message->size > fixed)
		skip = fixed + 1 + message->data[fixed] + 2 + 1;
	if (skip > message->size)
		skip = message->size;
	return (gnutls_datum_t){message->data + skip, message->size - skip};
}

static int on_message(gnutls_session_t tls, unsigned type, unsigned when, unsigned incoming,
	const gnutls_datum_t *message)
{
	const gnutls_datum_t list = extensions_of(type, message);

	(void)when;
	if (incoming && list.size)
		(void)gnutls_ext_raw_parse(gnutls_session_get_ptr(tls), note_extension, &list, 0);
	return 0;
}

static bool copy(gnutls_datum_t *to, const gnutls_datum_t *from)
{
	to->data = malloc(from->size ? from->size : 1);
	if (!to->data)
		return false;
	memcpy(to->data, from->data, from->size);
	to->size = from->size;
	return true;
}

static void set_text(char text[ATLS_SHOWN_TEXT], const char *from)
{
	snprintf(text, ATLS_SHOWN_TEXT, "%s", from ? from : "");
}

static bool gather(struct atls_handshake *handshake)
{
	gnutls_session_t tls = handshake->tls;
	struct atls_shown *shown = &handshake->shown;
	gnutls_datum_t protocol = {0}, response = {0};
	const gnutls_datum_t *chain = gnutls_certificate_get_peers(tls, &shown->sent);

	for (unsigned i = 0; chain && i < shown->sent && i < ATLS_SHOWN_CERTS; i++) {
		if (!copy(&shown->chain[i], &chain[i]))
			return false;
		shown->count++;
	}
	if (gnutls_ocsp_status_request_get2(tls, 0, &response) == 0 &&
		!copy(&shown->ocsp, &response))
		return false;
	set_text(shown->version, gnutls_protocol_get_name(gnutls_protocol_get_version(tls)));
	set_text(shown->suite, gnutls_ciphersuite_get(tls));
	set_text(shown->group, gnutls_group_get_name(gnutls_group_get(tls)));
	if (gnutls_alpn_get_selected_protocol(tls, &protocol) == 0)
		snprintf(shown->alpn, sizeof shown->alpn, "%.*s", (int)protocol.size,
			(const char *)protocol.data);
	return true;
}

/* ---- the handshake ----------------------------------------------------------------------------
 */

static void fail_tls(struct atls_handshake *handshake, int rc, struct atls_error *err)
{
	const char *words = gnutls_strerror(rc);

	if (rc == GNUTLS_E_FATAL_ALERT_RECEIVED || rc == GNUTLS_E_WARNING_ALERT_RECEIVED) {
		const char *alert = gnutls_alert_get_name(gnutls_alert_get(handshake->tls));
		atls_error_set(err, ATLS_E_TLS, "TLS: the peer refused the handshake (alert: %s)",
			alert ? alert : "unknown");
		return;
	}
	if (rc == GNUTLS_E_PUSH_ERROR || rc == GNUTLS_E_PULL_ERROR ||
		rc == GNUTLS_E_PREMATURE_TERMINATION ||
		(rc == GNUTLS_E_UNEXPECTED_PACKET_LENGTH && !handshake->heard)) {
		atls_error_set(err, ATLS_E_NETWORK, "TLS: the connection was %s amid the handshake",
			rc == GNUTLS_E_PREMATURE_TERMINATION ? "closed" : "reset");
		return;
	}
	/* A TLS record begins with its type and a version 3.x. */
	if (handshake->first_len >= 2 && (handshake->first[0] < 20 || handshake->first[0] > 24 ||
						 handshake->first[1] != 3)) {
		atls_error_set(err, ATLS_E_PROTOCOL, "TLS: what answers there does not speak TLS");
		return;
	}
	atls_error_set(err, rc == GNUTLS_E_MEMORY_ERROR ? ATLS_E_MEMORY : ATLS_E_TLS,
		"TLS: the handshake failed (%s)", words);
}

static void on_ready(evutil_socket_t fd, short what, void *ctx);

/* Waits for what the session wants next, till the time is over whatever trickles in. */
static int wait_for(struct atls_handshake *handshake, short what)
{
	int64_t left = handshake->deadline - atls_now_ms();
	struct timeval limit = atls_timeval(left > 0 ? left : 0);

	event_assign(handshake->ready, handshake->base, atls_dial_fd(handshake->dial), what,
		on_ready, handshake);
	return event_add(handshake->ready, &limit);
}

static void on_ready(evutil_socket_t fd, short what, void *ctx)
{
	struct atls_handshake *handshake = ctx;
	struct atls_error err = {0};
	int rc;

	(void)fd;
	do
		rc = gnutls_handshake(handshake->tls);
	while (rc < 0 && rc != GNUTLS_E_AGAIN && !gnutls_error_is_fatal(rc));
	if (rc == GNUTLS_E_AGAIN && what != EV_TIMEOUT &&
		wait_for(handshake,
			gnutls_record_get_direction(handshake->tls) ? EV_WRITE : EV_READ) == 0)
		return;
	if (rc == GNUTLS_E_AGAIN)
		atls_error_set(&err, ATLS_E_NETWORK,
			"TLS: the handshake was not done within %.1f s",
			(double)handshake->config.max_ms / 1000);
	else if (rc < 0)
		fail_tls(handshake, rc, &err);
	else if (!gather(handshake))
		atls_error_set(&err, ATLS_E_MEMORY, "out of memory for certificates");
	else
		handshake->made = true;
	if (handshake->config.flight)
		end_flight(handshake);
	handshake->config.done(handshake->config.ctx, &err);
}

static int set_up(struct atls_handshake *handshake)
{
	const struct atls_handshake_config *config = &handshake->config;
	gnutls_datum_t protocols[8];
	unsigned char address[16];
	const char *name = config->server_name;
	unsigned count = 0;

	int rc = gnutls_init(&handshake->tls,
		GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL | GNUTLS_NO_TICKETS);
	if (rc >= 0)
		rc = gnutls_priority_set(handshake->tls, config->priorities);
	if (rc >= 0)
		rc = gnutls_credentials_set(
			handshake->tls, GNUTLS_CRD_CERTIFICATE, config->credentials);
	if (rc >= 0 && name && inet_pton(AF_INET, name, address) != 1 &&
		inet_pton(AF_INET6, name, address) != 1)
		rc = gnutls_server_name_set(handshake->tls, GNUTLS_NAME_DNS, name, strlen(name));
	for (; count < config->alpn_count && count < 8; count++)
		protocols[count] = (gnutls_datum_t){(unsigned char *)(uintptr_t)config->alpn[count],
			(unsigned)strlen(config->alpn[count])};
	if (rc >= 0 && count)
		rc = gnutls_alpn_set_protocols(handshake->tls, protocols, count, 0);
	if (rc < 0)
		return rc;
	gnutls_session_set_ptr(handshake->tls, handshake);
	gnutls_transport_set_ptr(handshake->tls, handshake);
	gnutls_transport_set_push_function(handshake->tls, push);
	gnutls_transport_set_pull_function(handshake->tls, pull);
	gnutls_handshake_set_hook_function(
		handshake->tls, GNUTLS_HANDSHAKE_SERVER_HELLO, GNUTLS_HOOK_PRE, on_message);
	gnutls_handshake_set_hook_function(
		handshake->tls, GNUTLS_HANDSHAKE_ENCRYPTED_EXTENSIONS, GNUTLS_HOOK_PRE, on_message);
	return 0;
}

struct atls_handshake *atls_handshake_new(struct event_base *base, struct atls_dial *dial,
	const struct atls_handshake_config *config, struct atls_error *err)
{
	struct atls_handshake *handshake = calloc(1, sizeof *handshake);
	int rc = GNUTLS_E_MEMORY_ERROR;

	if (handshake) {
		handshake->config = *config;
		handshake->base = base;
		handshake->dial = dial;
		handshake->deadline = atls_now_ms() + config->max_ms;
		atls_buf_init(&handshake->flight, FLIGHT_MAX);
		handshake->ready = event_new(base, -1, 0, on_ready, handshake);
		rc = set_up(handshake);
	}
	if (rc >= 0 && handshake->ready && wait_for(handshake, EV_WRITE) == 0)
		return handshake;
	atls_error_set(err, rc >= 0 || rc == GNUTLS_E_MEMORY_ERROR ? ATLS_E_MEMORY : ATLS_E_USAGE,
		"TLS: no handshake can be begun (%s)", gnutls_strerror(rc));
	atls_handshake_free(handshake);
	return NULL;
}

void atls_handshake_free(struct atls_handshake *handshake)
{
	if (!handshake)
		return;
	if (handshake->made)
		(void)gnutls_bye(handshake->tls, GNUTLS_SHUT_WR);
	atls_event_free(handshake->ready);
	if (handshake->tls)
		gnutls_deinit(handshake->tls);
	atls_buf_free(&handshake->flight);
	atls_shown_free(&handshake->shown);
	free(handshake);
}

void atls_handshake_take(struct atls_handshake *handshake, struct atls_shown *shown)
{
	*shown = handshake->shown;
	memset(&handshake->shown, 0, sizeof handshake->shown);
}

static ssize_t result(ssize_t rc)
{
	if (rc >= 0)
		return rc;
	if (rc == GNUTLS_E_PREMATURE_TERMINATION)
		return 0;
	errno = gnutls_error_is_fatal((int)rc) ? ECONNRESET : EAGAIN;
	return -1;
}

ssize_t atls_handshake_send(struct atls_handshake *handshake, const void *bytes, size_t len)
{
	return result(gnutls_record_send(handshake->tls, bytes, len));
}

ssize_t atls_handshake_recv(struct atls_handshake *handshake, void *bytes, size_t cap)
{
	return result(gnutls_record_recv(handshake->tls, bytes, cap));
}
