/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/language/reading.h"

static struct waf_rule rule_new(const struct reading *r, const struct piece *word, enum rule_kind kind)
{
    return (struct waf_rule){.kind = (uint8_t)kind, .phase = WAF_PHASE_DEFAULT, .file = r->source->index,
        .line = source_line(word->source, word->at), .head = NOTHING, .next = NOTHING, .maturity = -1, .accuracy = -1,
        .written = {.severity = -1}};
}

/* Appends it; its index, NOTHING when memory is out. */
static uint32_t rule_add(struct draft *d, const struct waf_rule *rule, const struct piece *word)
{
    struct piece *place = DRAFT_ADD(d, rule_places);
    if (place)
        *place = *word;
    struct waf_rule *made = place ? DRAFT_ADD(d, rules) : NULL;
    if (!made)
        return NOTHING;
    *made = *rule;
    uint32_t index = (uint32_t)(d->rules.count - 1);
    if (made->head == NOTHING)
        made->head = index;
    return index;
}

/* Only SecRule goes on with a chain. */
static void chain_interrupted(struct reading *r, const struct piece *word)
{
    if (r->open_chain == NOTHING)
        return;
    char shown[40];
    piece_error(word, "a chain goes on with SecRule", "%s within a chain", piece_shown(word, shown, sizeof shown));
    r->draft->rules.items[r->open_chain].chain = false;
    r->open_chain = NOTHING;
}

/* Joins the rule to the chain that is open. */
static void chain_join(struct reading *r, struct waf_rule *rule, const struct piece *word)
{
    const struct waf_rule *before = &r->draft->rules.items[r->open_chain];
    rule->head = before->head;
    if (rule->id)
        piece_warning(word, "logs and removals go by the id of the chain's first rule", "a chained rule needs no id");
    if (rule->phase_given && rule->phase != before->phase)
        piece_warning(word, NULL, "a chained rule runs in its first rule's phase, which is %u", before->phase);
    rule->phase = before->phase;
}

static void head_check(const struct waf_rule *rule, const struct piece *word)
{
    if (!rule->id && rule->kind == RULE_CONDITION)
        piece_error(word, "add id:NUMBER to its actions", "the rule has no id");
    else if (!rule->id)
        piece_warning(word, "add id:NUMBER to its actions", "without an id nothing can name this action");
    if (!rule->phase_given)
        piece_warning(word, "write phase:1 or phase:2", "no phase: it runs in phase 1, as in ModSecurity 3, whose manual says 2");
}

/* The operator's argument; without quotes its operand is the next word. */
static bool operator_take(const struct piece *word, struct piece *rest, struct piece *ret)
{
    struct piece before = *rest, operand;
    enum argument a = argument_next(&before, ret);
    *rest = before;
    if (a == ARGUMENT_NONE)
        return piece_error(word, NULL, "SecRule needs an operator");
    if (a != ARGUMENT_BARE || !operator_wants_word(ret))
        return a != ARGUMENT_BAD;
    if (argument_next(rest, &operand) != ARGUMENT_BARE)
        return piece_error(ret, "put the operator and its operand into quotes", "the operand is missing");
    *ret = (struct piece){.source = ret->source, .at = ret->at,
        .text = bytes_slice(ret->source->text, ret->at, operand.at + operand.text.len - ret->at)};
    return true;
}

/* Targets, an operator and, most of the time, actions. */
static bool condition_read(struct reading *r, const struct piece *word, struct piece *rest, enum action_place place, struct waf_rule *rule)
{
    struct piece targets, operator, actions;
    if (!argument_take(word, rest, "targets", &targets))
        return false;
    bool ok = targets_read(r->draft, &targets, &rule->written_targets);
    if (!operator_take(word, rest, &operator))
        return false;
    ok = operator_read(r, &operator, rule) && ok;
    enum argument a = argument_next(rest, &actions);
    if (a == ARGUMENT_NONE || a == ARGUMENT_BAD)
        return ok && a == ARGUMENT_NONE;
    ok = actions_read(r->draft, &actions, place, &rule->written, rule) && ok;
    return argument_end(rest) && ok;
}

void rule_read(struct reading *r, const struct piece *word, struct piece rest)
{
    struct waf_rule rule = rule_new(r, word, RULE_CONDITION);
    bool chained = r->open_chain != NOTHING;
    bool ok = condition_read(r, word, &rest, chained ? PLACE_CHAINED : PLACE_RULE, &rule);
    if (chained)
        chain_join(r, &rule, word);
    else if (ok || rule.id) /* else the id may be where it could not be read */
        head_check(&rule, word);
    uint32_t index = rule_add(r->draft, &rule, word);
    if (index == NOTHING)
        return;
    if (chained)
        r->draft->rules.items[r->open_chain].next = index;
    r->open_chain = rule.chain ? index : NOTHING;
}

