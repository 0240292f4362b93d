/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/language/reading.h"
#include "waf/transform/transform.h"

static bool ids_hold(const struct draft *d, struct waf_span ids, int64_t id)
{
    for (uint32_t i = 0; i < ids.count; i++)
        if (d->ids.items[ids.first + i].first <= id && id <= d->ids.items[ids.first + i].last)
            return true;
    return false;
}

/* A text with macros is another one in each transaction: nothing here equals it. */
static bool template_equals(const struct draft *d, struct waf_template t, struct bytes text)
{
    if (t.count == 0)
        return text.len == 0;
    const struct waf_part *part = &d->parts.items[t.first];
    return t.count == 1 && !part->macro && bytes_equal(draft_bytes(d, part->text), text);
}

static bool has_tag(const struct draft *d, const struct waf_rule *rule, struct bytes tag)
{
    for (uint32_t i = 0; i < rule->written.tags.count; i++)
        if (template_equals(d, d->templates.items[rule->written.tags.first + i], tag))
            return true;
    return false;
}

static bool exception_names(const struct draft *d, const struct waf_exception *e, const struct waf_rule *rule)
{
    if (rule->kind == RULE_MARKER)
        return false;
    switch ((enum exception_kind)e->kind) {
    case EXCEPTION_REMOVE_BY_ID:
    case EXCEPTION_UPDATE_TARGET_BY_ID:
    case EXCEPTION_UPDATE_ACTION_BY_ID:
        return ids_hold(d, e->ids, rule->id);
    case EXCEPTION_REMOVE_BY_MSG:
    case EXCEPTION_UPDATE_TARGET_BY_MSG:
        return rule->written.has_msg && template_equals(d, rule->written.msg, draft_bytes(d, e->text));
    case EXCEPTION_REMOVE_BY_TAG:
    case EXCEPTION_UPDATE_TARGET_BY_TAG:
        return has_tag(d, rule, draft_bytes(d, e->text));
    }
    return false;
}

static bool removes(const struct waf_exception *e)
{
    return e->kind == EXCEPTION_REMOVE_BY_ID || e->kind == EXCEPTION_REMOVE_BY_MSG || e->kind == EXCEPTION_REMOVE_BY_TAG;
}

static bool updates_targets(const struct waf_exception *e)
{
    return e->kind == EXCEPTION_UPDATE_TARGET_BY_ID || e->kind == EXCEPTION_UPDATE_TARGET_BY_MSG || e->kind == EXCEPTION_UPDATE_TARGET_BY_TAG;
}

static void removal_resolve(struct draft *d, struct waf_rule *rule, uint32_t index)
{
    rule->removed = rule->head != index && d->rules.items[rule->head].removed;
    for (size_t i = 0; i < d->exceptions.count && rule->head == index; i++)
        if (removes(&d->exceptions.items[i]) && exception_names(d, &d->exceptions.items[i], rule))
            rule->removed = true;
}

/*
 * Does the exclusion name all that the target names? Case does not count between a rule's own names; it does when
 * an update brought the exclusion, and for what is counted.
 */
static bool excludes_whole(const struct draft *d, const struct waf_target *exclusion, const struct waf_target *t, bool update)
{
    if (exclusion->variable != t->variable || exclusion->selector != t->selector)
        return false;
    struct bytes a = draft_bytes(d, exclusion->text), b = draft_bytes(d, t->text);
    if (update || t->count || t->selector == SELECTOR_REGEX)
        return bytes_equal(a, b);
    return bytes_equal_caseless(a, b);
}

/* Do the exceptions or the rule itself exclude all of it? */
static bool is_excluded(const struct draft *d, const struct waf_rule *rule, const struct waf_target *t)
{
    for (uint32_t i = 0; i < rule->written_targets.count; i++) {
        const struct waf_target *other = &d->targets.items[rule->written_targets.first + i];
        if (other->exclusion && excludes_whole(d, other, t, false))
            return true;
    }
    for (size_t i = 0; i < d->exceptions.count; i++) {
        const struct waf_exception *e = &d->exceptions.items[i];
        if (!updates_targets(e) || !exception_names(d, e, rule))
            continue;
        for (uint32_t j = 0; j < e->targets.count; j++) {
            const struct waf_target *other = &d->targets.items[e->targets.first + j];
            if (other->exclusion && excludes_whole(d, other, t, true))
                return true;
        }
    }
    return false;
}

