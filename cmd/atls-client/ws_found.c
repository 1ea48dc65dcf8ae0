#include "ws_found.h"

#include "cli/out.h"

#include <stdio.h>

void ws_found_stood(struct ws_found *found)
{
	found->state = WS_STOOD;
	found->status = 101;
	found->stood++;
	found->reason[0] = '\0';
}

void ws_found_none(struct ws_found *found, enum ws_state state, unsigned status, const char *reason)
{
	found->state = state;
	found->status = status;
	snprintf(found->reason, sizeof found->reason, "%s", reason);
}

json_t *ws_found_json(const struct ws_found *found)
{
	static const char *const words[] = {
		[WS_UNTRIED] = "untried",
		[WS_REMEMBERED] = "remembered",
		[WS_STOOD] = "stood",
		[WS_REFUSED] = "refused",
		[WS_SWALLOWED] = "swallowed",
		[WS_FAILED] = "failed",
	};
	json_t *object = json_pack("{s:s, s:i, s:i}", "state", words[found->state], "stood",
		(int)found->stood, "lost", (int)found->lost);
	if (found->status)
		json_object_set_new(object, "status", json_integer(found->status));
	if (found->reason[0])
		json_object_set_new(object, "reason", atls_out_string(found->reason));
	return object;
}
