/* How the threads of a process speak with each other: each has an event base and a mailbox, and
 * opens there what the others post. */
#ifndef ATLS_NET_MAILBOX_H
#define ATLS_NET_MAILBOX_H

#include "atls.h"

#include <event2/event.h>

struct atls_mailbox;

/* Its memory is the sender's, and the receiver's once it is opened. */
struct atls_letter {
	void (*open)(void *ctx);
	void *ctx;
	struct atls_letter *next; /* the mailbox's */
};

/* Letters are opened from base's loop, in the order in which they were posted. Null: memory, or no
 * descriptor. */
struct atls_mailbox *atls_mailbox_new(struct event_base *base);

/* Nothing may be in it. Null is allowed. */
void atls_mailbox_free(struct atls_mailbox *mailbox);

/* From any thread. What the sender wrote before, the receiver sees. */
void atls_mailbox_post(struct atls_mailbox *mailbox, struct atls_letter *letter);

/* Opens what there is, for an owner whose loop has ended. False if there was nothing. */
bool atls_mailbox_empty(struct atls_mailbox *mailbox);

#endif
