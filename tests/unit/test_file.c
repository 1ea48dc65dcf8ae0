/* Files that appear whole or stay as they were. */
#include "tests/unit/tap.h"

#include "cli/file.h"
#include "cli/out.h"
#include "cli/portfile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static char dir[] = "/tmp/atls-file.XXXXXX";
static char name[sizeof dir + 16], folder[sizeof dir + 16];

static void content_is(const char *wanted)
{
	struct atls_error err = {0};
	struct atls_buf buf;

	atls_buf_init(&buf, ATLS_FILE_MAX);
	eq_int(atls_file_read(&buf, "test", name, &err), 0);
	eq_int(buf.len, strlen(wanted));
	ok(buf.len == strlen(wanted) && memcmp(atls_buf_bytes(&buf), wanted, buf.len) == 0);
	atls_buf_free(&buf);
}

static unsigned entries(void)
{
	unsigned count = 0;
	DIR *all = opendir(dir);

	/* cppcheck-suppress readdirCalled */
	for (const struct dirent *entry; all && (entry = readdir(all));)
		count += entry->d_name[0] != '.';
	if (all)
		closedir(all);
	return count;
}

static unsigned mode_of_it(void)
{
	struct stat info = {0};

	eq_int(stat(name, &info), 0);
	return info.st_mode & 0777;
}

static void a_file_is_replaced(void)
{
	umask(022);
	eq_int(atls_file_replace(name, "first", 5, 0666), 0);
	content_is("first");
	eq_int(mode_of_it(), 0644);
	eq_int(atls_file_replace(name, "second one", 10, 0600), 0);
	content_is("second one");
	eq_int(mode_of_it(), 0600);
	eq_int(entries(), 2);
}

/* What cannot be is told by its errno, and leaves nothing behind. */
static void what_cannot_be(void)
{
	char nowhere[sizeof dir + 32];

	snprintf(nowhere, sizeof nowhere, "%s/none/file", dir);
	eq_int(atls_file_replace(nowhere, "x", 1, 0666), ENOENT);
	eq_int(atls_file_replace(folder, "x", 1, 0666), EISDIR);
	eq_int(entries(), 2);
	content_is("second one");
}

/* Somebody else's link, of the name that is written to first, is not followed. */
static void a_link_is_not_followed(void)
{
	char link[sizeof name + 32];

	snprintf(link, sizeof link, "%s.%ld.new", name, (long)getpid());
	eq_int(symlink(folder, link), 0);
	eq_int(atls_file_replace(name, "third", 5, 0666), 0);
	content_is("third");
	eq_int(entries(), 2);
}

static void json_and_ports(void)
{
	const unsigned ports[] = {443, 8443};
	struct atls_error err = {0};
	json_t *value = json_pack("{s:i, s:s}", "b", 1, "a", "\u00e9");

	eq_int(atls_out_replace(name, value, 0666), 0);
	content_is("{\n \"a\": \"\\u00E9\",\n \"b\": 1\n}\n");
	eq_int(atls_out_replace(name, NULL, 0666), ENOMEM);
	json_decref(value);
	eq_int(atls_port_file(name, ports, 2, &err), 0);
	content_is("443\n8443\n");
	snprintf(name, sizeof name, "%s/none/ports", dir);
	eq_int(atls_port_file(name, ports, 2, &err), ATLS_E_LOCAL);
	ok(strstr(err.text, "No such file or directory") != NULL);
}

int main(void)
{
	if (!mkdtemp(dir)) {
		printf("Bail out! no directory\n");
		return 1;
	}
	snprintf(name, sizeof name, "%s/file", dir);
	snprintf(folder, sizeof folder, "%s/folder", dir);
	if (mkdir(folder, 0700))
		return 1;
	run(a_file_is_replaced);
	run(what_cannot_be);
	run(a_link_is_not_followed);
	run(json_and_ports);
	snprintf(name, sizeof name, "%s/file", dir);
	unlink(name);
	rmdir(folder);
	rmdir(dir);
	return tap_done();
}
