/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/waf_difference.h"

#include <stdlib.h>

#include "cli/waf_show.h"
#include "waf/language/print.h"

#define RULE_TEXT_MAX ((size_t)16 << 20)

/* ---- what fired on one side */

/* An event with the id of its rule, to be sorted by it; those of one rule stay in order. */
struct numbered {
    int64_t id;
    size_t order;
    const struct waf_event *event;
};

static int compare_numbered(const void *a, const void *b)
{
    const struct numbered *x = a, *y = b;
    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

static int compare_bytes(struct bytes a, struct bytes b)
{
    size_t shorter = a.len < b.len ? a.len : b.len;
    int order = shorter ? memcmp(a.at, b.at, shorter) : 0;
    return order ? order : a.len < b.len ? -1 : a.len > b.len;
}

/* Of one variable the match that was first comes first: they stand in one array, or in an earlier one. */
static int compare_matched(const void *a, const void *b)
{
    const struct waf_matched *x = *(const struct waf_matched *const *)a, *y = *(const struct waf_matched *const *)b;
    int order = compare_bytes(x->variable, y->variable);
    return order ? order : x < y ? -1 : x > y;
}

/* The matches of `count` events of one rule: each variable once. */
static bool take_matched(const struct numbered *events, size_t count, struct arena *a, struct fired *ret)
{
    size_t all = 0, kept = 0;
    for (size_t i = 0; i < count; i++)
        all += events[i].event->matched_count;
    ret->matched = arena_array(a, all, sizeof *ret->matched);
    if (!ret->matched)
        return false;
    all = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t n = 0; n < events[i].event->matched_count; n++)
            if (events[i].event->matched[n].variable.len)
                ret->matched[all++] = &events[i].event->matched[n];
    qsort(ret->matched, all, sizeof *ret->matched, compare_matched);
    for (size_t i = 0; i < all; i++)
        if (!kept || !bytes_equal(ret->matched[kept - 1]->variable, ret->matched[i]->variable))
            ret->matched[kept++] = ret->matched[i];
    ret->matched_count = kept;
    ret->own = ret->matched;
    ret->own_count = kept;
    return true;
}

static bool take_fired(struct difference_side *side, struct arena *a)
{
    const struct waf_outcome *o = side->of->outcome;
    struct numbered *events = arena_array(a, o->event_count, sizeof *events);
    side->fired = arena_array(a, o->event_count, sizeof *side->fired);
    if (!events || !side->fired)
        return false;
    for (size_t i = 0; i < o->event_count; i++)
        events[i] = (struct numbered){side->set->rules[o->events[i].rule].id, i, &o->events[i]};
    qsort(events, o->event_count, sizeof *events, compare_numbered);
    for (size_t from = 0, to; from < o->event_count; from = to) {
        for (to = from + 1; to < o->event_count && events[to].id == events[from].id; to++)
            ;
        struct fired *f = &side->fired[side->count++];
        *f = (struct fired){.id = events[from].id, .rule = events[from].event->rule, .message = events[from].event->msg};
        if (!take_matched(events + from, to - from, a, f))
            return false;
    }
    return true;
}

/* ---- how a rule stands in the other set */

static void put_all(const struct waf_rule_set *set, struct waf_span span, bool targets, struct text *out)
{
    for (uint32_t i = span.first; i < span.first + span.count; i++) {
        if (targets)
            target_print(set, &set->targets[i], out);
        else
            text_printf(out, "t%u", set->transformations[i]);
        text_puts(out, " ");
    }
}

/* The chain as it was written, and as other directives left it. */
static void put_chain(const struct waf_rule_set *set, uint32_t head, struct text *out)
{
    for (uint32_t r = head; r != NOTHING; r = set->rules[r].next) {
        const struct waf_rule *rule = &set->rules[r];
        rule_print(set, rule, out);
        put_all(set, rule->targets, true, out);
        put_all(set, rule->transformations, false, out);
        text_printf(out, "%u\n", rule->updates.count);
    }
}

static uint32_t find_rule(const struct waf_rule_set *set, int64_t id)
{
    for (uint32_t i = 0; i < set->rule_count; i++)
        if (set->rules[i].id == id && set->rules[i].kind != RULE_MARKER && set->rules[i].head == i)
            return i;
    return NOTHING;
}

static enum rule_standing standing_of(const struct fired *f, const struct waf_rule_set *here, const struct waf_rule_set *there)
{
    uint32_t found = f->other ? f->other->rule : find_rule(there, f->id);
    if (found == NOTHING || there->rules[found].removed)
        return found == NOTHING ? RULE_ABSENT : RULE_REMOVED;
    struct text one = text_new(RULE_TEXT_MAX), two = text_new(RULE_TEXT_MAX);
    put_chain(here, f->rule, &one);
    put_chain(there, found, &two);
    bool same = !one.failed && !two.failed && strcmp(text_cstr(&one), text_cstr(&two)) == 0;
    text_free(&one);
    text_free(&two);
    return same ? RULE_SAME : RULE_WRITTEN;
}

/* ---- differences */

