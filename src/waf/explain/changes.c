/* SPDX-License-Identifier: Apache-2.0 */
/* What switches a rule on and off, and what of the files changes it. */
#include "waf/explain/parts.h"

#include "waf/example/settings.h"
#include "waf/explain/words.h"
#include "waf/language/print.h"
#include "waf/operator/number.h"

/* Rules that take something from this one when they fire; a product's exclusions have dozens. */
#define TAKERS_SHOWN 4

/* `TX:x "@lt N"`, the one shape that paranoia levels have. */
static bool is_level(const struct waf_rule_set *set, uint32_t gate)
{
    const struct waf_rule *g = &set->rules[gate];
    if (g->targets.count != 1 || g->operator != OPERATOR_LT || g->negated || g->operand_macros)
        return false;
    const struct waf_target *t = &set->targets[g->targets.first];
    return t->variable == VARIABLE_TX && t->selector == SELECTOR_LITERAL && !t->count;
}

static int64_t level_of(const struct waf_rule_set *set, uint32_t gate)
{
    return number_of(waf_text_bytes(set, set->rules[gate].operand_text));
}

static struct bytes variable_of(const struct waf_rule_set *set, uint32_t gate)
{
    return waf_text_bytes(set, set->targets[set->rules[gate].targets.first].text);
}

/* Does a later gate ask for more of the same variable, or the same? */
static bool is_weaker(const struct waf_rule_set *set, uint32_t gate, uint32_t rule)
{
    struct bytes name = variable_of(set, gate);
    for (uint32_t other = gate + 1; gate_next(set, rule, other, &other); other++)
        if (is_level(set, other) && bytes_equal(variable_of(set, other), name) && level_of(set, other) >= level_of(set, gate))
            return true;
    return false;
}

static void put_level(const struct waf_rule_set *set, uint32_t gate, struct text *out)
{
    target_print(set, &set->targets[set->rules[gate].targets.first], out);
    text_printf(out, " is %lld or more (", (long long)level_of(set, gate));
}

static void put_condition(const struct waf_rule_set *set, const struct waf_rule *g, struct text *out)
{
    text_puts(out, "it is not so that ");
    for (uint32_t i = 0; i < g->targets.count; i++) {
        text_puts(out, i ? ", " : "");
        target_print(set, &set->targets[g->targets.first + i], out);
    }
    text_printf(out, " %s", operator_in_words(g->operator, g->negated));
    if (operator_operands[g->operator] != OPERAND_NONE) {
        text_puts(out, " ");
        explained_put(set, g->operand_text, out);
    }
    text_puts(out, " (");
}

bool explain_gates(const struct waf_rule_set *set, uint32_t head, struct arena *a, struct explained_lines *ret)
{
    for (uint32_t gate = 0; gate_next(set, head, gate, &gate); gate++) {
        struct text line = text_new(EXPLAINED_MAX);
        if (is_level(set, gate) && is_weaker(set, gate, head))
            continue;
        if (is_level(set, gate))
            put_level(set, gate, &line);
        else
            put_condition(set, &set->rules[gate], &line);
        text_puts(&line, "else ");
        explained_place(set, gate, &line);
        text_puts(&line, " passes over it)");
        if (!explained_line(ret, &line, a))
            return false;
    }
    return true;
}

/* ---- exceptions */

static bool ids_hold(const struct waf_rule_set *set, struct waf_span ids, int64_t id)
{
    for (uint32_t i = ids.first; id && i < ids.first + ids.count; i++)
        if (set->ids[i].first <= id && id <= set->ids[i].last)
            return true;
    return false;
}

static bool template_equals(const struct waf_rule_set *set, struct waf_template t, struct bytes text)
{
    return t.count == 1 && waf_template_is_literal(set, t) && bytes_equal(waf_text_bytes(set, set->parts[t.first].text), text);
}

static bool has_tag(const struct waf_rule_set *set, const struct waf_rule *r, struct bytes tag)
{
    for (uint32_t i = 0; i < r->written.tags.count; i++)
        if (template_equals(set, set->templates[r->written.tags.first + i], tag))
            return true;
    return false;
}

static bool has_message(const struct waf_rule_set *set, const struct waf_rule *r, struct bytes message)
{
    return r->written.has_msg && template_equals(set, r->written.msg, message);
}

static bool exception_is_of(const struct waf_rule_set *set, const struct waf_exception *e, const struct waf_rule *r)
{
    struct bytes text = waf_text_bytes(set, e->text);
    switch ((enum exception_kind)e->kind) {
    case EXCEPTION_REMOVE_BY_ID:
    case EXCEPTION_UPDATE_TARGET_BY_ID:
    case EXCEPTION_UPDATE_ACTION_BY_ID:
        return ids_hold(set, e->ids, r->id);
    case EXCEPTION_REMOVE_BY_MSG:
    case EXCEPTION_UPDATE_TARGET_BY_MSG:
        return has_message(set, r, text);
    case EXCEPTION_REMOVE_BY_TAG:
    case EXCEPTION_UPDATE_TARGET_BY_TAG:
        return has_tag(set, r, text);
    }
    return false;
}

