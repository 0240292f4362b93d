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

/* At a party, a rule begins or ceases to apply; or a cut, with no rule. */
struct party_event {
    uint32_t at;
    uint32_t rule; /* NONE: a cut */
    uint8_t policy;
    bool begins;
};

struct party_walk {
    struct arena *arena;
    const struct selections *selections;
    const struct acts *acts;
    struct number_set active[2]; /* by policy: the rules that apply to the stretch that is visited */
    int32_t *balance;            /* of each act: active rules of the first policy less those of the second */
    size_t unbalanced;           /* acts of which there are not as many in both */
    struct party_event *events;  /* by party */
    struct party_event *spare;   /* as many */
    size_t count, capacity, spare_capacity;
    struct effort *effort;
};

/* False when memory is out. */
bool party_walk_new(const struct selections *s, const struct acts *acts, struct effort *effort, struct arena *a,
                    struct party_walk *ret) MUST_USE;

/* False when memory is out. */
typedef bool party_visit(void *context, struct range parties) MUST_USE;

struct party_plan {
    enum side fixed_side;
    uint32_t fixed;       /* a resident */
    struct range window;  /* of the parties at the other end */
    const uint32_t *cuts; /* parties at which a stretch begins in any case, within the window or not */
    size_t cut_count;
    const struct ranges *services; /* rules that have none of them are left out; NULL: none is */
};
/* Takes the rules that select the fixed party. The first event is at the window's beginning, the last one
 * behind its end. False when memory is out. */
bool party_walk_set(struct party_walk *s, const struct party_plan *plan) MUST_USE;
/* Visits all stretches of the window in order; stops early when the effort is spent. False when a visit
 * returned false; the walk must not be used then. */
bool party_walk_run(struct party_walk *s, party_visit *visit, void *context) MUST_USE;
/* Lets `balance` and `unbalanced` alone follow an event, to look ahead. */
void party_walk_balance(struct party_walk *s, const struct party_event *e);
