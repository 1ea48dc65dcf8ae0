/* The views: each is a watcher that writes to an out. */
#ifndef ATLS_DUMP_VIEW_H
#define ATLS_DUMP_VIEW_H

#include "flow.h"
#include "out.h"

/* Where a view writes, and says that it met something malformed in a message. */
struct view_config {
	struct out *out;
	bool *malformed;
	bool all_bytes; /* however long */
};

/* A line a record, a tree, JSON; ctx is freed by view_free(), and null if memory is short. */
struct watcher view_line(const struct view_config *config);
struct watcher view_tree(const struct view_config *config);
struct watcher view_json(const struct view_config *config);

void view_free(struct watcher *watcher);

/* "up", "down" or "?". */
const char *view_direction(enum atls_trace_direction direction);

/* What a message says in a few words, behind its name; see view_words.c. */
void view_message_words(struct out *out, const struct atls_trace_message *message);
void view_content_words(struct out *out, const struct atls_trace_record *record);

/* The offset of a place in the input's body, where record began. */
uint64_t view_body_offset(const struct flow *flow, const struct atls_record *record);

/* Whether the record's content is shown apart from its header. */
static inline bool view_has_content(const struct atls_trace_record *record)
{
	return record->content && record->type != ATLS_RECORD_HANDSHAKE &&
	       record->type != ATLS_RECORD_DATA;
}

#endif
