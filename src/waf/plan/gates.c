/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/plan/gates.h"

/* Where the rule jumps to; NOTHING when it does not. */
static uint32_t jump_of(const struct waf_rule_set *set, const struct waf_rule *r)
{
    struct waf_span actions = r->written.actions;
    for (uint32_t i = actions.first; i < actions.first + actions.count; i++)
        if (set->actions[i].kind == ACTION_SKIP_AFTER)
            return set->actions[i].jump;
    return NOTHING;
}

static bool is_gate(const struct waf_rule_set *set, const struct waf_rule *r)
{
    return r->kind == RULE_CONDITION && !r->chain && !r->removed && r == &set->rules[r->head] && r->targets.count == 1 &&
        set->targets[r->targets.first].variable == VARIABLE_TX && jump_of(set, r) != NOTHING;
}

static bool same_text(const struct waf_rule_set *set, struct waf_text a, struct waf_text b)
{
    return bytes_equal(waf_text_bytes(set, a), waf_text_bytes(set, b));
}

static bool compares_alike(const struct waf_rule_set *set, const struct waf_rule *a, const struct waf_rule *b)
{
    const struct waf_target *x = &set->targets[a->targets.first], *y = &set->targets[b->targets.first];
    return a->operator == b->operator && a->negated == b->negated && x->selector == y->selector && x->count == y->count &&
        same_text(set, x->text, y->text) && same_text(set, a->operand_text, b->operand_text);
}

static uint32_t number_of_gate(struct gates *g, uint32_t rule)
{
    for (uint32_t i = 0; i < g->count; i++)
        if (compares_alike(g->set, &g->set->rules[g->rules[i]], &g->set->rules[rule]))
            return i;
    if (g->count < GATES_MAX)
        g->rules[g->count++] = rule;
    return g->count == GATES_MAX && g->rules[GATES_MAX - 1] != rule ? NOTHING : g->count - 1;
}

uint64_t gates_pass(struct gates *g, uint32_t rule)
{
    const struct waf_rule *r = &g->set->rules[rule];
    uint64_t behind = 0;
    if (r->kind == RULE_MARKER)
        return 0;
    for (uint32_t i = 0; i < g->count; i++)
        if (rule < g->ends[r->phase][i])
            behind |= UINT64_C(1) << i;
    if (is_gate(g->set, r)) {
        uint32_t number = number_of_gate(g, rule);
        if (number != NOTHING)
            g->ends[r->phase][number] = jump_of(g->set, r);
    }
    return behind;
}
