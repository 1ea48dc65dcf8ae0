#include "cli/creds.h"

#include "cli/file.h"
#include "core/err.h"

#include <string.h>

/* One certificate chain and its key. */
struct pair_files {
	const char *cert;
	const char *key; /* null: in the file of cert */
};

static gnutls_datum_t datum_of(const struct atls_buf *buf)
{
	return (gnutls_datum_t){.data = buf->mem + buf->head, .size = (unsigned)buf->len};
}

static bool holds(const struct atls_buf *buf, const char *text)
{
	return memmem(atls_buf_bytes(buf), buf->len, text, strlen(text)) != NULL;
}

/* The error for a file that was read, but what it should hold is not there. */
static int refuse_file(const struct atls_buf *buf, const char *role, const char *name,
	const char *missing, int rc, struct atls_error *err)
{
	if (!holds(buf, "-----BEGIN "))
		return atls_error_set(
			err, ATLS_E_LOCAL, "cannot read %s file '%s': it is not PEM", role, name);
	return atls_error_set(err, ATLS_E_LOCAL,
		"cannot read %s file '%s': no usable %s in it (%s)", role, name, missing,
		gnutls_strerror(rc));
}

static int load_key(gnutls_x509_privkey_t *key, const struct atls_buf *buf, const char *name,
	struct atls_error *err)
{
	gnutls_datum_t pem = datum_of(buf);
	int rc = gnutls_x509_privkey_init(key);

	if (rc >= 0)
		rc = gnutls_x509_privkey_import2(*key, &pem, GNUTLS_X509_FMT_PEM, NULL, 0);
	if (rc >= 0)
		return ATLS_OK;
	if (rc != GNUTLS_E_DECRYPTION_FAILED && !holds(buf, "ENCRYPTED"))
		return refuse_file(buf, "key", name, "key", rc, err);
	atls_error_set(err, ATLS_E_LOCAL,
		"cannot read key file '%s': encrypted keys are not supported", name);
	return atls_error_hint(err, "decrypt it once: openssl pkey -in FILE -out FILE");
}

