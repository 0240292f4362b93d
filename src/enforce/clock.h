/* The monotonic clock in milliseconds, for patience and back-off. */
#ifndef BULKHEAD_ENFORCE_CLOCK_H
#define BULKHEAD_ENFORCE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t clock_milliseconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#endif
