/* The line that tells of a long transfer on a terminal. */
#ifndef ATLS_CLIENT_METER_H
#define ATLS_CLIENT_METER_H

#include "relay.h"

struct meter;

/* Whether there is a terminal for it that nothing else needs, and the settings do not forbid it. To
 * be asked before a relay takes standard input and output. */
bool meter_wanted(const struct client *client);

/* Shows relay's progress from now on; null if memory is short. */
struct meter *meter_new(struct client *client, const struct relay *relay);

/* Takes the line away. Null is allowed. */
void meter_free(struct meter *meter);

#endif
