/* SPDX-License-Identifier: Apache-2.0 */
#include "decide/reach.h"

static void set_add(uint64_t *set, size_t i)
{
    set[i / 64] |= (uint64_t)1 << (i % 64);
}

bool reach_new(const struct policy *p, const struct address *addresses, size_t count,
               const struct port_class *classes, size_t class_count, struct arena *a, struct reach *ret)
{
    struct reach r = {.policy = p, .words = (size_t)p->rule_count / 64 + 1, .addresses = addresses};
    size_t set = r.words * sizeof(uint64_t);
    r.from = arena_array(a, count, set);
    r.to = arena_array(a, count, set);
    r.ports[0] = arena_array(a, class_count, set);
    r.ports[1] = arena_array(a, class_count, set);
    r.allow = arena_array(a, 1, set);
    r.tried = arena_array(a, 1, set);
    r.observed = arena_array(a, count, sizeof *r.observed);
    struct station *stations = arena_array(a, count, sizeof *stations);
    if (!stations || !r.from || !r.to || !r.ports[0] || !r.ports[1] || !r.allow || !r.tried || !r.observed)
        return false;
    for (size_t k = 0; k < count; k++) {
        stations[k] = station_of(p, &addresses[k]);
        r.observed[k] = flow_observed(p, &addresses[k], &addresses[k]);
    }
    for (uint32_t i = 0; i < p->rule_count; i++) {
        const struct rule *rule = &p->rules[i];
        if (rule->allow)
            set_add(r.allow, i);
        else if (rule->observe)
            set_add(r.tried, i);
        for (size_t k = 0; k < count; k++) {
            if (end_selects_station(p, &rule->from, &stations[k]))
                set_add(r.from + k * r.words, i);
            if (end_selects_station(p, &rule->to, &stations[k]))
                set_add(r.to + k * r.words, i);
        }
        for (size_t k = 0; k < class_count; k++) {
            for (unsigned six = 0; six < 2; six++) {
                struct address some = {.family = six ? 6 : 4};
                struct flow f = port_class_flow(&classes[k], &some, &some);
                if (ports_match(rule->ports, rule->port_count, &f))
                    set_add(r.ports[six] + k * r.words, i);
            }
        }
    }
    *ret = r;
    return true;
}

void reach_holding(const struct reach *r, int64_t now, uint64_t *ret)
{
    memset(ret, 0, r->words * sizeof *ret);
    for (uint32_t i = 0; i < r->policy->rule_count; i++) {
        if (rule_holds(r->policy, &r->policy->rules[i], now))
            set_add(ret, i);
    }
}

bool reach_pair_new(const struct reach *r, struct arena *a, struct reach_pair *ret)
{
    *ret = (struct reach_pair){.rules = arena_array(a, r->policy->rule_count, sizeof *ret->rules)};
    return ret->rules != NULL;
}

void reach_pair_set(const struct reach *r, size_t from, size_t to, struct reach_pair *pair)
{
    const uint64_t *a = r->from + from * r->words, *b = r->to + to * r->words;
    pair->from = from;
    pair->to = to;
    pair->count = 0;
    for (size_t w = 0; w < r->words; w++) {
        for (uint64_t both = a[w] & b[w]; both; both &= both - 1)
            pair->rules[pair->count++] = (uint32_t)(w * 64) + (uint32_t)__builtin_ctzll(both);
    }
}

static bool set_has(const uint64_t *set, uint32_t i)
{
    return (set[i / 64] >> (i % 64)) & 1;
}

struct verdict reach_verdict(const struct reach *r, const struct reach_pair *pair, size_t port_class,
                             const uint64_t *holding)
{
    const uint64_t *ports = r->ports[r->addresses[pair->from].family == 6] + port_class * r->words;
    struct matched m = {NONE, NONE, NONE};
    for (size_t i = 0; i < pair->count && m.deny == NONE; i++) {
        uint32_t rule = pair->rules[i];
        if (!set_has(ports, rule) || !set_has(holding, rule))
            continue;
        uint32_t *first = set_has(r->allow, rule) ? &m.allow : set_has(r->tried, rule) ? &m.observed : &m.deny;
        if (*first == NONE)
            *first = rule;
    }
    return matched_verdict(&m, r->observed[pair->from] || r->observed[pair->to]);
}
