/* Base carriage, the client's half (protocol rules 4.1): the numbers of its pace. The rest of it is
 * public. */
#ifndef ATLS_CORE_BASE_H
#define ATLS_CORE_BASE_H

#include "atls.h"

#define ATLS_BULK_MIN       (16u << 10) /* an exchange of this size has more behind it */
#define ATLS_AHEAD_MAX      (1u << 20)  /* unread input up to which more is asked for */
#define ATLS_UNREAD_MAX     (4u << 20)  /* unread input above which nothing is said at all */
#define ATLS_ALIVE_MS       100000      /* nothing to say or hear: still a poll now and then */
#define ATLS_POLL_SOON_MS   5  /* after a small exchange, for what the local side says to it */
#define ATLS_POLL_STEP_MS   10 /* the pause after the first poll that brought nothing; it doubles */
#define ATLS_BACKOFF_MIN_MS 100
#define ATLS_BACKOFF_MAX_MS 5000

#endif
