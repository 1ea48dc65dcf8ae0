/* The URL of the command line. */
#ifndef ATLS_CLIENT_URL_H
#define ATLS_CLIENT_URL_H

#include "session.h"

/* Fills in client's host (without the brackets of an IPv6 address) and path_given and https_port. 0
 * or ATLS_E_USAGE. */
int url_read(struct client *client, struct atls_error *err);

/* The URL to post to in that encoding: one without a path gets the encoding's own. For the caller
 * to free; null: memory. */
char *url_for(const struct client *client, const struct atls_body_codec *codec);

#endif
