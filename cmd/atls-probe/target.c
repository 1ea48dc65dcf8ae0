#include "target.h"

#include "core/err.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HTTPS_PORT 443u

static int read_port(const char *text, unsigned *port)
{
	struct atls_error ignored = {0};
	uint64_t number = 0;
	int rc = atls_opt_number(text, 1, 65535, &number, &ignored);

	*port = (unsigned)number;
	return rc;
}

/* Splits HOST, HOST:PORT, [V6]:PORT or V6. False if it is none of them. */
static bool split(char *text, char **host, unsigned *port)
{
	unsigned char address[16];
	char *colon = strrchr(text, ':');

	*host = text;
	if (text[0] == '[') {
		char *close = strchr(text, ']');
		if (!close)
			return false;
		*close = '\0';
		*host = text + 1;
		return inet_pton(AF_INET6, *host, address) == 1 &&
		       (close[1] == '\0' || (close[1] == ':' && read_port(close + 2, port) == 0));
	}
	if (inet_pton(AF_INET6, text, address) == 1 || !colon)
		return true;
	*colon = '\0';
	return strchr(text, ':') == NULL && read_port(colon + 1, port) == 0;
}

static bool is_host(const char *host)
{
	static const char refused[] = " \t/?#@\\\"'<>%";

	for (const char *at = host; *at; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f || strchr(refused, *at))
			return false;
	return host[0] && strlen(host) <= 253;
}

int target_read(struct target *target, const char *text, struct atls_error *err)
{
	const char *rest = strstr(text, "://");
	unsigned port = HTTPS_PORT;
	char *host = NULL;

	memset(target, 0, sizeof *target);
	if (rest && strncasecmp(text, "https", 5) != 0)
		return atls_error_set(err, ATLS_E_USAGE, "'%s' is no https URL", text);
	rest = rest ? rest + 3 : text;
	char *copy = strndup(rest, strcspn(rest, "/?#"));
	if (!copy)
		return atls_error_set(err, ATLS_E_MEMORY, "out of memory");
	bool good = split(copy, &host, &port) && is_host(host);
	if (!good) {
		free(copy);
		return atls_error_set(
			err, ATLS_E_USAGE, "'%s' is neither a URL, a host nor HOST:PORT", text);
	}
	target->host = strdup(host);
	target->text = strdup(text);
	target->port = port;
	free(copy);
	if (target->host && target->text)
		return ATLS_OK;
	target_free(target);
	return atls_error_set(err, ATLS_E_MEMORY, "out of memory");
}

void target_free(struct target *target)
{
	free(target->host);
	free(target->text);
	memset(target, 0, sizeof *target);
}

static int add(struct targets *targets, const char *text, struct atls_error *err)
{
	if (targets->count == TARGETS_MAX)
		return atls_error_set(err, ATLS_E_USAGE, "more than %u targets", TARGETS_MAX);
	if (targets->count == targets->cap) {
		size_t cap = targets->cap ? 2 * targets->cap : 16;
		struct target *grown = reallocarray(targets->target, cap, sizeof *grown);
		if (!grown)
			return atls_error_set(err, ATLS_E_MEMORY, "out of memory for targets");
		targets->target = grown;
		targets->cap = cap;
	}
	int rc = target_read(&targets->target[targets->count], text, err);
	targets->count += rc == ATLS_OK;
	return rc;
}

static int add_file(struct targets *targets, const char *name, struct atls_error *err)
{
	bool standard = strcmp(name, "-") == 0;
	FILE *file = standard ? stdin : fopen(name, "re");
	char *line = NULL;
	size_t cap = 0;
	int rc = ATLS_OK;

	if (!file)
		return atls_error_set(
			err, ATLS_E_LOCAL, "cannot read targets '%s': %s", name, strerror(errno));
	while (!rc && getline(&line, &cap, file) >= 0) {
		char *text = line + strspn(line, " \t");
		text[strcspn(text, " \t\r\n#")] = '\0';
		if (text[0])
			rc = add(targets, text, err);
	}
	if (!rc && ferror(file))
		rc = atls_error_set(
			err, ATLS_E_LOCAL, "cannot read targets '%s': %s", name, strerror(errno));
	free(line);
	if (!standard)
		fclose(file);
	return rc;
}

int targets_gather(struct targets *targets, const struct settings *settings, struct atls_error *err)
{
	int rc = ATLS_OK;

	memset(targets, 0, sizeof *targets);
	for (unsigned i = 0; !rc && i < settings->target_count; i++)
		rc = strcmp(settings->targets[i], "-") == 0
			     ? add_file(targets, "-", err)
			     : add(targets, settings->targets[i], err);
	for (unsigned i = 0; !rc && i < settings->file_count; i++)
		rc = add_file(targets, settings->files[i], err);
	if (!rc && settings->atls && (rc = add(targets, settings->atls, err)) == ATLS_OK)
		targets->target[targets->count - 1].proof = true;
	if (!rc && targets->count == 0)
		rc = atls_error_set(err, ATLS_E_USAGE, "there is no target");
	return rc;
}

void targets_free(struct targets *targets)
{
	for (size_t i = 0; i < targets->count; i++)
		target_free(&targets->target[i]);
	free(targets->target);
	memset(targets, 0, sizeof *targets);
}
