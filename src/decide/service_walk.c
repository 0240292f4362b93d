/* SPDX-License-Identifier: Apache-2.0 */
#include "decide/service_walk.h"

#include "decide/number_sort.h"

/* At a service, a rule begins or ceases to apply. */
struct service_event {
    uint32_t at;
    uint32_t rule; /* NONE: no rule, only where the line begins and ends */
    uint32_t condition;
    uint8_t policy, sort;
    bool begins;
};

bool service_walk_new(const struct crowd *c, const struct acts *acts, const struct moments *m,
                      struct effort *effort, struct arena *a, struct service_walk *ret)
{
    struct service_walk w = {
        .arena = a, .acts = acts, .moments = m, .effort = effort, .policy_count = c->policy_count};
    for (unsigned i = 0; i < c->policy_count; i++) {
        for (int sort = 0; sort < RULE_SORTS; sort++) {
            if (!number_set_new(a, c->policies[i]->rule_count, &w.holding[i][sort]))
                return false;
        }
    }
    *ret = w;
    return true;
}

static bool add_event(struct service_walk *w, struct service_event e)
{
    struct service_event *grown = arena_grow(w->arena, w->events, w->count, &w->capacity, sizeof *grown);
    if (!grown)
        return false;
    w->events = grown;
    w->events[w->count++] = e;
    return true;
}

static bool add_rule(struct service_walk *w, unsigned policy, uint32_t rule)
{
    const struct act *act = &w->acts->items[w->acts->of_rule[policy][rule]];
    struct ranges services = w->acts->services.items[act->services];
    struct service_event e = {.rule = rule, .condition = act->condition, .policy = (uint8_t)policy};
    e.sort = act->allow ? SORT_ALLOW : act->observe ? SORT_TRIED : SORT_DENY;
    w->conditional |= act->condition != NONE;
    for (size_t i = 0; i < services.count; i++) {
        e.at = services.items[i].first;
        e.begins = true;
        if (!add_event(w, e))
            return false;
        e.at = services.items[i].last + 1;
        e.begins = false;
        if (!add_event(w, e))
            return false;
    }
    return true;
}

static bool sort_events(struct service_walk *w)
{
    _Static_assert(NUMBER_SORT_QUICK(sizeof *w->events), "copied without a call");
    if (w->spare_capacity < w->capacity) {
        w->spare = arena_array(w->arena, w->capacity, sizeof *w->spare);
        w->spare_capacity = w->capacity;
    }
    if (w->spare)
        number_sort(w->events, w->spare, w->count, sizeof *w->events, SERVICES);
    return w->spare != NULL;
}

static bool find_stretches(struct service_walk *w)
{
    w->stretch_count = 0;
    for (size_t i = 0; i < w->count; i++) {
        if (i && w->events[i].at == w->events[i - 1].at)
            continue;
        uint32_t *grown =
            arena_grow(w->arena, w->begins, w->stretch_count, &w->stretch_capacity, sizeof *grown);
        if (!grown)
            return false;
        w->begins = grown;
        w->begins[w->stretch_count++] = w->events[i].at;
    }
    w->stretch_count--; /* the last one is where the line ends */
    return true;
}

bool service_walk_set(struct service_walk *w, const struct number_set active[2])
{
    w->count = 0;
    w->conditional = false;
    if (!add_event(w, (struct service_event){.at = 0, .rule = NONE}) ||
        !add_event(w, (struct service_event){.at = SERVICES, .rule = NONE}))
        return false;
    for (unsigned i = 0; i < w->policy_count; i++) {
        for (uint32_t r = number_set_first(&active[i]); r != NONE; r = number_set_next(&active[i], r)) {
            if (!add_rule(w, i, r))
                return false;
        }
    }
    return sort_events(w) && find_stretches(w);
}

static void apply_event(struct service_walk *w, const struct service_event *e, size_t moment)
{
    if (e->rule == NONE || !moment_holds(w->moments, moment, e->condition, e->sort == SORT_ALLOW))
        return;
    if (e->begins)
        number_set_add(&w->holding[e->policy][e->sort], e->rule);
    else
        number_set_remove(&w->holding[e->policy][e->sort], e->rule);
}

void service_walk_run(struct service_walk *w, size_t moment, service_visit *visit, void *context)
{
    size_t stretch = 0;
    w->effort->spent += w->count * 4;
    for (size_t i = 0; i < w->count;) {
        uint32_t at = w->events[i].at;
        while (i < w->count && w->events[i].at == at)
            apply_event(w, &w->events[i++], moment);
        if (i == w->count)
            break;
        struct matched matched[2] = {0};
        for (unsigned k = 0; k < w->policy_count; k++)
            matched[k] = (struct matched){.allow = number_set_first(&w->holding[k][SORT_ALLOW]),
                                          .deny = number_set_first(&w->holding[k][SORT_DENY]),
                                          .observed = number_set_first(&w->holding[k][SORT_TRIED])};
        visit(context, stretch++, matched);
    }
}
