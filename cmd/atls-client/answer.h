/* What an HTTP answer means to a session. */
#ifndef ATLS_CLIENT_ANSWER_H
#define ATLS_CLIENT_ANSWER_H

#include "atls.h"

#include "net/http_client.h"

enum answer_action {
	ANSWER_VALID,          /* body holds TLS bytes */
	ANSWER_LOST,           /* repeat the request later */
	ANSWER_TOO_LARGE,      /* send less at once */
	ANSWER_OTHER_ENCODING, /* this encoding cannot work here; err says why */
	ANSWER_UNKNOWN,        /* 422: the session is not known (there) */
	ANSWER_END,            /* the path's or the peer's last word; err says it */
};

/* Judges an answer to a request in codec's encoding. first: no valid answer came before in this
 * session, so it must name the session: by a cookie, or in the body. For ANSWER_VALID *body is
 * decoded in place. err is filled for all but ANSWER_VALID. */
enum answer_action answer_judge(struct atls_http_answer *answer,
	const struct atls_body_codec *codec, bool first, struct atls_body *body,
	struct atls_error *err);

#endif
