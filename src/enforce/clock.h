/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's clocks as numbers. */
#ifndef BULKHEAD_ENFORCE_CLOCK_H
#define BULKHEAD_ENFORCE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "enforce/failure.h"

static inline int64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Since a reading of the monotonic clock, for people. */
static inline double clock_milliseconds_since(int64_t start_ns)
{
    return (double)(clock_ns(CLOCK_MONOTONIC) - start_ns) / 1e6;
}

/* The monotonic clock, for patience and back-off. */
static inline int64_t clock_milliseconds(void)
{
    return clock_ns(CLOCK_MONOTONIC) / 1000000;
}

/* Whether CLOCK_MONOTONIC is here what it is in the kernel, which compares deadlines with its own. */
bool clock_is_the_kernels(struct failure *f) __attribute__((warn_unused_result));

#endif
