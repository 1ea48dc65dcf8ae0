/* Certificate status (RFC 6066 section 8, RFC 6961), OCSP (RFC 6960) and signed certificate
 * timestamps (RFC 6962). */
#include "explain/certificate.h"
#include "explain/handshake.h"
#include "trust/text.h"

#include <gnutls/ocsp.h>
#include <stdio.h>
#include <string.h>

#define RESPONSES_MAX 64u

static void say_time(const struct atls_nodes *nodes, const char *key, time_t when)
{
	char text[ATLS_TRUST_TIME_TEXT];
	if (when == (time_t)-1)
		return;
	atls_text_time(text, when);
	nodes->ops->text(nodes->ctx, key, text, strlen(text));
}

static void say_text(const struct atls_nodes *nodes, const char *key, const char *text)
{
	nodes->ops->text(nodes->ctx, key, text, strlen(text));
}

static const char *certificate_status(unsigned status)
{
	return status == GNUTLS_OCSP_CERT_GOOD      ? "good"
	       : status == GNUTLS_OCSP_CERT_REVOKED ? "revoked"
						    : "unknown";
}

static bool single(gnutls_ocsp_resp_t response, unsigned i, const struct atls_nodes *nodes)
{
	gnutls_datum_t name = {0}, key = {0}, serial = {0};
	unsigned status = 0;
	time_t this_update = -1, next_update = -1, revoked = -1;
	if (gnutls_ocsp_resp_get_single(response, i, NULL, &name, &key, &serial, &status,
		    &this_update, &next_update, &revoked, NULL) < 0)
		return false;
	const struct atls_node node = {.at = ATLS_NOWHERE};
	nodes->ops->begin(nodes->ctx, &node);
	nodes->ops->digest(nodes->ctx, "serial", serial.data, serial.size);
	say_text(nodes, "certificate_status", certificate_status(status));
	say_time(nodes, "this_update", this_update);
	say_time(nodes, "next_update", next_update);
	if (status == GNUTLS_OCSP_CERT_REVOKED)
		say_time(nodes, "revoked", revoked);
	nodes->ops->end(nodes->ctx);
	gnutls_free(name.data);
	gnutls_free(key.data);
	gnutls_free(serial.data);
	return true;
}

static void basic_response(gnutls_ocsp_resp_t response, const struct atls_nodes *nodes)
{
	gnutls_datum_t responder = {0};
	if (gnutls_ocsp_resp_get_responder2(response, &responder, 0) == 0 && responder.data)
		nodes->ops->text(nodes->ctx, "responder", responder.data, responder.size);
	gnutls_free(responder.data);
	responder.data = NULL;
	if (gnutls_ocsp_resp_get_responder_raw_id(response, GNUTLS_OCSP_RESP_ID_KEY, &responder) ==
		0)
		nodes->ops->digest(nodes->ctx, "responder_key", responder.data, responder.size);
	gnutls_free(responder.data);
	say_time(nodes, "produced", gnutls_ocsp_resp_get_produced(response));
	int algorithm = gnutls_ocsp_resp_get_signature_algorithm(response);
	const char *name =
		algorithm > 0 ? gnutls_sign_get_name((gnutls_sign_algorithm_t)algorithm) : NULL;
	if (name)
		say_text(nodes, "signature_algorithm", name);
	const struct atls_node list = {.key = "responses", .list = true, .at = ATLS_NOWHERE};
	nodes->ops->begin(nodes->ctx, &list);
	for (unsigned i = 0; i < RESPONSES_MAX && single(response, i, nodes); i++)
		continue;
	nodes->ops->end(nodes->ctx);
}

