/* SPDX-License-Identifier: Apache-2.0 */
/* What a comparison of numbers comes to, and what rules do that set variables and jump, without all that running a rule takes. */
#include "waf/engine/transaction.h"

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

/* The value of TX that the test is of; NULL where there is none, or it is of another variable. */
static const struct waf_value *find_tested(const struct waf_transaction *t, const struct plan_test *test)
{
    return test->named ? values_selected(&t->lists[test->variable], &t->program->targets[test->target], NULL) : NULL;
}

/* Of a macro of TX. */
static struct bytes value_of_part(const struct waf_transaction *t, uint32_t part)
{
    const struct waf_value *v = values_selected(&t->lists[VARIABLE_TX], &t->program->parts[part], NULL);
    return v ? v->value : (struct bytes){0};
}

/* None of what the rule's targets name is there, so that there is nothing that could match, nor not match. */
static bool has_nothing(const struct waf_transaction *t, uint32_t rule)
{
    struct waf_span targets = t->set->rules[rule].targets;
    for (uint32_t i = targets.first; i < targets.first + targets.count; i++) {
        const struct prepared_target *p = &t->program->prepared.targets[i];
        const struct waf_values *list = &t->lists[p->source];
        const struct selection *s = &t->program->targets[i];
        bool listed = p->way == WAY_LISTED || p->way == WAY_KNOWN;
        if (!t->set->targets[i].exclusion && (!listed || (list->count && (s->kind != SELECTOR_LITERAL || values_selected(list, s, NULL)))))
            return false;
    }
    return targets.count;
}

/* What the rule compares with does not match the text, and asking leaves nothing behind: no capture. */
static bool text_fails(const struct waf_transaction *t, uint32_t rule, const struct plan_test *test, struct bytes value)
{
    struct match ignored;
    if (test->operator == OPERATOR_RX) {
        enum words_result seen = regex_glance(t->program->operands[rule].regex, value);
        return test->negated ? seen == WORDS_YES && !t->set->rules[rule].written.capture : seen == WORDS_NO;
    }
    struct bytes with = test->part == NOTHING ? t->program->prepared.rules[rule].argument : value_of_part(t, test->part);
    return texts_match(test->operator, value, with, &ignored) == test->negated;
}

static bool texts_fail(const struct waf_transaction *t, uint32_t rule, const struct plan_test *test)
{
    const struct prepared_target *p = &t->program->prepared.targets[test->target];
    if (!test->named)
        return text_fails(t, rule, test, t->scalars[test->variable]);
    for (const struct waf_value *v = NULL; (v = values_selected(&t->lists[p->source], &t->program->targets[test->target], v));)
        if (!text_fails(t, rule, test, p->is_name ? v->name : v->value))
            return false;
    return true;
}

/* Of a number that is compared with one. */
static enum foreseen compare_numbers(const struct waf_transaction *t, const struct plan_test *test)
{
    int64_t number, with = test->part == NOTHING ? test->number : operand_number(test->operator, value_of_part(t, test->part));
    if (test->kind == TEST_COUNT) {
        number = (int64_t)count_named(t, test);
    } else {
        const struct waf_value *v = find_tested(t, test);
        if (test->named && !v)
            return FORESEEN_FAILS;
        number = operand_number(test->operator, v ? v->value : t->scalars[test->variable]);
    }
    return numbers_match(test->operator, number, with) != test->negated ? FORESEEN_MATCHES : FORESEEN_FAILS;
}

/* Of the rule itself, whatever follows in its chain. */
static enum foreseen foresee_own(const struct waf_transaction *t, uint32_t rule)
{
    const struct plan_test *test = &t->program->plan->tests[rule];
    if (test->kind == TEST_NONE)
        return has_nothing(t, rule) ? FORESEEN_FAILS : FORESEEN_NOTHING;
    if (test->kind == TEST_TEXT)
        return texts_fail(t, rule, test) ? FORESEEN_FAILS : FORESEEN_NOTHING;
    if (test->kind == TEST_COUNT && !test->named && test->variable == VARIABLE_TX && t->lists[VARIABLE_TX].known->waiting.count)
        return FORESEEN_NOTHING;
    return compare_numbers(t, test);
}

/* What ctl takes from a rule's targets is for the whole rule to look at. */
enum foreseen foresee(const struct waf_transaction *t, uint32_t rule)
{
    if (t->removals.count)
        return FORESEEN_NOTHING;
    enum foreseen own = foresee_own(t, rule);
    for (uint32_t i = rule; own != FORESEEN_FAILS && bits_have(t->program->plan->leaves_nothing, i);) {
        i = t->set->rules[i].next;
        if (i == NOTHING || foresee_own(t, i) == FORESEEN_FAILS)
            return FORESEEN_FAILS_LATER;
    }
    return own;
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

bool do_light(struct waf_transaction *t, uint32_t rule)
{
    const struct waf_rule *r = &t->set->rules[rule];
    struct waf_value match;
    t->rule = rule;
    if (r->kind == RULE_CONDITION && (!find_match(t, &t->program->plan->tests[rule], &match) || !remember_match(t, &match, match.value, &(struct match){0, match.value.len})))
        return false;
    return act_lightly(t, r->written.actions);
}
