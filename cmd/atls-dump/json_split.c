#include "json_split.h"

#include "limits.h"

#include <string.h>

void json_split_init(struct json_split *split, const struct piece_sink *sink, unsigned wanted,
	json_split_fn *take, void *ctx)
{
	memset(split, 0, sizeof *split);
	split->sink = sink;
	split->wanted = wanted;
	split->take = take;
	split->ctx = ctx;
	atls_buf_init(&split->object, JSON_OBJECT_MAX);
}

void json_split_free(struct json_split *split)
{
	atls_buf_free(&split->object);
}

/* In a log, what stands between the objects is no JSON: its quotes mean nothing. */
static bool is_log(const struct json_split *split)
{
	return split->wanted == 0;
}

/* Begins anew behind an object that is none. */
static void give_up(struct json_split *split, const char *expected, const char *found)
{
	sink_malformed(split->sink, split->start, expected, "%s", found);
	atls_buf_free(&split->object);
	split->inside = split->string = split->escape = split->too_long = false;
	split->depth = 0;
}

/* Keeps bytes of the object. One too long is followed to its end, and left out. */
static int keep(struct json_split *split, const uint8_t *bytes, size_t len)
{
	if (split->too_long)
		return ATLS_OK;
	int rc = atls_buf_append(&split->object, bytes, len);
	if (rc != ATLS_E_LIMIT)
		return rc;
	split->too_long = true;
	atls_buf_free(&split->object);
	sink_malformed(split->sink, split->start, "an object that can be held",
		"more than %u bytes", JSON_OBJECT_MAX);
	return ATLS_OK;
}

static int give(struct json_split *split)
{
	int rc = ATLS_OK;
	if (!split->too_long)
		rc = split->take(split->ctx, split->object.mem + split->object.head,
			split->object.len, split->start);
	atls_buf_consume(&split->object, split->object.len);
	split->inside = split->too_long = false;
	return rc;
}

/* How many bytes from the first on change nothing but, perhaps, that they are kept. */
static size_t plain_run(const struct json_split *split, const uint8_t *bytes, size_t len)
{
	size_t i = 0;
	if (split->string)
		while (i < len && bytes[i] != '"' && bytes[i] != '\\' && bytes[i] != '\n')
			i++;
	return i;
}

/* Takes one byte outside of strings; false if it begins or ends nothing. */
static void structure(struct json_split *split, uint8_t byte, uint64_t at)
{
	bool counts = split->inside || !is_log(split);
	if (byte == '"' && counts)
		split->string = true;
	if (byte == '{' && !split->inside && split->depth == split->wanted) {
		split->inside = true;
		split->start = at;
		counts = true;
	}
	if ((byte == '{' || byte == '[') && counts)
		split->depth++;
	if ((byte == '}' || byte == ']') && counts && split->depth)
		split->depth--;
}

static void in_string(struct json_split *split, uint8_t byte)
{
	if (split->escape)
		split->escape = false;
	else if (byte == '\\')
		split->escape = true;
	else if (byte == '"')
		split->string = false;
}

int json_split_feed(struct json_split *split, const uint8_t *bytes, size_t len)
{
	int rc = ATLS_OK;
	size_t kept = 0; /* of bytes, up to here */
	for (size_t i = 0; i < len && !rc; i++) {
		bool was_inside = split->inside;
		if (!split->escape)
			i += plain_run(split, bytes + i, len - i);
		if (i == len)
			break;
		if (split->string && bytes[i] == '\n' && is_log(split)) {
			give_up(split, "the end of a JSON string", "the end of the line");
			continue;
		}
		if (split->string)
			in_string(split, bytes[i]);
		else
			structure(split, bytes[i], split->offset + i);
		if (split->inside && !was_inside)
			kept = i;
		if (split->inside && split->depth == split->wanted) {
			rc = keep(split, bytes + kept, i + 1 - kept);
			if (!rc)
				rc = give(split);
		}
	}
	if (!rc && split->inside)
		rc = keep(split, bytes + kept, len - kept);
	split->offset += len;
	return rc;
}

void json_split_end(struct json_split *split)
{
	if (split->inside)
		give_up(split, "the end of a JSON object", "the end of the input");
}
