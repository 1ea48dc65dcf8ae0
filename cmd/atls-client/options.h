#ifndef ATLS_CLIENT_OPTIONS_H
#define ATLS_CLIENT_OPTIONS_H

#include "cli/log.h"
#include "cli/opt.h"
#include "core/raw.h"
#include "trust/policy.h"

#include <curl/curl.h>

#define FORWARDS_MAX 64

enum carriage { CARRIAGE_AUTO, CARRIAGE_WS, CARRIAGE_STREAM, CARRIAGE_BASE };

extern const struct atls_tool atls_client_tool;

/* What the command line said, with defaults filled in. */
struct settings {
	const char *url;
	enum atls_log_level level;
	bool log_json;
	bool check;
	bool json;
	bool progress_meter;
	bool no_progress_meter;
	const char *report;
	const char *capture;
	const char *path_cache;

	char *forwards[FORWARDS_MAX]; /* "[ADDR:]PORT" or "unix:PATH" */
	unsigned forward_count;
	const char *port_file;

	const char *cacert;
	const char *capath;
	const char *cert;
	const char *key;
	const char *servername;
	struct atls_policy policy; /* only pins and chain_unchecked are set here */
	const char *tls_max;

	const char *direct; /* HOST:PORT or auto; null: always ATLS */
	uint64_t direct_ms;

	bool outer_verify;
	const char *outer_cacert;
	const char *outer_pins;
	bool report_outer;

	const char *proxy;
	char *proxy_user;
	bool proxy_anyauth;
	const char *interface;
	const char *unix_socket;
	struct curl_slist *headers;
	struct curl_slist *resolve;
	struct curl_slist *connect_to;
	long ip_version;

	enum carriage carriage;
	int encoding;    /* enum atls_encoding, or -1: auto */
	const char *raw; /* TYPE of a stream without the inner TLS; null: with it */
	struct atls_raw raw_names;
	uint64_t body_size;
	bool body_given;
	uint64_t idle_poll_ms;
	uint64_t connect_ms;
	uint64_t max_ms; /* 0: no limit */
	uint64_t resume_ms;
	uint64_t given; /* a bit for each option that was, by its number */
};

/* Reads the command line. 0, or negative with *exit_code set when the tool is to end. */
int client_settings_read(struct settings *settings, int argc, char **argv, int *exit_code);

void client_settings_free(struct settings *settings);

#endif
