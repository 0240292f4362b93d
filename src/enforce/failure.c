/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/failure.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool fail(struct failure *f, const char *format, ...)
{
    if (!f)
        return false;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(f->text, sizeof f->text, format, arguments);
    va_end(arguments);
    return false;
}

bool fail_errno(struct failure *f, int error, const char *format, ...)
{
    if (!f)
        return false;
    va_list arguments;
    va_start(arguments, format);
    int written = vsnprintf(f->text, sizeof f->text, format, arguments);
    va_end(arguments);
    if (written < 0 || (size_t)written >= sizeof f->text)
        return false;

    char buffer[128];
    const char *meaning = strerror_r(error, buffer, sizeof buffer);
    (void)snprintf(f->text + written, sizeof f->text - (size_t)written, ": %s", meaning);
    return false;
}
