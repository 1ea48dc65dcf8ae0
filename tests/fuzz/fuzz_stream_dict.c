/* Any text as a dictionary of ATLS-Stream: what is read can be written, and reads the same. */
#include "core/stream_dict.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void need(bool condition)
{
	if (!condition)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct atls_stream_dict dict, again;
	struct atls_error err = {0};
	char text[ATLS_STREAM_TEXT];
	char *copy = malloc(len ? len : 1);
	need(copy != NULL);
	if (len)
		memcpy(copy, data, len);
	int rc = atls_stream_dict_read(&dict, copy, len, &err);
	free(copy);
	need(rc == err.code && (rc == ATLS_OK || rc == ATLS_E_PROTOCOL));
	if (rc) {
		need(dict.has == 0 && dict.id[0] == '\0');
		return 0;
	}
	size_t size = atls_stream_dict_write(&dict, text);
	need(size == strlen(text) && size < ATLS_STREAM_TEXT - 1);
	need(atls_stream_dict_read(&again, text, size, &err) == ATLS_OK);
	need(again.has == dict.has && strcmp(again.id, dict.id) == 0);
	need(again.up == dict.up && again.down == dict.down && again.ack == dict.ack &&
		again.max == dict.max && again.gen == dict.gen && again.poll == dict.poll &&
		again.inflight == dict.inflight && again.keep == dict.keep);
	return 0;
}
