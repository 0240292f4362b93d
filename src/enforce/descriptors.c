/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/descriptors.h"

#include <fcntl.h>
#include <sys/resource.h>

/* `apply` has up to 67 open at once, beside what its caller left open: as a rule the three standard ones. */
#define NEEDED 80
#define STANDARD 3

static struct rlimit given;
static bool raised;
static unsigned left_open; /* by the caller, below the first NEEDED - STANDARD numbers that are free */

static void left_open_count(void)
{
    struct rlimit now;
    if (getrlimit(RLIMIT_NOFILE, &now))
        return;
    unsigned free = 0;
    for (int fd = 0; (rlim_t)fd < now.rlim_cur && free < NEEDED - STANDARD; fd++) {
        bool open = fcntl(fd, F_GETFD) >= 0;
        left_open += open;
        free += !open;
    }
}

static void raise_limit(void)
{
    if (raised || getrlimit(RLIMIT_NOFILE, &given) || given.rlim_cur >= given.rlim_max)
        return;
    struct rlimit most = {.rlim_cur = given.rlim_max, .rlim_max = given.rlim_max};
    raised = setrlimit(RLIMIT_NOFILE, &most) == 0;
}

void descriptors_raise(void)
{
    raise_limit();
    left_open_count();
}

void descriptors_give_back(void)
{
    if (raised)
        (void)setrlimit(RLIMIT_NOFILE, &given); /* lower, which is always permitted */
}

bool descriptors_suffice(struct failure *f)
{
    struct rlimit now;
    unsigned beside = left_open > STANDARD ? left_open - STANDARD : 0;
    if (getrlimit(RLIMIT_NOFILE, &now) || now.rlim_cur >= NEEDED + beside)
        return true;
    if (beside)
        return fail(f, "this process may have %llu files open, was started with %u of them open, and %u are needed then: raise the limit (ulimit -n 1024, or LimitNOFILE= of the unit), or close some in what starts it",
            (unsigned long long)now.rlim_cur, left_open, NEEDED + beside);
    return fail(f, "this process may have %llu files open, and %d are needed: raise the limit (ulimit -n 1024, or LimitNOFILE= of the unit)",
        (unsigned long long)now.rlim_cur, NEEDED);
}
