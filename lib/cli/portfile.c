#include "cli/portfile.h"

#include "cli/file.h"
#include "core/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int fail(const char *path, struct atls_error *err)
{
	return atls_error_set(
		err, ATLS_E_LOCAL, "cannot write port file '%s': %s", path, strerror(errno));
}

static bool write_ports(FILE *file, const unsigned *ports, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		fprintf(file, "%u\n", ports[i]);
	return fflush(file) == 0 && !ferror(file);
}

static int write_in_place(
	const char *path, const unsigned *ports, unsigned count, struct atls_error *err)
{
	bool is_stdout = strcmp(path, "-") == 0;
	FILE *file = is_stdout ? stdout : fopen(path, "we");
	if (!file)
		return fail(path, err);
	bool done = write_ports(file, ports, count);
	if (!is_stdout && fclose(file))
		done = false;
	return done ? ATLS_OK : fail(path, err);
}

int atls_port_file(const char *path, const unsigned *ports, unsigned count, struct atls_error *err)
{
	struct stat info;
	char *text = NULL;
	size_t len = 0;

	if (strcmp(path, "-") == 0 || (stat(path, &info) == 0 && !S_ISREG(info.st_mode)))
		return write_in_place(path, ports, count, err);
	FILE *file = open_memstream(&text, &len);
	bool made = file && write_ports(file, ports, count);
	if (file && fclose(file))
		made = false;
	errno = made ? atls_file_replace(path, text, len, 0666) : ENOMEM;
	free(text);
	return errno ? fail(path, err) : ATLS_OK;
}
