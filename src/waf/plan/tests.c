/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/plan/tests.h"

#include "waf/operator/number.h"

bool plan_compares_numbers(uint8_t operator)
{
    return operator == OPERATOR_EQ || operator == OPERATOR_GE || operator == OPERATOR_GT || operator == OPERATOR_LE || operator == OPERATOR_LT;
}

static bool compares_texts(uint8_t operator)
{
    switch ((enum operator)operator) {
    case OPERATOR_BEGINS_WITH:
    case OPERATOR_ENDS_WITH:
    case OPERATOR_CONTAINS:
    case OPERATOR_STR_MATCH:
    case OPERATOR_CONTAINS_WORD:
    case OPERATOR_STR_EQ:
    case OPERATOR_WITHIN:
    case OPERATOR_RX:
        return true;
    default:
        return false;
    }
}

/* Its values stand in a list of that name, and rules may write to it or not. */
static bool is_list(uint8_t variable)
{
    switch ((enum variable)variable) {
    case VARIABLE_TX:
    case VARIABLE_ARGS:
    case VARIABLE_ARGS_GET:
    case VARIABLE_ARGS_POST:
    case VARIABLE_REQUEST_HEADERS:
    case VARIABLE_REQUEST_COOKIES:
    case VARIABLE_RESPONSE_HEADERS:
    case VARIABLE_FILES:
    case VARIABLE_MULTIPART_PART_HEADERS:
        return true;
    default:
        return false;
    }
}

/* What a message set, and nothing computes when it is asked for. */
static bool is_kept_scalar(uint8_t variable)
{
    switch ((enum variable)variable) {
    case VARIABLE_REQBODY_ERROR:
    case VARIABLE_REQBODY_PROCESSOR_ERROR:
    case VARIABLE_MULTIPART_STRICT_ERROR:
    case VARIABLE_MULTIPART_UNMATCHED_BOUNDARY:
    case VARIABLE_INBOUND_DATA_ERROR:
    case VARIABLE_OUTBOUND_DATA_ERROR:
    case VARIABLE_URLENCODED_ERROR:
    case VARIABLE_ARGS_COMBINED_SIZE:
    case VARIABLE_FILES_COMBINED_SIZE:
    case VARIABLE_REQUEST_BODY_LENGTH:
    case VARIABLE_FULL_REQUEST_LENGTH:
        return true;
    default:
        return false;
    }
}

/* What it compares with: a number, or a value of TX whose name is written out. False: something else. */
static bool take_operand(const struct waf_rule_set *set, const struct waf_rule *r, struct plan_test *ret)
{
    struct bytes operand = waf_text_bytes(set, r->operand_text);
    const struct waf_part *part = &set->parts[r->operand.first];
    ret->part = NOTHING;
    if (!r->operand_macros) {
        ret->number = r->operator == OPERATOR_EQ ? number_of_32(operand) : number_of(operand);
        return true;
    }
    ret->part = r->operand.first;
    return r->operator != OPERATOR_RX && r->operand.count == 1 && part->macro && part->variable == VARIABLE_TX && part->selector == SELECTOR_LITERAL;
}

/* A text that the message brings, or what it brings under one name. */
static bool is_text(const struct waf_target *w)
{
    bool is_list = variable_shapes[w->variable] == SHAPE_COLLECTION;
    return !w->count && variable_is_of_message(w->variable) && w->selector == (is_list ? SELECTOR_LITERAL : SELECTOR_NONE);
}

struct plan_test plan_test_of(const struct waf_rule_set *set, const struct waf_rule *r)
{
    struct plan_test none = {.kind = TEST_NONE};
    bool texts = compares_texts(r->operator);
    if (r->kind != RULE_CONDITION || (!texts && !plan_compares_numbers(r->operator)) || r->targets.count != 1 || r->transformations.count)
        return none;
    const struct waf_target *w = &set->targets[r->targets.first];
    struct plan_test ret = {.kind = w->count ? TEST_COUNT : TEST_NUMBER, .variable = w->variable, .operator = r->operator, .negated = r->negated,
        .named = w->selector == SELECTOR_LITERAL, .target = r->targets.first};
    if (texts)
        ret.kind = is_text(w) ? TEST_TEXT : TEST_NONE;
    bool scalar = !w->count && w->selector == SELECTOR_NONE && is_kept_scalar(w->variable);
    bool listed = is_list(w->variable) && (w->count ? w->selector != SELECTOR_REGEX : w->variable == VARIABLE_TX && ret.named);
    return !w->exclusion && (ret.kind == TEST_TEXT || (!texts && (scalar || listed))) && take_operand(set, r, &ret) ? ret : none;
}

