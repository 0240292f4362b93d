/* SPDX-License-Identifier: Apache-2.0 */
#include "base/table.h"
#include "waf/language/reading.h"

static void chains_check(struct draft *d)
{
    for (size_t i = 0; i < d->rules.count; i++) {
        const struct waf_rule *rule = &d->rules.items[i];
        if (rule->chain && rule->next == NOTHING)
            piece_error(&d->rule_places.items[i], "take `chain` away, or add the rule", "the chain ends without its next rule");
    }
}

static void id_taken(const struct draft *d, size_t first, size_t again)
{
    const struct piece *before = &d->rule_places.items[first], *now = &d->rule_places.items[again];
    const char *name = before->source->name;
    uint32_t line = source_line(before->source, before->at);
    long long id = (long long)d->rules.items[again].id;
    if (d->rules.items[first].kind == RULE_CONDITION && d->rules.items[again].kind == RULE_CONDITION)
        piece_error(now, NULL, "the id %lld is taken by the rule at %s:%u", id, name, line);
    else
        piece_warning(now, NULL, "the id %lld names the rule at %s:%u too", id, name, line);
}

static void ids_check(struct draft *d)
{
    struct table seen = table_new(d->arena, 0);
    for (size_t i = 0; i < d->rules.count; i++) {
        const struct waf_rule *rule = &d->rules.items[i];
        bool new_one;
        if (!rule->id || rule->head != i)
            continue;
        uint64_t *first = table_put(&seen, bytes_of(&rule->id, sizeof rule->id), i, &new_one);
        if (!first)
            d->failed = true;
        else if (!new_one)
            id_taken(d, *first, i);
    }
}

static void jump_warn(struct draft *d, struct table *markers, size_t rule, const struct waf_action *a)
{
    struct bytes label = draft_bytes(d, a->text);
    bool before = table_get(markers, label) != NULL;
    piece_warning(&d->rule_places.items[rule], before ? "the marker stands before the rule" : NULL,
        "skipAfter:%.*s leads to no marker: it skips all that follows", (int)(label.len < 100 ? label.len : 100), (const char *)label.at);
}

/* From the last rule to the first, so that the marker met last is the next one. */
static void jumps_check(struct draft *d)
{
    struct table markers = table_new(d->arena, 0);
    for (size_t i = d->rules.count; i-- > 0 && !d->failed;) {
        const struct waf_rule *rule = &d->rules.items[i];
        if (rule->kind == RULE_MARKER) {
            uint64_t *at = table_put(&markers, draft_bytes(d, rule->label), i, NULL);
            if (at)
                *at = i;
            else
                d->failed = true;
            continue;
        }
        for (uint32_t j = 0; j < rule->written.actions.count; j++) {
            struct waf_action *a = &d->actions.items[rule->written.actions.first + j];
            if (a->kind != ACTION_SKIP_AFTER)
                continue;
            const uint64_t *at = table_get(&markers, draft_bytes(d, a->text));
            a->jump = at ? (uint32_t)*at : NOTHING;
        }
    }
    for (size_t i = 0; i < d->rules.count && !d->failed; i++) {
        struct waf_span actions = d->rules.items[i].written.actions;
        for (uint32_t j = 0; j < actions.count; j++) {
            const struct waf_action *a = &d->actions.items[actions.first + j];
            if (a->kind == ACTION_SKIP_AFTER && a->jump == NOTHING)
                jump_warn(d, &markers, i, a);
        }
    }
}

/* `block` does what the default actions say: where no phase has any, every block is a mistake, said once. */
static void blocks_check(struct draft *d)
{
    for (size_t i = 0; i < WAF_PHASES; i++)
        if (d->set.defaults[i].given)
            return;
    for (size_t i = 0; i < d->rules.count; i++)
        if (d->rules.items[i].written.block) {
            piece_warning(&d->rule_places.items[i], "add SecDefaultAction \"phase:N,log,deny\" for each phase",
                "`block` does nothing: there is no SecDefaultAction");
            return;
        }
}

void rules_check(struct draft *d)
{
    chains_check(d);
    ids_check(d);
    if (!d->failed)
        jumps_check(d);
    if (!d->failed)
        blocks_check(d);
}
