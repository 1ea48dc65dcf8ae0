/* The views: each is a watcher that writes to an out. */
#ifndef ATLS_DUMP_VIEW_H
#define ATLS_DUMP_VIEW_H

#include "cli/log.h"
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

/* One line, or one JSON object, a session. */
struct watcher view_sessions(const struct view_config *config, bool json);

/* What does not keep to the protocol, a finding a line; *malformed is set by one. */
struct watcher view_check(const struct view_config *config, bool json);

/* The ladder, as text or as an SVG. */
struct watcher view_ladder(const struct view_config *config, bool svg);

/* Chosen fields, tab separated. list is "a,b,c" and outlives the view; err names a field that is
 * none (ATLS_E_USAGE). */
struct watcher view_fields(
	const struct view_config *config, const char *list, struct atls_error *err);

/* Writes certificates, plaintext and records into directories; a null one is not asked for. The
 * directories are made if they are not there. err: ATLS_E_LOCAL. */
struct extract_dirs {
	const char *certs, *plaintext, *records;
};
struct watcher extract(
	const struct extract_dirs *dirs, const struct atls_log *log, struct atls_error *err);

void view_free(struct watcher *watcher);

/* "up", "down" or "?". */
const char *view_direction(enum atls_trace_direction direction);

/* What a message says in a few words, behind its name; see view_words.c; brief:
 * without fingerprints. */
void view_message_words(struct out *out, const struct atls_trace_message *message, bool brief);
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
