#include "net/mailbox.h"
#include "net/timer.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct atls_mailbox {
	pthread_mutex_t lock;
	struct atls_letter *first, **last;
	int fd; /* readable while there is something in it */
	struct event *filled;
};

static struct atls_letter *take_all(struct atls_mailbox *mailbox)
{
	pthread_mutex_lock(&mailbox->lock);
	struct atls_letter *first = mailbox->first;
	mailbox->first = NULL;
	mailbox->last = &mailbox->first;
	pthread_mutex_unlock(&mailbox->lock);
	return first;
}

bool atls_mailbox_empty(struct atls_mailbox *mailbox)
{
	struct atls_letter *letter = take_all(mailbox);
	bool any = letter != NULL;
	while (letter) {
		struct atls_letter *next = letter->next;
		/* From here on it is whose who opened it. */
		letter->open(letter->ctx);
		letter = next;
	}
	return any;
}

static void on_filled(evutil_socket_t fd, short what, void *ctx)
{
	eventfd_t count;
	(void)what;
	(void)eventfd_read(fd, &count);
	(void)atls_mailbox_empty(ctx);
}

struct atls_mailbox *atls_mailbox_new(struct event_base *base)
{
	struct atls_mailbox *mailbox = calloc(1, sizeof *mailbox);
	if (!mailbox)
		return NULL;
	pthread_mutex_init(&mailbox->lock, NULL);
	mailbox->last = &mailbox->first;
	mailbox->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	mailbox->filled = mailbox->fd < 0 ? NULL
					  : event_new(base, mailbox->fd, EV_READ | EV_PERSIST,
						    on_filled, mailbox);
	if (!mailbox->filled || event_add(mailbox->filled, NULL)) {
		atls_mailbox_free(mailbox);
		return NULL;
	}
	return mailbox;
}

void atls_mailbox_free(struct atls_mailbox *mailbox)
{
	if (!mailbox)
		return;
	atls_event_free(mailbox->filled);
	if (mailbox->fd >= 0)
		close(mailbox->fd);
	pthread_mutex_destroy(&mailbox->lock);
	free(mailbox);
}

void atls_mailbox_post(struct atls_mailbox *mailbox, struct atls_letter *letter)
{
	letter->next = NULL;
	pthread_mutex_lock(&mailbox->lock);
	bool wake = mailbox->first == NULL;
	*mailbox->last = letter;
	mailbox->last = &letter->next;
	pthread_mutex_unlock(&mailbox->lock);
	/* It has a count of one at most: this cannot fail. */
	if (wake)
		(void)eventfd_write(mailbox->fd, 1);
}
