/* Hex, base64, JSON and HAR: the first byte says which, the second how the rest is cut; cut or not,
 * the same must come out. */
#include "../unit/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct form *const forms[] = {&form_hex, &form_base64, &form_json, &form_har};
	static struct heard whole, cut;
	if (size < 2)
		return 0;
	const struct form *form = forms[data[0] & 3];
	heard_feed(&whole, form, data + 2, size - 2, 0);
	heard_feed(&cut, form, data + 2, size - 2, data[1] % 32 + 1u);
	if (whole.rc || cut.rc || strcmp(whole.text, cut.text) != 0)
		abort();
	return 0;
}
