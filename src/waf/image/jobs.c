/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/image/jobs.h"

#include <pthread.h>
#include <stdatomic.h>

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

void jobs_run(size_t threads, void (*job)(void *argument, size_t which), void *argument, size_t count)
{
    struct share s = {.job = job, .argument = argument, .count = count};
    pthread_t others[JOBS_THREADS_MAX];
    size_t wanted = threads < count ? threads : count, started = 0;
    if (wanted > JOBS_THREADS_MAX)
        wanted = JOBS_THREADS_MAX;
    while (started + 1 < wanted && pthread_create(&others[started], NULL, work, &s) == 0)
        started++;
    work(&s);
    for (size_t i = 0; i < started; i++)
        pthread_join(others[i], NULL);
}
