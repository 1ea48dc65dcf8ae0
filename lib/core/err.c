#include "core/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int atls_error_set(struct atls_error *err, int code, const char *format, ...)
{
	if (!err || err->code != ATLS_OK)
		return code;
	err->code = code;
	err->hint[0] = '\0';
	va_list args;
	va_start(args, format);
	vsnprintf(err->text, sizeof err->text, format, args);
	va_end(args);
	return code;
}

int atls_error_hint(struct atls_error *err, const char *format, ...)
{
	if (!err)
		return ATLS_OK;
	if (err->code == ATLS_OK || err->hint[0] != '\0')
		return err->code;
	va_list args;
	va_start(args, format);
	vsnprintf(err->hint, sizeof err->hint, format, args);
	va_end(args);
	return err->code;
}

void atls_error_clear(struct atls_error *err)
{
	memset(err, 0, sizeof *err);
}
