/* --check: does a capture keep to the protocol (atls(7)) and to TLS's record rules? */
#ifndef ATLS_DUMP_CHECK_H
#define ATLS_DUMP_CHECK_H

#include "view.h"

#define CHECK_SECRET_MAX 128u /* of a session string or cookie that is remembered */

/* What is remembered of a session. */
struct checked {
	char session[CHECK_SECRET_MAX], cookie[CHECK_SECRET_MAX], id[CHECK_SECRET_MAX];
	bool any_up, any_down; /* a piece came */
	bool opened;           /* it began with a ClientHello */
	bool streamed;         /* its first request has a dictionary */
	bool waiting;          /* a request of base carriage without its answer yet */
	bool heads;            /* the headers of HTTP are there */
	bool named;            /* an answer named the session */
	unsigned long long waiting_exchange;
	int64_t answered_us; /* when its last answer came; 0 or less: not known */
	struct {
		bool closed;  /* close_notify was seen */
		bool any;     /* a record came */
		bool sealed;  /* the last one could not be read */
		bool alert;   /* the last one was an alert */
		uint16_t len; /* of the last one */
		uint64_t end; /* where it ended in its stream */
		bool fatal;   /* it sent a fatal alert */
	} sides[3];
	bool hello, settled;
	uint16_t version, suite;
	bool heartbeat; /* both hellos have the extension */
};

struct check {
	struct json *json; /* null: text */
	struct out *out;
	bool *found;
	const char *input;
	uint64_t count;
};

struct checked *checked_of(const struct flow *flow);

/* One finding: a rule's name and a sentence. flow may be null. */
void check_finding(struct check *check, const struct flow *flow,
	enum atls_trace_direction direction, uint64_t offset, const char *rule, const char *text);

/* The rules of HTTP messages and bodies, for each piece. */
void check_piece(struct check *check, const struct flow *flow, struct checked *checked,
	const struct piece *piece);

/* The rules of TLS. */
void check_record(struct check *check, const struct flow *flow, struct checked *checked,
	const struct atls_trace_record *record);
void check_message(struct check *check, const struct flow *flow, struct checked *checked,
	const struct atls_trace_message *message);
void check_end(struct check *check, const struct flow *flow, struct checked *checked);

#endif
