/* Certificates, keys and trust anchors from files. */
#include "cli/creds.h"

#include "tests/unit/certs.h"
#include "tests/unit/tap.h"

#include <unistd.h>

static char dir[] = "/tmp/atls-creds-XXXXXX";

/* The path of a file in the test's directory; good for four at a time. */
static const char *path(const char *name)
{
	static char paths[4][64];
	static unsigned next;
	char *out = paths[next++ % 4];

	snprintf(out, sizeof paths[0], "%s/%s", dir, name);
	return out;
}

static void write_file(const char *name, const char *how, const void *bytes, size_t len)
{
	FILE *file = fopen(path(name), how);

	if (!file || fwrite(bytes, 1, len, file) != len || fclose(file))
		abort();
}

static void write_cert(const char *name, const char *how, const struct cert *cert)
{
	gnutls_datum_t pem;

	cert_pem(cert, &pem);
	write_file(name, how, pem.data, pem.size);
	gnutls_free(pem.data);
}

static void write_key(const char *name, const char *how, const struct cert *cert)
{
	gnutls_datum_t pem;

	cert_key_pem(cert, &pem);
	write_file(name, how, pem.data, pem.size);
	gnutls_free(pem.data);
}

static void make(struct cert *cert, const char *cn, gnutls_pk_algorithm_t pk, const struct cert *by)
{
	time_t now = time(NULL);

	cert_make(cert,
		&(struct cert_spec){.cn = cn,
			.ca = !by,
			.pk = pk,
			.not_before = now - CERT_DAY,
			.not_after = now + CERT_DAY},
		by);
}

/* Expects that code with that text, then frees. */
static void expect(const struct atls_creds_files *files, int code, const char *format)
{
	struct atls_error err = {.code = ATLS_OK};
	struct atls_creds creds;
	char want[ATLS_ERROR_TEXT] = "";
	const char *at = format;

	/* '%' stands for the directory. */
	for (size_t used = 0; *at && used < sizeof want - sizeof dir; at++) {
		if (*at == '%')
			used += (size_t)snprintf(want + used, sizeof want - used, "%s", dir);
		else
			want[used++] = *at;
	}
	eq_int(atls_creds_load(&creds, files, &err), code);
	eq_int(err.code, code);
	if (strstr(err.text, " ("))
		*strstr(err.text, " (") = '\0'; /* GnuTLS's own words */
	eq_str(err.text, want);
	ok(creds.credentials != NULL);
	eq_int(creds.anchors != NULL, code == ATLS_OK && (files->cacert || files->system_trust));
	atls_creds_free(&creds);
	ok(!creds.credentials && !creds.anchors);
	atls_creds_free(&creds);
}

/* The certificates that the credentials show, leaf first. */
static unsigned chain_of(const struct atls_creds *creds, gnutls_x509_crt_t **list)
{
	unsigned count = 0;

	CERT_OK(gnutls_certificate_get_x509_crt(creds->credentials, 0, list, &count));
	return count;
}

static void free_chain(gnutls_x509_crt_t *list, unsigned count)
{
	while (count)
		gnutls_x509_crt_deinit(list[--count]);
	gnutls_free(list);
}

/* One pair of files; a null path is none. */
static struct atls_creds_files own(const char *const *cert, const char *const *key)
{
	return (struct atls_creds_files){
		.certs = cert, .keys = key, .cert_count = *cert != NULL, .key_count = *key != NULL};
}

static void check_pair(const char *cert, const char *key, const struct cert *leaf, unsigned length)
{
	struct atls_creds_files files = own(&cert, &key);
	struct atls_error err = {.code = ATLS_OK};
	struct atls_creds creds;
	gnutls_x509_crt_t *list;

	eq_int(atls_creds_load(&creds, &files, &err), ATLS_OK);
	eq_str(err.text, "");
	if (err.code == ATLS_OK) {
		unsigned count = chain_of(&creds, &list);
		eq_int(count, length);
		ok(gnutls_x509_crt_equals(list[0], leaf->crt));
		free_chain(list, count);
	}
	ok(!creds.anchors);
	atls_creds_free(&creds);
}

static void test_each_kind_of_key(void)
{
	static const gnutls_pk_algorithm_t kinds[] = {
		GNUTLS_PK_RSA, GNUTLS_PK_ECDSA, GNUTLS_PK_EDDSA_ED25519};

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		struct cert ca, leaf;
		make(&ca, "CA", kinds[i], NULL);
		make(&leaf, "leaf", kinds[i], &ca);
		write_cert("cert.pem", "w", &leaf);
		write_key("key.pem", "w", &leaf);
		check_pair(path("cert.pem"), path("key.pem"), &leaf, 1);
		write_cert("cert.pem", "a", &ca);
		check_pair(path("cert.pem"), path("key.pem"), &leaf, 2);
		write_key("cert.pem", "a", &leaf);
		check_pair(path("cert.pem"), NULL, &leaf, 2);
		check_pair(path("cert.pem"), path("cert.pem"), &leaf, 2);
		write_key("both.pem", "w", &leaf);
		write_file("both.pem", "a", "some words\n", 11);
		write_cert("both.pem", "a", &leaf);
		check_pair(path("both.pem"), NULL, &leaf, 1);
		cert_free(&leaf);
		cert_free(&ca);
	}
}

