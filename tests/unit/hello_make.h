/* Hellos made of lists of numbers, for tests. */
#ifndef ATLS_TESTS_HELLO_MAKE_H
#define ATLS_TESTS_HELLO_MAKE_H

#include <stdint.h>
#include <string.h>

struct made {
	uint8_t bytes[4096];
	size_t len;
};

static void put8(struct made *made, unsigned value)
{
	made->bytes[made->len++] = (uint8_t)value;
}

static void put16(struct made *made, unsigned value)
{
	put8(made, value >> 8);
	put8(made, value & 0xff);
}

/* Room for a length of 2 bytes, which put_length() fills in. */
static size_t put_room(struct made *made)
{
	put16(made, 0);
	return made->len;
}

static void put_length(struct made *made, size_t from)
{
	size_t len = made->len - from;
	made->bytes[from - 2] = (uint8_t)(len >> 8);
	made->bytes[from - 1] = (uint8_t)len;
}

/* Lists end with -1. */
struct hello_lists {
	unsigned version;
	const int *suites, *extensions, *groups, *points, *signatures, *versions;
	const char *alpn; /* one protocol */
};

static void put_list16(struct made *made, const int *list)
{
	for (; *list >= 0; list++)
		put16(made, (unsigned)*list);
}

static void put_extension(struct made *made, const struct hello_lists *lists, int type)
{
	put16(made, (unsigned)type);
	size_t value = put_room(made), list = made->len + 2;
	switch (type) {
	case 0:
		put_room(made);
		put8(made, 0);
		put16(made, 1);
		put8(made, 'a');
		put_length(made, list);
		break;
	case 10:
		put_room(made);
		put_list16(made, lists->groups);
		put_length(made, list);
		break;
	case 11:
		put8(made, 0);
		for (const int *point = lists->points; *point >= 0; point++)
			put8(made, (unsigned)*point);
		made->bytes[value] = (uint8_t)(made->len - value - 1);
		break;
	case 13:
		put_room(made);
		put_list16(made, lists->signatures);
		put_length(made, list);
		break;
	case 16:
		put_room(made);
		put8(made, (unsigned)strlen(lists->alpn));
		memcpy(made->bytes + made->len, lists->alpn, strlen(lists->alpn));
		made->len += strlen(lists->alpn);
		put_length(made, list);
		break;
	case 43:
		put8(made, 0);
		put_list16(made, lists->versions);
		made->bytes[value] = (uint8_t)(made->len - value - 1);
		break;
	default:
		break;
	}
	put_length(made, value);
}

static void put_extensions(struct made *made, const struct hello_lists *lists)
{
	if (*lists->extensions < 0)
		return;
	size_t from = put_room(made);
	for (const int *type = lists->extensions; *type >= 0; type++)
		put_extension(made, lists, *type);
	put_length(made, from);
}

static void put_head(struct made *made, unsigned version)
{
	made->len = 0;
	put16(made, version);
	memset(made->bytes + made->len, 0x5a, 32);
	made->len += 32;
	put8(made, 0);
}

/* A ClientHello without its header. */
static void make_client(struct made *made, const struct hello_lists *lists)
{
	put_head(made, lists->version);
	size_t from = put_room(made);
	put_list16(made, lists->suites);
	put_length(made, from);
	put16(made, 0x0100); /* one compression method, null */
	put_extensions(made, lists);
}

/* A ServerHello without its header: the first suite. */
static void make_server(struct made *made, const struct hello_lists *lists)
{
	put_head(made, lists->version);
	put16(made, (unsigned)lists->suites[0]);
	put8(made, 0);
	put_extensions(made, lists);
}

#endif
