/* The client's half from within: stream_client.c (what to post) and stream_answer.c (what became of
 * it). */
#ifndef ATLS_CORE_STREAM_CLIENT_IMPL_H
#define ATLS_CORE_STREAM_CLIENT_IMPL_H

#include "core/stream.h"
#include "core/stream_ws_impl.h"

/* Ranges that are to be sent again; beyond, all is. */
#define ATLS_RESEND_MAX 32u

struct atls_slot {
	bool used;
	bool poll; /* the server may hold it */
	bool bye;  /* the last acknowledgement */
	bool fin;
	uint64_t from, to; /* its bytes; equal if it has none */
	uint64_t gen;
	uint64_t number; /* in order of their making */
	int64_t sent_at;
};

struct atls_resend {
	uint64_t from, to;
};

/* Whether more requests at once carry more. */
struct atls_tuning {
	int64_t since; /* of the period under way; 0: none */
	uint64_t bytes;
	unsigned answers;
	uint64_t rate;   /* bytes a second, before the trial */
	unsigned before; /* requests at once before the trial; 0: there is none */
	unsigned rest;   /* periods until the next one */
};

struct atls_stream_client {
	struct atls_stream_limits limits;
	struct atls_send send;
	struct atls_recv recv;
	size_t unread;
	uint64_t gen;
	uint64_t numbers;
	bool open, in_body;
	unsigned stripped, unknown; /* in a row */
	unsigned inflight, inflight_max;
	struct atls_slot slots[ATLS_STREAM_INFLIGHT_MAX];
	unsigned used;
	struct atls_resend resend[ATLS_RESEND_MAX];
	unsigned resends;

	bool gap;            /* something is missing: it counts as lost once... */
	uint64_t gap_top;    /* ...nothing up to here came... */
	uint64_t gap_number; /* ...from requests before this one... */
	int64_t gap_since;   /* ...or in a second from here */
	int64_t poll_not_before, poll_pause;

	int64_t not_before, backoff;
	int64_t alive;      /* the last valid answer */
	int64_t lost_since; /* the first loss behind it; INT64_MAX: none */
	bool busy;          /* the last answer had more behind it */
	uint64_t told_max;
	int64_t poll_ms, cut_ms;
	unsigned byes; /* made, of the last acknowledgement */
	bool bye_heard;
	int64_t round_trip; /* the shortest so far; INT64_MAX: none */
	struct atls_tuning tuning;
	uint32_t random;
	uint64_t exchanges, losses;
	struct atls_attachment ws;
	uint64_t offered; /* the gen of the last greeting of a WebSocket */
	bool offering;    /* nobody answered to it yet; requests go on */
	uint64_t carried; /* valid answers that brought news of bytes, either way */
};

#define ATLS_STREAM_BYES    3u
#define ATLS_STREAM_BYE_MS  1000 /* for an answer to each */
#define ATLS_GAP_MS         1000
#define ATLS_PACE_MIN_MS    10
#define ATLS_PACE_MAX_MS    1000
#define ATLS_GIVE_UP_MIN_MS 10000 /* from the first loss on, if resume_ms is not less */

/* No greeting and no request had this one or a later one so far. */
uint64_t atls_stream_next_gen(const struct atls_stream_client *client);

/* A new generation: what the server sent and did not arrive, it sends again. */
void atls_stream_new_gen(struct atls_stream_client *client);

/* What a valid answer, or a message on a WebSocket, brings about whatever it says. */
void atls_stream_open(struct atls_stream_client *client, const struct atls_stream_dict *dict);
void atls_stream_alive(struct atls_stream_client *client, int64_t now);
/* Lets some time pass before the next try. */
void atls_stream_back_off(struct atls_stream_client *client, int64_t at_least, int64_t now);

/* On a WebSocket no requests are made. */
enum atls_stream_step atls_stream_ws_step(const struct atls_stream_client *client);

/* Raises gen if what is missing can only be lost. */
void atls_stream_check_gap(struct atls_stream_client *client, int64_t now);

#endif
