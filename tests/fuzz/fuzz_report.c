/*
 * A peer's transport report, or its answer: the first byte tells which. What is taken comes through
 * writing and reading again as it was, and is judged as before.
 */
#include "cli/report.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool condition)
{
	if (!condition)
		abort();
}

static void try_seen(const char *text, size_t len)
{
	struct atls_report_seen seen, again;
	const struct atls_report_shown nothing = {.front_count = 0};
	struct atls_error err = {0};
	char host[ATLS_REPORT_HOST], name[ATLS_REPORT_HOST];
	if (atls_report_seen_parse(text, len, &seen, host, &err) == ATLS_OK) {
		char *written = atls_report_seen_text(&seen, host);
		need(written != NULL);
		/* Hashes are added to what came, so that it may have grown too long. */
		if (strlen(written) <= ATLS_REPORT_MAX) {
			need(!atls_report_seen_parse(written, strlen(written), &again, name, &err));
			need(again.chain.count == seen.chain.count);
			need(atls_report_judge(&seen, &nothing, true) ==
				atls_report_judge(&again, &nothing, true));
			atls_report_seen_free(&again);
		}
		free(written);
	} else {
		need(err.code != ATLS_OK);
	}
	atls_report_seen_free(&seen);
}

static void try_shown(const char *text, size_t len)
{
	struct atls_report_shown shown, again;
	struct atls_report_seen seen = {.connection = {.tls = true}};
	struct atls_error err = {0};
	need(atls_report_chain_add(&seen.chain, "leaf", 4) == ATLS_OK);
	if (atls_report_shown_parse(text, len, &shown, &err) == ATLS_OK) {
		enum atls_report_finding found = atls_report_judge(&seen, &shown, true);
		char *written = atls_report_shown_text(&shown, found);
		need(written != NULL);
		if (strlen(written) <= ATLS_REPORT_MAX) {
			need(!atls_report_shown_parse(written, strlen(written), &again, &err));
			need(atls_report_judge(&seen, &again, true) == found);
			atls_report_shown_free(&again);
		}
		free(written);
	} else {
		need(err.code != ATLS_OK);
	}
	atls_report_shown_free(&shown);
	atls_report_seen_free(&seen);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] & 1)
		try_shown((const char *)data + 1, size - 1);
	else
		try_seen((const char *)data + 1, size - 1);
	return 0;
}
