/* SPDX-License-Identifier: Apache-2.0 */
/*
 * With one party held fixed, everybody at the other end in stretches to which the same rules apply. The cost is
 * that of the rules that select the fixed party; parties are not looked at one by one.
 */
#pragma once

#include "decide/acts.h"
#include "decide/number_set.h"
#include "decide/selections.h"

/* Work that may be done. A step is about what one comparison takes: some nanoseconds. */
struct effort {
    uint64_t spent, limit;
};
static inline bool effort_spend(struct effort *e, uint64_t steps)
{
    e->spent += steps;
    return e->spent <= e->limit;
}

struct party_walk {
    struct arena *arena;
    const struct selections *selections;
    const struct acts *acts;
    struct number_set active[2]; /* by policy: the rules that apply to the stretch that is visited */
    int32_t *balance;            /* of each act: active rules of the first policy less those of the second */
    size_t unbalanced;           /* acts of which there are not as many in both */
    struct party_event *events;
    size_t count, capacity;
    struct effort *effort;
};

/* False when memory is out. */
bool party_walk_new(const struct selections *s, const struct acts *acts, struct effort *effort, struct arena *a,
               struct party_walk *ret) MUST_USE;

/* False when memory is out. */
typedef bool party_visit(void *context, struct range parties) MUST_USE;

struct party_plan {
    enum side fixed_side;
    uint32_t fixed;         /* a resident */
    struct range window;    /* of the parties at the other end */
    const uint32_t *cuts;   /* parties at which a stretch begins in any case, within the window or not */
    size_t cut_count;
};
/* Visits all stretches of the window in order; stops early when the effort is spent. False when memory is out, or
 * a visit returned false; the walk must not be used then. */
bool party_walk_run(struct party_walk *s, const struct party_plan *plan, party_visit *visit, void *context) MUST_USE;
