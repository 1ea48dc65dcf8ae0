#ifndef ATLS_CORE_JSON_SCAN_H
#define ATLS_CORE_JSON_SCAN_H

#include "atls.h"

/* Of values that are skipped: containers inside one another, and characters of a number. */
#define ATLS_JSON_DEPTH_MAX  16
#define ATLS_JSON_NUMBER_MAX 64

/*
 * A strict scanner of one JSON text (RFC 8259) in UTF-8, over memory that it may change. White
 * space before a token is skipped. Functions that return int give 0, or ATLS_E_PROTOCOL with err
 * filled, and then the scan is over.
 */
struct atls_json {
	const uint8_t *start;
	uint8_t *at;
	uint8_t *end;
	struct atls_error *err;
};

/* A string without quotes and escapes, in the scanned memory; NUL is a byte like any other. */
struct atls_json_text {
	uint8_t *bytes;
	size_t len;
};

/* Fills err with the cause and the offset of at. Returns ATLS_E_PROTOCOL. */
int atls_json_fail_at(const struct atls_json *json, const uint8_t *at, const char *cause);

/* The next byte that is not white space, which stays the next, or -1 at the end. */
int atls_json_peek(struct atls_json *json);

/* Takes that byte, or fails with the complaint. */
int atls_json_expect(struct atls_json *json, char byte, const char *complaint);

/* Takes a string and unescapes it in place. */
int atls_json_take_string(struct atls_json *json, struct atls_json_text *out);

/* Takes a member's name and its colon. */
int atls_json_take_name(struct atls_json *json, struct atls_json_text *name);

/* Takes any well-formed value; its strings are changed. */
int atls_json_skip_value(struct atls_json *json);

#endif