static void target_append(struct draft *d, struct waf_target t)
{
    struct waf_target *made = DRAFT_ADD(d, targets);
    if (made)
        *made = t;
}

/* Those of a span that are exclusions, or those that are none. */
static void targets_append(struct draft *d, const struct waf_rule *rule, struct waf_span span, bool exclusions, bool written)
{
    for (uint32_t i = 0; i < span.count && !d->failed; i++) {
        struct waf_target t = d->targets.items[span.first + i];
        if (t.exclusion != exclusions || (!exclusions && written && is_excluded(d, rule, &t)))
            continue;
        t.from_update = exclusions && !written;
        target_append(d, t);
    }
}

static bool targets_change(const struct draft *d, const struct waf_rule *rule)
{
    for (uint32_t i = 0; i < rule->written_targets.count; i++)
        if (d->targets.items[rule->written_targets.first + i].exclusion)
            return true;
    for (size_t i = 0; i < d->exceptions.count; i++)
        if (updates_targets(&d->exceptions.items[i]) && exception_names(d, &d->exceptions.items[i], rule))
            return true;
    return false;
}

static void targets_resolve(struct draft *d, struct waf_rule *rule)
{
    rule->targets = rule->written_targets;
    if (rule->kind != RULE_CONDITION || !targets_change(d, rule))
        return;
    size_t first = d->targets.count;
    for (int exclusions = 0; exclusions < 2; exclusions++) {
        targets_append(d, rule, rule->written_targets, exclusions, true);
        for (size_t i = 0; i < d->exceptions.count; i++)
            if (updates_targets(&d->exceptions.items[i]) && exception_names(d, &d->exceptions.items[i], rule))
                targets_append(d, rule, d->exceptions.items[i].targets, exclusions, false);
    }
    rule->targets = DRAFT_SPAN(d, targets, first);
}

/* Those behind the last t:none, or all. */
static void transformations_append(struct draft *d, struct waf_span span)
{
    uint32_t from = 0;
    for (uint32_t i = 0; i < span.count; i++)
        if (d->transformations.items[span.first + i] == TRANSFORM_NONE)
            from = i + 1;
    for (uint32_t i = from; i < span.count && !d->failed; i++) {
        uint8_t t = d->transformations.items[span.first + i];
        uint8_t *made = DRAFT_ADD(d, transformations);
        if (made)
            *made = t;
    }
}

static bool says_none(const struct draft *d, struct waf_span span)
{
    for (uint32_t i = 0; i < span.count; i++)
        if (d->transformations.items[span.first + i] == TRANSFORM_NONE)
            return true;
    return false;
}

static void transformations_resolve(struct draft *d, struct waf_rule *rule)
{
    size_t first = d->transformations.count;
    if (!says_none(d, rule->written.transformations))
        transformations_append(d, d->set.defaults[rule->phase].effects.transformations);
    transformations_append(d, rule->written.transformations);
    for (size_t i = 0; i < d->exceptions.count; i++) {
        const struct waf_exception *e = &d->exceptions.items[i];
        if (e->kind == EXCEPTION_UPDATE_ACTION_BY_ID && exception_names(d, e, rule))
            transformations_append(d, e->effects.transformations);
    }
    rule->transformations = DRAFT_SPAN(d, transformations, first);
}

static void updates_resolve(struct draft *d, struct waf_rule *rule)
{
    size_t first = d->action_updates.count;
    for (size_t i = 0; i < d->exceptions.count; i++) {
        const struct waf_exception *e = &d->exceptions.items[i];
        if (e->kind != EXCEPTION_UPDATE_ACTION_BY_ID || !exception_names(d, e, rule))
            continue;
        uint32_t *made = DRAFT_ADD(d, action_updates);
        if (made)
            *made = (uint32_t)i;
    }
    rule->updates = DRAFT_SPAN(d, action_updates, first);
}

void rules_resolve(struct draft *d)
{
    for (size_t i = 0; i < d->rules.count && !d->failed; i++) {
        struct waf_rule *rule = &d->rules.items[i];
        removal_resolve(d, rule, (uint32_t)i);
        targets_resolve(d, rule);
        transformations_resolve(d, rule);
        updates_resolve(d, rule);
    }
}
