#include "crew.h"
#include "entrance.h"

#include "cli/exit.h"
#include "core/err.h"

#include <signal.h>

static int serve(struct house *house, int *number, struct atls_error *err)
{
	int rc = house_prepare(house, err);
	if (!rc)
		rc = crew_make(house, err);
	if (!rc)
		rc = entrance_open(house, err);
	if (!rc)
		rc = crew_run(house, number, err);
	crew_free(house);
	entrance_close(house);
	house_free(house);
	return rc;
}

int main(int argc, char **argv)
{
	struct house house = {0};
	struct atls_error err = {0};
	int code = ATLS_EXIT_OK, number = 0;
	signal(SIGPIPE, SIG_IGN);
	if (serve_settings_read(&house.settings, argc, argv, &code))
		return code;
	house.log = (struct atls_log){.tool = atls_serve_tool.name,
		.level = house.settings.level,
		.timestamps = true,
		.json = house.settings.log_json};
	if (house.settings.raw)
		atls_log_event(&house.log, ATLS_LOG_NOTICE,
			&(struct atls_log_about){.event = "warning"},
			"warning: --raw %s: nothing here encrypts, or checks who the client is",
			house.settings.raw);
	if (serve(&house, &number, &err)) {
		house.log.timestamps = false;
		if (err.code == ATLS_E_USAGE)
			atls_error_hint(&err, "see '%s --help'", atls_serve_tool.name);
		atls_log_error(&house.log, &err);
		return atls_exit_code(err.code);
	}
	return number == SIGINT ? ATLS_EXIT_SIGNAL + SIGINT : ATLS_EXIT_OK;
}
