#include "check.h"
#include "direct_way.h"
#include "forward.h"
#include "meter.h"
#include "relay.h"
#include "signals.h"
#include "url.h"

#include "cli/creds.h"
#include "cli/exit.h"
#include "core/err.h"
#include "net/timer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* An exchange without a byte for this long is lost: longer than any server holds a poll. */
#define STALL_S 35

/* The run over standard input and output. */
struct pipe_run {
	struct client *client;
	struct relay *relay;
	struct meter *meter;
	int signal;
	struct atls_error error;
};

static void pipe_ended(void *ctx, struct relay *relay, const struct atls_error *err)
{
	struct pipe_run *run = ctx;
	uint64_t up, down;
	meter_free(run->meter);
	run->meter = NULL;
	relay_bytes(relay, &up, &down);
	const struct atls_log_about about = {.event = "session_end",
		.facts = json_pack("{s:I, s:I, s:s}", "bytes_up", (json_int_t)up, "bytes_down",
			(json_int_t)down, "code", atls_code_word(err->code))};
	atls_log_event(&run->client->log, ATLS_LOG_VERBOSE, &about, "%llu bytes up, %llu down",
		(unsigned long long)up, (unsigned long long)down);
	run->error = *err;
	event_base_loopbreak(run->client->base);
}

static void on_signal(evutil_socket_t number, short what, void *ctx)
{
	(void)what;
	struct pipe_run *run = ctx;
	if (run->signal)
		meter_free(run->meter);
	if (run->signal)
		_exit(ATLS_EXIT_SIGNAL + (int)number);
	run->signal = (int)number;
	if (run->relay)
		relay_stop(run->relay);
	else
		event_base_loopbreak(run->client->base);
}

static int pipe_run(struct client *client)
{
	struct pipe_run run = {.client = client};
	bool metered = meter_wanted(client);
	run.relay = relay_new(client, STDIN_FILENO, STDOUT_FILENO, pipe_ended, &run, &run.error);
	struct event *signals[END_SIGNALS] = {NULL};
	if (run.relay && metered)
		run.meter = meter_new(client, run.relay);
	if (run.relay && end_signals_catch(client->base, signals, on_signal, &run))
		event_base_dispatch(client->base);
	end_signals_free(signals);
	meter_free(run.meter);
	relay_free(run.relay);
	int code = client_fail(client, &run.error);
	return run.signal ? ATLS_EXIT_SIGNAL + run.signal : code;
}

static void on_max_time(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	struct client *client = ctx;
	atls_error_set(&client->stopped, ATLS_E_NETWORK,
		"connection: not done within %.1f s (--max-time)",
		(double)client->settings.max_ms / 1000);
	event_base_loopbreak(client->base);
}

static int run(struct client *client)
{
	struct event *limit = NULL;
	uint64_t ms = client->settings.max_ms;
	if (ms) {
		limit = event_new(client->base, -1, 0, on_max_time, client);
		if (limit)
			atls_timer_set(limit, (int64_t)ms);
	}
	int code = client->settings.check           ? check_run(client)
		   : client->settings.forward_count ? forward_run(client)
						    : pipe_run(client);
	atls_event_free(limit);
	/* --check says it with its result. */
	if (client->stopped.code == ATLS_OK || client->settings.check)
		return code;
	return client_fail(client, &client->stopped);
}

static void set_way(struct client *client)
{
	const struct settings *settings = &client->settings;
	client->way = (struct atls_http_client_config){
		.url = settings->url,
		.proxy = settings->proxy,
		.proxy_user = settings->proxy_user,
		.proxy_anyauth = settings->proxy_anyauth,
		.interface = settings->interface,
		.unix_socket = settings->unix_socket,
		.outer_cacert = settings->outer_cacert,
		.outer_pins = settings->outer_pins,
		.ws_protocol = settings->raw ? settings->raw_names.protocol : NULL,
		.headers = settings->headers,
		.resolve = settings->resolve,
		.connect_to = settings->connect_to,
		.ip_version = settings->ip_version,
		.connect_ms = (long)settings->connect_ms,
		.stall_s = STALL_S,
		.exchange_ms = STALL_S * 1000L + (long)settings->resume_ms,
		.outer_verify = settings->outer_verify,
	};
}

