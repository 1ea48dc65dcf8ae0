/* mitmproxy's flows: the first byte says how the rest is cut; cut or not, the same must come out.
 */
#include "../unit/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct heard whole, cut;
	if (size < 1)
		return 0;
	heard_feed(&whole, &form_flow, data + 1, size - 1, 0);
	heard_feed(&cut, &form_flow, data + 1, size - 1, data[0] % 32 + 1u);
	if (whole.rc || cut.rc || strcmp(whole.text, cut.text) != 0)
		abort();
	return 0;
}