/* Joins the chain with its key into the credentials. */
static int set_pair(struct atls_creds *creds, gnutls_x509_crt_t *chain, unsigned count,
	gnutls_x509_privkey_t key, const struct pair_files *files, struct atls_error *err)
{
	int rc = gnutls_certificate_set_x509_key(creds->credentials, chain, (int)count, key);

	if (rc >= 0)
		return ATLS_OK;
	if (rc != GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
		return atls_error_set(err, ATLS_E_LOCAL, "cannot use certificate file '%s' (%s)",
			files->cert, gnutls_strerror(rc));
	atls_error_set(err, ATLS_E_USAGE, "the key in '%s' does not match the certificate in '%s'",
		files->key ? files->key : files->cert, files->cert);
	return atls_error_hint(err, "the certificate of the key comes first, its issuers below it");
}

/* Reads the chain from cert, and with the key from key_pem makes it the own certificate. */
static int load_chain(struct atls_creds *creds, const struct pair_files *files,
	const struct atls_buf *cert, const struct atls_buf *key_pem, struct atls_error *err)
{
	gnutls_datum_t pem = datum_of(cert);
	gnutls_x509_crt_t *chain = NULL;
	gnutls_x509_privkey_t key = NULL;
	unsigned count = 0;
	int rc = gnutls_x509_crt_list_import2(&chain, &count, &pem, GNUTLS_X509_FMT_PEM, 0);

	if (rc < 0)
		return refuse_file(cert, "certificate", files->cert, "certificate", rc, err);
	rc = load_key(&key, key_pem, files->key ? files->key : files->cert, err);
	if (rc && !files->key)
		atls_error_hint(err, "give the file of the key with --key");
	if (!rc)
		rc = set_pair(creds, chain, count, key, files, err);
	gnutls_x509_privkey_deinit(key);
	while (count)
		gnutls_x509_crt_deinit(chain[--count]);
	gnutls_free(chain);
	return rc;
}

static int load_pair(
	struct atls_creds *creds, const struct pair_files *files, struct atls_error *err)
{
	struct atls_buf cert, key;
	int rc;

	atls_buf_init(&cert, ATLS_FILE_MAX);
	atls_buf_init(&key, ATLS_FILE_MAX);
	rc = atls_file_read(&cert, "certificate", files->cert, err);
	if (!rc && files->key)
		rc = atls_file_read(&key, "key", files->key, err);
	if (!rc)
		rc = load_chain(creds, files, &cert, files->key ? &key : &cert, err);
	atls_buf_free(&cert);
	atls_buf_free(&key);
	return rc;
}

static gnutls_x509_trust_list_t file_trust(const char *name, struct atls_error *err)
{
	gnutls_x509_trust_list_t list = NULL;
	struct atls_buf buf;
	int added;

	atls_buf_init(&buf, ATLS_FILE_MAX);
	if (atls_file_read(&buf, "CA", name, err) == ATLS_OK) {
		gnutls_datum_t pem = datum_of(&buf);
		added = gnutls_x509_trust_list_init(&list, 0);
		if (added >= 0)
			added = gnutls_x509_trust_list_add_trust_mem(
				list, &pem, NULL, GNUTLS_X509_FMT_PEM, 0, 0);
		if (added <= 0) {
			refuse_file(&buf, "CA", name, "certificate",
				added ? added : GNUTLS_E_NO_CERTIFICATE_FOUND, err);
			gnutls_x509_trust_list_deinit(list, 1);
			list = NULL;
		}
	}
	atls_buf_free(&buf);
	return list;
}

gnutls_x509_trust_list_t atls_creds_system_trust(struct atls_error *err)
{
	gnutls_x509_trust_list_t list = NULL;
	int added = gnutls_x509_trust_list_init(&list, 0);

	if (added >= 0)
		added = gnutls_x509_trust_list_add_system_trust(list, 0, 0);
	if (added > 0)
		return list;
	if (list)
		gnutls_x509_trust_list_deinit(list, 1);
	atls_error_set(err, ATLS_E_LOCAL, "the system's store of trust anchors is empty%s%s%s",
		added ? " (" : "", added ? gnutls_strerror(added) : "", added ? ")" : "");
	atls_error_hint(err, "install the package ca-certificates, or give a file with --cacert");
	return NULL;
}

static gnutls_x509_trust_list_t dir_trust(const char *name, struct atls_error *err)
{
	gnutls_x509_trust_list_t list = NULL;
	int added = gnutls_x509_trust_list_init(&list, 0);

	if (added >= 0)
		added = gnutls_x509_trust_list_add_trust_dir(
			list, name, NULL, GNUTLS_X509_FMT_PEM, 0, 0);
	if (added > 0)
		return list;
	gnutls_x509_trust_list_deinit(list, 1);
	atls_error_set(err, ATLS_E_LOCAL,
		"cannot read CA directory '%s': no certificate in it (%s)", name,
		added ? gnutls_strerror(added) : "no file of it holds any");
	return NULL;
}

static int load_trust(
	struct atls_creds *creds, const struct atls_creds_files *files, struct atls_error *err)
{
	if (files->cacert && files->capath)
		return atls_error_set(
			err, ATLS_E_USAGE, "--cacert and --capath exclude each other");
	if (files->cacert)
		creds->anchors = file_trust(files->cacert, err);
	else if (files->capath)
		creds->anchors = dir_trust(files->capath, err);
	else if (files->system_trust)
		creds->anchors = atls_creds_system_trust(err);
	else
		return ATLS_OK;
	return creds->anchors ? ATLS_OK : ATLS_E_LOCAL;
}

int atls_creds_load(
	struct atls_creds *creds, const struct atls_creds_files *files, struct atls_error *err)
{
	int rc = ATLS_OK;

	memset(creds, 0, sizeof *creds);
	if (gnutls_certificate_allocate_credentials(&creds->credentials) < 0)
		return atls_error_set(err, ATLS_E_MEMORY, "out of memory");
	if (files->key_count > files->cert_count)
		return atls_error_set(err, ATLS_E_USAGE,
			"key file '%s' is given without a certificate",
			files->keys[files->cert_count]);
	for (unsigned i = 0; i < files->cert_count && !rc; i++) {
		const struct pair_files pair = {
			files->certs[i], i < files->key_count ? files->keys[i] : NULL};
		rc = load_pair(creds, &pair, err);
	}
	return rc ? rc : load_trust(creds, files, err);
}

void atls_creds_free(struct atls_creds *creds)
{
	if (creds->credentials)
		gnutls_certificate_free_credentials(creds->credentials);
	if (creds->anchors)
		gnutls_x509_trust_list_deinit(creds->anchors, 1);
	memset(creds, 0, sizeof *creds);
}

int atls_creds_priorities(gnutls_priority_t *priorities, const char *max, struct atls_error *err)
{
	bool old = max && strcmp(max, "1.2") == 0;
	int rc = gnutls_priority_init2(priorities,
		old ? "-VERS-ALL:+VERS-TLS1.2" : "-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2", NULL,
		GNUTLS_PRIORITY_INIT_DEF_APPEND);
	if (rc < 0)
		return atls_error_set(err, ATLS_E_LOCAL,
			"the system's TLS settings leave no version to use (%s)",
			gnutls_strerror(rc));
	return ATLS_OK;
}
