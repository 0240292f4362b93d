/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of a phase, one after another, as they stand in the files. */
#include "waf/engine/transaction.h"

#include "waf/transform/transform.h"

/* Of one event; a rule may match each of 100,000 arguments. */
#define MATCHED_SHOWN_MAX 100

/* One step of the transformations; with multiMatch each value that a step changed is tried too. */
struct steps {
    struct bytes *values;
    size_t count;
};

static bool transform_all(struct waf_transaction *t, const struct waf_rule *r, struct bytes value, struct steps *ret)
{
    bool all = r->written.multi_match;
    size_t room = all ? (size_t)r->transformations.count + 1 : 1;
    ret->values = arena_array(t->arena, room, sizeof *ret->values);
    ret->count = 0;
    if (!ret->values)
        return false;
    if (all)
        ret->values[ret->count++] = value;
    for (uint32_t i = 0; i < r->transformations.count; i++) {
        struct bytes changed;
        if (!transform((enum transformation)t->set->transformations[r->transformations.first + i], t->program->unicode, value, t->arena, &changed))
            return false;
        bool same = changed.at == value.at && changed.len == value.len;
        value = changed;
        if (all && !same)
            ret->values[ret->count++] = value;
    }
    if (!all)
        ret->values[ret->count++] = value;
    return true;
}

static bool remember_match(struct waf_transaction *t, const struct waf_value *v, struct bytes value, const struct match *m, struct rule_run *run)
{
    struct bytes name;
    if (!variables_full_name(t, v, &name))
        return false;
    t->scalars[VARIABLE_MATCHED_VAR] = value;
    t->scalars[VARIABLE_MATCHED_VAR_NAME] = name;
    if (!values_add(&t->lists[VARIABLE_MATCHED_VARS], (struct waf_value){VARIABLE_MATCHED_VARS, name, value}, t->arena))
        return false;
    if (run->event.matched_count == MATCHED_SHOWN_MAX)
        return true;
    struct waf_matched *grown = arena_grow(t->arena, run->event.matched, run->event.matched_count, &run->matched_capacity, sizeof *grown);
    if (!grown)
        return false;
    run->event.matched = grown;
    grown[run->event.matched_count++] = (struct waf_matched){name, value, m->offset, m->length};
    return true;
}

static void forget_matches(struct waf_transaction *t)
{
    t->scalars[VARIABLE_MATCHED_VAR] = (struct bytes){0};
    t->scalars[VARIABLE_MATCHED_VAR_NAME] = (struct bytes){0};
    t->lists[VARIABLE_MATCHED_VARS].count = 0;
}

/* multiMatch: each match is an event of its own; of a chain, which has yet to match whole, none is. */
static bool is_event_by_match(const struct waf_transaction *t, const struct waf_rule *r)
{
    return r->written.multi_match && !r->chain && r == &t->set->rules[r->head];
}

static bool record_match(struct waf_transaction *t, uint32_t rule, struct rule_run *run)
{
    bool ok = act_describe(t, rule, run) && act_record(t, run);
    run->event = (struct waf_event){.rule = run->head, .severity = -1};
    run->matched_capacity = 0;
    return ok;
}

static bool try_value(struct waf_transaction *t, uint32_t rule, const struct waf_value *v, struct rule_run *run, bool *ret_matched)
{
    const struct waf_rule *r = &t->set->rules[rule];
    struct steps steps;
    if (!transform_all(t, r, v->value, &steps))
        return false;
    for (size_t i = 0; i < steps.count; i++) {
        bool matched;
        struct match m;
        if (!operate(t, rule, steps.values[i], &matched, &m))
            return false;
        if (!matched)
            continue;
        *ret_matched = true;
        if (!remember_match(t, v, steps.values[i], &m, run) || !act_on_match(t, rule))
            return false;
        if (is_event_by_match(t, r) && !record_match(t, rule, run))
            return false;
    }
    return true;
}

