/* pcap and pcapng: the first byte says how much a read gives at most; the same must come out. */
#include "../unit/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct heard whole, cut;
	if (size < 1)
		return 0;
	heard_pcap(&whole, data + 1, size - 1, 0);
	heard_pcap(&cut, data + 1, size - 1, data[0] + 1u);
	if (whole.rc || cut.rc || strcmp(whole.text, cut.text) != 0)
		abort();
	return 0;
}
