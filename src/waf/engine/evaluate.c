/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of a phase, one after another, as they stand in the files. */
#include "waf/engine/transaction.h"

#include "waf/engine/sorts.h"
#include "waf/transform/transform.h"

/* Most targets name no more: these need no memory. */
#define VALUES_FEW 8
/* Room for so many matches is made at once. */
#define MATCHES_FIRST 16

/* A rule of a chain that is tried on one value after another. */
struct trial {
    struct waf_transaction *t;
    const struct waf_rule *rule;
    const struct prepared_rule *prepared;
    uint32_t number; /* the rule's */
    struct rule_run *run;
    bool matched;    /* any so far */
    unsigned judged; /* the kinds of texts in which it may match, as bits */
};

/* What a target names: something that stands in a list, or the name of it. */
struct named {
    const struct waf_value *item;
    uint8_t variable; /* the target's */
    bool is_name;
};

/* Not zeroed, as arena_grow does it: one follows another, and of a few hundred bytes each. */
static bool make_room(struct waf_transaction *t)
{
    size_t more = t->match_capacity ? t->match_capacity * 2 : MATCHES_FIRST, all;
    struct rule_match *grown = __builtin_mul_overflow(more, sizeof *grown, &all) ? NULL : arena_buffer(t->arena, all);
    if (!grown)
        return false;
    if (t->match_count)
        memcpy(grown, t->matches, t->match_count * sizeof *grown);
    t->matches = grown;
    t->match_capacity = more;
    return true;
}

bool remember_match(struct waf_transaction *t, const struct waf_value *v, struct bytes value, const struct match *m)
{
    if (t->match_count == t->match_capacity && !make_room(t))
        return false;
    t->matches[t->match_count++] = (struct rule_match){*v, value, *m};
    t->scalars[VARIABLE_MATCHED_VAR] = value;
    return true;
}