/* Where --report and --capture write. */
static int open_records(struct client *client, struct atls_error *err)
{
	const struct settings *settings = &client->settings;
	if (settings->report) {
		client->report = fopen(settings->report, "we");
		if (!client->report)
			return atls_error_set(err, ATLS_E_LOCAL, "cannot write report '%s': %s",
				settings->report, strerror(errno));
	}
	if (settings->capture)
		client->capture = atls_capture_open(settings->capture, &client->log, err);
	return err->code;
}

static int prepare(struct client *client, struct atls_creds *creds, struct atls_error *err)
{
	struct settings *settings = &client->settings;
	const struct atls_creds_files files = {
		.certs = &settings->cert,
		.keys = &settings->key,
		.cert_count = settings->cert != NULL,
		.key_count = settings->key != NULL,
		.cacert = settings->cacert,
		.capath = settings->capath,
		.system_trust = !settings->policy.chain_unchecked,
	};
	int rc = url_read(client, err);
	if (!rc && !settings->raw)
		rc = atls_creds_load(creds, &files, err);
	if (!rc)
		rc = atls_creds_priorities(&client->priorities, settings->tls_max, err);
	if (rc)
		return rc;
	client->credentials = creds->credentials;
	client->name = strdup(settings->servername ? settings->servername : client->host);
	client->policy = settings->policy;
	client->policy.anchors = creds->anchors;
	client->policy.name = client->name;
	client->policy.purpose = GNUTLS_KP_TLS_WWW_SERVER;
	set_way(client);
	client->base = event_base_new();
	if (!client->base || !client->name)
		return atls_error_set(err, ATLS_E_MEMORY, "out of memory for events");
	if (open_records(client, err))
		return err->code;
	if (settings->direct) {
		client->direct = direct_way_new(client, err);
		if (!client->direct)
			return err->code;
	}
	if (settings->path_cache) {
		client->cache = path_cache_open(client, err);
		if (!client->cache)
			return err->code;
	}
	client->http = atls_http_client_new(client->base, err);
	return client->http ? ATLS_OK : err->code;
}

static void client_free(struct client *client)
{
	atls_http_client_free(client->http);
	direct_way_free(client->direct);
	if (client->base)
		event_base_free(client->base);
	if (client->priorities)
		gnutls_priority_deinit(client->priorities);
	path_cache_free(client->cache);
	atls_capture_close(client->capture);
	if (client->report)
		fclose(client->report);
	free(client->host);
	free(client->name);
	client_settings_free(&client->settings);
}

int main(int argc, char **argv)
{
	struct client client = {0};
	struct atls_creds creds = {0};
	struct atls_error err = {0};
	int code = ATLS_EXIT_OK;
	signal(SIGPIPE, SIG_IGN);
	if (client_settings_read(&client.settings, argc, argv, &code)) {
		client_settings_free(&client.settings);
		return code;
	}
	client.log = (struct atls_log){.tool = atls_client_tool.name,
		.level = client.settings.level,
		.json = client.settings.log_json};
	/* A closed one would be taken by the next descriptor that is opened. */
	if (fcntl(STDIN_FILENO, F_GETFD) < 0 || fcntl(STDOUT_FILENO, F_GETFD) < 0)
		atls_error_set(&err, ATLS_E_LOCAL, "standard input and output: one is closed");
	curl_global_init(CURL_GLOBAL_DEFAULT);
	if (err.code || prepare(&client, &creds, &err)) {
		code = client_fail(&client, &err);
	} else {
		if (client.policy.chain_unchecked)
			atls_log_event(&client.log, ATLS_LOG_ERROR,
				&(struct atls_log_about){.event = "warning"},
				"warning: --insecure-inner: nobody checks who the service is");
		if (client.settings.raw)
			atls_log_event(&client.log, ATLS_LOG_NOTICE,
				&(struct atls_log_about){.event = "warning"},
				"warning: --raw %s: nothing here encrypts, or checks who the "
				"service is",
				client.settings.raw);
		code = run(&client);
	}
	client_free(&client);
	atls_creds_free(&creds);
	curl_global_cleanup();
	return code;
}