static bool try_targets(struct waf_transaction *t, uint32_t rule, struct rule_run *run, bool *ret_matched)
{
    const struct waf_rule *r = &t->set->rules[rule];
    for (uint32_t i = r->targets.first; i < r->targets.first + r->targets.count; i++) {
        struct waf_values found = {0};
        if (t->set->targets[i].exclusion)
            continue;
        if (!variables_resolve(t, r, i, r->targets, &found))
            return false;
        for (size_t j = 0; j < found.count; j++)
            if (!try_value(t, rule, &found.items[j], run, ret_matched))
                return false;
    }
    return true;
}

/* Has ctl taken the rule away? `by_id`: asked of those that name ids alone. */
static bool is_removed(struct waf_transaction *t, const struct waf_rule *r, bool by_id)
{
    for (size_t i = 0; i < t->removals.count; i++) {
        const struct removal *m = &t->removals.items[i];
        if (!m->target && !(by_id && m->text.len) && removal_is_of(t, m, r))
            return true;
    }
    return false;
}

/* The rule and what follows it in its chain. False when memory is out. */
static bool run_rule(struct waf_transaction *t, uint32_t rule, struct rule_run *run, bool *ret_matched)
{
    const struct waf_rule *r = &t->set->rules[rule];
    t->rule = rule;
    *ret_matched = false;
    if (r->kind == RULE_ACTION) {
        *ret_matched = true;
        return act_on_match(t, rule) && act_on_full_match(t, rule, run);
    }
    if (rule != run->head && is_removed(t, r, true)) { /* in a chain it counts as true */
        *ret_matched = true;
        return true;
    }
    if (!try_targets(t, rule, run, ret_matched))
        return false;
    if (!*ret_matched) {
        forget_matches(t);
        return true;
    }
    if (r->chain && r->next == NOTHING) {
        *ret_matched = false;
        return true;
    }
    if (r->chain && (!run_rule(t, r->next, run, ret_matched) || !*ret_matched))
        return !t->out_of_memory;
    t->rule = rule;
    return act_on_full_match(t, rule, run);
}

static bool start_rule(struct waf_transaction *t, uint32_t rule)
{
    struct rule_run run = {.head = rule, .record = true, .event = {.rule = rule, .severity = -1}};
    const struct waf_rule *r = &t->set->rules[rule];
    bool matched;
    if (!run_rule(t, rule, &run, &matched))
        return false;
    if (!matched || is_event_by_match(t, r))
        return true;
    /* A SecAction without a message is a step in a program, not an event, unless it blocks. */
    if (r->kind == RULE_ACTION && !run.event.msg.len && !r->written.block)
        return true;
    return act_record(t, &run);
}

static bool phase_is_allowed(struct waf_transaction *t, uint8_t phase)
{
    if ((t->allowed == ALLOWED_ALL && phase != 5) || (t->allowed == ALLOWED_REQUEST && phase <= 2))
        return true;
    t->allowed = ALLOWED_NOTHING;
    return false;
}

/* The next rule to look at, past what skip and skipAfter leave out. */
static bool passes_over(struct waf_transaction *t, uint32_t rule)
{
    const struct waf_rule *r = &t->set->rules[rule];
    if (r->kind == RULE_MARKER) {
        if (t->jumping && bytes_equal(waf_text_bytes(t->set, r->label), waf_text_bytes(t->set, t->marker)))
            t->jumping = false;
        return true;
    }
    if (r->phase != t->phase || r->head != rule || t->jumping)
        return true;
    if (t->skip > 0) {
        t->skip--;
        return true;
    }
    return t->allowed != ALLOWED_NOTHING || r->removed || is_removed(t, r, false);
}

void evaluate_phase(struct waf_transaction *t, uint8_t phase)
{
    t->phase = phase;
    if (phase_is_allowed(t, phase))
        return;
    for (uint32_t i = 0; i < t->set->rule_count && !t->out_of_memory; i++) {
        if (passes_over(t, i))
            continue;
        enum waf_decision before = t->outcome.decision;
        if (!start_rule(t, i))
            t->out_of_memory = true;
        if (t->outcome.decision != before)
            break;
    }
}
