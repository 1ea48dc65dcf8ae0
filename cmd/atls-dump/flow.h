/* The sessions of a capture: pieces in, by session and direction, and what becomes of them told to
 * those who watch. */
#ifndef ATLS_DUMP_FLOW_H
#define ATLS_DUMP_FLOW_H

#include "explain/trace.h"
#include "piece.h"

#define FLOW_LABEL_MAX 256u

/* Who keeps something of a session: it is made and freed by that watcher alone. */
enum flow_slot { FLOW_SUMMARY, FLOW_CHECK, FLOW_LADDER, FLOW_SLOTS };

/* Where a piece was. */
struct place {
	unsigned long long exchange;
	int64_t time_us;
	uint64_t source_offset; /* of the body in the input */
	uint64_t start;         /* of the piece in its direction's stream */
	const char *input;      /* the file */
};

/* One session under way. */
struct flow {
	const char *label; /* "" if the form knows none */
	unsigned number;   /* from 1, in order of appearance */
	struct atls_trace *trace;
	struct place place;  /* of the piece under way */
	struct place origin; /* of the piece that the record under way began in */
	unsigned sessions;   /* ClientHellos that began one */
	void **slots;        /* FLOW_SLOTS, for what watchers keep of it; null at first */
	bool opaque;         /* the piece is of a raw stream that is no TLS: nobody reads it */
	bool repeated;       /* the piece is the one before it again (base carriage) */
};

/* One who watches. Every function may be null. */
struct watcher {
	void *ctx;
	/* What comes is of this input, whose name stays valid. */
	void (*input)(void *ctx, const char *name);
	/* A piece comes, also an empty one; direction is the session's. */
	void (*piece)(void *ctx, const struct flow *flow, const struct piece *piece);
	void (*session)(void *ctx, const struct flow *flow);
	void (*record)(void *ctx, const struct flow *flow, const struct atls_trace_record *record);
	void (*message)(
		void *ctx, const struct flow *flow, const struct atls_trace_message *message);
	void (*record_end)(
		void *ctx, const struct flow *flow, const struct atls_trace_record *record);
	/* offset is of the stream; with a null flow, of the input. */
	void (*malformed)(void *ctx, const struct flow *flow, enum atls_trace_direction direction,
		uint64_t offset, const char *expected, const char *found);
	/* A session is over, or was not heard of for long. */
	void (*flow_end)(void *ctx, const struct flow *flow);
	/* All inputs are read. */
	void (*end)(void *ctx);
};

struct flows;

struct flows_config {
	const struct watcher *watchers; /* kept by reference */
	size_t watcher_count;
	const struct atls_keylog *keylog; /* the same; null: none */
	bool bodies;
};

/* Null if memory is short. */
struct flows *flows_new(const struct flows_config *config);
void flows_free(struct flows *flows);

/* Takes a piece of input, a name that stays valid. 0 or ATLS_E_MEMORY. */
int flows_piece(struct flows *flows, const char *input, const struct piece *piece);

/* Ends all sessions: of an input, or for want of room. */
void flows_end(struct flows *flows);

#endif