bool plan_tests_alike(const struct waf_rule_set *set, const struct plan_test *a, const struct plan_test *b)
{
    if (a->kind == TEST_NONE || a->kind == TEST_TEXT || a->kind != b->kind || a->part != NOTHING || b->part != NOTHING)
        return false;
    return a->variable == b->variable && a->operator == b->operator && a->negated == b->negated && a->named == b->named && a->number == b->number &&
        (!a->named || bytes_equal(waf_text_bytes(set, set->targets[a->target].text), waf_text_bytes(set, set->targets[b->target].text)));
}

bool plan_acts_lightly(const struct waf_rule_set *set, const struct waf_effects *e)
{
    bool disrupts = e->block || (e->disruptive != DISRUPTIVE_UNSET && e->disruptive != DISRUPTIVE_PASS);
    for (uint32_t i = e->actions.first; i < e->actions.first + e->actions.count; i++)
        if (set->actions[i].kind != ACTION_SETVAR && set->actions[i].kind != ACTION_SKIP_AFTER)
            return false;
    return !disrupts && e->severity < 0 && !e->capture && !e->multi_match;
}

bool plan_is_unseen(const struct waf_rule_set *set, const struct waf_rule *r)
{
    const struct waf_default *defaults = &set->defaults[r->phase];
    const struct waf_effects *e = &r->written;
    bool is_event = r->kind != RULE_ACTION || e->has_msg || e->has_logdata || e->tags.count; /* an action without a message is none */
    return (!defaults->given || plan_acts_lightly(set, &defaults->effects)) && !defaults->effects.actions.count && (e->log == NO || !is_event);
}

bool plan_is_light(const struct waf_rule_set *set, const struct waf_rule *r)
{
    return plan_is_unseen(set, r) && !r->chain && !r->updates.count && plan_acts_lightly(set, &r->written);
}

/* What is done at each match; sanitiseArg and its like are done once a chain has matched. */
static bool is_at_once(uint8_t kind)
{
    switch ((enum action_kind)kind) {
    case ACTION_SETVAR:
    case ACTION_INITCOL:
    case ACTION_SETRSC:
    case ACTION_SETSID:
    case ACTION_SETUID:
    case ACTION_SANITISE_MATCHED:
    case ACTION_SANITISE_MATCHED_BYTES:
        return true;
    default:
        return false;
    }
}

bool plan_marks(const struct waf_rule_set *set, const struct waf_effects *e)
{
    for (uint32_t i = e->actions.first; i < e->actions.first + e->actions.count; i++)
        if (set->actions[i].kind == ACTION_SANITISE_MATCHED || set->actions[i].kind == ACTION_SANITISE_MATCHED_BYTES)
            return true;
    return false;
}

bool plan_acts_at_once(const struct waf_rule_set *set, const struct waf_rule *r)
{
    const struct waf_default *defaults = &set->defaults[r->phase];
    bool at_once = r->updates.count || (defaults->given && plan_marks(set, &defaults->effects));
    for (uint32_t i = r->written.actions.first; i < r->written.actions.first + r->written.actions.count; i++)
        at_once = at_once || is_at_once(set->actions[i].kind);
    return at_once;
}

bool plan_asks_outside(const struct waf_rule *r)
{
    return r->operator == OPERATOR_GEO_LOOKUP || r->operator == OPERATOR_RBL;
}

/* An expression that is known only when it is asked may not compile, which is said. */
static bool may_not_compile(const struct waf_rule *r)
{
    return r->operand_macros && (r->operator == OPERATOR_RX || r->operator == OPERATOR_RX_GLOBAL);
}

bool plan_leaves_nothing(const struct waf_rule_set *set, const struct waf_rule *r)
{
    return r->kind == RULE_CONDITION && !may_not_compile(r) && !plan_asks_outside(r) && !r->written.capture && !r->written.multi_match && !plan_acts_at_once(set, r);
}
