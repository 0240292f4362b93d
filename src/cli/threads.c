/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/threads.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#define THREADS_MAX 16

struct share {
    void (*job)(void *argument, size_t which);
    void *argument;
    size_t count;
    _Atomic size_t next;
};

static void *work(void *argument)
{
    struct share *s = argument;
    for (size_t which; (which = s->next++) < s->count;)
        s->job(s->argument, which);
    return NULL;
}

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
    struct share s = {.job = job, .argument = argument, .count = count};
    pthread_t threads[THREADS_MAX];
    size_t wanted = processors(), started = 0;
    if (wanted > count)
        wanted = count;
    while (started + 1 < wanted && pthread_create(&threads[started], NULL, work, &s) == 0)
        started++;
    work(&s);
    for (size_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
}

struct job_runner threads_lend(void)
{
    return (struct job_runner){.run = run};
}
