/* SPDX-License-Identifier: Apache-2.0 */
/* How far long work has come, for whoever wants to know, and whether it is to go on. */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

struct progress {
    void (*tell)(void *argument, size_t done, size_t total);
    void *argument;
    const volatile sig_atomic_t *interrupted; /* not 0: it is to end, and undo what it did; NULL: it never is */
};

/* `p` may be NULL: nobody wants to know. */
static inline void progress_tell(const struct progress *p, size_t done, size_t total)
{
    if (p)
        p->tell(p->argument, done, total);
}

static inline bool progress_interrupted(const struct progress *p)
{
    return p && p->interrupted && *p->interrupted;
}
