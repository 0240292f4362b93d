/* SPDX-License-Identifier: Apache-2.0 */
/* What a workload may ask of the kernel, and with which capabilities. Applied once, by its PID 1, before the
 * first line of the workload's own code; everything it starts inherits it. */
#ifndef BULKHEAD_ENFORCE_CONFINE_H
#define BULKHEAD_ENFORCE_CONFINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "enforce/failure.h"

/* CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETUID SETGID NET_BIND_SERVICE NET_RAW: what a workload has. */
#define CAPABILITIES_KEPT 9
extern const int capabilities_kept[CAPABILITIES_KEPT];

/* Bounding, permitted and effective set to those; inheritable and ambient to none. */
bool capabilities_drop(struct failure *f) __attribute__((warn_unused_result));

/* Sets no_new_privs and loads the filter. Refused calls give EPERM; calls that C libraries try and have an
 * older form of give ENOSYS; calls in a foreign ABI (32-bit, x32) end the process. */
bool seccomp_confine(struct failure *f) __attribute__((warn_unused_result));

/* What the filter refuses outright: numbers of calls (libseccomp's negative ones where this architecture has no such
 * call) and of ioctls. A test holds them against a list of its own. */
extern const int calls_refused[];
extern const size_t calls_refused_count;
extern const uint64_t ioctls_refused[];
extern const size_t ioctls_refused_count;

#endif
