/*
 * post: the ceiling. What libcurl's POSTs to libmicrohttpd carry when nothing is done with them.
 *
 *   post serve --port-file FILE    takes bodies; answers one that is empty with BODY_BYTES
 *   post up PORT BYTES             seconds for BYTES in bodies of BODY_BYTES, one after the other
 *   post down PORT BYTES           seconds for BYTES in answers of that size
 */
#include <curl/curl.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BODY_BYTES (256u << 10)

static char body[BODY_BYTES];

static enum MHD_Result answer(void *ctx, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *data, size_t *len, void **state)
{
	static char seen;
	(void)ctx;
	(void)url;
	(void)method;
	(void)version;
	(void)data;
	if (!*state) {
		*state = connection;
		return MHD_YES;
	}
	if (*len) {
		*len = 0;
		*state = &seen;
		return MHD_YES;
	}
	struct MHD_Response *response = MHD_create_response_from_buffer(
		*state == &seen ? 0 : sizeof body, body, MHD_RESPMEM_PERSISTENT);
	enum MHD_Result queued = MHD_queue_response(connection, MHD_HTTP_OK, response);
	MHD_destroy_response(response);
	return queued;
}

static int serve(const char *port_file)
{
	sigset_t end;
	int which;
	struct sockaddr_in here = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	sigprocmask(SIG_BLOCK, &end, NULL);
	struct MHD_Daemon *daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL,
		answer, NULL, MHD_OPTION_SOCK_ADDR, &here, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)128 << 10, MHD_OPTION_END);
	const union MHD_DaemonInfo *port =
		daemon ? MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT) : NULL;
	FILE *file = port ? fopen(port_file, "w") : NULL;
	if (!file || fprintf(file, "%u\n", port->port) < 0 || fclose(file))
		return 1;
	sigwait(&end, &which);
	MHD_stop_daemon(daemon);
	return 0;
}

static double now_s(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static size_t drop(char *bytes, size_t size, size_t count, void *ctx)
{
	(void)bytes;
	*(uint64_t *)ctx += size * count;
	return size * count;
}

static int post(const char *port, uint64_t bytes, long size)
{
	char url[64];
	uint64_t got = 0;
	CURL *easy = curl_easy_init();
	struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
	snprintf(url, sizeof url, "http://127.0.0.1:%s/", port);
	if (!easy || !headers)
		return 1;
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, size);
	curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)BODY_BYTES);
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)BODY_BYTES);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, &got);
	double began = now_s();
	CURLcode rc = CURLE_OK;
	for (uint64_t done = 0; done < bytes && rc == CURLE_OK; done += BODY_BYTES)
		rc = curl_easy_perform(easy);
	double took = now_s() - began;
	curl_slist_free_all(headers);
	curl_easy_cleanup(easy);
	if (rc != CURLE_OK || (size == 0 && got < bytes)) {
		fprintf(stderr, "post: %s\n", curl_easy_strerror(rc));
		return 1;
	}
	printf("%.6f\n", took);
	return 0;
}

int main(int argc, char **argv)
{
	const char *mode = argc == 4 ? argv[1] : "";
	for (size_t i = 0; i < sizeof body; i++)
		body[i] = (char)(i * 31 + (i >> 8));
	if (strcmp(mode, "serve") == 0 && strcmp(argv[2], "--port-file") == 0)
		return serve(argv[3]);
	if (strcmp(mode, "up") == 0)
		return post(argv[2], strtoull(argv[3], NULL, 10), BODY_BYTES);
	if (strcmp(mode, "down") == 0)
		return post(argv[2], strtoull(argv[3], NULL, 10), 0);
	fprintf(stderr, "usage: post serve --port-file FILE | up PORT BYTES | down PORT BYTES\n");
	return 2;
}
