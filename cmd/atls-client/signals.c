#include "signals.h"
#include "net/timer.h"

#include <signal.h>

bool end_signals_catch(struct event_base *base, struct event *signals[END_SIGNALS],
	event_callback_fn take, void *ctx)
{
	static const int numbers[END_SIGNALS] = {SIGINT, SIGTERM, SIGHUP};
	for (int i = 0; i < END_SIGNALS; i++) {
		signals[i] = evsignal_new(base, numbers[i], take, ctx);
		if (!signals[i] || event_add(signals[i], NULL))
			return false;
	}
	return true;
}

void end_signals_free(struct event *signals[END_SIGNALS])
{
	for (int i = 0; i < END_SIGNALS; i++)
		atls_event_free(signals[i]);
}
