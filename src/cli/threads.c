/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/threads.h"

#include <sched.h>

#include "waf/image/jobs.h"

#define THREADS_MAX 16

static size_t processors(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 1;
    size_t count = (size_t)CPU_COUNT(&set);
    return count > THREADS_MAX ? THREADS_MAX : count;
}

static void run(void *context, void (*job)(void *argument, size_t which), void *argument, size_t count)
{
    (void)context;
    jobs_run(processors(), job, argument, count);
}

struct job_runner threads_lend(void)
{
    return (struct job_runner){.run = run};
}