static bool has_variable(const struct fired *f, struct bytes variable)
{
    size_t from = 0, to = f->matched_count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        int order = compare_bytes(f->matched[middle]->variable, variable);
        if (order == 0)
            return true;
        if (order < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return false;
}

static bool keep_own(struct fired *f, struct arena *a)
{
    f->own = arena_array(a, f->matched_count, sizeof *f->own);
    if (!f->own)
        return false;
    f->own_count = 0;
    for (size_t i = 0; i < f->matched_count; i++)
        if (!has_variable(f->other, f->matched[i]->variable))
            f->own[f->own_count++] = f->matched[i];
    return true;
}

/* Both are sorted by id. */
static bool pair(struct difference *d, struct arena *a)
{
    struct difference_side *old = &d->sides[OLD], *new = &d->sides[NEW];
    for (size_t i = 0, k = 0; i < old->count && k < new->count;) {
        struct fired *x = &old->fired[i], *y = &new->fired[k];
        if (x->id == y->id) {
            x->other = y;
            y->other = x;
            if (!keep_own(x, a) || !keep_own(y, a))
                return false;
        }
        i += x->id <= y->id;
        k += y->id <= x->id;
    }
    return true;
}

static bool has_limit(const struct waf_outcome *o, const char *limit)
{
    for (size_t i = 0; i < o->limit_count; i++)
        if (strcmp(o->limits[i], limit) == 0)
            return true;
    return false;
}

static bool take_limits(struct difference_side *side, const struct difference_side *other, struct arena *a)
{
    const struct waf_outcome *o = side->of->outcome;
    side->limits = arena_array(a, o->limit_count, sizeof *side->limits);
    for (size_t i = 0; side->limits && i < o->limit_count; i++)
        if (!has_limit(other->of->outcome, o->limits[i]))
            side->limits[side->limit_count++] = o->limits[i];
    return side->limits != NULL;
}

static bool same_verdict(const struct waf_outcome *a, const struct waf_outcome *b)
{
    if (a->decision != b->decision)
        return false;
    return !waf_refuses(a->decision) || (a->status == b->status && a->phase == b->phase && bytes_equal(a->redirect, b->redirect));
}

static bool is_unlogged(const struct difference_side *side)
{
    const struct waf_outcome *o = side->of->outcome;
    for (size_t i = 0; i < side->count; i++)
        if (side->fired[i].rule + 1 == o->decided_by)
            return false;
    return waf_refuses(o->decision);
}

static bool fires_alone(const struct difference_side *side)
{
    for (size_t i = 0; i < side->count; i++)
        if (!side->fired[i].other)
            return true;
    return false;
}

static enum difference_kind kind_of(const struct difference *d)
{
    bool before = waf_refuses(d->sides[OLD].of->outcome->decision), after = waf_refuses(d->sides[NEW].of->outcome->decision);
    if (before != after)
        return after ? DIFFERENCE_REFUSED : DIFFERENCE_PASSED;
    return d->verdict || fires_alone(&d->sides[OLD]) || fires_alone(&d->sides[NEW]) ? DIFFERENCE_OTHER : DIFFERENCE_NONE;
}

/* What a reader is shown besides the verdict: rules, how they are written, scores, thresholds, limits, the engine's mode. */
static bool is_explained(const struct difference *d)
{
    const struct inspected *old = d->sides[OLD].of, *new = d->sides[NEW].of;
    bool seen = old->inbound != new->inbound || old->outbound != new->outbound || old->inbound_threshold != new->inbound_threshold ||
                old->outbound_threshold != new->outbound_threshold ||
                d->sides[OLD].set->settings.rule_engine != d->sides[NEW].set->settings.rule_engine;
    for (int s = 0; s < SIDES; s++) {
        seen = seen || d->sides[s].limit_count || d->sides[s].unlogged;
        for (size_t i = 0; i < d->sides[s].count && !seen; i++)
            seen = !d->sides[s].fired[i].other || d->sides[s].fired[i].standing != RULE_SAME;
    }
    return seen;
}

bool difference_find(const struct waf_rule_set *const sets[SIDES], const struct inspected *const of[SIDES], struct arena *a, struct difference *ret)
{
    *ret = (struct difference){0};
    for (int s = 0; s < SIDES; s++) {
        ret->sides[s] = (struct difference_side){.set = sets[s], .of = of[s]};
        if (!take_fired(&ret->sides[s], a))
            return false;
    }
    if (!pair(ret, a))
        return false;
    ret->verdict = !same_verdict(of[OLD]->outcome, of[NEW]->outcome);
    ret->kind = kind_of(ret);
    if (ret->kind == DIFFERENCE_NONE)
        return true;
    for (int s = 0; s < SIDES; s++) {
        struct difference_side *here = &ret->sides[s], *there = &ret->sides[1 - s];
        if (!take_limits(here, there, a))
            return false;
        here->unlogged = is_unlogged(here);
        for (size_t i = 0; i < here->count; i++)
            here->fired[i].standing = standing_of(&here->fired[i], here->set, there->set);
    }
    ret->unexplained = ret->verdict && !is_explained(ret);
    return true;
}