static bool add_exception(const struct waf_rule_set *set, const struct waf_exception *e, struct arena *a, struct explained_lines *ret)
{
    static const char *const words[] = {"SecRuleRemoveById removes it", "SecRuleRemoveByMsg removes it", "SecRuleRemoveByTag removes it",
        "SecRuleUpdateTargetById changes where it looks: ", "SecRuleUpdateTargetByMsg changes where it looks: ", "SecRuleUpdateTargetByTag changes where it looks: ",
        "SecRuleUpdateActionById changes what it does"};
    struct text line = text_new(EXPLAINED_MAX);
    text_puts(&line, words[e->kind]);
    for (uint32_t i = 0; i < e->targets.count; i++) {
        text_puts(&line, i ? "|" : "");
        target_print(set, &set->targets[e->targets.first + i], &line);
    }
    text_puts(&line, " (");
    explained_put(set, set->files[e->file], &line);
    text_printf(&line, ":%u)", e->line);
    return explained_line(ret, &line, a);
}

/* ---- ctl of other rules */

static bool takes_from(const struct waf_rule_set *set, const struct waf_action *action, const struct waf_rule *r)
{
    if (action->kind != ACTION_CTL)
        return false;
    switch ((enum ctl)action->ctl) {
    case CTL_RULE_REMOVE_BY_ID:
    case CTL_RULE_REMOVE_TARGET_BY_ID:
        return ids_hold(set, action->ids, r->id);
    case CTL_RULE_REMOVE_BY_TAG:
    case CTL_RULE_REMOVE_TARGET_BY_TAG:
        return has_tag(set, r, waf_text_bytes(set, action->text));
    case CTL_RULE_REMOVE_BY_MSG:
    case CTL_RULE_REMOVE_TARGET_BY_MSG:
        return has_message(set, r, waf_text_bytes(set, action->text));
    default:
        return false;
    }
}

/* Does the rule look at any of the variable that the action takes from it? */
static bool concerns(const struct waf_rule_set *set, const struct waf_action *action, const struct waf_rule *r)
{
    if (ctl_shapes[action->ctl] != CTL_ID_TARGET && ctl_shapes[action->ctl] != CTL_TEXT_TARGET)
        return true;
    for (uint32_t i = r->targets.first; i < r->targets.first + r->targets.count; i++)
        if (set->targets[i].variable == action->target.variable && !set->targets[i].exclusion)
            return true;
    return false;
}

static bool add_taker(const struct waf_rule_set *set, uint32_t taker, const struct waf_action *action, struct arena *a, struct explained_lines *ret)
{
    struct text line = text_new(EXPLAINED_MAX);
    bool target = ctl_shapes[action->ctl] == CTL_ID_TARGET || ctl_shapes[action->ctl] == CTL_TEXT_TARGET;
    if (target)
        target_print(set, &action->target, &line);
    text_puts(&line, target ? " is taken out, when it fires, by " : "it is taken out, when it fires, by ");
    explained_place(set, set->rules[taker].head, &line);
    return explained_line(ret, &line, a);
}

static bool explain_takers(const struct waf_rule_set *set, const struct waf_rule *r, struct arena *a, struct explained_lines *ret)
{
    size_t found = 0;
    for (uint32_t i = 0; i < set->rule_count; i++) {
        struct waf_span actions = set->rules[i].written.actions;
        for (uint32_t j = actions.first; j < actions.first + actions.count; j++)
            if (takes_from(set, &set->actions[j], r) && concerns(set, &set->actions[j], r) &&
                ++found <= TAKERS_SHOWN && !add_taker(set, i, &set->actions[j], a, ret))
                return false;
    }
    if (found <= TAKERS_SHOWN)
        return true;
    struct text line = text_new(EXPLAINED_MAX);
    text_printf(&line, "and %zu times more, by ctl of other rules", found - TAKERS_SHOWN);
    return explained_line(ret, &line, a);
}

bool explain_changes(const struct waf_rule_set *set, uint32_t head, struct arena *a, struct explained_lines *ret)
{
    for (uint32_t i = 0; i < set->exception_count; i++)
        if (exception_is_of(set, &set->exceptions[i], &set->rules[head]) && !add_exception(set, &set->exceptions[i], a, ret))
            return false;
    return explain_takers(set, &set->rules[head], a, ret);
}
