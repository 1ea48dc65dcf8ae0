#ifndef ATLS_PROBE_OPTIONS_H
#define ATLS_PROBE_OPTIONS_H

#include "cli/log.h"
#include "cli/opt.h"

#include <curl/curl.h>

#define CANARIES_MAX 8u
#define FILES_MAX    16u

/* How much is asked of a target. */
enum depth { DEPTH_QUICK, DEPTH_AUTO, DEPTH_FULL };

/* What the command line says; pointers are argv's unless a free below says otherwise. */
struct settings {
	char *const *targets;
	unsigned target_count;
	const char *files[FILES_MAX];
	unsigned file_count;
	const char *canaries[CANARIES_MAX];
	unsigned canary_count;
	struct atls_policy pins;   /* of it, the pins */
	const char *atls, *cacert; /* the proof */
	const char *expect_ca, *expect_issuer, *baseline, *known_keys;
	const char *save, *issuers, *store, *public_roots;
	const char *servername, *proxy, *interface, *tls_max;
	const char *capture, *state;
	char *proxy_user;                        /* own */
	struct curl_slist *resolve, *connect_to; /* own */
	long ip_version;
	enum depth depth;
	bool fetch, proxy_anyauth, ignore_faults;
	bool json, tap, explain;
	uint64_t parallel, connect_ms, max_ms, watch_ms;
	enum atls_log_level level;
	bool log_json;
};

extern const struct atls_tool atls_probe_tool;

/* Fills settings. 0, or negative when the tool is to end with *exit_code. To be freed in either
 * case. */
int probe_settings_read(struct settings *settings, int argc, char **argv, int *exit_code);
void probe_settings_free(struct settings *settings);

#endif
