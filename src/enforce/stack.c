/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/stack.h"

#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/resource.h>

/* KiB. `up` takes up to 112, arguments and environment not counted, most of it in libnftables; other builds of libraries may take more. */
#define STACK_NEEDED 256

/* The limit counts arguments and environment, which lie above the first frame, up to the name of the executed file. */
bool stack_suffices(struct failure *f)
{
    struct rlimit limit;
    const char *name = (const char *)getauxval(AT_EXECFN);
    uintptr_t here = (uintptr_t)__builtin_frame_address(0), top = name ? (uintptr_t)name + strlen(name) : here;
    rlim_t taken = top > here ? (top - here) / 1024 : 0;
    if (getrlimit(RLIMIT_STACK, &limit) || limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur / 1024 >= STACK_NEEDED + taken)
        return true;
    return fail(f, "this process may have a stack of %llu KiB, of which arguments and environment take %llu, and %d are needed beside them: raise the limit (ulimit -s 8192, or LimitSTACK= of the unit)",
        (unsigned long long)limit.rlim_cur / 1024, (unsigned long long)taken, STACK_NEEDED);
}