void atls_ocsp_explain(const uint8_t *der, size_t len, const struct atls_nodes *nodes)
{
	static const char *const statuses[] = {"successful", "malformed_request", "internal_error",
		"try_later", NULL, "sig_required", "unauthorized"};
	gnutls_ocsp_resp_t response;
	gnutls_datum_t datum = {.size = (unsigned)len};
	memcpy(&datum.data, &der,
		sizeof der); /* GnuTLS's type lacks const, its function does not */
	nodes->ops->number(nodes->ctx, "size", len);
	if (gnutls_ocsp_resp_init(&response) < 0)
		return;
	int rc = gnutls_ocsp_resp_import(response, &datum);
	int status = rc < 0 ? rc : gnutls_ocsp_resp_get_status(response);
	if (status >= 0) {
		nodes->ops->code(nodes->ctx, "response_status", (unsigned)status, 0,
			status < 7 ? statuses[status] : NULL);
		if (status == GNUTLS_OCSP_RESP_SUCCESSFUL)
			basic_response(response, nodes);
	} else {
		nodes->ops->wrong(
			nodes->ctx, ATLS_NOWHERE, "an OCSP response in DER", gnutls_strerror(rc));
	}
	gnutls_ocsp_resp_deinit(response);
}

static void ocsp(struct atls_cut *cut, const char *key)
{
	struct atls_walk *walk = cut->walk;
	struct atls_node node = {.key = key, .at = atls_walk_place(cut)};
	struct atls_cut der = atls_walk_vector(cut, 3, "OCSP response");
	node.len = 3 + der.len;
	walk->nodes.ops->begin(walk->nodes.ctx, &node);
	if (der.len)
		atls_ocsp_explain(der.at, der.len, &walk->nodes);
	atls_walk_end(walk);
}

void atls_certificate_status_explain(struct atls_cut *cut)
{
	unsigned type = atls_walk_code(cut, 1, "status_type", atls_name_status_type);
	if (type == 1) {
		ocsp(cut, "ocsp");
	} else if (type == 2) {
		struct atls_cut list = atls_walk_vector(cut, 3, "responses");
		atls_walk_begin_list(cut->walk, "ocsp_multi");
		while (list.len && !list.failed)
			ocsp(&list, NULL);
		atls_walk_end(cut->walk);
	}
}

static void timestamp(struct atls_cut *cut)
{
	struct atls_cut sct = atls_walk_vector(cut, 2, "timestamp");
	const struct atls_nodes *nodes = &cut->walk->nodes;
	atls_walk_begin(cut->walk, NULL);
	atls_walk_number(&sct, 1, "version");
	struct atls_cut log = atls_walk_part(&sct, 32, "log id");
	nodes->ops->digest(nodes->ctx, "log_id", log.at, log.len);
	uint64_t when = atls_walk_take(&sct, 8, "timestamp");
	if (!sct.failed && when / 1000 <= INT64_MAX)
		say_time(nodes, "timestamp", (time_t)(when / 1000));
	atls_walk_opaque(&sct, 2, "extensions");
	atls_walk_code(&sct, 2, "algorithm", atls_name_signature);
	atls_walk_opaque(&sct, 2, "signature");
	atls_walk_finish(&sct);
	atls_walk_end(cut->walk);
}

void atls_timestamps_explain(struct atls_cut *cut)
{
	struct atls_cut list = atls_walk_vector(cut, 2, "timestamps");
	atls_walk_begin_list(cut->walk, "timestamps");
	while (list.len && !list.failed)
		timestamp(&list);
	atls_walk_end(cut->walk);
}

void atls_authorities_explain(struct atls_cut *cut)
{
	const struct atls_nodes *nodes = &cut->walk->nodes;
	struct atls_cut list = atls_walk_vector(cut, 2, "authorities");
	atls_walk_begin_list(cut->walk, "authorities");
	while (list.len && !list.failed) {
		struct atls_cut name = atls_walk_vector(&list, 2, "authority");
		gnutls_datum_t der = {.size = (unsigned)name.len}, text = {0};
		memcpy(&der.data, &name.at, sizeof name.at);
		if (name.len && gnutls_x509_rdn_get2(&der, &text, 0) == 0)
			nodes->ops->text(nodes->ctx, NULL, text.data, text.size);
		else
			nodes->ops->bytes(nodes->ctx, NULL, name.at, name.len);
		gnutls_free(text.data);
	}
	atls_walk_end(cut->walk);
}