bool remember_matches(struct waf_transaction *t, const struct rule_match *items, size_t count)
{
    while (t->match_capacity - t->match_count < count)
        if (!make_room(t))
            return false;
    if (!count)
        return true;
    memcpy(t->matches + t->match_count, items, count * sizeof *items);
    t->match_count += count;
    t->scalars[VARIABLE_MATCHED_VAR] = items[count - 1].value;
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

/* The value as the target's variable has it. */
static struct waf_value value_of_named(const struct named *n)
{
    struct waf_value v = *n->item;
    v.variable = n->variable;
    if (n->is_name) {
        v.value = v.name;
        v.form = v.name_form;
    }
    return v;
}

static bool take_match(struct trial *x, const struct named *n, struct bytes value, const struct match *m)
{
    struct waf_value v = value_of_named(n);
    x->matched = true;
    return remember_match(x->t, &v, value, m) && (!x->prepared->acts_at_once || act_on_match(x->t, x->number)) &&
        (!is_event_by_match(x->t, x->rule) || record_match(x->t, x->number, x->run));
}

/* One value as the transformations leave it, or leave it on their way. */
static bool try_transformed(struct trial *x, const struct named *n, struct bytes value)
{
    bool matched;
    struct match m;
    return operate(x->t, x->number, value, &matched, &m) && (!matched || take_match(x, n, value, &m));
}

/* A text of its kind was scanned, and is not among those in which the rule may match. Of multiMatch several were. */
static bool was_scanned(const struct trial *x, uint64_t triggers)
{
    return !(x->judged >> kind_of(triggers) & 1) && !x->rule->written.multi_match;
}

/* Is the operator known not to match what triggers no more than that? */
static bool is_calm(const struct waf_rule *r, uint64_t triggers)
{
    return !r->negated && ((r->operator == OPERATOR_DETECT_SQLI && !(triggers & TRIGGER_SQLI)) || (r->operator == OPERATOR_DETECT_XSS && !(triggers & TRIGGER_XSS)));
}

/* With multiMatch the value as it is and each that a transformation changed are tried, else the last. */
static bool try_form(struct trial *x, const struct named *n, struct waf_form *f)
{
    const struct form_maker *forms = &x->t->forms;
    const uint8_t *steps = &x->t->set->transformations[x->rule->transformations.first];
    bool all = x->rule->written.multi_match;
    if (all && !is_calm(x->rule, f->triggers) && !try_transformed(x, n, f->text))
        return false;
    for (uint32_t i = 0; i < x->rule->transformations.count; i++) {
        struct waf_form *before = f;
        if (!(f->triggers >> steps[i] & 1))
            continue;
        f = form_step(forms, before, steps[i]);
        if (!f || (all && f != before && !is_calm(x->rule, f->triggers) && !try_transformed(x, n, f->text)))
            return false;
    }
    return all || is_calm(x->rule, f->triggers) || was_scanned(x, f->triggers) || try_transformed(x, n, f->text);
}

static bool try_value(struct trial *x, const struct named *n)
{
    struct bytes value = n->is_name ? n->item->name : n->item->value;
    struct waf_form own, *given = n->is_name ? n->item->name_form : n->item->form;
    if (!x->prepared->needs_form)
        return (given && was_scanned(x, given->triggers)) || try_transformed(x, n, value);
    if (!given)
        own = form_of(&x->t->forms, value);
    return try_form(x, n, given ? given : &own);
}

/* ---- targets */

static bool try_item(struct trial *x, const struct named *n, bool may_be_taken)
{
    if (may_be_taken) {
        struct waf_value v = value_of_named(n);
        if (variables_takes_away(x->t, x->rule, &v))
            return true;
    }
    return try_value(x, n);
}

static bool try_list(struct trial *x, uint32_t target)
{
    struct waf_transaction *t = x->t;
    const struct prepared_target *prepared = &t->program->prepared.targets[target];
    const struct selection *s = &t->program->targets[target];
    const struct waf_values *list = &t->lists[prepared->source];
    bool may_be_taken = prepared->is_excluded || t->removals.count;
    struct named n = {.variable = t->set->targets[target].variable, .is_name = prepared->is_name};
    if (s->kind == SELECTOR_LITERAL) {
        while ((n.item = values_selected(list, s, n.item)))
            if (!try_item(x, &n, may_be_taken))
                return false;
        return true;
    }
    for (size_t i = 0; i < list->count; i++) {
        n.item = &list->items[i];
        if ((s->kind == SELECTOR_NONE || variables_selects(t, s, n.item)) && !try_item(x, &n, may_be_taken))
            return false;
    }
    return true;
}

/* Of values of TX that an expression selects, as most of them do not match: does any? What is found is found again, and then counts. */
static bool peek(struct trial *x, uint32_t target, bool *ret_any)
{
    struct waf_transaction *t = x->t;
    struct waf_values *tx = &t->lists[VARIABLE_TX];
    const struct selection *s = &t->program->targets[target];
    bool strangers = !values_count_known(tx, s->known); /* no others are selected */
    struct match ignored;
    *ret_any = false;
    if (!variables_settle(tx, s))
        return false;
    for (size_t i = 0; i < (strangers ? tx->known->stranger_count : tx->count) && !*ret_any; i++) {
        const struct waf_value *v = &tx->items[strangers ? tx->known->strangers[i] : i];
        if (variables_selects(t, s, v) && !operate(t, x->number, v->value, ret_any, &ignored))
            return false;
    }
    return true;
}

static bool may_peek(const struct trial *x, uint32_t target)
{
    const struct waf_target *w = &x->t->set->targets[target];
    return x->t->program->plan && w->variable == VARIABLE_TX && w->selector == SELECTOR_REGEX && !w->count && x->prepared->may_peek;
}

/* The plain way, which all others come to. */
static bool try_gathered(struct trial *x, uint32_t target)
{
    if (may_peek(x, target)) {
        bool any, ok = peek(x, target, &any);
        if (!ok || !any)
            return ok;
    }
    struct waf_value few[VALUES_FEW];
    struct waf_values found = {.items = few, .capacity = VALUES_FEW};
    if (!variables_resolve(x->t, x->rule, target, &found))
        return false;
    for (size_t i = 0; i < found.count; i++)
        if (!try_value(x, &(struct named){&found.items[i], found.items[i].variable, false}))
            return false;
    return true;
}

/* What is compared with a number that is known needs no more. */
static bool try_single(struct trial *x, const struct waf_value *v)
{
    struct named n = {v, v->variable, false};
    if (!x->prepared->compares)
        return try_value(x, &n);
    bool holds = numbers_match(x->rule->operator, operand_number(x->rule->operator, v->value), x->prepared->number);
    return holds == x->rule->negated || take_match(x, &n, v->value, &(struct match){0, v->value.len});
}

static bool try_text(struct trial *x, uint32_t target)
{
    struct waf_transaction *t = x->t;
    uint8_t variable = t->set->targets[target].variable;
    struct waf_value v = {.variable = variable, .value = t->scalars[variable]};
    if (x->prepared->needs_form && t->program->prepared.targets[target].has_forms && !(v.form = variables_form(t, variable)))
        return false;
    return try_single(x, &v);
}

/* A copy: what a match sets may move the list. */
static bool try_known(struct trial *x, uint32_t target)
{
    const struct waf_value *there = values_known(&x->t->lists[VARIABLE_TX], x->t->program->targets[target].number);
    if (!there)
        return true;
    struct waf_value v = *there;
    return try_single(x, &v);
}

static bool try_counted(struct trial *x, uint32_t target)
{
    struct waf_transaction *t = x->t;
    const struct waf_target *w = &t->set->targets[target];
    size_t count = variables_count(t, target);
    if (x->prepared->compares && count <= INT32_MAX && numbers_match(x->rule->operator, (int64_t)count, x->prepared->number) == x->rule->negated)
        return true;
    struct waf_value v = {.variable = w->variable, .name = waf_text_bytes(t->set, w->text)};
    return bytes_of_number((int64_t)count, t->arena, &v.value) && try_single(x, &v);
}

/* Without a plan the plain way is gone, but where it would take memory for each value: the engine that others are compared with. */
static bool try_target(struct trial *x, uint32_t target)
{
    enum target_way way = x->t->program->prepared.targets[target].way;
    if (way == WAY_LISTED)
        return try_list(x, target);
    if (x->t->removals.count || !x->t->program->plan)
        return try_gathered(x, target);
    switch (way) {
    case WAY_TEXT:
        return try_text(x, target);
    case WAY_KNOWN:
        return try_known(x, target);
    case WAY_COUNTED:
        return try_counted(x, target);
    default:
        return try_gathered(x, target);
    }
}

static bool try_targets(struct waf_transaction *t, uint32_t rule, struct rule_run *run, bool *ret_matched)
{
    const struct waf_rule *r = &t->set->rules[rule];
    struct trial x = {.t = t, .rule = r, .prepared = &t->program->prepared.rules[rule], .number = rule, .run = run, .judged = rule == run->head ? t->judged : TEXT_ANY};
    for (uint32_t i = r->targets.first; i < r->targets.first + r->targets.count; i++)
        if (!t->set->targets[i].exclusion && !try_target(&x, i))
            return false;
    *ret_matched = x.matched;
    return true;
}

/* ---- rules */

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
    if (rule != run->head && t->removals.count && is_removed(t, r, true)) { /* in a chain it counts as true */
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
    if (r->chain && !run_rule(t, r->next, run, ret_matched))
        return false;
    if (!*ret_matched)
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
    return t->allowed != ALLOWED_NOTHING || r->removed || (t->removals.count && is_removed(t, r, false));
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

/* What is summed up while arguments come is text once a rule may read it. False when memory is out. */
static bool show_sums(struct waf_transaction *t)
{
    if (t->argument_bytes != t->argument_bytes_shown)
        set_number(t, VARIABLE_ARGS_COMBINED_SIZE, t->argument_bytes);
    t->argument_bytes_shown = t->argument_bytes;
    return !t->out_of_memory;
}

void evaluate_phase(struct waf_transaction *t, uint8_t phase)
{
    t->phase = phase;
    t->landing = NOTHING;
    if (phase_is_allowed(t, phase) || !show_sums(t))
        return;
    if (!t->program->plan)
        run_all(t);
    else if (scan_begin(t))
        run_planned(t);
    else
        t->out_of_memory = true;
}
