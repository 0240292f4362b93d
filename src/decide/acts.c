/* SPDX-License-Identifier: Apache-2.0 */
#include "decide/acts.h"

/* An act as bytes. */
struct act_key {
    uint32_t kind, services, condition;
};

struct act_finding {
    struct arena *arena, *scratch;
    struct table known;
    struct range_list services; /* of the rule that is looked at */
};

static bool act_number(struct act_finding *f, struct acts *acts, struct act act, uint32_t *ret)
{
    struct act_key key = {(act.allow ? 1u : 0u) | (act.observe ? 2u : 0u), act.services, act.condition};
    const uint64_t *number = table_get(&f->known, bytes_of(&key, sizeof key));
    if (number) {
        *ret = (uint32_t)*number;
        return true;
    }
    struct act *grown = arena_grow(f->arena, acts->items, acts->count, &acts->capacity, sizeof *grown);
    struct act_key *kept = arena_alloc(f->scratch, sizeof *kept);
    if (!grown || !kept)
        return false;
    acts->items = grown;
    *kept = key;
    *ret = (uint32_t)acts->count;
    acts->items[acts->count++] = act;
    return table_put(&f->known, bytes_of(kept, sizeof *kept), *ret, NULL) != NULL;
}

static bool number_acts(struct act_finding *f, const struct policy *p, const uint32_t *condition_of,
                        struct acts *acts, uint32_t *of_rule)
{
    for (uint32_t r = 0; r < p->rule_count; r++) {
        const struct rule *rule = &p->rules[r];
        struct act act = {.allow = rule->allow, .observe = rule->observe, .condition = condition_of[r]};
        if (!services_of_ports(rule->ports, rule->port_count, &f->services) ||
            !range_table_put(&acts->services, range_list_all(&f->services), &act.services) ||
            !act_number(f, acts, act, &of_rule[r]))
            return false;
    }
    return true;
}

bool acts_find(const struct policy *const *policies, unsigned count, const struct moments *m, struct arena *a,
               struct acts *ret)
{
    struct acts acts = {0};
    struct arena *scratch = arena_child(a);
    struct act_finding f = {a, scratch, table_new(scratch, 31), {.arena = scratch}};
    bool ok = scratch && range_table_new(a, 32, &acts.services);
    for (unsigned i = 0; ok && i < count; i++) {
        acts.of_rule[i] = arena_array(a, policies[i]->rule_count, sizeof *acts.of_rule[i]);
        ok = acts.of_rule[i] && number_acts(&f, policies[i], m->condition_of[i], &acts, acts.of_rule[i]);
    }
    arena_destroy(scratch);
    if (ok)
        *ret = acts;
    return ok;
}
