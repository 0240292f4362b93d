/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of a phase, one after another, as they stand in the files. */
#include "waf/engine/transaction.h"

#include "waf/transform/transform.h"

/* Most targets name no more: these need no memory. */
#define VALUES_FEW 8

bool remember_match(struct waf_transaction *t, const struct waf_value *v, struct bytes value, const struct match *m)
{
    struct rule_match *grown = arena_grow(t->arena, t->matches, t->match_count, &t->match_capacity, sizeof *grown);
    if (!grown)
        return false;
    t->matches = grown;
    grown[t->match_count++] = (struct rule_match){*v, value, *m};
    t->scalars[VARIABLE_MATCHED_VAR] = value;
    return true;
}

void forget_matches(struct waf_transaction *t)
{
    t->scalars[VARIABLE_MATCHED_VAR] = (struct bytes){0};
    t->match_count = t->matches_listed = 0;
    if (t->lists[VARIABLE_MATCHED_VARS].count)
        values_clear(&t->lists[VARIABLE_MATCHED_VARS]);
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
    run->first_match = t->match_count;
    return ok;
}

/* One value as the transformations leave it, or leave it on their way. */
static bool try_transformed(struct waf_transaction *t, uint32_t rule, const struct waf_value *v, struct bytes value, struct rule_run *run, bool *ret_matched)
{
    bool matched;
    struct match m;
    if (!operate(t, rule, value, &matched, &m))
        return false;
    if (!matched)
        return true;
    *ret_matched = true;
    return remember_match(t, v, value, &m) && act_on_match(t, rule) &&
        (!is_event_by_match(t, &t->set->rules[rule]) || record_match(t, rule, run));
}

/* Is the operator known not to match what triggers no more than that? */
static bool is_calm(const struct waf_rule *r, uint64_t triggers)
{
    return !r->negated && ((r->operator == OPERATOR_DETECT_SQLI && !(triggers & TRIGGER_SQLI)) || (r->operator == OPERATOR_DETECT_XSS && !(triggers & TRIGGER_XSS)));
}

/* With multiMatch the value as it is and each that a transformation changed are tried, else the last. */
static bool try_value(struct waf_transaction *t, uint32_t rule, const struct waf_value *v, struct rule_run *run, bool *ret_matched)
{
    const struct waf_rule *r = &t->set->rules[rule];
    bool all = r->written.multi_match;
    struct waf_form own, *f = v->form ? v->form : &own;
    if (!v->form)
        own = form_of(&t->forms, v->value);
    if (all && !try_transformed(t, rule, v, f->text, run, ret_matched))
        return false;
    for (uint32_t i = 0; i < r->transformations.count; i++) {
        struct waf_form *before = f;
        f = form_step(&t->forms, before, t->set->transformations[r->transformations.first + i]);
        if (!f || (all && f != before && !try_transformed(t, rule, v, f->text, run, ret_matched)))
            return false;
    }
    return all || is_calm(r, f->triggers) || try_transformed(t, rule, v, f->text, run, ret_matched);
}

static bool try_item(struct waf_transaction *t, uint32_t rule, uint32_t target, const struct waf_value *item, struct rule_run *run, bool *ret_matched)
{
    struct waf_value v;
    return !variables_pick(t, &t->set->rules[rule], target, item, &v) || try_value(t, rule, &v, run, ret_matched);
}

static bool try_list(struct waf_transaction *t, uint32_t rule, uint32_t target, const struct waf_values *list, struct rule_run *run, bool *ret_matched)
{
    const struct selection *s = &t->program->targets[target];
    if (s->kind == SELECTOR_LITERAL) {
        for (const struct waf_value *v = NULL; (v = values_selected(list, s, v));)
            if (!try_item(t, rule, target, v, run, ret_matched))
                return false;
        return true;
    }
    for (size_t i = 0; i < list->count; i++)
        if (!try_item(t, rule, target, &list->items[i], run, ret_matched))
            return false;
    return true;
}

static bool try_target(struct waf_transaction *t, uint32_t rule, uint32_t target, struct rule_run *run, bool *ret_matched)
{
    const struct waf_rule *r = &t->set->rules[rule];
    const struct waf_values *list = variables_list(t, target);
    struct waf_value few[VALUES_FEW];
    struct waf_values found = {.items = few, .capacity = VALUES_FEW};
    if (list)
        return try_list(t, rule, target, list, run, ret_matched);
    if (!variables_resolve(t, r, target, r->targets, &found))
        return false;
    for (size_t i = 0; i < found.count; i++)
        if (!try_value(t, rule, &found.items[i], run, ret_matched))
            return false;
    return true;
}

static bool try_targets(struct waf_transaction *t, uint32_t rule, struct rule_run *run, bool *ret_matched)
{
    const struct waf_rule *r = &t->set->rules[rule];
    for (uint32_t i = r->targets.first; i < r->targets.first + r->targets.count; i++)
        if (!t->set->targets[i].exclusion && !try_target(t, rule, i, run, ret_matched))
            return false;
    return true;
}

bool is_removed(struct waf_transaction *t, const struct waf_rule *r, bool by_id)
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

static bool run_chain(struct waf_transaction *t, uint32_t rule, bool *ret_matched)
{
    struct rule_run run = {.head = rule, .record = true, .first_match = t->match_count, .event = {.rule = rule, .severity = -1}};
    const struct waf_rule *r = &t->set->rules[rule];
    if (!run_rule(t, rule, &run, ret_matched))
        return false;
    if (!*ret_matched || is_event_by_match(t, r))
        return true;
    /* A SecAction without a message is a step in a program, not an event, unless it blocks. */
    if (r->kind == RULE_ACTION && !run.event.msg.len && !r->written.block)
        return true;
    return act_record(t, &run);
}

bool start_rule(struct waf_transaction *t, uint32_t rule)
{
    struct waf_profile *p = t->options.profile;
    bool matched;
    if (!p)
        return run_chain(t, rule, &matched);
    uint64_t start = p->clock();
    bool ok = run_chain(t, rule, &matched);
    p->rules[rule].nanoseconds += p->clock() - start;
    p->rules[rule].runs++;
    p->rules[rule].hits += ok && matched;
    return ok;
}

static bool phase_is_allowed(struct waf_transaction *t, uint8_t phase)
{
    if ((t->allowed == ALLOWED_ALL && phase != 5) || (t->allowed == ALLOWED_REQUEST && phase <= 2))
        return true;
    t->allowed = ALLOWED_NOTHING;
    return false;
}

bool passes_over(struct waf_transaction *t, uint32_t rule)
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

/* All rules, one after another: the reference for whatever runs fewer of them. */
static void run_all(struct waf_transaction *t)
{
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

void evaluate_phase(struct waf_transaction *t, uint8_t phase)
{
    t->phase = phase;
    t->landing = NOTHING;
    if (phase_is_allowed(t, phase))
        return;
    if (!t->program->plan)
        run_all(t);
    else if (scan_begin(t))
        run_planned(t);
    else
        t->out_of_memory = true;
}
