/* Writes JSON as it comes, and nodes of the decoder as JSON. */
#ifndef ATLS_DUMP_JSON_H
#define ATLS_DUMP_JSON_H

#include "explain/node.h"
#include "out.h"

struct atls_trace_message;

/* A code as it was written before: the same few hundred come again and again. */
#define JSON_CODES     512u
#define JSON_CODE_TEXT 112u /* a name of 80, 10 digits, and what stands around them */
struct json_code {
	const char *name;
	uint32_t value, len; /* len 0: none */
	char text[JSON_CODE_TEXT];
};

struct json {
	struct out *out;
	bool *malformed; /* set if a node is */
	bool first;      /* no comma before what comes next */
	uint64_t lists;  /* of the nodes that are open, the innermost last: a bit each */
	const struct atls_trace_message *message; /* whose nodes come; null: none */
	struct json_code codes[JSON_CODES];
};

void json_open(struct json *json, const char *key, char bracket); /* '{' or '[' */
void json_close(struct json *json, char bracket);                 /* '}' or ']' */
void json_number(struct json *json, const char *key, uint64_t value);
void json_word(struct json *json, const char *key, const char *word); /* ours: no escapes */
void json_flag(struct json *json, const char *key, bool value);

/* Somebody else's text: ASCII, what is not UTF-8 as \xNN. */
void json_text(struct json *json, const char *key, const void *text, size_t len);
void json_base64(struct json *json, const char *key, const uint8_t *bytes, size_t len);
void json_hex(struct json *json, const char *key, const uint8_t *bytes, size_t len);
void json_time(struct json *json, const char *key, int64_t time_us);

/* {"code": N, "name": "X"}; the name is null if it is not registered. */
void json_code(struct json *json, const char *key, unsigned value, const char *name);

/* Nodes are written into the object under way; ctx is the struct json. */
extern const struct atls_node_ops json_nodes;

#endif
