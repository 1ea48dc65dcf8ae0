#include "memory.h"
#include "prober.h"

#include "cli/creds.h"
#include "cli/exit.h"
#include "cli/file.h"
#include "cli/store.h"
#include "core/err.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* All that a peer may speak, whatever it is worth: SHA-1 and RSA 1024 are told, not refused. */
static int make_priorities(struct run *run, struct atls_error *err)
{
	const char *max = run->settings.tls_max;
	const char *more = max && strcmp(max, "1.2") == 0
				   ? "-VERS-TLS1.3:+SIGN-RSA-SHA1:+SIGN-ECDSA-SHA1"
				   : "+SIGN-RSA-SHA1:+SIGN-ECDSA-SHA1";
	int rc = gnutls_priority_init2(
		&run->priorities, more, NULL, GNUTLS_PRIORITY_INIT_DEF_APPEND);

	if (rc < 0)
		return atls_error_set(err, ATLS_E_LOCAL,
			"the system's TLS settings leave no version to use (%s)",
			gnutls_strerror(rc));
	return ATLS_OK;
}

static int load_issuers(struct run *run, struct atls_error *err)
{
	struct atls_buf text;
	int rc = ATLS_OK;

	run->issuers = atls_issuers_new();
	if (!run->issuers)
		return atls_error_set(err, ATLS_E_MEMORY, "out of memory for issuers");
	if (!run->settings.issuers)
		return ATLS_OK;
	atls_buf_init(&text, ATLS_FILE_MAX);
	rc = atls_file_read(&text, "issuers", run->settings.issuers, err);
	if (!rc && atls_buf_append(&text, "", 1))
		rc = atls_error_set(err, ATLS_E_MEMORY, "out of memory for issuers");
	if (!rc)
		rc = atls_issuers_add(run->issuers, (const char *)atls_buf_bytes(&text), err);
	atls_buf_free(&text);
	return rc;
}

static int load_trust(struct run *run, struct atls_creds *creds, struct atls_error *err)
{
	const struct settings *settings = &run->settings;
	const struct atls_store_files store = {
		.store = settings->store, .public_roots = settings->public_roots};
	const struct atls_creds_files files = {.cacert = settings->expect_ca};
	int rc = atls_creds_load(creds, &files, err);

	if (rc)
		return rc;
	run->credentials = creds->credentials;
	run->roots = atls_store_load(&store, err);
	if (!run->roots)
		return err->code;
	rc = load_issuers(run, err);
	run->expected = (struct atls_expected){
		.roots = run->roots,
		.anchors = creds->anchors,
		.pin_count = settings->pins.pin_count,
		.issuer = settings->expect_issuer,
		.issuers = run->issuers,
	};
	memcpy(run->expected.pins, settings->pins.pins, sizeof run->expected.pins);
	return rc;
}

/* The inner session's own trust and the client that carries it. */
static int load_proof(struct run *run, struct atls_creds *creds, struct atls_error *err)
{
	const struct atls_creds_files files = {
		.cacert = run->settings.cacert, .system_trust = true};
	int rc = atls_creds_load(creds, &files, err);

	if (!rc)
		rc = atls_creds_priorities(&run->inner_priorities, NULL, err);
	if (rc)
		return rc;
	run->inner = (struct atls_policy){
		.anchors = creds->anchors, .purpose = GNUTLS_KP_TLS_WWW_SERVER};
	run->http = atls_http_client_new(run->base, err);
	return run->http ? ATLS_OK : err->code;
}

static void set_way(struct run *run)
{
	const struct settings *settings = &run->settings;

	run->way = (struct atls_way){
		.proxy = settings->proxy,
		.proxy_user = settings->proxy_user,
		.proxy_anyauth = settings->proxy_anyauth,
		.interface = settings->interface,
		.resolve = settings->resolve,
		.connect_to = settings->connect_to,
		.ip_version = settings->ip_version,
		.connect_ms = (long)settings->connect_ms,
	};
}

static int prepare(
	struct run *run, struct atls_creds *creds, struct atls_creds *inner, struct atls_error *err)
{
	int rc = targets_gather(&run->targets, &run->settings, err);

	if (!rc)
		rc = load_trust(run, creds, err);
	if (!rc)
		rc = make_priorities(run, err);
	if (rc)
		return rc;
	set_way(run);
	run->memory = memory_open(&run->settings, err);
	if (!run->memory)
		return err->code;
	if (run->settings.capture) {
		run->capture = atls_capture_open(run->settings.capture, &run->log, err);
		if (!run->capture)
			return err->code;
	}
	run->base = event_base_new();
	if (!run->base)
		return atls_error_set(err, ATLS_E_MEMORY, "out of memory for events");
	run->loop = atls_curl_loop_new(run->base, err);
	if (!run->loop)
		return err->code;
	return run->settings.atls ? load_proof(run, inner, err) : ATLS_OK;
}

static void run_free(struct run *run)
{
	atls_http_client_free(run->http);
	atls_curl_loop_free(run->loop);
	if (run->base)
		event_base_free(run->base);
	atls_capture_close(run->capture);
	memory_close(run->memory);
	if (run->inner_priorities)
		gnutls_priority_deinit(run->inner_priorities);
	if (run->priorities)
		gnutls_priority_deinit(run->priorities);
	atls_issuers_free(run->issuers);
	atls_roots_free(run->roots);
	targets_free(&run->targets);
	probe_settings_free(&run->settings);
}

int main(int argc, char **argv)
{
	struct run run = {0};
	struct atls_creds creds = {0}, inner = {0};
	struct atls_error err = {0};
	int code = ATLS_EXIT_OK;

	signal(SIGPIPE, SIG_IGN);
	if (probe_settings_read(&run.settings, argc, argv, &code)) {
		probe_settings_free(&run.settings);
		return code;
	}
	run.log = (struct atls_log){.tool = atls_probe_tool.name,
		.level = run.settings.level,
		.json = run.settings.log_json};
	curl_global_init(CURL_GLOBAL_DEFAULT);
	if (prepare(&run, &creds, &inner, &err)) {
		if (err.code == ATLS_E_USAGE)
			atls_error_hint(&err, "see '%s --help'", run.log.tool);
		atls_log_error(&run.log, &err);
		code = atls_exit_code(err.code);
	} else {
		code = prober_run(&run);
	}
	run_free(&run);
	atls_creds_free(&inner);
	atls_creds_free(&creds);
	curl_global_cleanup();
	return code;
}
