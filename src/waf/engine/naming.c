/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/engine/naming.h"

#include "base/find.h"
#include "waf/engine/transaction.h"

/* ---- rules that are so */

/* %{tx.0}. */
static bool is_captured(const struct waf_program *p, uint32_t part)
{
    return p->set->parts[part].macro && p->set->parts[part].variable == VARIABLE_TX && p->parts[part].number == 0;
}

/* What the one %{tx.0} of a template stands between. False: it is something else. */
static bool split(const struct waf_program *p, struct waf_template template, struct bytes *ret_before, struct bytes *ret_behind)
{
    struct bytes *around = ret_before;
    *ret_before = *ret_behind = (struct bytes){0};
    for (uint32_t i = template.first; i < template.first + template.count; i++) {
        if (is_captured(p, i) && around == ret_before)
            around = ret_behind;
        else if (p->set->parts[i].macro || around->len)
            return false;
        else
            *around = p->parts[i].name;
    }
    return around == ret_behind;
}

/* The one value of TX that the rule sets. */
static bool take_setvar(const struct waf_program *p, const struct waf_rule *r, struct naming *ret)
{
    uint32_t found = NOTHING;
    struct bytes rest;
    for (uint32_t i = r->written.actions.first; i < r->written.actions.first + r->written.actions.count; i++) {
        if (p->set->actions[i].kind == ACTION_SETVAR && found != NOTHING)
            return false;
        found = p->set->actions[i].kind == ACTION_SETVAR ? i : found;
    }
    if (found == NOTHING)
        return false;
    const struct waf_action *a = &p->set->actions[found];
    return a->variable == VARIABLE_TX && a->operation == SETVAR_SET && split(p, a->name, &ret->front, &rest) && ret->front.len && !rest.len &&
        split(p, a->value, &ret->before, &ret->behind);
}

/* Matches every value, and finds all of it. */
static bool takes_all(const struct waf_program *p, const struct waf_rule *r)
{
    struct bytes operand = waf_text_bytes(p->set, r->operand_text);
    return r->operator == OPERATOR_RX && !r->negated && !r->operand_macros && r->written.capture && !r->written.multi_match &&
        (bytes_equal(operand, bytes_of_text("^.*$")) || bytes_equal(operand, bytes_of_text(".*")));
}

/* Of the rule's one target: all that stands in a list of the message. */
static bool takes_list(const struct waf_program *p, const struct waf_rule *r)
{
    uint32_t target = r->targets.first;
    return r->targets.count == 1 && p->prepared.targets[target].way == WAY_LISTED && !p->set->targets[target].exclusion && p->targets[target].kind == SELECTOR_NONE;
}

/* TX:/^front/, or less of it, and no name that rules write out. */
static bool selects_front(const struct waf_program *p, const struct waf_rule *next, struct bytes front)
{
    const struct waf_target *w = &p->set->targets[next->targets.first];
    struct bytes e = waf_text_bytes(p->set, w->text), literal = bytes_slice(e, 1, e.len);
    if (next->targets.count != 1 || w->exclusion || w->count || w->variable != VARIABLE_TX || w->selector != SELECTOR_REGEX || !literal.len || e.at[0] != '^')
        return false;
    for (size_t i = 0; i < literal.len; i++)
        if (literal.at[i] != '_' && literal.at[i] != '-' && !byte_is_alnum(literal.at[i]))
            return false;
    for (uint32_t i = 0; i < p->names.count; i++)
        if (bits_have(p->targets[next->targets.first].known, i) || bytes_begin_caseless(p->names.items[i].text, front))
            return false;
    return bytes_begin_caseless(front, literal);
}

/* What is known before the rule sets anything. */
static bool take_operand(const struct waf_program *p, const struct waf_rule *next, struct naming *ret)
{
    ret->with = NOTHING;
    ret->text = waf_text_bytes(p->set, next->operand_text);
    if (!next->operand_macros)
        return true;
    const struct waf_part *part = &p->set->parts[next->operand.first];
    ret->with = p->parts[next->operand.first].number;
    return next->operand.count == 1 && part->macro && part->variable == VARIABLE_TX && part->selector == SELECTOR_LITERAL && ret->with != NOTHING && ret->with >= CAPTURES_KNOWN;
}

