/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/example/settings.h"

#include "base/text.h"
#include "waf/operator/number.h"

/* Of a variable that is only to be there: as a limit, one that a message can pass. */
#define ANY_VALUE "100"
#define OPERAND_MAX ((size_t)1 << 20)

static bool leads_past(const struct waf_rule_set *set, uint32_t gate, uint32_t rule)
{
    const struct waf_rule *g = &set->rules[gate];
    for (uint32_t i = g->written.actions.first; i < g->written.actions.first + g->written.actions.count; i++)
        if (set->actions[i].kind == ACTION_SKIP_AFTER && set->actions[i].jump > rule)
            return true;
    return false;
}

bool gate_next(const struct waf_rule_set *set, uint32_t rule, uint32_t from, uint32_t *ret_gate)
{
    for (uint32_t i = from; i < rule; i++) {
        const struct waf_rule *g = &set->rules[i];
        if (g->kind != RULE_CONDITION || g->head != i || g->chain || g->removed || g->phase != set->rules[rule].phase || !leads_past(set, i, rule))
            continue;
        *ret_gate = i;
        return true;
    }
    return false;
}

/* Of two that are asked of one variable the larger: gates one behind another ask for ever higher levels. */
static bool add(struct settings *s, struct bytes name, struct bytes value, struct arena *a)
{
    for (size_t i = 0; i < s->count; i++)
        if (bytes_equal_caseless(s->items[i].name, name)) {
            if (number_of(value) > number_of(s->items[i].value))
                s->items[i].value = value;
            return true;
        }
    struct setting *grown = arena_grow(a, s->items, s->count, &s->capacity, sizeof *grown);
    if (!grown)
        return false;
    s->items = grown;
    grown[s->count++] = (struct setting){name, value};
    return true;
}

static bool add_number(struct settings *s, struct bytes name, int64_t n, struct arena *a)
{
    char *text = arena_format(a, "%lld", (long long)n);
    return text && add(s, name, bytes_of_text(text), a);
}

/* A value that the operator matches, or with `unlike` one that it does not. */
static bool add_for(const struct waf_rule_set *set, const struct waf_rule *r, struct bytes name, bool unlike, struct settings *ret, struct arena *a)
{
    struct bytes operand = waf_text_bytes(set, r->operand_text);
    int64_t n = number_of(operand);
    bool matched = r->negated == unlike;
    if (r->operand_macros)
        return true;
    switch ((enum operator)r->operator) {
    case OPERATOR_EQ:
        return add_number(ret, name, matched ? n : n + 1, a);
    case OPERATOR_GE:
    case OPERATOR_LT:
        return add_number(ret, name, matched == (r->operator == OPERATOR_GE) ? n : n - 1, a);
    case OPERATOR_GT:
    case OPERATOR_LE:
        return add_number(ret, name, matched == (r->operator == OPERATOR_GT) ? n + 1 : n, a);
    case OPERATOR_STR_EQ:
    case OPERATOR_CONTAINS:
    case OPERATOR_BEGINS_WITH:
    case OPERATOR_ENDS_WITH:
        return add(ret, name, matched ? operand : bytes_of_text("other"), a);
    default:
        return true;
    }
}

static bool sets(const struct waf_rule_set *set, const struct waf_action *action, struct bytes name)
{
    return action->kind == ACTION_SETVAR && action->variable == VARIABLE_TX && waf_template_is_literal(set, action->name) && action->name.count &&
           bytes_equal_caseless(waf_text_bytes(set, set->parts[action->name.first].text), name);
}

/* Do the rules of the chain themselves set it? */
static bool chain_sets(const struct waf_rule_set *set, uint32_t head, struct bytes name)
{
    for (uint32_t r = head; r != NOTHING; r = set->rules[r].next) {
        struct waf_span actions = set->rules[r].written.actions;
        for (uint32_t i = actions.first; i < actions.first + actions.count; i++)
            if (sets(set, &set->actions[i], name))
                return true;
    }
    return false;
}

static bool is_number(struct bytes name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.at[i] < '0' || name.at[i] > '9')
            return false;
    return true;
}

