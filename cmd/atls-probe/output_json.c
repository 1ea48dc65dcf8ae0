#include "output.h"

#include "cli/out.h"
#include "core/base64.h"

#include <stdio.h>
#include <stdlib.h>

static json_t *json_hex(const uint8_t *bytes, size_t len)
{
	char text[2 * ATLS_HASH_LEN + 1] = "";

	for (size_t i = 0; i < len && i < ATLS_HASH_LEN; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	return json_string(text);
}

static json_t *json_bytes(const gnutls_datum_t *bytes)
{
	size_t len = atls_base64_encoded_size(bytes->size);
	char *text = malloc(len + 1);
	json_t *value = NULL;

	if (text) {
		atls_base64_encode((uint8_t *)text, bytes->data, bytes->size);
		value = json_stringn(text, len);
	}
	free(text);
	return value;
}

/* A time, or null where there is none. */
static json_t *json_time(time_t when)
{
	char text[ATLS_TIME_TEXT] = "";

	if (when != (time_t)-1)
		atls_out_time(when, text);
	return text[0] ? json_string(text) : json_null();
}

static json_t *certificate(const gnutls_datum_t *der, bool fetched)
{
	struct atls_facts facts;
	char pin[ATLS_PIN_TEXT];
	bool malformed = atls_facts_read(&facts, der) != 0;

	atls_pin_text(facts.pin, pin);
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:b, s:b, s:o}",
		"subject", atls_out_string(facts.subject), "issuer", atls_out_string(facts.issuer),
		"names", atls_out_string(facts.names), "key", atls_out_string(facts.key),
		"signature", atls_out_string(facts.signature), "serial",
		atls_out_string(facts.serial), "not_before", json_time(facts.not_before),
		"not_after", json_time(facts.not_after), "pin", pin, "sha256",
		json_hex(facts.sha256, ATLS_HASH_LEN), "malformed", malformed, "fetched", fetched,
		"der", json_bytes(der));
}

static json_t *chain(const struct probe *probe)
{
	const struct atls_shown *shown = &probe->looks[0].shown;
	json_t *list = json_array();

	for (unsigned i = 0; i < shown->count; i++)
		json_array_append_new(list, certificate(&shown->chain[i], false));
	for (unsigned i = 0; i < probe->complete.more_count; i++)
		json_array_append_new(list, certificate(&probe->complete.more[i], true));
	return list;
}

static json_t *tls(const struct atls_shown *shown)
{
	json_t *extensions = json_array();

	for (unsigned i = 0; i < shown->extension_count; i++)
		json_array_append_new(extensions, json_integer((json_int_t)shown->extensions[i]));
	return json_pack("{s:s, s:s, s:s, s:o, s:b, s:o, s:i}", "version", shown->version, "suite",
		shown->suite, "group", shown->group, "alpn", atls_out_string(shown->alpn),
		"ocsp_staple", shown->ocsp.size != 0, "extensions", extensions, "chain_length",
		(int)shown->sent);
}

static json_t *evidence(const struct atls_judgement *judgement)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < judgement->count; i++) {
		const struct atls_evidence *one = &judgement->evidence[i];
		json_array_append_new(list,
			json_pack("{s:s, s:i, s:o, s:o}", "kind", atls_evidence_word(one->kind),
				"weight", one->weight, "seen", atls_out_string(one->seen),
				"expected", atls_out_string(one->expected)));
	}
	return list;
}

static json_t *faults(unsigned faults)
{
	json_t *list = json_array();

	while (faults) {
		unsigned first = atls_fault_first(faults);
		json_array_append_new(list, json_string(atls_fault_word(first)));
		if (!first)
			break;
		faults &= ~first;
	}
	return list;
}

json_t *output_json(const struct probe *probe)
{
	const struct atls_judgement *judgement = &probe->judgement;
	const struct look *first = &probe->looks[0];
	json_t *root = json_pack(
		"{s:s, s:o, s:o, s:i, s:o, s:o, s:s, s:o, s:o, s:s, s:b, s:b, s:b, "
		"s:i, s:o, s:o, s:i, s:I}",
		"schema", "atls-probe/1", "target", atls_out_string(probe->target->text), "host",
		atls_out_string(probe->target->host), "port", (int)probe->target->port, "name",
		atls_out_string(probe->name), "time", json_time(probe->when), "verdict",
		verdict_word(probe->verdict), "faults", faults(judgement->faults), "who",
		judgement->who[0] ? atls_out_string(judgement->who) : json_null(), "anchor",
		atls_anchor_word(judgement->anchor), "expected", judgement->expected, "corporate",
		judgement->anchor == ATLS_ANCHOR_ADDED && !judgement->expected, "portal",
		judgement->portal, "score", judgement->score, "evidence", evidence(judgement),
		"address", first->address[0] ? atls_out_string(first->address) : json_null(),
		"exit_code", probe_exit_code(probe), "duration_ms", (json_int_t)first->took_ms);

	if (first->shown.version[0]) {
		json_object_set_new(root, "tls", tls(&first->shown));
		json_object_set_new(root, "chain", chain(probe));
	}
	if (first->error.code)
		json_object_set_new(root, "error", atls_out_string(first->error.text));
	return root;
}
