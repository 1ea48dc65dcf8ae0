/* What an HTTP answer means to a session of base carriage (STATUS CODES in atls(7)). */
#ifndef ATLS_CORE_ANSWER_H
#define ATLS_CORE_ANSWER_H

#include "atls.h"

#define ATLS_DICT_TEXT 1026u /* of ATLS-Stream; longer ones are not read in any case */
#define ATLS_TYPE_TEXT 128u

/* What came of one request, in the terms that the protocol needs. */
struct atls_http_answer {
	long status; /* 0: no answer, see error */
	char content_type[ATLS_TYPE_TEXT];
	char accept[ATLS_TYPE_TEXT]; /* with 415: the types that would do, or "" */
	char stream[ATLS_DICT_TEXT]; /* the header ATLS-Stream, or "" */
	bool has_stream;
	bool sent;    /* the request went out, or a part of it */
	bool encoded; /* Content-Encoding although none was asked for */
	bool cookies; /* it set a cookie */
	long retry_after_s;
	uint8_t *body; /* the carrier's; its bytes may be changed */
	size_t len;
	struct atls_error error; /* what failed below HTTP */
};

enum atls_answer_means {
	ATLS_ANSWER_VALID,          /* body holds TLS bytes */
	ATLS_ANSWER_LOST,           /* repeat the request later */
	ATLS_ANSWER_TOO_LARGE,      /* send less at once */
	ATLS_ANSWER_OTHER_ENCODING, /* this encoding cannot work here; err says why */
	ATLS_ANSWER_CONFLICT,       /* 409: a new session may do */
	ATLS_ANSWER_UNKNOWN,        /* 422: the session is not known (there) */
	ATLS_ANSWER_END,            /* the path's or the peer's last word; err says it */
};

/* Judges an answer to a request in codec's encoding. first: no valid answer came before in this
 * session, so it must name the session: by a cookie, or in the body. For ATLS_ANSWER_VALID *body is
 * decoded in place. err is filled for all but ATLS_ANSWER_VALID. */
enum atls_answer_means atls_answer_judge(struct atls_http_answer *answer,
	const struct atls_body_codec *codec, bool first, struct atls_body *body,
	struct atls_error *err);

#endif
