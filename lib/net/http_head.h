/* The heads of an exchange's answers, line by line: what interim answers, trailers and hostile
 * boxes put there does not count. */
#ifndef ATLS_NET_HTTP_HEAD_H
#define ATLS_NET_HTTP_HEAD_H

#include "net/http_client.h"

struct atls_http_head {
	size_t size; /* bytes of all heads and trailers of this exchange */
	unsigned status;
	bool whole; /* the last head came to its end; what follows are trailers, or another head */
	bool has_length;
	uint64_t length; /* Content-Length */
	char cookies[ATLS_COOKIE_MAX];
	bool cookies_fixed; /* the first ones that came are kept for good */
};

/* Before a request goes out: keeps the cookies, and takes no others from then on. */
void atls_http_head_begin(struct atls_http_head *head);

/* A line with its end. ATLS_E_PROTOCOL with answer->error filled if the answer is not to be read
 * on: too much, no clear length, another protocol. */
int atls_http_head_line(
	struct atls_http_head *head, struct atls_http_answer *answer, const char *line, size_t len);

#endif
