/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/engine/prepared.h"

#include "waf/engine/comparison.h"
#include "waf/plan/plan.h"
#include "waf/plan/tests.h"

const uint8_t variable_named_lists[VARIABLE_COUNT] = {
    [VARIABLE_ARGS_NAMES] = VARIABLE_ARGS + 1,
    [VARIABLE_ARGS_GET_NAMES] = VARIABLE_ARGS_GET + 1,
    [VARIABLE_ARGS_POST_NAMES] = VARIABLE_ARGS_POST + 1,
    [VARIABLE_REQUEST_HEADERS_NAMES] = VARIABLE_REQUEST_HEADERS + 1,
    [VARIABLE_RESPONSE_HEADERS_NAMES] = VARIABLE_RESPONSE_HEADERS + 1,
    [VARIABLE_REQUEST_COOKIES_NAMES] = VARIABLE_REQUEST_COOKIES + 1,
    [VARIABLE_MATCHED_VARS_NAMES] = VARIABLE_MATCHED_VARS + 1,
};

/* Made when a rule asks for it: variables.c. */
static bool is_made(uint8_t variable)
{
    switch (variable) {
    case VARIABLE_DURATION:
    case VARIABLE_HIGHEST_SEVERITY:
    case VARIABLE_MATCHED_VAR_NAME:
    case VARIABLE_TIME:
    case VARIABLE_TIME_DAY:
    case VARIABLE_TIME_EPOCH:
    case VARIABLE_TIME_HOUR:
    case VARIABLE_TIME_MIN:
    case VARIABLE_TIME_MON:
    case VARIABLE_TIME_SEC:
    case VARIABLE_TIME_WDAY:
    case VARIABLE_TIME_YEAR:
        return true;
    default:
        return false;
    }
}

static enum target_way way_of(const struct waf_target *w, const struct selection *s, bool excluded)
{
    bool listed = variable_shapes[w->variable] == SHAPE_COLLECTION && variable_is_of_message(w->variable);
    if (listed && !w->count)
        return WAY_LISTED;
    if (excluded)
        return WAY_GATHERED;
    if (w->count)
        return listed || w->variable == VARIABLE_TX ? WAY_COUNTED : WAY_GATHERED;
    if (variable_shapes[w->variable] == SHAPE_SCALAR)
        return is_made(w->variable) ? WAY_GATHERED : WAY_TEXT;
    return w->variable == VARIABLE_TX && s->kind == SELECTOR_LITERAL && s->number != NOTHING ? WAY_KNOWN : WAY_GATHERED;
}

static bool excludes(const struct waf_rule_set *set, struct waf_span targets, uint8_t variable)
{
    for (uint32_t i = targets.first; i < targets.first + targets.count; i++)
        if (set->targets[i].exclusion && set->targets[i].variable == variable)
            return true;
    return false;
}

static void prepare_targets(const struct waf_rule_set *set, const struct selection *selections, struct waf_span targets, struct prepared_target *ret)
{
    for (uint32_t i = targets.first; i < targets.first + targets.count; i++) {
        const struct waf_target *w = &set->targets[i];
        bool excluded = excludes(set, targets, w->variable);
        ret[i] = (struct prepared_target){
            .way = (uint8_t)way_of(w, &selections[i], excluded),
            .source = variable_source(w->variable),
            .is_name = variable_source(w->variable) != w->variable,
            .has_forms = variable_is_of_message(w->variable),
            .is_excluded = excluded,
        };
    }
}

static bool acts_later(const struct waf_rule_set *set, struct waf_span actions)
{
    for (uint32_t i = actions.first; i < actions.first + actions.count; i++)
        if (set->actions[i].kind != ACTION_SETVAR)
            return true;
    return false;
}

static bool says_nothing(const struct waf_effects *e)
{
    return !e->has_msg && !e->has_logdata && !e->tags.count && e->severity < 0;
}

static struct prepared_rule prepare_rule(const struct waf_rule_set *set, const struct waf_rule *r)
{
    const struct waf_default *defaults = &set->defaults[r->phase];
    struct bytes argument = waf_text_bytes(set, r->operand_text);
    bool transforms = r->transformations.count, is_detector = r->operator == OPERATOR_DETECT_SQLI || r->operator == OPERATOR_DETECT_XSS;
    bool marks_at_once = plan_marks(set, &r->written) || (defaults->given && plan_marks(set, &defaults->effects));
    return (struct prepared_rule){
        .acts_at_once = plan_acts_at_once(set, r),
        .marks_at_once = marks_at_once,
        .acts_later = acts_later(set, r->written.actions),
        .is_plain = !r->updates.count && says_nothing(&r->written) && (!defaults->given || (says_nothing(&defaults->effects) && !defaults->effects.actions.count)),
        .log = r->written.log != UNSET || !defaults->given ? r->written.log : defaults->effects.log,
        .compares = r->kind == RULE_CONDITION && plan_compares_numbers(r->operator) && !r->operand_macros && !transforms,
        .needs_form = transforms || is_detector,
        .may_peek = !transforms && !is_detector && !r->written.capture && !plan_asks_outside(r),
        .argument = argument,
        .number = operand_number(r->operator, argument),
    };
}

static struct prepared_action prepare_action(const struct waf_rule_set *set, const struct waf_action *a, const struct selection *name)
{
    bool known = a->kind == ACTION_SETVAR && name->number != NOTHING;
    if (known && a->operation == SETVAR_ONE)
        return (struct prepared_action){true, bytes_of_text("1")};
    if (known && a->operation == SETVAR_SET && waf_template_is_literal(set, a->value))
        return (struct prepared_action){true, waf_template_text(set, a->value)};
    return (struct prepared_action){0};
}

bool prepared_make(const struct waf_rule_set *set, const struct selection *targets, const struct selection *actions, struct arena *a, struct prepared_rules *ret)
{
    *ret = (struct prepared_rules){
        .rules = arena_array(a, set->rule_count, sizeof *ret->rules),
        .targets = arena_array(a, set->target_count, sizeof *ret->targets),
        .actions = arena_array(a, set->action_count, sizeof *ret->actions),
    };
    if (!ret->rules || !ret->targets || !ret->actions)
        return false;
    for (uint32_t i = 0; i < set->rule_count; i++) {
        ret->rules[i] = prepare_rule(set, &set->rules[i]);
        prepare_targets(set, targets, set->rules[i].targets, ret->targets);
    }
    for (uint32_t i = 0; i < set->action_count; i++)
        ret->actions[i] = prepare_action(set, &set->actions[i], &actions[i]);
    return true;
}
