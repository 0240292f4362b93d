/* SPDX-License-Identifier: Apache-2.0 */
/* Clean-up attributes of this room: what a variable holds is released where its scope ends. */
#ifndef BULKHEAD_ENFORCE_SCOPE_H
#define BULKHEAD_ENFORCE_SCOPE_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void scope_close(const int *fd)
{
    int saved = errno;
    if (*fd >= 0)
        (void)close(*fd);
    errno = saved;
}

static inline void scope_free(void *pointer)
{
    free(*(void **)pointer);
}

static inline void scope_fclose(FILE **stream)
{
    if (*stream)
        (void)fclose(*stream);
}

/* Hands a descriptor out of its scope: the scope no longer closes it. */
static inline int scope_keep(int *fd)
{
    int kept = *fd;
    *fd = -1;
    return kept;
}

#define SCOPED_FD __attribute__((cleanup(scope_close))) int
#define SCOPED_MEMORY __attribute__((cleanup(scope_free)))
#define SCOPED_FILE __attribute__((cleanup(scope_fclose))) FILE *

#endif
