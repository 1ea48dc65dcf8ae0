#include "cli/store.h"

#include "cli/file.h"
#include "core/base64.h"
#include "core/err.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PACKAGE_LIST "/var/lib/dpkg/info/ca-certificates.list"
#define PACKAGE_DIR  "/usr/share/ca-certificates/"

/* Where systems have the bundle of all that they trust, and what was added to it locally. */
static const char *const bundles[] = {"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"};
static const char *const local_dirs[] = {"/usr/local/share/ca-certificates",
	"/etc/pki/ca-trust/source/anchors", "/etc/ca-certificates/trust-source/anchors",
	"/etc/pki/trust/anchors"};

/* Base64 with line ends, taken out in place. */
static size_t squeeze(uint8_t *text, size_t len)
{
	size_t kept = 0;

	for (size_t i = 0; i < len; i++)
		if (text[i] > ' ')
			text[kept++] = text[i];
	return kept;
}

int atls_pem_each(
	uint8_t *text, size_t len, int (*take)(void *ctx, const void *der, size_t len), void *ctx)
{
	static const char begin[] = "-----BEGIN CERTIFICATE-----", end[] = "-----END ";
	int rc = 0;

	while (!rc && len) {
		uint8_t *at = memmem(text, len, begin, sizeof begin - 1);
		if (!at)
			break;
		at += sizeof begin - 1;
		len -= (size_t)(at - text);
		uint8_t *stop = memmem(at, len, end, sizeof end - 1);
		if (!stop)
			break;
		ssize_t der = atls_base64_decode(at, squeeze(at, (size_t)(stop - at)));
		if (der > 0)
			rc = take(ctx, at, (size_t)der);
		len -= (size_t)(stop - at);
		text = stop;
	}
	return rc;
}

/* Roots of one origin on their way into a list; with a sieve, those in it are public. */
struct filling {
	struct atls_roots *roots;
	const struct atls_roots *sieve;
	bool sieve_is_public; /* else what is in it is added */
	enum atls_origin origin;
	struct atls_buf file; /* one for all of them: there may be many small ones */
};

static int take_root(void *ctx, const void *der, size_t len)
{
	const struct filling *filling = ctx;
	enum atls_origin origin = filling->origin;

	if (filling->sieve)
		origin = atls_roots_holds(filling->sieve, der, len) == filling->sieve_is_public
				 ? ATLS_ORIGIN_PUBLIC
				 : ATLS_ORIGIN_ADDED;
	return atls_roots_add(filling->roots, der, len, origin);
}

/* A file that cannot be read holds none. */
static int fill_from_file(struct filling *filling, const char *name)
{
	struct atls_error ignored = {0};
	struct atls_buf *file = &filling->file;

	atls_buf_consume(file, file->len);
	if (atls_file_read(file, "CA", name, &ignored))
		return 0;
	return atls_pem_each(file->mem + file->head, file->len, take_root, filling);
}

static int fill_from_dir(struct filling *filling, const char *name)
{
	char path[4096];
	DIR *dir = opendir(name);
	int rc = 0;

	/* Nobody else reads this one. */
	/* cppcheck-suppress readdirCalled */
	for (const struct dirent *entry; dir && !rc && (entry = readdir(dir));) {
		int len = snprintf(path, sizeof path, "%s/%s", name, entry->d_name);
		if (entry->d_name[0] != '.' && len > 0 && (size_t)len < sizeof path)
			rc = fill_from_file(filling, path);
	}
	if (dir)
		closedir(dir);
	return rc;
}

static int fill(struct filling *filling, const char *name, struct atls_error *err)
{
	struct stat about;

	if (stat(name, &about) != 0 || access(name, R_OK) != 0)
		return atls_error_set(err, ATLS_E_LOCAL, "cannot read trust store '%s'", name);
	int rc = S_ISDIR(about.st_mode) ? fill_from_dir(filling, name)
					: fill_from_file(filling, name);
	return rc ? atls_error_set(err, rc, "out of memory for the trust store") : 0;
}

/* What the package ships, by its own list: others may have put files beside them. */
static int fill_from_package(struct filling *filling)
{
	struct atls_error ignored = {0};
	struct atls_buf list;
	int rc = 0;

	atls_buf_init(&list, ATLS_FILE_MAX);
	if (atls_file_read(&list, "package", PACKAGE_LIST, &ignored) ||
		atls_buf_append(&list, "", 1)) {
		atls_buf_free(&list);
		return 0;
	}
	char *rest = (char *)list.mem + list.head;
	for (char *line; !rc && (line = strsep(&rest, "\n"));) {
		size_t len = strlen(line);
		if (strncmp(line, PACKAGE_DIR, sizeof PACKAGE_DIR - 1) == 0 && len > 4 &&
			strcmp(line + len - 4, ".crt") == 0)
			rc = fill_from_file(filling, line);
	}
	atls_buf_free(&list);
	return rc;
}

/* What to tell the origins by: the public ones, or where there is no list of these, the local. */
static int load_sieve(
	struct filling *sieve, const struct atls_store_files *files, struct atls_error *err)
{
	int rc;

	if (files->public_roots)
		return fill(sieve, files->public_roots, err);
	rc = fill_from_package(sieve);
	if (!rc && atls_roots_count(sieve->roots, ATLS_ORIGIN_PUBLIC) == 0) {
		sieve->sieve_is_public = false;
		for (size_t i = 0; !rc && i < sizeof local_dirs / sizeof *local_dirs; i++)
			rc = fill_from_dir(sieve, local_dirs[i]);
	}
	return rc ? atls_error_set(err, rc, "out of memory for the trust store") : 0;
}

static const char *system_bundle(void)
{
	for (size_t i = 0; i < sizeof bundles / sizeof *bundles; i++)
		if (access(bundles[i], R_OK) == 0)
			return bundles[i];
	return NULL;
}

struct atls_roots *atls_store_load(const struct atls_store_files *files, struct atls_error *err)
{
	struct filling sieve = {.roots = atls_roots_new(), .sieve_is_public = true};
	struct filling store = {.roots = atls_roots_new(), .sieve = sieve.roots};
	const char *name = files->store ? files->store : system_bundle();
	int rc = ATLS_E_MEMORY;

	atls_buf_init(&sieve.file, ATLS_FILE_MAX);
	atls_buf_init(&store.file, ATLS_FILE_MAX);
	if (sieve.roots && store.roots)
		rc = load_sieve(&sieve, files, err);
	store.sieve_is_public = sieve.sieve_is_public;
	if (!rc && name)
		rc = fill(&store, name, err);
	atls_buf_free(&sieve.file);
	atls_buf_free(&store.file);
	atls_roots_free(sieve.roots);
	if (!rc)
		return store.roots;
	atls_roots_free(store.roots);
	atls_error_set(err, rc, "out of memory for the trust store");
	return NULL;
}
