/* What the code under test writes to standard output and standard error.
 *
 *	capture_begin();
 *	... code ...
 *	capture_end();
 *	eq_str(captured[1].text, "..."); eq_str(captured[2].text, "");
 */
#ifndef ATLS_TESTS_CAPTURE_H
#define ATLS_TESTS_CAPTURE_H

#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* By descriptor: 1 and 2. */
static struct captured {
	char text[32768];
	int file, saved;
} captured[3];

/* Puts file in the place of descriptor fd until capture_restore(). */
static inline void capture_replace(int fd, int file)
{
	fflush(NULL);
	captured[fd].saved = dup(fd);
	captured[fd].file = file;
	if (file < 0 || captured[fd].saved < 0 || dup2(file, fd) < 0)
		abort();
}

static inline void capture_restore(int fd)
{
	fflush(NULL);
	__fpurge(fd == 1 ? stdout : stderr); /* what could not be written must not come later */
	clearerr(fd == 1 ? stdout : stderr);
	if (dup2(captured[fd].saved, fd) < 0)
		abort();
	close(captured[fd].saved);
	close(captured[fd].file);
}

static inline void capture_begin(void)
{
	for (int fd = 1; fd <= 2; fd++)
		capture_replace(fd, memfd_create("captured", MFD_CLOEXEC));
}

static inline void capture_end(void)
{
	fflush(NULL);
	for (int fd = 1; fd <= 2; fd++) {
		struct captured *c = &captured[fd];
		ssize_t len = pread(c->file, c->text, sizeof c->text - 1, 0);
		c->text[len < 0 ? 0 : len] = '\0';
		capture_restore(fd);
	}
}

#endif
