/* --report-outer: what the network layer showed, told to the service, and what it answers. */
#ifndef ATLS_CLIENT_OUTER_REPORT_H
#define ATLS_CLIENT_OUTER_REPORT_H

#include "session.h"

#include "core/buf.h"
#include "trust/report.h"

enum outer_report_state {
	OUTER_REPORT_OPEN,     /* not told yet, or not answered yet */
	OUTER_REPORT_ANSWERED, /* finding counts */
	OUTER_REPORT_UNTAKEN,  /* the service takes none */
	OUTER_REPORT_FAILED,   /* error says why */
};

struct outer_report {
	enum outer_report_state state;
	enum atls_report_finding finding;
	struct atls_error error;
	struct atls_report_seen seen;
	struct atls_report_shown shown;
	unsigned long connection; /* that seen is about; 0: not known */
	bool steady;              /* all of it went by that one */
	unsigned tries;
	char *text; /* what is told */
	size_t told, len;
	struct atls_buf answer;
};

struct outer_report *outer_report_new(void);
void outer_report_free(struct outer_report *report);

/* Begins it (again) with a new inner session. */
void outer_report_begin(struct outer_report *report);

/* Goes on with it in an established inner session that speaks its protocol. */
void outer_report_step(struct outer_report *report, const struct client *client,
	struct atls_engine *engine, const struct atls_http_channel *channel);

/* Its inner session is over in order: judges. False if it is to be done once more. */
bool outer_report_finish(struct outer_report *report);

/* For -v; an interception is told without it, too. */
void outer_report_tell(const struct outer_report *report, const struct session *session);

#endif
