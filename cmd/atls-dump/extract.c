/* --certs, --plaintext, --records: what is found, as files. */
#include "core/err.h"
#include "view.h"

#include <errno.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct extractor {
	const struct atls_log *log;
	int certs, plaintext, records; /* directories, or -1 */
	bool failed;                   /* said once */
};

static void fail(struct extractor *extractor, const char *name)
{
	if (!extractor->failed)
		atls_log(extractor->log, ATLS_LOG_ERROR, "cannot write '%s': %s", name,
			strerror(errno));
	extractor->failed = true;
}

static bool write_all(int fd, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;
	while (len) {
		ssize_t wrote = write(fd, at, len);
		if (wrote < 0 && errno != EINTR)
			return false;
		at += wrote > 0 ? wrote : 0;
		len -= wrote > 0 ? (size_t)wrote : 0;
	}
	return true;
}

/* Adds to NNNNNN-up.bin or NNNNNN-down.bin, by the session's number. */
static void append(struct extractor *extractor, int dir, const struct flow *flow,
	enum atls_trace_direction direction, const uint8_t *const parts[2], const size_t lens[2])
{
	char name[48];
	snprintf(name, sizeof name, "%06u-%s.bin", flow->number,
		direction ? view_direction(direction) : "unknown");
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || !write_all(fd, parts[0], lens[0]) || !write_all(fd, parts[1], lens[1]))
		fail(extractor, name);
	if (fd >= 0)
		close(fd);
}

static void on_record(void *ctx, const struct flow *flow, const struct atls_trace_record *record)
{
	struct extractor *extractor = ctx;
	const struct atls_record *r = record->record;
	if (extractor->records >= 0 && r->body) {
		const uint8_t head[5] = {r->type, (uint8_t)(r->version >> 8), (uint8_t)r->version,
			(uint8_t)(r->len >> 8), (uint8_t)r->len};
		append(extractor, extractor->records, flow, record->direction,
			(const uint8_t *const[2]){head, r->body},
			(const size_t[2]){sizeof head, r->len});
	}
	if (extractor->plaintext >= 0 && record->seal == ATLS_SEAL_OPENED &&
		record->type == ATLS_RECORD_DATA)
		append(extractor, extractor->plaintext, flow, record->direction,
			(const uint8_t *const[2]){record->content, NULL},
			(const size_t[2]){record->len, 0});
}

/* SHA256.pem; one that is there already is the same. */
static void write_certificate(struct extractor *extractor, const uint8_t *der, size_t len)
{
	struct sha256_ctx sha256;
	uint8_t digest[SHA256_DIGEST_SIZE];
	char name[2 * SHA256_DIGEST_SIZE + 5];
	gnutls_datum_t data = {.size = (unsigned)len}, pem = {0};
	memcpy(&data.data, &der, sizeof der); /* GnuTLS's type lacks const, its function does not */
	sha256_init(&sha256);
	sha256_update(&sha256, len, der);
	sha256_digest(&sha256, sizeof digest, digest);
	for (size_t i = 0; i < sizeof digest; i++)
		snprintf(name + 2 * i, 3, "%02x", digest[i]);
	memcpy(name + 2 * sizeof digest, ".pem", 5);
	int fd = openat(extractor->certs, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0) {
		if (errno != EEXIST)
			fail(extractor, name);
		return;
	}
	if (gnutls_pem_base64_encode2("CERTIFICATE", &data, &pem) < 0 ||
		!write_all(fd, pem.data, pem.size))
		fail(extractor, name);
	gnutls_free(pem.data);
	close(fd);
}

static void on_message(void *ctx, const struct flow *flow, const struct atls_trace_message *message)
{
	struct extractor *extractor = ctx;
	const uint8_t *der;
	size_t at = 0, len;
	(void)flow;
	if (extractor->certs < 0)
		return;
	while (atls_message_certificate(&message->message, &at, &der, &len))
		write_certificate(extractor, der, len);
}

static int open_dir(const char *name, struct atls_error *err)
{
	if (!name)
		return -1;
	int fd = -1;
	if (mkdir(name, 0700) == 0 || errno == EEXIST)
		fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		atls_error_set(err, ATLS_E_LOCAL, "'%s': %s", name, strerror(errno));
	return fd;
}

struct watcher extract(
	const struct extract_dirs *dirs, const struct atls_log *log, struct atls_error *err)
{
	struct extractor *extractor = calloc(1, sizeof *extractor);
	if (!extractor)
		return (struct watcher){0};
	extractor->log = log;
	extractor->certs = open_dir(dirs->certs, err);
	extractor->plaintext = open_dir(dirs->plaintext, err);
	extractor->records = open_dir(dirs->records, err);
	return (struct watcher){.ctx = extractor, .record = on_record, .message = on_message};
}
