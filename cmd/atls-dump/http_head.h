/* The head of an HTTP/1 message: start line and fields. */
#ifndef ATLS_DUMP_HTTP_HEAD_H
#define ATLS_DUMP_HTTP_HEAD_H

#include "http.h"

struct http_head {
	struct http_message message; /* its text lies in what was parsed */
	bool later; /* HTTP/2 or later, printed like HTTP/1: frames told the length */
	bool chunked;
	bool has_length;
	uint64_t length;
};

/* Parses text of len bytes with a NUL behind, which is changed. Null, or what was expected, with
 * *at pointing to what stands there instead. */
const char *http_head_parse(struct http_head *head, char *text, size_t len, const char **at);

/* Takes one field into what it says of the message, framing aside. value is changed and kept. */
void http_head_field(struct http_head *head, const char *name, char *value);

/* An answer's framing depends on what it answers, RFC 9112 section 6.3; method may be null. Whether
 * what follows is no HTTP any more, and whether there is no body. */
bool http_leaves(const struct http_message *message, const char *method);
bool http_has_no_body(const struct http_message *message, const char *method);

/* The size in a chunk's line "1a4;extension" (section 7.1); -1 if it is none. */
int64_t http_chunk_size(const char *line, size_t len);

#endif
