#include "cli/report.h"

#include "cli/log.h"
#include "cli/out.h"
#include "core/base64.h"
#include "core/err.h"

#include <stdlib.h>
#include <string.h>

/* ---- Writing -------------------------------------------------------------------------------- */

static json_t *json_base64(const void *bytes, size_t len)
{
	size_t size = atls_base64_encoded_size(len);
	uint8_t *text = malloc(size + 1);
	if (!text)
		return NULL;
	atls_base64_encode(text, bytes, len);
	json_t *string = json_stringn((char *)text, size);
	free(text);
	return string;
}

json_t *atls_report_chain_json(const struct atls_report_chain *chain)
{
	json_t *array = json_array();
	for (unsigned i = 0; i < chain->count; i++) {
		char hash[ATLS_FINGERPRINT_TEXT];
		atls_report_fingerprint(&chain->der[i], hash);
		if (json_array_append_new(
			    array, json_pack("{s:s, s:o}", "sha256", hash, "der",
					   json_base64(chain->der[i].data, chain->der[i].size)))) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static json_t *connection_json(const struct atls_report_connection *connection)
{
	json_t *object = json_pack("{s:b}", "tls", connection->tls);
	if (connection->version[0])
		json_object_set_new(object, "version", json_string(connection->version));
	if (connection->bound)
		json_object_set_new(object, "tls_exporter",
			json_base64(connection->binding, sizeof connection->binding));
	return object;
}

static char *to_text(json_t *object)
{
	char *text = object ? json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
	json_decref(object);
	size_t len = text ? strlen(text) : 0;
	char *line = text ? realloc(text, len + 2) : NULL;
	if (line)
		memcpy(line + len, "\n", 2);
	else
		free(text);
	return line;
}

char *atls_report_seen_text(const struct atls_report_seen *seen, const char *host)
{
	return to_text(json_pack("{s:s, s:o, s:o, s:o}", "schema", ATLS_REPORT_PROTOCOL, "host",
		atls_out_string(host), "connection", connection_json(&seen->connection), "chain",
		atls_report_chain_json(&seen->chain)));
}

json_t *atls_report_shown_json(const struct atls_report_shown *shown)
{
	json_t *fronts = json_array();
	for (unsigned i = 0; i < shown->front_count; i++)
		json_array_append_new(fronts, atls_report_chain_json(&shown->fronts[i]));
	return json_pack("{s:o, s:o, s:o}", "connection", connection_json(&shown->connection),
		"own", atls_report_chain_json(&shown->own), "fronts", fronts);
}

char *atls_report_shown_text(
	const struct atls_report_shown *shown, enum atls_report_finding finding)
{
	json_t *object = json_pack(
		"{s:s, s:s}", "schema", ATLS_REPORT_PROTOCOL, "finding", atls_report_word(finding));
	json_t *rest = atls_report_shown_json(shown);
	bool done = object && rest && json_object_update(object, rest) == 0;
	json_decref(rest);
	if (!done) {
		json_decref(object);
		return NULL;
	}
	return to_text(object);
}

/* ---- Reading -------------------------------------------------------------------------------- */

static int malformed(struct atls_error *err, const char *what)
{
	return atls_error_set(err, ATLS_E_PROTOCOL, "transport report: %s", what);
}

/* Decodes a base64 string; *bytes is the caller's to free. */
static int read_base64(const json_t *value, uint8_t **bytes, size_t *len, struct atls_error *err)
{
	const char *text = json_string_value(value);
	size_t size = json_string_length(value);
	if (!text)
		return malformed(err, "a member that should be base64 is no string");
	*bytes = malloc(size + 1);
	if (!*bytes)
		return atls_error_set(err, ATLS_E_MEMORY, "out of memory for a transport report");
	memcpy(*bytes, text, size);
	ssize_t decoded = atls_base64_decode(*bytes, size);
	if (decoded > 0) {
		*len = (size_t)decoded;
		return ATLS_OK;
	}
	free(*bytes);
	*bytes = NULL;
	return malformed(err, decoded ? "a string is no base64" : "a string is empty");
}

static int read_chain(const json_t *array, struct atls_report_chain *chain, struct atls_error *err)
{
	if (!json_is_array(array))
		return malformed(err, "a chain is no array");
	if (json_array_size(array) > ATLS_CHAIN_MAX)
		return malformed(err, "a chain is too long");
	for (size_t i = 0; i < json_array_size(array); i++) {
		uint8_t *der = NULL;
		size_t len = 0;
		int rc = read_base64(
			json_object_get(json_array_get(array, i), "der"), &der, &len, err);
		if (rc)
			return rc;
		rc = atls_report_chain_add(chain, der, len);
		free(der);
		if (rc)
			return atls_error_set(err, rc, "out of memory for a transport report");
	}
	return ATLS_OK;
}

static int read_connection(
	const json_t *object, struct atls_report_connection *connection, struct atls_error *err)
{
	const json_t *tls = json_object_get(object, "tls");
	const json_t *version = json_object_get(object, "version");
	const json_t *binding = json_object_get(object, "tls_exporter");
	uint8_t *bytes = NULL;
	size_t len = 0;
	if (!json_is_boolean(tls))
		return malformed(err, "'connection' does not say whether there was TLS");
	connection->tls = json_is_true(tls);
	if (version && json_string_length(version) >= sizeof connection->version)
		return malformed(err, "'version' is too long");
	if (json_is_string(version))
		memcpy(connection->version, json_string_value(version),
			json_string_length(version) + 1);
	else if (version)
		return malformed(err, "'version' is no string");
	if (!binding)
		return ATLS_OK;
	int rc = read_base64(binding, &bytes, &len, err);
	if (rc)
		return rc;
	connection->bound = len == sizeof connection->binding;
	if (connection->bound)
		memcpy(connection->binding, bytes, len);
	free(bytes);
	return connection->bound ? ATLS_OK : malformed(err, "'tls_exporter' is not 32 bytes");
}

/* The object, for the caller; null with err filled. */
static json_t *read_object(const char *text, size_t len, struct atls_error *err)
{
	json_error_t why;
	if (len > ATLS_REPORT_MAX) {
		malformed(err, "it is too long");
		return NULL;
	}
	json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
	const char *schema = json_string_value(json_object_get(root, "schema"));
	if (schema && strcmp(schema, ATLS_REPORT_PROTOCOL) == 0)
		return root;
	malformed(err, root ? "it is not of the schema " ATLS_REPORT_PROTOCOL : "it is no JSON");
	json_decref(root);
	return NULL;
}

int atls_report_seen_parse(const char *text, size_t len, struct atls_report_seen *seen,
	char host[ATLS_REPORT_HOST], struct atls_error *err)
{
	memset(seen, 0, sizeof *seen);
	host[0] = '\0';
	json_t *root = read_object(text, len, err);
	if (!root)
		return ATLS_E_PROTOCOL;
	const json_t *name = json_object_get(root, "host");
	int rc = read_connection(json_object_get(root, "connection"), &seen->connection, err);
	if (!rc)
		rc = read_chain(json_object_get(root, "chain"), &seen->chain, err);
	if (!rc && name && !json_is_string(name))
		rc = malformed(err, "'host' is no string");
	if (!rc && name)
		atls_log_escape(json_string_value(name), host, ATLS_REPORT_HOST);
	json_decref(root);
	return rc;
}

static int read_fronts(const json_t *array, struct atls_report_shown *shown, struct atls_error *err)
{
	if (!json_is_array(array))
		return malformed(err, "'fronts' is no array");
	if (json_array_size(array) > ATLS_FRONTS_MAX)
		return malformed(err, "there are too many fronts");
	for (size_t i = 0; i < json_array_size(array); i++) {
		int rc = read_chain(
			json_array_get(array, i), &shown->fronts[shown->front_count++], err);
		if (rc)
			return rc;
	}
	return ATLS_OK;
}

int atls_report_shown_parse(
	const char *text, size_t len, struct atls_report_shown *shown, struct atls_error *err)
{
	memset(shown, 0, sizeof *shown);
	json_t *root = read_object(text, len, err);
	if (!root)
		return ATLS_E_PROTOCOL;
	int rc = read_connection(json_object_get(root, "connection"), &shown->connection, err);
	if (!rc)
		rc = read_chain(json_object_get(root, "own"), &shown->own, err);
	if (!rc)
		rc = read_fronts(json_object_get(root, "fronts"), shown, err);
	json_decref(root);
	return rc;
}
