/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "enforce/scope.h"

#define OFFSETS "/proc/self/timens_offsets" /* time_namespaces(7); not there: the kernel has no such namespaces */

bool clock_is_the_kernels(struct failure *f)
{
    SCOPED_FILE offsets = fopen(OFFSETS, "re");
    char line[128];
    while (offsets && fgets(line, sizeof line, offsets)) {
        char *seconds = line + strcspn(line, " \t"), *nanoseconds;
        if (strncmp(line, "monotonic", 9) != 0)
            continue;
        if (strtoll(seconds, &nanoseconds, 10) == 0 && strtoll(nanoseconds, NULL, 10) == 0)
            continue;
        return fail(f, "this process is in a time namespace whose CLOCK_MONOTONIC is not the kernel's (" OFFSETS "), by which packets are decided: run bulkhead outside of it");
    }
    return true;
}
