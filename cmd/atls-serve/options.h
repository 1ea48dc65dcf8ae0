#ifndef ATLS_SERVE_OPTIONS_H
#define ATLS_SERVE_OPTIONS_H

#include "cli/log.h"
#include "cli/opt.h"
#include "core/raw.h"
#include "trust/report.h"

#define LISTEN_SPECS_MAX 32
#define CERTS_MAX        64

extern const struct atls_tool atls_serve_tool;

/* What the command line said, with defaults filled in. */
struct settings {
	enum atls_log_level level;
	bool log_json;
	const char *listen[LISTEN_SPECS_MAX]; /* "[http[s]://][ADDR:]PORT" */
	unsigned listen_count;
	const char *port_file;
	const char *outer_cert;
	const char *outer_key;
	const char *outer_chains[ATLS_FRONTS_MAX]; /* what ends TLS in front shows */
	unsigned outer_chain_count;
	const char *certs[CERTS_MAX]; /* the n-th key belongs to the n-th certificate */
	const char *keys[CERTS_MAX];
	unsigned cert_count, key_count;
	const char *capath;
	const char *cacert; /* client certificates are asked for, and must lead there */
	const char *tls_max;
	const char *raw; /* TYPE of streams without the inner TLS; null: with it */
	struct atls_raw raw_names;
	const char *backend;
	const char *capture;

	uint64_t threads;
	uint64_t max_sessions;
	uint64_t max_sessions_per_address; /* 0: no limit */
	uint64_t max_body;                 /* bytes of an HTTP body */
	uint64_t max_buffered;             /* bytes of all sessions */
	uint64_t handshake_ms;
	uint64_t idle_ms;
	uint64_t request_ms;
	uint64_t connect_ms; /* to the backend */
	uint64_t hold_ms;
	uint64_t grace_ms;
};

/* Reads the command line. 0, or negative with *exit_code set when the tool is to end. */
int serve_settings_read(struct settings *settings, int argc, char **argv, int *exit_code);

#endif