void action_directive_read(struct reading *r, const struct piece *word, struct piece rest)
{
    struct waf_rule rule = rule_new(r, word, RULE_ACTION);
    struct piece actions;
    chain_interrupted(r, word);
    if (!argument_take(word, &rest, "actions", &actions))
        return;
    bool ok = actions_read(r->draft, &actions, PLACE_RULE, &rule.written, &rule);
    ok = argument_end(&rest) && ok;
    if (rule.chain) {
        piece_error(word, NULL, "SecAction begins no chain");
        rule.chain = false;
    }
    if (ok || rule.id)
        head_check(&rule, word);
    (void)rule_add(r->draft, &rule, word);
}

void marker_read(struct reading *r, const struct piece *word, struct piece rest)
{
    struct waf_rule rule = rule_new(r, word, RULE_MARKER);
    struct piece label;
    chain_interrupted(r, word);
    if (!argument_take(word, &rest, "a label", &label) || !argument_end(&rest))
        return;
    size_t n = label.text.len;
    if (n > 2 && label.text.at[0] == '\'' && label.text.at[n - 1] == '\'')
        label = piece_slice(&label, 1, n - 2);
    if (label.text.len == 0) {
        piece_error(word, NULL, "the label is empty");
        return;
    }
    rule.label = draft_text(r->draft, label.text);
    (void)rule_add(r->draft, &rule, word);
}

void default_action_read(struct reading *r, const struct piece *word, struct piece rest)
{
    struct waf_rule rule = rule_new(r, word, RULE_ACTION); /* only for its phase */
    struct waf_effects effects;
    struct piece actions;
    if (!argument_take(word, &rest, "actions", &actions) || !actions_read(r->draft, &actions, PLACE_DEFAULT, &effects, &rule) ||
        !argument_end(&rest))
        return;
    struct waf_default *into = &r->draft->set.defaults[rule.phase];
    if (effects.disruptive == DISRUPTIVE_UNSET) {
        piece_error(word, "say pass, deny, drop, redirect or allow", "SecDefaultAction does not say what `block` means");
    } else if (into->given) {
        const struct source *first = r->sources->items[into->file];
        piece_error(word, NULL, "phase %u has its default actions already, from %s:%u", rule.phase, first->name, into->line);
    } else {
        *into = (struct waf_default){.given = true, .file = r->source->index, .line = rule.line, .effects = effects};
    }
}

static bool removed_ids_read(struct reading *r, const struct piece *word, struct piece *rest, struct waf_exception *e)
{
    struct draft *d = r->draft;
    size_t first = d->ids.count;
    struct piece p;
    bool ok = argument_take(word, rest, "ids", &p);
    for (enum argument a = ok ? ARGUMENT_BARE : ARGUMENT_BAD; a != ARGUMENT_NONE; a = argument_next(rest, &p)) {
        if (a == ARGUMENT_BAD)
            return false;
        ok = id_list_read(d, &p) && ok;
    }
    e->ids = DRAFT_SPAN(d, ids, first);
    return ok;
}

/* What an update is for: ids, or a text. */
static bool subject_read(struct reading *r, const struct piece *p, bool by_id, struct waf_exception *e)
{
    if (!by_id) {
        e->text = draft_text(r->draft, p->text);
        return p->text.len > 0 || piece_error(p, NULL, "the text is empty");
    }
    size_t first = r->draft->ids.count;
    bool ok = id_list_read(r->draft, p);
    e->ids = DRAFT_SPAN(r->draft, ids, first);
    if (ok && e->ids.count && (e->ids.count > 1 || r->draft->ids.items[first].first != r->draft->ids.items[first].last))
        piece_warning(p, NULL, "it acts on all these rules; ModSecurity 3 acts on the first id alone");
    return ok;
}

void exception_read(struct reading *r, const struct piece *word, struct piece rest, enum exception_kind kind)
{
    struct waf_exception e = {.kind = (uint8_t)kind, .file = r->source->index, .line = source_line(word->source, word->at),
        .effects = {.severity = -1}};
    struct piece subject, what;
    bool by_id = kind == EXCEPTION_UPDATE_TARGET_BY_ID || kind == EXCEPTION_UPDATE_ACTION_BY_ID, ok;
    if (kind == EXCEPTION_REMOVE_BY_ID) {
        ok = removed_ids_read(r, word, &rest, &e);
    } else {
        ok = argument_take(word, &rest, by_id ? "an id" : "a text", &subject) && subject_read(r, &subject, by_id, &e);
        if (ok && kind == EXCEPTION_UPDATE_ACTION_BY_ID) {
            struct waf_rule unused = {0};
            ok = argument_take(word, &rest, "actions", &what) && actions_read(r->draft, &what, PLACE_UPDATE, &e.effects, &unused);
        } else if (ok && kind >= EXCEPTION_UPDATE_TARGET_BY_ID) {
            ok = argument_take(word, &rest, "targets", &what) && targets_read(r->draft, &what, &e.targets);
        }
        ok = ok && argument_end(&rest);
    }
    struct waf_exception *made = ok ? DRAFT_ADD(r->draft, exceptions) : NULL;
    if (made)
        *made = e;
}
