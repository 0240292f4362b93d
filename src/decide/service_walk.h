/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For one pair of parties and the rules that apply to it: the services in stretches that none of these rules
 * tells apart, and the first rule of each sort on each stretch.
 */
#pragma once

#include "decide/party_walk.h"

enum rule_sort { SORT_ALLOW, SORT_DENY, SORT_TRIED, RULE_SORTS };

struct service_walk {
    struct arena *arena;
    const struct acts *acts;
    const struct moments *moments;
    struct effort *effort;
    unsigned policy_count;
    struct number_set holding[2][RULE_SORTS]; /* empty between walks */
    struct service_event *events, *spare;
    size_t count, capacity, spare_capacity;
    uint32_t *begins; /* of each stretch, and SERVICES behind the last */
    size_t stretch_count, stretch_capacity;
    bool conditional; /* some of the rules has a condition: moments may differ */
};

/* False when memory is out. */
bool service_walk_new(const struct crowd *c, const struct acts *acts, const struct moments *m,
                      struct effort *effort, struct arena *a, struct service_walk *ret) MUST_USE;
/* Takes the rules that are in `active`, by policy. False when memory is out. */
bool service_walk_set(struct service_walk *w, const struct number_set active[2]) MUST_USE;

/* `matched`: by policy. */
typedef void service_visit(void *context, size_t stretch, const struct matched matched[2]);
/* Visits every stretch in order, with the rules that hold at the moment. */
void service_walk_run(struct service_walk *w, size_t moment, service_visit *visit, void *context);

static inline struct range service_walk_stretch(const struct service_walk *w, size_t stretch)
{
    return (struct range){w->begins[stretch], w->begins[stretch + 1] - 1};
}
