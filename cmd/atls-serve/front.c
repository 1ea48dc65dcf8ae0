#include "front.h"

#include "cli/report.h"
#include "core/err.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What a client says beside the chains, and room for its bindings. */
#define ANSWER_RESERVE 4096u

static int refuse(const char *name, int rc, struct atls_error *err)
{
	if (rc == ATLS_E_LIMIT)
		return atls_error_set(err, ATLS_E_LOCAL,
			"cannot use outer chain '%s': it holds more than %u certificates", name,
			ATLS_CHAIN_MAX);
	return atls_error_set(
		err, ATLS_E_LOCAL, "cannot use outer chain '%s': no certificate in PEM", name);
}

static int read_chain(const char *name, struct atls_report_chain *chain, struct timespec *changed,
	struct atls_error *err)
{
	struct stat info;
	gnutls_datum_t text = {NULL, 0};
	if (stat(name, &info))
		return atls_error_set(err, ATLS_E_LOCAL, "cannot read outer chain '%s': %s", name,
			strerror(errno));
	int rc = gnutls_load_file(name, &text);
	if (rc < 0)
		return atls_error_set(err, ATLS_E_LOCAL, "cannot read outer chain '%s' (%s)", name,
			gnutls_strerror(rc));
	rc = atls_report_chain_add_pem(chain, (const char *)text.data, text.size);
	gnutls_free(text.data);
	*changed = info.st_mtim;
	return rc ? refuse(name, rc, err) : ATLS_OK;
}

/* An answer that no client would read helps nobody. */
static int check_size(const struct fronts *fronts, struct atls_error *err)
{
	char *text = atls_report_shown_text(&fronts->shown, ATLS_REPORT_UNKNOWN);
	size_t len = text ? strlen(text) : 0;
	free(text);
	if (!len)
		return atls_error_set(err, ATLS_E_MEMORY, "out of memory for outer chains");
	if (len > ATLS_REPORT_MAX - ANSWER_RESERVE)
		return atls_error_set(err, ATLS_E_LOCAL, "the outer chains are too long together");
	return ATLS_OK;
}

int fronts_load(struct fronts *fronts, const struct settings *settings, const char *cert,
	struct atls_error *err)
{
	int rc = ATLS_OK;
	fronts->files = settings->outer_chains;
	if (cert && atls_report_chain_add_pem(&fronts->shown.own, cert, strlen(cert)))
		return refuse(settings->outer_cert, ATLS_E_TLS, err);
	for (unsigned i = 0; i < settings->outer_chain_count && !rc; i++) {
		rc = read_chain(settings->outer_chains[i], &fronts->shown.fronts[i],
			&fronts->changed[i], err);
		fronts->shown.front_count++;
	}
	return rc ? rc : check_size(fronts, err);
}

static bool is_renewed(const struct fronts *fronts, unsigned i)
{
	struct stat info;
	return stat(fronts->files[i], &info) == 0 &&
	       (info.st_mtim.tv_sec != fronts->changed[i].tv_sec ||
		       info.st_mtim.tv_nsec != fronts->changed[i].tv_nsec);
}

void fronts_refresh(struct fronts *fronts, const struct atls_log *log)
{
	for (unsigned i = 0; i < fronts->shown.front_count; i++) {
		struct atls_report_chain *chain = &fronts->shown.fronts[i];
		struct atls_report_chain before = *chain;
		struct atls_error err = {0};
		if (!is_renewed(fronts, i))
			continue;
		chain->count = 0;
		if (read_chain(fronts->files[i], chain, &fronts->changed[i], &err) ||
			check_size(fronts, &err)) {
			atls_log_error(log, &err);
			atls_report_chain_free(chain);
			*chain = before;
		} else {
			atls_report_chain_free(&before);
		}
	}
}

void fronts_free(struct fronts *fronts)
{
	atls_report_shown_free(&fronts->shown);
}
