#include "meter.h"

#include "cli/progress.h"
#include "net/clock.h"
#include "net/timer.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is over by then needs no telling. */
#define FIRST_MS 2000
#define STEP_MS  1000

struct meter {
	struct client *client;
	const struct relay *relay;
	struct event *timer;
	int64_t began;
	int64_t seen_at;
	uint64_t seen; /* bytes at that time */
};

static bool is_file(int fd)
{
	struct stat info;
	return fstat(fd, &info) == 0 && (S_ISREG(info.st_mode) || S_ISBLK(info.st_mode) ||
						(S_ISCHR(info.st_mode) && isatty(fd) == 0));
}

/* A line of ours would stand amid what standard output shows, or amid the session of the ssh whose
 * ProxyCommand this is: that one is between two pipes. */
bool meter_wanted(const struct client *client)
{
	const struct settings *settings = &client->settings;
	if (!atls_progress_can(&client->log) || settings->no_progress_meter ||
		isatty(STDOUT_FILENO) == 1)
		return false;
	return settings->progress_meter || is_file(STDIN_FILENO) || is_file(STDOUT_FILENO);
}

/* "12.3 MiB" */
static const char *amount(double bytes, char text[16])
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	unsigned unit = 0;
	while (bytes >= 1000 && unit + 1 < sizeof units / sizeof *units) {
		bytes /= 1024;
		unit++;
	}
	snprintf(text, 16, unit ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
	return text;
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	struct meter *meter = ctx;
	char up_text[16], down_text[16], rate_text[16], line[128];
	uint64_t up, down;
	relay_bytes(meter->relay, &up, &down);
	int64_t now = atls_now_ms();
	int64_t passed = now > meter->seen_at ? now - meter->seen_at : 1;
	double rate = (double)(up + down - meter->seen) * 1000 / (double)passed;
	long long seconds = (long long)(now - meter->began) / 1000;
	snprintf(line, sizeof line, "%lld:%02lld  %s up, %s down, %s/s", seconds / 60, seconds % 60,
		amount((double)up, up_text), amount((double)down, down_text),
		amount(rate, rate_text));
	atls_progress_draw(&meter->client->log, line);
	meter->seen = up + down;
	meter->seen_at = now;
	atls_timer_set(meter->timer, STEP_MS);
}

struct meter *meter_new(struct client *client, const struct relay *relay)
{
	struct meter *meter = calloc(1, sizeof *meter);
	if (!meter)
		return NULL;
	meter->client = client;
	meter->relay = relay;
	meter->began = meter->seen_at = atls_now_ms();
	meter->timer = event_new(client->base, -1, 0, on_timer, meter);
	if (!meter->timer) {
		free(meter);
		return NULL;
	}
	client->log.unfinished = &client->unfinished;
	atls_timer_set(meter->timer, FIRST_MS);
	return meter;
}

void meter_free(struct meter *meter)
{
	if (!meter)
		return;
	atls_progress_clear(&meter->client->log);
	event_free(meter->timer);
	free(meter);
}
