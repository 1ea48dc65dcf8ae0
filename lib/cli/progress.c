#include "cli/progress.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define WIDTH_MAX 250

bool atls_progress_can(const struct atls_log *log)
{
	const char *term = getenv("TERM");

	return log->level >= ATLS_LOG_NOTICE && !log->json && term && *term &&
	       strcmp(term, "dumb") != 0 && isatty(STDERR_FILENO) == 1;
}

static int width(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) || size.ws_col < 2)
		return 79;
	return size.ws_col > WIDTH_MAX ? WIDTH_MAX : size.ws_col - 1;
}

static bool may_write(void)
{
	struct pollfd terminal = {.fd = STDERR_FILENO, .events = POLLOUT};
	pid_t foreground = tcgetpgrp(STDERR_FILENO);

	return (foreground < 0 || foreground == getpgrp()) && poll(&terminal, 1, 0) > 0;
}

static void put(const char *text)
{
	/* One that is not written is drawn again soon. */
	if (write(STDERR_FILENO, text, strlen(text)) < 0)
		errno = 0;
}

void atls_progress_draw(const struct atls_log *log, const char *text)
{
	char line[WIDTH_MAX + 16], clean[WIDTH_MAX];

	if (!log->unfinished || !may_write())
		return;
	atls_log_escape(text, clean, sizeof clean);
	snprintf(line, sizeof line, "\r%.*s\x1b[K", width(), clean);
	put(line);
	*log->unfinished = true;
}

void atls_progress_clear(const struct atls_log *log)
{
	if (!log->unfinished || !*log->unfinished)
		return;
	*log->unfinished = false;
	put("\r\x1b[K");
}
