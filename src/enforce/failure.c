/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/failure.h"

#include <errno.h>
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

struct limit {
    int error;
    const char *remedy; /* or null: what ran out depends on what was tried */
};

static const struct limit limits[] = {
    {EMFILE, "raise the limit of open files (ulimit -n, or LimitNOFILE= of the unit)"},
    {ENFILE, "raise the machine's limit of open files (sysctl fs.file-max)"},
    {EAGAIN, NULL},
    {ENOMEM, NULL},
    {ENOBUFS, NULL},
    {ENOSPC, NULL},
};

/* NULL: nothing ran out. */
static const struct limit *limit_of(int error)
{
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        if (limits[i].error == error)
            return &limits[i];
    return NULL;
}

bool ran_out(int error)
{
    return limit_of(error) != NULL;
}

/* The text, what the error means, and between them what is needed, if that would have helped; `need` may be null. */
static void explain(struct failure *f, int error, const char *need, const char *format, va_list arguments)
{
    char buffer[128];
    const struct limit *limit = limit_of(error);
    const char *meaning = strerror_r(error, buffer, sizeof buffer), *remedy = limit ? limit->remedy : NULL;
    bool needs = need && !limit;
    int written = vsnprintf(f->text, sizeof f->text, format, arguments);
    if (written < 0 || (size_t)written >= sizeof f->text)
        return;
    (void)snprintf(f->text + written, sizeof f->text - (size_t)written, "%s%s%s: %s%s%s", needs ? " (" : "", needs ? need : "",
                   needs ? " is needed)" : "", meaning, remedy ? "; " : "", remedy ? remedy : "");
}

bool fail_errno(struct failure *f, int error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (f)
        explain(f, error, NULL, format, arguments);
    va_end(arguments);
    return false;
}

bool fail_needing(struct failure *f, int error, const char *need, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (f)
        explain(f, error, need, format, arguments);
    va_end(arguments);
    return false;
}

bool fail_fork(struct failure *f, int error, const char *what)
{
    if (error != EAGAIN)
        return fail_errno(f, error, "cannot fork for %s", what);
    return fail(f, "cannot fork for %s: there are as many processes as there may be; raise the limit (ulimit -u, TasksMax= of the unit, pids.max of the control group)",
                what);
}
