/* Between TLS and the halves of stream carriage: what an engine has to say goes into its half, what
 * came in order goes back, and what an HTTP answer means to a client (STATUS CODES in atls(7)). */
#ifndef ATLS_CORE_STREAM_TLS_H
#define ATLS_CORE_STREAM_TLS_H

#include "core/answer.h"
#include "core/stream.h"

/* An opening request that got as far as the wire is made so often. */
#define ATLS_STREAM_OPENING_TRIES 4u

/* Moves what the engine has to say, as far as a request could take it now, and its end. 0 or
 * ATLS_E_MEMORY. */
int atls_stream_client_say_all(struct atls_stream_client *client, struct atls_engine *engine);

/* Feeds the engine what came in order, and its end. */
void atls_stream_client_take_all(struct atls_stream_client *client, struct atls_engine *engine);

/* The same for the server's half; without an engine, whose session is over, what came is dropped.
 */
int atls_stream_server_say_all(struct atls_stream_server *server, struct atls_engine *engine);
void atls_stream_server_take_all(struct atls_stream_server *server, struct atls_engine *engine);

/* A failed session's alert is owed until it is acknowledged. The service's alert came with its end:
 * that has a close in order, which tells the service that it need not wait. */
bool atls_stream_client_alert_is_out(
	const struct atls_stream_client *client, const struct atls_engine *engine);

/* How often the last word was lost: close_notify or an alert. All zero to begin with. */
struct atls_stream_last_word {
	unsigned tries; /* each after the other's loss */
	int64_t last;
};

/*
 * Whether a loss is the end, with the engine's error or without one: a last word is owed a few
 * times, not for minutes, for no success depends on it. sent_at: when the lost request went out;
 * unknown: a service that forgot the session needs none; later: it was asked to come back later.
 */
bool atls_stream_client_last_word_is_lost(const struct atls_stream_client *client,
	const struct atls_engine *engine, struct atls_stream_last_word *word, int64_t sent_at,
	bool unknown, bool later, int64_t now);

enum atls_stream_means {
	ATLS_STREAM_VALID,     /* body and dict hold what it says */
	ATLS_STREAM_BARE,      /* a valid first answer, but without a dictionary */
	ATLS_STREAM_STRIPPED,  /* a dictionary got lost, on either way; or with 409 all of it */
	ATLS_STREAM_TOO_LARGE, /* send less at once */
	ATLS_STREAM_MISSED,    /* it counts as lost */
	ATLS_STREAM_UNKNOWN,   /* 422: the session is not known (there) */
	ATLS_STREAM_REFUSED,   /* the first: encoding or carriage cannot work here */
	ATLS_STREAM_END,       /* the path's or the peer's last word */
};

/* An answer as far as it is read. */
struct atls_stream_judgement {
	enum atls_stream_means means;
	struct atls_body body; /* decoded in place, of an answer with status 200 */
	bool has_dict;
	struct atls_stream_dict dict;
	struct atls_error err; /* of all but ATLS_STREAM_VALID, BARE and STRIPPED */
};

/* Judges an answer to a request in codec's encoding. first: no valid answer came before. */
void atls_stream_judge(struct atls_http_answer *answer, const struct atls_body_codec *codec,
	bool first, struct atls_stream_judgement *judgement);

#endif
