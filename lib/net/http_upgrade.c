/* Connections that leave HTTP for something else, by libmicrohttpd's upgrade. */
#include "net/http_impl.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

static void on_upgraded(void *ctx, struct MHD_Connection *mhd, void *con_cls, const char *extra,
	size_t extra_len, MHD_socket fd, struct MHD_UpgradeResponseHandle *handle)
{
	(void)mhd;
	(void)con_cls;
	struct atls_http_request *request = ctx;
	const struct atls_http_upgraded connection = {fd, extra, extra_len};
	const int one = 1;
	request->upgraded = handle;
	request->left_http = true;
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	/* Fails on a Unix socket, which needs none. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	request->opened(request->opened_ctx, request, &connection);
}

void atls_http_upgrade(struct atls_http_request *request, const struct atls_http_header *headers,
	size_t count, atls_http_upgrade_fn *opened, void *ctx)
{
	if (request->replied)
		return;
	request->opened = opened;
	request->opened_ctx = ctx;
	request->status = MHD_HTTP_SWITCHING_PROTOCOLS;
	request->response = MHD_create_response_for_upgrade(on_upgraded, request);
	for (size_t i = 0; request->response && i < count; i++)
		MHD_add_response_header(request->response, headers[i].name, headers[i].value);
	atls_http_answered(request);
}

void atls_http_upgrade_close(void *ctx)
{
	struct atls_http_request *request = ctx;
	struct MHD_UpgradeResponseHandle *handle = request->upgraded;
	request->lent = false;
	if (!handle)
		return;
	request->upgraded = NULL;
	MHD_upgrade_action(handle, MHD_UPGRADE_ACTION_CLOSE);
	/* It is cleaned up in the daemon's own time. */
	event_active(request->daemon->wake, EV_TIMEOUT, 0);
}

void atls_http_upgrade_end(struct atls_http_request *request)
{
	atls_http_at_home(request, atls_http_upgrade_close);
}
