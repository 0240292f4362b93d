/* SPDX-License-Identifier: Apache-2.0 */
/* A transaction step by step: between two of them it holds nothing of the thread that runs it. */
#include "waf/engine/transaction.h"

static bool goes_on(void *transaction)
{
    return time_is_left(transaction);
}

static uint64_t time_passed(void *transaction)
{
    const struct waf_options *o = &((const struct waf_transaction *)transaction)->options;
    return o->duration(o->argument);
}

void step_begin(struct waf_transaction *t, struct waf_scratch *scratch)
{
    const struct waf_options *o = &t->options;
    t->scratch = scratch;
    regex_scratch_watch(scratch->regex, (struct regex_watch){o->most_time && o->duration ? goes_on : NULL, time_passed, t});
}

void step_end(struct waf_transaction *t)
{
    regex_scratch_watch(t->scratch->regex, (struct regex_watch){0});
    t->scratch = NULL;
}
