/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which parties the ends of all rules select, for one family of addresses and one or two policies: each set of
 * parties once, as ranges, and the way from a party to the rules that select it. The cost is that of what is
 * written in the policies, not of rules times parties.
 */
#pragma once

#include "decide/decide.h"
#include "decide/ranges.h"

enum side { SIDE_FROM, SIDE_TO, SIDES };

/* One address of a workload, as it is in each policy. */
struct resident {
    const char *workload; /* name */
    struct address at[2];
    bool exists[2];
};

/* Parties: residents by their index, then the world. */
struct crowd {
    const struct policy *policies[2];
    unsigned policy_count; /* 1 or 2 */
    uint8_t family;
    struct resident *residents;
    uint32_t resident_count;
    const struct address
        *world; /* ascending, unicast: each stands for all addresses that no rule tells from it */
    uint32_t world_count;
};

static inline uint32_t crowd_count(const struct crowd *c)
{
    return c->resident_count + c->world_count;
}
/* The party's address in the policy, or NULL. */
static inline const struct address *crowd_address(const struct crowd *c, unsigned policy, uint32_t party)
{
    if (party >= c->resident_count)
        return &c->world[party - c->resident_count];
    return c->residents[party].exists[policy] ? &c->residents[party].at[policy] : NULL;
}

/* The ends of one policy's rules, each different one once; the same for both families. */
struct ends {
    const struct end **items;
    uint32_t count;
    uint32_t *of_rule[SIDES];
};
/* False when memory is out. */
bool ends_find(const struct policy *p, struct arena *a, struct ends *ret) MUST_USE;

/* Lists by number: those of `i` are items[first[i]] to items[first[i + 1] - 1]. */
struct lists {
    uint32_t *first, *items;
};

struct selections {
    const struct crowd *crowd;
    struct range_table sets;      /* of parties: a selection is a number of these */
    uint32_t *of_rule[2][SIDES];  /* by policy: the selection of each rule's end */
    struct lists rules[2][SIDES]; /* by policy: of each selection the rules whose end it is, in order */
    struct lists of_resident;     /* of each resident the selections that have it, ascending */
};
/* `ends`: of each policy. False when memory is out. */
bool selections_find(const struct crowd *c, const struct ends *ends, struct arena *a,
                     struct selections *ret) MUST_USE;
