/* The machine's trust store: files and directories of PEM, what of it is public and what was added.
 */
#include "cli/store.h"
#include "core/err.h"
#include "tests/unit/certs.h"
#include "tests/unit/tap.h"

#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { A, B, C, COUNT };

static struct cert certs[COUNT];
static gnutls_datum_t pems[COUNT];
static char home[] = "/tmp/atls-test-store-XXXXXX";

static const char *path(const char *name)
{
	static char texts[2][sizeof home + 32];
	static unsigned turn;
	turn ^= 1;
	snprintf(texts[turn], sizeof texts[turn], "%s/%s", home, name);
	return texts[turn];
}

/* A file of such certificates, with words between them. */
static void write_pems(const char *name, unsigned first, unsigned count)
{
	FILE *file = fopen(path(name), "w");
	for (unsigned i = first; file && i < first + count; i++)
		fprintf(file, "what it is for\n%.*s", (int)pems[i].size, pems[i].data);
	ok(file && fclose(file) == 0);
}

static bool holds(const struct atls_roots *roots, unsigned cert)
{
	return atls_roots_holds(roots, certs[cert].der.data, certs[cert].der.size);
}

static void public_and_added_are_told_apart(void)
{
	struct atls_error err = {0};
	write_pems("all", A, COUNT);
	write_pems("public", A, 1);
	const struct atls_store_files files = {path("all"), path("public")};
	struct atls_roots *roots = atls_store_load(&files, &err);
	ok(roots != NULL);
	eq_int(err.code, ATLS_OK);
	eq_int(atls_roots_count(roots, ATLS_ORIGIN_PUBLIC), 1);
	eq_int(atls_roots_count(roots, ATLS_ORIGIN_ADDED), COUNT - 1);
	ok(holds(roots, A) && holds(roots, B) && holds(roots, C));
	atls_roots_free(roots);
}

static void a_public_root_that_the_machine_dropped_is_not_trusted(void)
{
	struct atls_error err = {0};
	write_pems("store", B, 1);
	write_pems("public", A, 2);
	const struct atls_store_files files = {path("store"), path("public")};
	struct atls_roots *roots = atls_store_load(&files, &err);
	ok(roots && !holds(roots, A) && holds(roots, B));
	eq_int(atls_roots_count(roots, ATLS_ORIGIN_PUBLIC), 1);
	eq_int(atls_roots_count(roots, ATLS_ORIGIN_ADDED), 0);
	atls_roots_free(roots);
}

static void a_directory_is_read_without_its_hidden_files(void)
{
	struct atls_error err = {0};
	eq_int(mkdir(path("dir"), 0700), 0);
	eq_int(mkdir(path("dir/deeper"), 0700), 0);
	write_pems("dir/a.pem", A, 1);
	write_pems("dir/b.crt", B, 1);
	write_pems("dir/again", A, 1);
	write_pems("dir/.c.pem", C, 1);
	eq_int(symlink("nowhere", path("dir/broken")), 0);
	write_pems("none", A, 0);
	const struct atls_store_files files = {path("dir"), path("none")};
	struct atls_roots *roots = atls_store_load(&files, &err);
	ok(roots && holds(roots, A) && holds(roots, B) && !holds(roots, C));
	eq_int(atls_roots_count(roots, ATLS_ORIGIN_PUBLIC), 0);
	eq_int(atls_roots_count(roots, ATLS_ORIGIN_ADDED), 2);
	atls_roots_free(roots);
}

static void what_is_not_there_is_named(void)
{
	struct atls_error err = {0};
	write_pems("store", A, 1);
	const struct atls_store_files no_store = {"/nowhere/store", path("store")};
	ok(atls_store_load(&no_store, &err) == NULL);
	eq_int(err.code, ATLS_E_LOCAL);
	eq_str(err.text, "cannot read trust store '/nowhere/store'");
	err = (struct atls_error){0};
	const struct atls_store_files no_public = {path("store"), "/nowhere/public"};
	ok(atls_store_load(&no_public, &err) == NULL);
	eq_str(err.text, "cannot read trust store '/nowhere/public'");
}

static void an_empty_store_trusts_nothing(void)
{
	struct atls_error err = {0};
	write_pems("none", A, 0);
	const struct atls_store_files files = {path("none"), path("none")};
	struct atls_roots *roots = atls_store_load(&files, &err);
	ok(roots != NULL);
	eq_int(atls_roots_count(roots, ATLS_ORIGIN_PUBLIC), 0);
	eq_int(atls_roots_count(roots, ATLS_ORIGIN_ADDED), 0);
	atls_roots_free(roots);
}

/* ---- PEM ---- */

static unsigned taken, enough;
static size_t lengths[4];

static int take(void *ctx, const void *der, size_t len)
{
	ok(ctx == &taken && der != NULL);
	lengths[taken++ % 4] = len;
	return taken == enough ? 7 : 0;
}

/* How many come out of a text. */
static unsigned each(const char *text, unsigned stop_at, int expected)
{
	char *copy = strdup(text);
	taken = 0;
	enough = stop_at;
	eq_int(atls_pem_each((uint8_t *)copy, strlen(copy), take, &taken), expected);
	free(copy);
	return taken;
}

#define BEGIN "-----BEGIN CERTIFICATE-----"
#define END   "-----END CERTIFICATE-----\n"

static void pem_is_passed_over_where_it_is_broken(void)
{
	eq_int(each("", 0, 0), 0);
	eq_int(each("words alone", 0, 0), 0);
	eq_int(each(BEGIN "QUJD", 0, 0), 0); /* it does not end */
	eq_int(each(BEGIN END, 0, 0), 0);    /* nothing in it */
	eq_int(each(BEGIN "\n?!?!\n" END BEGIN "\r\nQU\r\nJD\r\n" END, 0, 0), 1);
	eq_int(lengths[0], 3);
	eq_int(each("-----BEGIN RSA PRIVATE KEY-----\nQUJD\n-----END RSA PRIVATE KEY-----\n" BEGIN
		    "QUI=" END,
		       0, 0),
		1);
	eq_int(lengths[0], 2);
}

static void pem_stops_where_it_is_told_to(void)
{
	static const char three[] = BEGIN "QUJD" END BEGIN "QUJD" END BEGIN "QUJD" END;
	eq_int(each(three, 0, 0), 3);
	eq_int(each(three, 2, 7), 2);
}

static int drop(const char *name, const struct stat *about, int kind, struct FTW *where)
{
	(void)about;
	(void)kind;
	(void)where;
	return remove(name);
}

int main(void)
{
	static const char *const names[COUNT] = {"A", "B", "C"};
	if (!mkdtemp(home))
		return 1;
	cert_set_clock(CERT_NOW);
	for (unsigned i = 0; i < COUNT; i++) {
		cert_make(&certs[i], &(struct cert_spec){.cn = names[i], .ca = true}, NULL);
		cert_pem(&certs[i], &pems[i]);
	}
	run(public_and_added_are_told_apart);
	run(a_public_root_that_the_machine_dropped_is_not_trusted);
	run(a_directory_is_read_without_its_hidden_files);
	run(what_is_not_there_is_named);
	run(an_empty_store_trusts_nothing);
	run(pem_is_passed_over_where_it_is_broken);
	run(pem_stops_where_it_is_told_to);
	for (unsigned i = 0; i < COUNT; i++) {
		gnutls_free(pems[i].data);
		cert_free(&certs[i]);
	}
	nftw(home, drop, 8, FTW_DEPTH | FTW_PHYS);
	return tap_done();
}
