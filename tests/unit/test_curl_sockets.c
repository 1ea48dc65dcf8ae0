/* The notes of libcurl's sockets: none outlives its owner, whatever libcurl tells. */
#include "tap.h"

#include "net/curl_sockets.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAITING 4 /* connections that nobody accepts; Linux keeps one or two for a backlog of 0 */

static uint16_t listen_full(int fds[WAITING + 1])
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof address;
	fds[0] = socket(AF_INET, SOCK_STREAM, 0);
	eq_int(bind(fds[0], (struct sockaddr *)&address, len), 0);
	eq_int(listen(fds[0], 0), 0);
	eq_int(getsockname(fds[0], (struct sockaddr *)&address, &len), 0);
	for (int i = 1; i <= WAITING; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(fds[i], (struct sockaddr *)&address, len);
	}
	return ntohs(address.sin_port);
}

static void a_connection_that_never_stood_leaves_no_note(void)
{
	struct atls_curl_sockets sockets = {0};
	int fds[WAITING + 1], running;
	char url[64];
	snprintf(url, sizeof url, "http://127.0.0.1:%u/", listen_full(fds));
	CURLM *multi = curl_multi_init();
	CURL *easy = curl_easy_init();
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	atls_curl_sockets_note(&sockets, easy);
	eq_int(curl_multi_add_handle(multi, easy), CURLM_OK);
	while (LIST_EMPTY(&sockets.open) && curl_multi_perform(multi, &running) == CURLM_OK &&
		running)
		;
	ok(!LIST_EMPTY(&sockets.open));
	curl_multi_remove_handle(multi, easy);
	curl_easy_cleanup(easy);
	curl_multi_cleanup(multi);
	atls_curl_sockets_free(&sockets);
	ok(LIST_EMPTY(&sockets.open));
	for (int i = 0; i <= WAITING; i++)
		close(fds[i]);
}

int main(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
	run(a_connection_that_never_stood_leaves_no_note);
	curl_global_cleanup();
	return tap_done();
}
