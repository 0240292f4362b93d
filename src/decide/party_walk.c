/* SPDX-License-Identifier: Apache-2.0 */
#include "decide/party_walk.h"

#include "decide/number_sort.h"

bool party_walk_new(const struct selections *s, const struct acts *acts, struct effort *effort, struct arena *a,
                    struct party_walk *ret)
{
    struct party_walk w = {.arena = a, .selections = s, .acts = acts, .effort = effort};
    w.balance = arena_array(a, acts->count, sizeof *w.balance);
    for (unsigned i = 0; i < s->crowd->policy_count; i++) {
        if (!number_set_new(a, s->crowd->policies[i]->rule_count, &w.active[i]))
            return false;
    }
    *ret = w;
    return w.balance != NULL;
}

static bool add_event(struct party_walk *s, struct party_event e)
{
    struct party_event *grown = arena_grow(s->arena, s->events, s->count, &s->capacity, sizeof *grown);
    if (!grown)
        return false;
    s->events = grown;
    s->events[s->count++] = e;
    return true;
}

static bool add_rule(struct party_walk *s, unsigned policy, uint32_t rule, struct ranges parties,
                     struct range window)
{
    size_t low = 0, high = parties.count;
    while (low < high) { /* the first range that ends within the window or behind it */
        size_t middle = (low + high) / 2;
        if (parties.items[middle].last < window.first)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < parties.count && parties.items[low].first <= window.last; low++) {
        struct range r = parties.items[low];
        struct party_event e = {.rule = rule, .policy = (uint8_t)policy, .begins = true};
        e.at = r.first > window.first ? r.first : window.first;
        if (!add_event(s, e))
            return false;
        e.at = (r.last < window.last ? r.last : window.last) + 1;
        e.begins = false;
        if (!add_event(s, e))
            return false;
    }
    return true;
}

static bool is_wanted(const struct party_walk *s, const struct party_plan *plan, unsigned policy, uint32_t rule)
{
    const struct act *act = &s->acts->items[s->acts->of_rule[policy][rule]];
    return !plan->services || ranges_overlap(s->acts->services.items[act->services], *plan->services);
}

static bool add_rules(struct party_walk *s, const struct party_plan *plan)
{
    const struct selections *all = s->selections;
    const struct lists *holding = &all->of_resident;
    enum side other = plan->fixed_side == SIDE_FROM ? SIDE_TO : SIDE_FROM;
    for (unsigned i = 0; i < all->crowd->policy_count; i++) {
        const struct lists *rules = &all->rules[i][plan->fixed_side];
        for (uint32_t k = holding->first[plan->fixed]; k < holding->first[plan->fixed + 1]; k++) {
            uint32_t set = holding->items[k];
            for (uint32_t j = rules->first[set]; j < rules->first[set + 1]; j++) {
                uint32_t rule = rules->items[j];
                if (!is_wanted(s, plan, i, rule))
                    continue;
                if (!add_rule(s, i, rule, all->sets.items[all->of_rule[i][other][rule]], plan->window))
                    return false;
            }
        }
    }
    return true;
}

static bool add_cuts(struct party_walk *s, const struct party_plan *plan)
{
    for (size_t i = 0; i < plan->cut_count; i++) {
        if (plan->cuts[i] > plan->window.first && plan->cuts[i] <= plan->window.last &&
            !add_event(s, (struct party_event){.at = plan->cuts[i], .rule = NONE}))
            return false;
    }
    return add_event(s, (struct party_event){.at = plan->window.first, .rule = NONE}) &&
           add_event(s, (struct party_event){.at = plan->window.last + 1, .rule = NONE});
}

void party_walk_balance(struct party_walk *s, const struct party_event *e)
{
    if (e->rule == NONE)
        return;
    int32_t *balance = &s->balance[s->acts->of_rule[e->policy][e->rule]];
    s->unbalanced -= *balance != 0;
    *balance += (e->policy == 0) == e->begins ? 1 : -1;
    s->unbalanced += *balance != 0;
}

static void apply_event(struct party_walk *s, const struct party_event *e)
{
    party_walk_balance(s, e);
    if (e->rule == NONE)
        return;
    if (e->begins)
        number_set_add(&s->active[e->policy], e->rule);
    else
        number_set_remove(&s->active[e->policy], e->rule);
}

static bool sort_events(struct party_walk *s, uint32_t most)
{
    _Static_assert(NUMBER_SORT_QUICK(sizeof *s->events), "copied without a call");
    if (s->spare_capacity < s->capacity) {
        s->spare = arena_array(s->arena, s->capacity, sizeof *s->spare);
        s->spare_capacity = s->capacity;
    }
    if (s->spare)
        number_sort(s->events, s->spare, s->count, sizeof *s->events, most);
    return s->spare != NULL;
}

bool party_walk_set(struct party_walk *s, const struct party_plan *plan)
{
    s->count = 0;
    if (plan->window.first > plan->window.last || plan->window.last == UINT32_MAX)
        return true;
    if (!add_rules(s, plan) || !add_cuts(s, plan))
        return false;
    s->effort->spent += s->count * 4;
    return sort_events(s, plan->window.last + 1);
}

bool party_walk_run(struct party_walk *s, party_visit *visit, void *context)
{
    bool going = effort_spend(s->effort, 1);
    for (size_t i = 0; i < s->count;) {
        uint32_t at = s->events[i].at;
        while (i < s->count && s->events[i].at == at)
            apply_event(s, &s->events[i++]);
        /* Even when nothing is visited any more, the rules have to go out of the sets again. */
        if (!going || i == s->count)
            continue;
        if (!visit(context, (struct range){at, s->events[i].at - 1}))
            return false;
        going = effort_spend(s->effort, 1);
    }
    return true;
}
