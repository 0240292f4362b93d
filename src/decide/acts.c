/* SPDX-License-Identifier: Apache-2.0 */
#include "decide/acts.h"

/* An act as bytes. */
struct act_key {
    uint32_t kind, services, condition;
};

static bool act_number(struct acts *acts, struct table *known, struct act act, struct arena *a, uint32_t *ret)
{
    struct act_key key = {(act.allow ? 1u : 0u) | (act.observe ? 2u : 0u), act.services, act.condition};
    const uint64_t *number = table_get(known, bytes_of(&key, sizeof key));
    if (number) {
        *ret = (uint32_t)*number;
        return true;
    }
    struct act *grown = arena_grow(a, acts->items, acts->count, &acts->capacity, sizeof *grown);
    struct act_key *kept = arena_alloc(a, sizeof *kept);
    if (!grown || !kept)
        return false;
    acts->items = grown;
    *kept = key;
    *ret = (uint32_t)acts->count;
    acts->items[acts->count++] = act;
    return table_put(known, bytes_of(kept, sizeof *kept), *ret, NULL) != NULL;
}

bool acts_find(const struct policy *const *policies, unsigned count, const struct moments *m, struct arena *a,
               struct acts *ret)
{
    struct acts acts = {0};
    struct table known = table_new(a, 31);
    struct range_list services = {.arena = a};
    if (!range_table_new(a, 32, &acts.services))
        return false;
    for (unsigned i = 0; i < count; i++) {
        const struct policy *p = policies[i];
        acts.of_rule[i] = arena_array(a, p->rule_count, sizeof *acts.of_rule[i]);
        if (!acts.of_rule[i])
            return false;
        for (uint32_t r = 0; r < p->rule_count; r++) {
            const struct rule *rule = &p->rules[r];
            struct act act = {
                .allow = rule->allow, .observe = rule->observe, .condition = m->condition_of[i][r]};
            if (!services_of_ports(rule->ports, rule->port_count, &services) ||
                !range_table_put(&acts.services, range_list_all(&services), &act.services) ||
                !act_number(&acts, &known, act, a, &acts.of_rule[i][r]))
                return false;
        }
    }
    *ret = acts;
    return true;
}