/* "RSA PRIVATE KEY" and "EC PRIVATE KEY", as older tools write them. */
static void test_traditional_keys(void)
{
	static const gnutls_pk_algorithm_t kinds[] = {GNUTLS_PK_RSA, GNUTLS_PK_ECDSA};

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		gnutls_datum_t pem;
		struct cert cert;
		make(&cert, "self", kinds[i], NULL);
		write_cert("cert.pem", "w", &cert);
		CERT_OK(gnutls_x509_privkey_export2(cert.key, GNUTLS_X509_FMT_PEM, &pem));
		write_file("cert.pem", "a", pem.data, pem.size);
		gnutls_free(pem.data);
		check_pair(path("cert.pem"), NULL, &cert, 1);
		cert_free(&cert);
	}
}

/* A secret may come out of a pipe: --key <(pass show key). */
static void test_key_from_a_pipe(void)
{
	struct cert cert;
	gnutls_datum_t pem;
	char name[32];
	int fds[2];

	make(&cert, "self", 0, NULL);
	write_cert("cert.pem", "w", &cert);
	cert_key_pem(&cert, &pem);
	eq_int(pipe(fds), 0);
	eq_int(write(fds[1], pem.data, pem.size), pem.size);
	close(fds[1]);
	snprintf(name, sizeof name, "/dev/fd/%d", fds[0]);
	check_pair(path("cert.pem"), name, &cert, 1);
	close(fds[0]);
	gnutls_free(pem.data);
	cert_free(&cert);
}

static void test_key_that_does_not_match(void)
{
	struct atls_error err = {.code = ATLS_OK};
	struct atls_creds creds;
	struct cert a, b;

	make(&a, "a", 0, NULL);
	make(&b, "b", 0, NULL);
	write_cert("a.pem", "w", &a);
	write_key("b.key", "w", &b);
	const char *cert_path = path("a.pem"), *key_path = path("b.key");
	struct atls_creds_files files = own(&cert_path, &key_path);
	expect(&files, ATLS_E_USAGE,
		"the key in '%/b.key' does not match the certificate in '%/a.pem'");
	atls_creds_load(&creds, &files, &err);
	eq_str(err.hint, "the certificate of the key comes first, its issuers below it");
	atls_creds_free(&creds);
	cert_free(&a);
	cert_free(&b);
	make(&b, "b", GNUTLS_PK_RSA, NULL);
	write_key("b.key", "w", &b);
	expect(&files, ATLS_E_USAGE,
		"the key in '%/b.key' does not match the certificate in '%/a.pem'");
	cert_free(&b);
}

static void test_encrypted_key(void)
{
	gnutls_datum_t pem;
	struct cert cert;

	char *cert_path = strdup(path("cert.pem")), *key_path = strdup(path("key.pem"));
	struct atls_creds_files files =
		own((const char *const *)&cert_path, (const char *const *)&key_path);
	make(&cert, "self", 0, NULL);
	write_cert("cert.pem", "w", &cert);
	CERT_OK(gnutls_x509_privkey_export2_pkcs8(
		cert.key, GNUTLS_X509_FMT_PEM, "secret", GNUTLS_PKCS_PBES2_AES_256, &pem));
	write_file("key.pem", "w", pem.data, pem.size);
	gnutls_free(pem.data);
	expect(&files, ATLS_E_LOCAL,
		"cannot read key file '%/key.pem': encrypted keys are not supported");
	/* OpenSSL's older form. */
	static const char old[] = "-----BEGIN EC PRIVATE KEY-----\n"
				  "Proc-Type: 4,ENCRYPTED\n"
				  "DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n"
				  "AAAAAAAAAAAAAAAAAAAAAA==\n"
				  "-----END EC PRIVATE KEY-----\n";
	write_file("key.pem", "w", old, sizeof old - 1);
	expect(&files, ATLS_E_LOCAL,
		"cannot read key file '%/key.pem': encrypted keys are not supported");
	cert_free(&cert);
	free(cert_path);
	free(key_path);
}

