#include "output.h"

#include "cli/out.h"
#include "core/err.h"

#include <stdio.h>
#include <string.h>

char *output_faults(unsigned faults, char text[FAULTS_TEXT])
{
	size_t len = 0;

	snprintf(text, FAULTS_TEXT, "none");
	while (faults) {
		unsigned first = atls_fault_first(faults);
		len += (size_t)snprintf(text + len, FAULTS_TEXT - len, "%s%s", len ? ", " : "",
			atls_fault_word(first));
		if (!first || len >= FAULTS_TEXT)
			break;
		faults &= ~first;
	}
	return text;
}

/* "intercepted by 'mitmproxy', faults: expired". */
static void describe(const struct probe *probe, char *text, size_t cap)
{
	const struct atls_judgement *judgement = &probe->judgement;
	char faults[FAULTS_TEXT];
	size_t len = 0;

	len += (size_t)snprintf(text, cap, "%s", verdict_word(probe->verdict));
	if (judgement->who[0])
		len += (size_t)snprintf(text + len, cap - len, "%s'%s'",
			judgement->portal                       ? ": a captive portal, "
			: probe->verdict == VERDICT_INTERCEPTED ? " by "
								: ", perhaps by ",
			judgement->who);
	else if (judgement->portal)
		len += (size_t)snprintf(text + len, cap - len, ": a captive portal");
	if (probe->verdict == VERDICT_UNREACHABLE)
		snprintf(text + len, cap - len, ": %s", probe->looks[0].error.text);
	else if (judgement->faults && !judgement->portal)
		snprintf(text + len, cap - len, "; faults: %s",
			output_faults(judgement->faults, faults));
}

#define LINE 1200u

void output_text(const struct probe *probe, bool evidence)
{
	const struct atls_judgement *judgement = &probe->judgement;
	char text[LINE];

	describe(probe, text, sizeof text);
	atls_out_text("%s: %s\n", probe->target->text, text);
	if (!evidence)
		return;
	for (unsigned i = 0; i < judgement->count; i++) {
		const struct atls_evidence *one = &judgement->evidence[i];
		atls_out_text("  %+4d  %-13s  %s\n", one->weight, atls_evidence_word(one->kind),
			one->seen);
		if (one->expected[0])
			atls_out_text("                       expected: %s\n", one->expected);
	}
	if (judgement->count)
		atls_out_text("  %+4d  in all (intercepted from %+d on, direct from %+d down)\n",
			judgement->score, ATLS_SCORE_INTERCEPTED, ATLS_SCORE_DIRECT);
	if (probe->verdict == VERDICT_UNREACHABLE && probe->looks[0].error.hint[0])
		atls_out_text("  hint: %s\n", probe->looks[0].error.hint);
}

static int print_tap(const struct probe *probe, unsigned long number)
{
	const struct atls_judgement *judgement = &probe->judgement;
	char text[LINE];
	bool good = probe_exit_code(probe) == 0;

	describe(probe, text, sizeof text);
	/* '#' would begin a directive. */
	for (char *at = text; (at = strchr(at, '#'));)
		*at = '?';
	atls_out_text("%sok %lu - %s: %s\n", good ? "" : "not ", number, probe->target->text, text);
	for (unsigned i = 0; !good && i < judgement->count; i++)
		atls_out_text("# %+d %s: %s\n", judgement->evidence[i].weight,
			atls_evidence_word(judgement->evidence[i].kind),
			judgement->evidence[i].seen);
	return 0;
}

int output_probe(const struct probe *probe, unsigned long number, struct atls_error *err)
{
	const struct run *run = probe->run;
	const struct settings *settings = &run->settings;

	if (settings->json || settings->watch_ms)
		return atls_out_json(output_json(probe), err);
	if (settings->tap) {
		print_tap(probe, number);
	} else {
		/* Of many, what is well takes one line. */
		bool all = run->targets.count == 1 || settings->level >= ATLS_LOG_VERBOSE ||
			   probe_exit_code(probe) != 0;
		output_text(probe, settings->level > ATLS_LOG_ERROR && all);
	}
	if (settings->explain)
		output_chain(probe, settings->tap ? "# " : "  ");
	return atls_out_flush(err);
}

int output_end(const struct run *run, unsigned long count, struct atls_error *err)
{
	if (!run->settings.tap)
		return ATLS_OK;
	atls_out_text("1..%lu\n", count);
	return atls_out_flush(err);
}
