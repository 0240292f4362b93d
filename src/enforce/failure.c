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

static const struct {
    int error;
    const char *remedy; /* or null: what ran out depends on what was tried */
} limits[] = {
    {EMFILE, "raise the limit of open files (ulimit -n, or LimitNOFILE= of the unit)"},
    {ENFILE, "raise the machine's limit of open files (sysctl fs.file-max)"},
    {EAGAIN, NULL},
    {ENOMEM, NULL},
    {ENOBUFS, NULL},
    {ENOSPC, NULL},
};
#define LIMITS (sizeof limits / sizeof limits[0])

bool ran_out(int error)
{
    for (size_t i = 0; i < LIMITS; i++)
        if (limits[i].error == error)
            return true;
    return false;
}

static const char *remedy_of(int error)
{
    for (size_t i = 0; i < LIMITS; i++)
        if (limits[i].error == error)
            return limits[i].remedy;
    return NULL;
}

/* More of the text, behind `at`; false when it is full. */
static bool add(struct failure *f, size_t *at, const char *format, va_list arguments)
{
    int written = vsnprintf(f->text + *at, sizeof f->text - *at, format, arguments);
    if (written < 0 || (size_t)written >= sizeof f->text - *at)
        return false;
    *at += (size_t)written;
    return true;
}

static void add_meaning(struct failure *f, size_t at, int error, const char *need)
{
    char buffer[128];
    const char *meaning = strerror_r(error, buffer, sizeof buffer), *remedy = remedy_of(error);
    bool needs = need && !ran_out(error);
    (void)snprintf(f->text + at, sizeof f->text - at, "%s%s%s: %s%s%s", needs ? " (" : "", needs ? need : "", needs ? " is needed)" : "", meaning,
                   remedy ? "; " : "", remedy ? remedy : "");
}

bool fail_errno(struct failure *f, int error, const char *format, ...)
{
    if (!f)
        return false;
    size_t at = 0;
    va_list arguments;
    va_start(arguments, format);
    if (add(f, &at, format, arguments))
        add_meaning(f, at, error, NULL);
    va_end(arguments);
    return false;
}

bool fail_needing(struct failure *f, int error, const char *need, const char *format, ...)
{
    if (!f)
        return false;
    size_t at = 0;
    va_list arguments;
    va_start(arguments, format);
    if (add(f, &at, format, arguments))
        add_meaning(f, at, error, need);
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
