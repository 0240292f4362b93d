/* SPDX-License-Identifier: Apache-2.0 */
/* A process that outlives its starter is known by number and start time: a number alone is reused. */
#ifndef BULKHEAD_ENFORCE_PROCESS_H
#define BULKHEAD_ENFORCE_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "enforce/failure.h"

/* Field 22 of /proc/PID/stat, in clock ticks since boot; 0 when there is no such process or it is a zombie. */
uint64_t process_start_time(pid_t pid);

/* Whether that very process still runs. */
bool process_is(pid_t pid, uint64_t start_time);

/* Whether /proc shows the processes that numbers mean here: with another PID namespace's, a number that it gives, or that
 * is noted by it, means somebody else. */
bool process_numbers_hold(struct failure *f) __attribute__((warn_unused_result));

/* A descriptor (CLOEXEC) that becomes readable at SIGTERM and SIGINT, which end this process no more; -1 with errno. */
int process_ending_signals(void);

/* SIGTERM, and SIGKILL when it has not ended after timeout_ms. True when it is gone, also if it was before. */
bool process_stop(pid_t pid, uint64_t start_time, int timeout_ms, struct failure *f)
    __attribute__((warn_unused_result));

/* Takes the names of network namespaces out of /run/netns and kills every process inside, except the caller. In
 * this order: who is about to enter one (init.c) is found inside, or finds that the name has gone. A name that is
 * not there is no failure; with one, the rest are ended all the same. */
bool netns_end(const char *const *names, size_t count, struct failure *f) __attribute__((warn_unused_result));

#endif
