#include "trust/policy.h"

#include "core/base64.h"
#include "core/err.h"

#include <string.h>

#define PIN_PREFIX "sha256//"
#define PREFIX_LEN (sizeof PIN_PREFIX - 1)
#define BASE64_LEN (ATLS_PIN_TEXT - 1 - PREFIX_LEN)
#define SHOWN      64 /* characters of a wrong pin that are repeated */

void atls_pin_text(const uint8_t pin[ATLS_PIN_LEN], char text[ATLS_PIN_TEXT])
{
	memcpy(text, PIN_PREFIX, PREFIX_LEN);
	atls_base64_encode((uint8_t *)text + PREFIX_LEN, pin, ATLS_PIN_LEN);
	text[ATLS_PIN_TEXT - 1] = '\0';
}

static int parse_pin(
	uint8_t pin[ATLS_PIN_LEN], const char *text, size_t len, struct atls_error *err)
{
	uint8_t base64[BASE64_LEN];
	int shown = len < SHOWN ? (int)len : SHOWN;

	if (len < PREFIX_LEN || memcmp(text, PIN_PREFIX, PREFIX_LEN) != 0) {
		atls_error_set(err, ATLS_E_USAGE, "pinned key: '%.*s' does not begin with '%s'",
			shown, text, PIN_PREFIX);
		atls_error_hint(err, "a pin is written %sBASE64, several with ';' between them",
			PIN_PREFIX);
		return ATLS_E_USAGE;
	}
	if (len == PREFIX_LEN + BASE64_LEN) {
		memcpy(base64, text + PREFIX_LEN, BASE64_LEN);
		if (atls_base64_decode(base64, BASE64_LEN) == (ssize_t)ATLS_PIN_LEN) {
			memcpy(pin, base64, ATLS_PIN_LEN);
			return 0;
		}
	}
	return atls_error_set(err, ATLS_E_USAGE,
		"pinned key: '%.*s' is not the base64 of a SHA-256 hash (%u bytes)", shown, text,
		ATLS_PIN_LEN);
}

int atls_policy_add_pins(struct atls_policy *policy, const char *text, struct atls_error *err)
{
	size_t count = policy->pin_count;

	for (;;) {
		size_t len = strcspn(text, ";");
		if (count == ATLS_PINS_MAX)
			return atls_error_set(
				err, ATLS_E_USAGE, "pinned key: more than %u pins", ATLS_PINS_MAX);
		int rc = parse_pin(policy->pins[count], text, len, err);
		if (rc < 0)
			return rc;
		count++;
		if (text[len] == '\0')
			break;
		text += len + 1;
	}
	policy->pin_count = count;
	return 0;
}
