#include "exchange.h"

#include <string.h>

static int on_message(void *ctx, const struct http_message *message)
{
	struct exchange *exchange = ctx;
	return dialog_message(exchange->dialog, message);
}

static const char *on_method(void *ctx)
{
	const struct exchange *exchange = ctx;
	return dialog_method(exchange->dialog);
}

int exchange_init(struct exchange *exchange, const struct piece_sink *sink)
{
	memset(exchange, 0, sizeof *exchange);
	exchange->dialogs.sink = sink;
	exchange->events = (struct http_events){on_message, on_method, exchange};
	exchange->dialog = dialog_new(&exchange->dialogs, "");
	for (int i = 0; i < 2; i++)
		exchange->parsers[i] = http_parser_new(&exchange->events, sink, true);
	return exchange->dialog && exchange->parsers[0] && exchange->parsers[1] ? ATLS_OK
										: ATLS_E_MEMORY;
}

void exchange_free(struct exchange *exchange)
{
	dialog_free(exchange->dialog);
	http_parser_free(exchange->parsers[0]);
	http_parser_free(exchange->parsers[1]);
}

int exchange_feed(
	struct exchange *exchange, bool down, const void *bytes, size_t len, uint64_t offset)
{
	ssize_t used = http_feed(exchange->parsers[down], bytes, len, offset, -1);
	return used < 0 ? (int)used : ATLS_OK;
}

int exchange_mark(struct exchange *exchange, bool down)
{
	int rc = http_mark(exchange->parsers[down], true);
	return rc ? rc : http_mark(exchange->parsers[!down], false);
}

int exchange_end(struct exchange *exchange)
{
	int rc = ATLS_OK;
	for (int i = 0; i < 2 && !rc; i++)
		rc = http_end(exchange->parsers[i]);
	return rc ? rc : dialog_end(exchange->dialog);
}
