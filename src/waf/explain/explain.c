/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/explain/parts.h"

#include "waf/example/settings.h"
#include "waf/explain/words.h"
#include "waf/language/print.h"

#define PHRASES_SHOWN 12

static bool explain_targets(const struct waf_rule_set *set, const struct waf_rule *r, struct arena *a, struct explained_link *ret)
{
    for (uint32_t i = r->targets.first; i < r->targets.first + r->targets.count; i++) {
        struct text name = text_new(EXPLAINED_MAX), words = text_new(EXPLAINED_MAX);
        target_print(set, &set->targets[i], &name);
        target_in_words(set, &set->targets[i], &words);
        if (set->targets[i].from_update)
            text_puts(&words, " (an update took it out)");
        if (!explained_pair(&ret->where, explained_keep(&name, a), &words, a))
            return false;
    }
    return true;
}

static bool explain_transformations(const struct waf_rule_set *set, const struct waf_rule *r, struct arena *a, struct explained_link *ret)
{
    for (uint32_t i = r->transformations.first; i < r->transformations.first + r->transformations.count; i++) {
        struct text words = text_new(EXPLAINED_MAX);
        text_puts(&words, transformation_in_words(set->transformations[i]));
        if (!explained_pair(&ret->after, transformation_names[set->transformations[i]], &words, a))
            return false;
    }
    return true;
}

/* In the order of a file of phrases the first are as good as any. */
static bool explain_phrases(const struct phrases *p, struct arena *a, struct explained_link *ret)
{
    ret->phrase_count = p->count;
    for (size_t i = 0; i < p->count && i < PHRASES_SHOWN; i++) {
        struct text one = text_new(EXPLAINED_MAX);
        text_append(&one, p->items[i].at, p->items[i].len);
        if (!explained_line(&ret->phrases, &one, a))
            return false;
    }
    return true;
}

static bool explain_macros(const struct waf_rule_set *set, const struct waf_rule *r, struct arena *a, struct explained_link *ret)
{
    struct bytes text;
    if (!settings_operand(set, NULL, r, a, &text))
        return false;
    ret->comes_to = text.len ? arena_text(a, text.at, text.len) : NULL;
    return !text.len || ret->comes_to;
}

static bool explain_operator(const struct waf_program *p, uint32_t rule, struct arena *a, struct explained_link *ret)
{
    const struct waf_rule *r = &p->set->rules[rule];
    ret->finds = operator_in_words(r->operator, r->negated);
    if (operator_operands[r->operator] != OPERAND_NONE && r->operator != OPERATOR_PM) {
        struct text against = text_new(EXPLAINED_MAX);
        explained_put(p->set, r->operand_text, &against);
        ret->against = explained_keep(&against, a);
        if (!ret->against)
            return false;
    }
    if (r->operand_macros && !explain_macros(p->set, r, a, ret))
        return false;
    return (r->operator != OPERATOR_PM && r->operator != OPERATOR_PM_FROM_FILE) || explain_phrases(&p->operands[rule].phrases, a, ret);
}

static const char *file_name(const struct waf_rule_set *set, uint32_t file, struct arena *a)
{
    struct bytes name = waf_text_bytes(set, set->files[file]);
    return arena_text(a, name.at, name.len);
}

static bool explain_link(const struct waf_program *p, uint32_t rule, struct arena *a, struct explained_link *ret)
{
    const struct waf_rule *r = &p->set->rules[rule];
    ret->file = file_name(p->set, r->file, a);
    ret->line = r->line;
    if (!ret->file)
        return false;
    if (r->kind != RULE_CONDITION)
        return true;
    return explain_targets(p->set, r, a, ret) && explain_transformations(p->set, r, a, ret) && explain_operator(p, rule, a, ret);
}

static bool explain_message(const struct waf_rule_set *set, uint32_t rule, struct arena *a, struct explanation *ret)
{
    struct text message = text_new(EXPLAINED_MAX);
    for (uint32_t r = rule; r != NOTHING && !ret->message; r = set->rules[r].next)
        if (set->rules[r].written.has_msg) {
            template_print(set, set->rules[r].written.msg, &message);
            ret->message = explained_keep(&message, a);
            return ret->message != NULL;
        }
    return true;
}

bool rule_explain(const struct waf_program *p, uint32_t rule, struct arena *a, struct explanation *ret)
{
    const struct waf_rule_set *set = p->set;
    const struct waf_rule *r = &set->rules[rule];
    *ret = (struct explanation){.id = r->id, .phase = phase_in_words(r->phase), .phase_number = r->phase, .line = r->line, .removed = r->removed};
    ret->file = file_name(set, r->file, a);
    for (uint32_t i = rule; i != NOTHING; i = set->rules[i].next)
        ret->link_count++;
    ret->links = arena_array(a, ret->link_count, sizeof *ret->links);
    if (!ret->links || !ret->file || !explain_message(set, rule, a, ret))
        return false;
    size_t n = 0;
    for (uint32_t i = rule; i != NOTHING; i = set->rules[i].next)
        if (!explain_link(p, i, a, &ret->links[n++]))
            return false;
    return explain_effects(set, rule, a, &ret->effects) && explain_gates(set, rule, a, &ret->gates) && explain_changes(set, rule, a, &ret->changes);
}
