/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/descriptors.h"

#include <sys/resource.h>

/* `up` has less than 50 open at once, beside what its caller left open. */
#define NEEDED 64

static struct rlimit given;
static bool raised;

void descriptors_raise(void)
{
    if (raised || getrlimit(RLIMIT_NOFILE, &given) || given.rlim_cur >= given.rlim_max)
        return;
    struct rlimit most = {.rlim_cur = given.rlim_max, .rlim_max = given.rlim_max};
    raised = setrlimit(RLIMIT_NOFILE, &most) == 0;
}

void descriptors_give_back(void)
{
    if (raised)
        (void)setrlimit(RLIMIT_NOFILE, &given); /* lower, which is always permitted */
}

bool descriptors_suffice(struct failure *f)
{
    struct rlimit now;
    if (getrlimit(RLIMIT_NOFILE, &now) || now.rlim_cur >= NEEDED)
        return true;
    return fail(f, "this process may have %llu files open, and %d are needed: raise the limit (ulimit -n 1024, or LimitNOFILE= of the unit)",
        (unsigned long long)now.rlim_cur, NEEDED);
}
