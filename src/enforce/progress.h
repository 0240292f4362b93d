/* SPDX-License-Identifier: Apache-2.0 */
/* How far long work has come, for whoever wants to know. */
#pragma once

#include <stddef.h>

struct progress {
    void (*tell)(void *argument, size_t done, size_t total);
    void *argument;
};

/* `p` may be NULL: nobody wants to know. */
static inline void progress_tell(const struct progress *p, size_t done, size_t total)
{
    if (p)
        p->tell(p->argument, done, total);
}