static void test_files_that_cannot_be_read(void)
{
	static const char bad[] = "-----BEGIN CERTIFICATE-----\nMIIB!!\n";
	struct cert cert;

	make(&cert, "self", 0, NULL);
	write_cert("good.pem", "w", &cert);
	write_file("empty.pem", "w", "", 0);
	write_file("garbage.pem", "w", "\x30\x82\x01\x00garbage\n", 12);
	write_file("der.pem", "w", cert.der.data, cert.der.size);
	write_file("bad.pem", "w", bad, sizeof bad - 1);
	static const struct file_case {
		const char *cert, *key, *cacert, *text;
	} cases[] = {
		{"none.pem", NULL, NULL,
			"cannot read certificate file '%/none.pem': No such file or directory"},
		{"empty.pem", NULL, NULL,
			"cannot read certificate file '%/empty.pem': it is empty"},
		{"garbage.pem", NULL, NULL,
			"cannot read certificate file '%/garbage.pem': it is not PEM"},
		{"der.pem", NULL, NULL, "cannot read certificate file '%/der.pem': it is not PEM"},
		{".", NULL, NULL, "cannot read certificate file '%/.': Is a directory"},
		{"good.pem", "none.pem", NULL,
			"cannot read key file '%/none.pem': No such file or directory"},
		{"good.pem", "empty.pem", NULL, "cannot read key file '%/empty.pem': it is empty"},
		{"good.pem", "garbage.pem", NULL,
			"cannot read key file '%/garbage.pem': it is not PEM"},
		{"good.pem", NULL, NULL, "cannot read key file '%/good.pem': no usable key in it"},
		{"bad.pem", NULL, NULL,
			"cannot read certificate file '%/bad.pem': no usable certificate in it"},
		{NULL, NULL, "none.pem",
			"cannot read CA file '%/none.pem': No such file or directory"},
		{NULL, NULL, "empty.pem", "cannot read CA file '%/empty.pem': it is empty"},
		{NULL, NULL, "garbage.pem", "cannot read CA file '%/garbage.pem': it is not PEM"},
		{NULL, NULL, "bad.pem",
			"cannot read CA file '%/bad.pem': no usable certificate in it"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct file_case *c = &cases[i];
		const char *cert_path = c->cert ? path(c->cert) : NULL;
		const char *key_path = c->key ? path(c->key) : NULL;
		struct atls_creds_files files = own(&cert_path, &key_path);
		files.cacert = c->cacert ? path(c->cacert) : NULL;
		expect(&files, ATLS_E_LOCAL, c->text);
	}
	cert_free(&cert);
}

static void test_key_alone(void)
{
	const char *key = "k.pem";
	expect(&(struct atls_creds_files){.keys = &key, .key_count = 1}, ATLS_E_USAGE,
		"key file 'k.pem' is given without a certificate");
}

static void test_nothing_asked_for(void)
{
	expect(&(struct atls_creds_files){.cacert = NULL}, ATLS_OK, "");
}

/* Whether the anchors that the files give vouch for a chain. */
static bool vouched(const struct atls_creds_files *files, const struct cert *leaf)
{
	struct atls_error err = {.code = ATLS_OK};
	struct atls_creds creds;
	gnutls_x509_crt_t chain[] = {leaf->crt};
	unsigned status = ~0u;

	eq_int(atls_creds_load(&creds, files, &err), ATLS_OK);
	CERT_OK(gnutls_x509_trust_list_verify_crt(creds.anchors, chain, 1, 0, &status, NULL));
	atls_creds_free(&creds);
	return status == 0;
}

static void test_anchors_from_a_file(void)
{
	struct cert ca[2], leaf, stranger;

	make(&ca[0], "CA 0", 0, NULL);
	make(&ca[1], "CA 1", GNUTLS_PK_EDDSA_ED25519, NULL);
	make(&leaf, "leaf", 0, &ca[1]);
	make(&stranger, "stranger", 0, NULL);
	write_file("ca.pem", "w", "# two\n", 6);
	write_cert("ca.pem", "a", &ca[0]);
	write_cert("ca.pem", "a", &ca[1]);
	struct atls_creds_files files = {.cacert = path("ca.pem"), .system_trust = true};
	expect(&files, ATLS_OK, "");
	ok(vouched(&files, &leaf));
	ok(!vouched(&files, &stranger));
	cert_free(&ca[0]);
	cert_free(&ca[1]);
	cert_free(&leaf);
	cert_free(&stranger);
}

/* A machine without the package ca-certificates has no store; both outcomes are good ones. */
static void test_system_trust(void)
{
	struct atls_error err = {.code = ATLS_OK};
	gnutls_x509_trust_list_t list = atls_creds_system_trust(&err);

	if (list) {
		eq_int(err.code, ATLS_OK);
		gnutls_x509_trust_list_deinit(list, 1);
		return;
	}
	eq_int(err.code, ATLS_E_LOCAL);
	ok(strstr(err.text, "store of trust anchors is empty") != NULL);
	ok(strstr(err.hint, "--cacert") != NULL);
}

int main(void)
{
	if (!mkdtemp(dir))
		return 1;
	run(test_each_kind_of_key);
	run(test_traditional_keys);
	run(test_key_from_a_pipe);
	run(test_key_that_does_not_match);
	run(test_encrypted_key);
	run(test_files_that_cannot_be_read);
	run(test_key_alone);
	run(test_nothing_asked_for);
	run(test_anchors_from_a_file);
	run(test_system_trust);
	static const char *const names[] = {"cert.pem", "key.pem", "both.pem", "a.pem", "b.key",
		"good.pem", "empty.pem", "garbage.pem", "der.pem", "bad.pem", "ca.pem"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		unlink(path(names[i]));
	rmdir(dir);
	return tap_done();
}