/* `unlike`: so that the rule does not match. */
static bool add_targets(const struct waf_rule_set *set, uint32_t rule, bool unlike, struct settings *ret, struct arena *a)
{
    const struct waf_rule *r = &set->rules[rule];
    for (uint32_t i = r->targets.first; i < r->targets.first + r->targets.count; i++) {
        const struct waf_target *t = &set->targets[i];
        struct bytes name = waf_text_bytes(set, t->text);
        if (t->exclusion || t->variable != VARIABLE_TX || t->selector != SELECTOR_LITERAL || is_number(name) || chain_sets(set, r->head, name))
            continue;
        int64_t count = number_of(waf_text_bytes(set, r->operand_text));
        bool there = r->operator == OPERATOR_EQ ? ((count == 0) == r->negated) != unlike : r->operator == OPERATOR_GE || r->operator == OPERATOR_GT;
        if (t->count ? there && !add(ret, name, bytes_of_text(ANY_VALUE), a) : !add_for(set, r, name, unlike, ret, a))
            return false;
    }
    return true;
}

/* A variable that is both counted and compared is set to what it is compared with. */
static bool add_compared_first(const struct waf_rule_set *set, uint32_t rule, struct settings *ret, struct arena *a)
{
    for (uint32_t r = rule; r != NOTHING; r = set->rules[r].next)
        if (set->rules[r].targets.count && !set->targets[set->rules[r].targets.first].count && !add_targets(set, r, false, ret, a))
            return false;
    for (uint32_t r = rule; r != NOTHING; r = set->rules[r].next)
        if (!add_targets(set, r, false, ret, a))
            return false;
    return true;
}

bool settings_find(const struct waf_rule_set *set, uint32_t rule, struct arena *a, struct settings *ret)
{
    *ret = (struct settings){0};
    for (uint32_t gate = 0; gate_next(set, rule, gate, &gate); gate++)
        if (!add_targets(set, gate, true, ret, a))
            return false;
    return add_compared_first(set, rule, ret, a);
}

const struct bytes *settings_value(const struct waf_rule_set *set, const struct settings *settings, struct bytes name, struct bytes *hold)
{
    for (size_t i = 0; settings && i < settings->count; i++)
        if (bytes_equal_caseless(settings->items[i].name, name)) {
            *hold = settings->items[i].value;
            return hold;
        }
    for (uint32_t i = 0; i < set->action_count; i++) {
        const struct waf_action *action = &set->actions[i];
        if (!sets(set, action, name) || action->operation != SETVAR_SET || action->value.count != 1 || !waf_template_is_literal(set, action->value))
            continue;
        *hold = waf_text_bytes(set, set->parts[action->value.first].text);
        return hold;
    }
    return NULL;
}

bool settings_is_fixed(const struct waf_rule_set *set, struct bytes name)
{
    for (uint32_t i = 0; i < set->action_count; i++)
        if (sets(set, &set->actions[i], name) && (set->actions[i].operation == SETVAR_ADD || set->actions[i].operation == SETVAR_SUBTRACT))
            return false;
    return true;
}

bool settings_operand(const struct waf_rule_set *set, const struct settings *settings, const struct waf_rule *rule, struct arena *a, struct bytes *ret)
{
    struct text t = text_new(OPERAND_MAX);
    *ret = waf_text_bytes(set, rule->operand_text);
    if (!rule->operand_macros)
        return true;
    for (uint32_t i = rule->operand.first; i < rule->operand.first + rule->operand.count; i++) {
        const struct waf_part *part = &set->parts[i];
        struct bytes hold, text = waf_text_bytes(set, part->text);
        const struct bytes *known = !part->macro ? &text : part->variable == VARIABLE_TX ? settings_value(set, settings, text, &hold) : NULL;
        if (known && known->len)
            text_append(&t, known->at, known->len);
    }
    char *copy = t.failed ? NULL : arena_text(a, text_cstr(&t), t.len);
    size_t len = t.len;
    text_free(&t);
    *ret = bytes_of(copy, len);
    return copy != NULL;
}
