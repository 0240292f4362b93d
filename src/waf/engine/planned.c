/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of a phase where there is a plan: what is known not to match is passed over, what is known to do little is done at once. */
#include "waf/engine/transaction.h"

/* The rule at which the jump ends, or the end of the phase. */
static uint32_t land(struct waf_transaction *t, uint32_t from)
{
    if (t->landing != NOTHING && t->landing >= from) {
        t->jumping = false;
        return t->landing;
    }
    for (uint32_t i = from; i < t->set->rule_count; i++)
        if (t->set->rules[i].kind == RULE_MARKER && passes_over(t, i) && !t->jumping)
            return i;
    return t->set->rule_count;
}

/* One of the rules from `from` to before `to` is run, and known not to match. */
static bool one_was_passed(struct waf_transaction *t, uint32_t from, uint32_t to)
{
    const struct waf_plan *plan = t->program->plan;
    for (uint32_t i = bits_next(plan->heads[t->phase], plan->words, from); i < to; i = bits_next(plan->heads[t->phase], plan->words, i + 1))
        if (!t->set->rules[i].removed && !is_removed(t, &t->set->rules[i], false))
            return true;
    return false;
}

static size_t count_named(const struct waf_transaction *t, const struct plan_test *test)
{
    const struct waf_values *list = &t->lists[test->variable];
    size_t count = 0;
    if (!test->named)
        return list->count;
    for (const struct waf_value *v = NULL; (v = values_selected(list, &t->program->targets[test->target], v));)
        count++;
    return count;
}

/* What is known of a rule before it is run. */
enum foreseen {
    FORESEEN_NOTHING,
    FORESEEN_FAILS,
    FORESEEN_MATCHES,
};

/* The value of TX that the test is of; NULL where there is none, or it is of another variable. */
static const struct waf_value *find_tested(const struct waf_transaction *t, const struct plan_test *test)
{
    return test->named ? values_selected(&t->lists[test->variable], &t->program->targets[test->target], NULL) : NULL;
}

/* What ctl takes from a rule's targets is for the whole rule to look at. */
static enum foreseen foresee(const struct waf_transaction *t, const struct plan_test *test)
{
    if (test->kind == TEST_NONE || t->removals.count)
        return FORESEEN_NOTHING;
    int64_t number;
    if (test->kind == TEST_COUNT) {
        number = (int64_t)count_named(t, test);
    } else {
        const struct waf_value *v = find_tested(t, test);
        if (test->named && !v)
            return FORESEEN_FAILS;
        number = operand_number(test->operator, v ? v->value : t->scalars[test->variable]);
    }
    return numbers_match(test->operator, number, test->number) != test->negated ? FORESEEN_MATCHES : FORESEEN_FAILS;
}

/* What MATCHED_VAR and its like are of a test that matches. False when memory is out. */
static bool find_match(struct waf_transaction *t, const struct plan_test *test, struct waf_value *ret)
{
    const struct waf_value *v = test->kind == TEST_COUNT ? NULL : find_tested(t, test);
    *ret = (struct waf_value){.variable = test->variable, .value = t->scalars[test->variable]};
    if (v)
        *ret = *v;
    if (test->kind != TEST_COUNT)
        return true;
    ret->name = waf_text_bytes(t->set, t->set->targets[test->target].text);
    return bytes_of_number((int64_t)count_named(t, test), t->arena, &ret->value);
}

/* A rule that does no more than set variables and jump, and matches. False when memory is out. */
static bool do_light(struct waf_transaction *t, uint32_t rule)
{
    const struct waf_rule *r = &t->set->rules[rule];
    struct waf_value match;
    t->rule = rule;
    if (r->kind == RULE_CONDITION && (!find_match(t, &t->program->plan->tests[rule], &match) || !remember_match(t, &match, match.value, &(struct match){0, match.value.len})))
        return false;
    return act_lightly(t, r->written.actions);
}

/* False when memory is out. */
static bool run_candidate(struct waf_transaction *t, uint32_t rule)
{
    enum foreseen foreseen = foresee(t, &t->program->plan->tests[rule]);
    if (foreseen == FORESEEN_FAILS) {
        forget_matches(t);
        return true;
    }
    bool known = foreseen == FORESEEN_MATCHES || t->set->rules[rule].kind == RULE_ACTION;
    return known && bits_have(t->program->plan->light, rule) && !t->options.profile ? do_light(t, rule) : start_rule(t, rule);
}

/* False when memory is out. */
static bool visit(struct waf_transaction *t, uint32_t rule)
{
    bool candidate = true, scanned = t->program->plan->groups_of[rule] != NOTHING;
    if (scanned && !scan_rule(t, rule, &candidate))
        return false;
    if (passes_over(t, rule))
        return true;
    if (t->options.profile)
        t->options.profile->rules[rule].candidates += scanned && candidate;
    if (candidate)
        return run_candidate(t, rule);
    forget_matches(t);
    return true;
}

void run_planned(struct waf_transaction *t)
{
    const struct waf_plan *plan = t->program->plan;
    enum waf_decision before = t->outcome.decision;
    uint32_t count = t->set->rule_count, i = 0;
    while (i < count && !t->out_of_memory && t->allowed == ALLOWED_NOTHING && t->outcome.decision == before) {
        if (t->jumping) {
            i = land(t, i);
            continue;
        }
        uint32_t next = t->skip > 0 ? bits_next(plan->heads[t->phase], plan->words, i) : bits_next(t->visits, plan->words, i);
        if (t->match_count && one_was_passed(t, i, next < count ? next : count))
            forget_matches(t);
        if (next < count && !visit(t, next))
            t->out_of_memory = true;
        i = next + 1;
    }
    /* What lets the rest by may also jump, or skip: what is left of that is left to the next phase. */
    for (; i < count && t->outcome.decision == before && (t->jumping || t->skip > 0); i++)
        (void)passes_over(t, i);
}
