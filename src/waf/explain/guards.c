/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/explain/guards.h"

#define CLASS_PREFIX "attack-"

static struct bytes tag_text(const struct waf_rule_set *set, uint32_t rule, uint32_t tag)
{
    struct waf_template t = set->templates[set->rules[rule].written.tags.first + tag];
    return t.count == 1 && waf_template_is_literal(set, t) ? waf_text_bytes(set, set->parts[t.first].text) : (struct bytes){0};
}

static bool is_class(struct bytes tag)
{
    return tag.len > strlen(CLASS_PREFIX) && memcmp(tag.at, CLASS_PREFIX, strlen(CLASS_PREFIX)) == 0;
}

struct bytes guards_class(const struct waf_rule_set *set, uint32_t rule, size_t n)
{
    for (uint32_t i = 0; i < set->rules[rule].written.tags.count; i++)
        if (is_class(tag_text(set, rule, i)) && n-- == 0)
            return tag_text(set, rule, i);
    return (struct bytes){0};
}

static bool has_class(const struct waf_rule_set *set, uint32_t rule, struct bytes class)
{
    for (uint32_t i = 0; i < set->rules[rule].written.tags.count; i++)
        if (bytes_equal(tag_text(set, rule, i), class))
            return true;
    return false;
}

struct wanted {
    struct bytes name, key;
};

static struct wanted split(struct bytes variable)
{
    const uint8_t *colon = variable.len ? memchr(variable.at, ':', variable.len) : NULL;
    size_t at = colon ? (size_t)(colon - variable.at) : variable.len;
    return (struct wanted){bytes_slice(variable, 0, at), bytes_slice(variable, at + 1, SIZE_MAX)};
}

/* Expressions as selectors are taken to name what they may name: of a target all of it, of an exclusion nothing. */
static bool names(const struct waf_rule_set *set, const struct waf_target *t, const struct wanted *w)
{
    if (!bytes_equal_caseless(bytes_of_text(variable_names[t->variable]), w->name))
        return false;
    return t->selector == SELECTOR_NONE || (t->selector == SELECTOR_REGEX ? !t->exclusion : bytes_equal_caseless(waf_text_bytes(set, t->text), w->key));
}

static bool looks_at(const struct waf_rule_set *set, uint32_t rule, const struct wanted *w)
{
    const struct waf_rule *r = &set->rules[rule];
    bool found = false;
    for (uint32_t i = r->targets.first; i < r->targets.first + r->targets.count; i++) {
        if (set->targets[i].count || !names(set, &set->targets[i], w))
            continue;
        if (set->targets[i].exclusion)
            return false;
        found = true;
    }
    return found;
}

bool guards_find(const struct waf_rule_set *set, struct bytes class, struct bytes variable, uint32_t but, struct arena *a, struct guards *ret)
{
    struct wanted w = split(variable);
    *ret = (struct guards){0};
    for (uint32_t i = 0; i < set->rule_count; i++) {
        const struct waf_rule *r = &set->rules[i];
        if (r->kind != RULE_CONDITION || r->head != i || r->removed || i == but || !has_class(set, i, class) || !looks_at(set, i, &w))
            continue;
        uint32_t *grown = arena_grow(a, ret->rules, ret->count, &ret->capacity, sizeof *grown);
        if (!grown)
            return false;
        ret->rules = grown;
        grown[ret->count++] = i;
    }
    return true;
}

bool rule_is_sum(const struct waf_rule_set *set, uint32_t head)
{
    bool any = false;
    for (uint32_t r = head; r != NOTHING; r = set->rules[r].next)
        for (uint32_t i = set->rules[r].targets.first; i < set->rules[r].targets.first + set->rules[r].targets.count; i++) {
            uint8_t v = set->targets[i].variable;
            any = any || v == VARIABLE_TX;
            if (!set->targets[i].exclusion && v != VARIABLE_TX && v != VARIABLE_MATCHED_VAR && v != VARIABLE_MATCHED_VARS)
                return false;
        }
    return any;
}
