/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/meter.h"

#include <stdio.h>
#include <unistd.h>

#include "enforce/clock.h"

#define SILENT_MS 1000 /* work that takes less needs none */
#define EVERY_MS 100

static double now_ms(void)
{
    return (double)clock_ns(CLOCK_MONOTONIC) / 1e6;
}

static void tell(void *argument, size_t done, size_t total)
{
    struct meter *m = argument;
    double now = now_ms();
    if (now - m->began < SILENT_MS || now - m->told < EVERY_MS)
        return;
    m->told = now;
    m->shown = true;
    fprintf(stderr, "\r%zu of %zu %s\033[K", done, total, m->what);
}

static void keep_quiet(void *argument, size_t done, size_t total)
{
    (void)argument;
    (void)done;
    (void)total;
}

struct progress meter_begin(struct meter *m, const char *what)
{
    *m = (struct meter){.what = what, .began = now_ms()};
    return (struct progress){.tell = isatty(STDERR_FILENO) ? tell : keep_quiet, .argument = m};
}

void meter_end(struct meter *m)
{
    if (m->shown)
        fputs("\r\033[K", stderr);
}
