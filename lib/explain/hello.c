#include "explain/hello.h"

#include "explain/names.h"

#include <string.h>

/* SHA-256 of "HelloRetryRequest" (RFC 8446 section 4.1.3). */
static const uint8_t retry_random[32] = {0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d,
	0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07,
	0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};

/* Takes len bytes off the front; false, and nothing, if there are fewer. */
static bool take(struct atls_span *from, size_t len, struct atls_span *out)
{
	if (from->len < len)
		return false;
	*out = (struct atls_span){from->at, len};
	from->at += len;
	from->len -= len;
	return true;
}

static bool take_number(struct atls_span *from, size_t width, unsigned *out)
{
	struct atls_span span;
	if (!take(from, width, &span))
		return false;
	*out = 0;
	for (size_t i = 0; i < width; i++)
		*out = *out << 8 | span.at[i];
	return true;
}

static bool take_vector(struct atls_span *from, size_t width, struct atls_span *out)
{
	unsigned len;
	return take_number(from, width, &len) && take(from, len, out);
}

bool atls_extension_next(struct atls_span *list, unsigned *type, struct atls_span *value)
{
	struct atls_span rest = *list;
	if (!take_number(&rest, 2, type) || !take_vector(&rest, 2, value))
		return false;
	*list = rest;
	return true;
}

static void read_name(struct atls_hello *hello, struct atls_span value)
{
	struct atls_span list;
	unsigned type;
	hello->has_name = true;
	if (take_vector(&value, 2, &list) && take_number(&list, 1, &type) && type == 0)
		hello->broken |= !take_vector(&list, 2, &hello->name);
}

static void read_versions(struct atls_hello *hello, struct atls_span value)
{
	unsigned selected = 0;
	if (hello->client)
		hello->broken |= !take_vector(&value, 1, &hello->versions);
	else if (take_number(&value, 2, &selected))
		hello->selected = (uint16_t)selected;
}

static void read_extension(struct atls_hello *hello, unsigned type, struct atls_span value)
{
	if (hello->extension_count < ATLS_HELLO_TYPES)
		hello->types[hello->extension_count] = (uint16_t)type;
	hello->extension_count++;
	switch (type) {
	case 0:
		if (hello->client)
			read_name(hello, value);
		break;
	case 10:
		hello->broken |= !take_vector(&value, 2, &hello->groups);
		break;
	case 11:
		hello->broken |= !take_vector(&value, 1, &hello->points);
		break;
	case 13:
		hello->broken |= !take_vector(&value, 2, &hello->signatures);
		break;
	case 16:
		hello->has_alpn = true;
		hello->broken |= !take_vector(&value, 2, &hello->alpn);
		break;
	case 22:
		hello->etm = true;
		break;
	case 23:
		hello->ems = true;
		break;
	case 41:
		hello->psk = true;
		break;
	case 42:
		hello->early_data = true;
		break;
	case 43:
		read_versions(hello, value);
		break;
	default:
		break;
	}
}

/* All before the extensions. */
static bool read_head(struct atls_hello *hello, struct atls_span *rest)
{
	struct atls_span random, compression;
	unsigned version, suite = 0;
	if (!take_number(rest, 2, &version) || !take(rest, 32, &random))
		return false;
	hello->version = (uint16_t)version;
	hello->random = random.at;
	hello->retry = !hello->client && memcmp(random.at, retry_random, sizeof retry_random) == 0;
	if (!take_vector(rest, 1, &hello->session_id))
		return false;
	if (hello->client)
		return take_vector(rest, 2, &hello->suites) && take_vector(rest, 1, &compression);
	if (!take_number(rest, 2, &suite))
		return false;
	hello->suite = (uint16_t)suite;
	return take(rest, 1, &compression);
}

void atls_hello_read(struct atls_hello *hello, bool client, const uint8_t *bytes, size_t len)
{
	struct atls_span rest = {bytes, len}, value;
	unsigned type;
	*hello = (struct atls_hello){.client = client};
	if (!read_head(hello, &rest)) {
		hello->broken = true;
		return;
	}
	if (rest.len == 0)
		return; /* TLS 1.2 and before may have no extensions at all */
	if (!take_vector(&rest, 2, &hello->extensions)) {
		hello->broken = true;
		return;
	}
	struct atls_span list = hello->extensions;
	while (atls_extension_next(&list, &type, &value))
		read_extension(hello, type, value);
	hello->broken |= list.len > 0;
}

uint16_t atls_hello_version(const struct atls_hello *hello)
{
	uint16_t best = 0;
	if (!hello->client)
		return hello->selected ? hello->selected : hello->version;
	for (size_t i = 0; i < hello->versions.len / 2; i++) {
		unsigned version = atls_span_u16(hello->versions, i);
		if (!atls_is_grease(version) && version > best && version >> 8 == 3)
			best = (uint16_t)version;
	}
	return best ? best : hello->version;
}