static bool is_naming(const struct waf_program *p, uint32_t rule, struct naming *ret)
{
    const struct waf_rule *r = &p->set->rules[rule];
    if (r->kind != RULE_CONDITION || r->head != rule || !r->chain || r->next == NOTHING)
        return false;
    const struct waf_rule *next = &p->set->rules[r->next];
    ret->target = r->targets.first;
    return !r->updates.count && !p->prepared.rules[rule].marks_at_once && takes_all(p, r) && takes_list(p, r) && take_setvar(p, r, ret) &&
        !next->chain && next->operator == OPERATOR_WITHIN && !next->negated && !next->transformations.count && take_operand(p, next, ret) && selects_front(p, next, ret->front);
}

const struct naming **namings_find(const struct waf_program *p, struct arena *a)
{
    const struct naming **ret = arena_array(a, p->set->rule_count, sizeof *ret);
    for (uint32_t i = 0; ret && i < p->set->rule_count; i++) {
        struct naming found, *kept;
        if (!is_naming(p, i, &found))
            continue;
        kept = arena_alloc(a, sizeof *kept);
        if (!kept)
            return NULL;
        *kept = found;
        ret[i] = kept;
    }
    return ret;
}

/* ---- of a transaction */

/* The value that it would be given is not within what the next rule has, for certain. */
static bool is_not_within(const struct waf_transaction *t, const struct naming *n, struct bytes text, struct bytes with)
{
    struct bytes value;
    struct match ignored;
    if (text.len && bytes_find(with, text) == FOUND_NOWHERE)
        return true;
    return bytes_join(n->before, text, n->behind, t->arena, &value) && !texts_match(OPERATOR_WITHIN, value, with, &ignored);
}

/* The names, each with its text behind; the last text in `*ret_last`. NULL: one is within, or memory is out. */
static struct bytes *make_names(struct waf_transaction *t, uint32_t rule, const struct naming *n, struct bytes *ret_last)
{
    const struct waf_rule *r = &t->set->rules[rule];
    const struct prepared_target *target = &t->program->prepared.targets[n->target];
    const struct waf_values *list = &t->lists[target->source];
    const struct waf_value *with = n->with == NOTHING ? NULL : values_known(&t->lists[VARIABLE_TX], n->with);
    struct bytes within = n->with == NOTHING ? n->text : with ? with->value : (struct bytes){0};
    struct bytes *ret = arena_buffer(t->arena, list->count * sizeof *ret);
    for (size_t i = 0; ret && i < list->count; i++) {
        struct waf_form *f = target->is_name ? list->items[i].name_form : list->items[i].form;
        if (f)
            f = form_steps(&t->forms, f, &t->set->transformations[r->transformations.first], r->transformations.count);
        if (!f || !is_not_within(t, n, f->text, within) || !bytes_join(n->front, f->text, (struct bytes){0}, t->arena, &ret[i]))
            return NULL;
        *ret_last = f->text;
    }
    return ret;
}

bool naming_passes(struct waf_transaction *t, uint32_t rule)
{
    const struct naming *n = t->program->namings[rule];
    struct waf_values *tx = &t->lists[VARIABLE_TX];
    size_t count = n ? t->lists[t->program->prepared.targets[n->target].source].count : 0;
    struct bytes last = {0};
    if (!count || t->removals.count || t->options.profile || tx->known->stranger_count || tx->known->waiting.count)
        return false;
    struct bytes *names = make_names(t, rule, n, &last);
    if (!names || !values_lend_known(tx, VARIABLE_TX, 0, tx->known->names->items[0].text, last, t->arena))
        return false;
    tx->known->waiting = (struct waiting_values){names, count, n->front.len, n->before, n->behind, tx->count};
    return true;
}
