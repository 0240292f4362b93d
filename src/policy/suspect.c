/* SPDX-License-Identifier: Apache-2.0 */
/* Warnings: what a policy says that its author can hardly mean. Bounded work for each rule. */
#include <stdio.h>
#include <stdlib.h>

#include "policy/condition.h"
#include "policy/cover.h"
#include "policy/print.h"

#define COMPARE_MAX 256  /* entries times `not:` entries of one end */
#define CLASSIFIED_MAX 64 /* classified segments that a wide target is compared with */
/* Conditions are looked at through this time (s since 1970), as far as these steps reach: for one, and for all of a policy. */
#define CENTURY_FIRST 946684800
#define CENTURY_END 4102444800
#define STEPS_MAX 5000000
#define STEPS_ALL 10000000
#define OFTEN_STEPS_MAX 200000
#define OFTEN_STEPS_ALL 2000000
/* A compiled policy knows so many changes of a flow (SPANS_MAX of decide/decide.h), and is made again so soon when it runs out, in seconds. */
#define CHANGES_KNOWN 8
#define COMPILED_EVERY 22
#define FAMILY(N) (1u << ((N) / 6)) /* 1: IPv4, 2: IPv6 */

static unsigned families_of(const struct address *a, uint32_t count)
{
    unsigned all = 0;
    for (uint32_t i = 0; i < count; i++)
        all |= FAMILY(a[i].family);
    return all;
}

/* Which families a selector has addresses of; for all that is not a prefix it is worked out once. */
static unsigned work_out_families(const struct suspecting *s, const struct selector *of)
{
    unsigned all = 0;
    switch (of->kind) {
    case SELECT_WORKLOAD:
        return families_of(s->p->workloads[of->index].addresses, s->p->workloads[of->index].address_count);
    case SELECT_SEGMENT:
        for (uint32_t i = 0; i < s->p->segments[of->index].cidr_count; i++)
            all |= FAMILY(s->p->segments[of->index].cidrs[i].address.family);
        return all;
    case SELECT_LABEL:
        for (uint32_t i = 0; i < selector_label(s, of)->workload_count && all != 3; i++) {
            const struct workload *w = &s->p->workloads[selector_label(s, of)->workloads[i]];
            all |= families_of(w->addresses, w->address_count);
        }
        return all;
    case SELECT_CIDR:
        return prefix_is_special(&of->prefix) ? 0 : FAMILY(of->prefix.address.family);
    case SELECT_WORLD:
    case SELECT_ANY:
        break;
    }
    return 3;
}

#define WORKED_OUT 0x80u

static unsigned selector_families(struct suspecting *s, const struct selector *of)
{
    uint32_t id = selector_id(s, of);
    if (id == NONE)
        return work_out_families(s, of);
    if (!s->families[id])
        s->families[id] = (uint8_t)(WORKED_OUT | work_out_families(s, of));
    return s->families[id] & ~WORKED_OUT;
}

/* What takes the whole entry away, or NULL. */
static const struct selector *taken_away(const struct suspecting *s, const struct end *e, const struct selector *entry)
{
    if ((uint64_t)e->count * e->count > COMPARE_MAX)
        return NULL;
    for (uint32_t i = 0; i < e->count; i++)
        if (e->items[i].negated && selector_covers(s, &e->items[i], entry))
            return &e->items[i];
    return NULL;
}

static void suspect_label(struct suspecting *s, const struct selector *of)
{
    if (selector_label(s, of)->workload_count > 0)
        return;
    struct reading *r = s->r;
    const struct label_use *uses = r->labels.items;
    const char *hint = NULL;
    if (r->labels.count <= 1000 && r->labels.count <= r->hints_left && r->diags->warnings < DIAGS_MAX) {
        const char *names[1000];
        char wrong[160];
        size_t count = 0;
        r->hints_left -= r->labels.count;
        for (size_t i = 0; i < r->labels.count; i++)
            if (uses[i].workload_count > 0)
                names[count++] = uses[i].joined;
        snprintf(wrong, sizeof wrong, "%s=%s", of->key, of->value);
        const char *close = closest_name(wrong, names, count);
        hint = close ? arena_format(r->arena, "did you mean `label:%s`?", close) : NULL;
    }
    diag_warning(r->diags, of->place, hint, "no workload has the label `%s=%s`", of->key, of->value);
}

static void suspect_entry(struct suspecting *s, const struct selector *of)
{
    if (of->kind == SELECT_LABEL)
        suspect_label(s, of);
    else if (of->kind == SELECT_CIDR && prefix_is_special(&of->prefix))
        diag_warning(s->r->diags, of->place, "loopback, link-local and multicast addresses are in no selector", "this prefix selects nothing");
    else if (of->kind == SELECT_WORLD && !of->negated && !s->p->uplink.interface)
        diag_warning(s->r->diags, of->place, "give the hub an `uplink`", "`world` without an uplink: nothing comes from there or gets there");
}

/* The families that the end has after its `not:` entries, as far as that is easily told; 0: it selects nothing. */
static unsigned suspect_end(struct suspecting *s, const struct end *e)
{
    unsigned all = 0;
    uint32_t plain = 0, gone = 0;
    for (uint32_t i = 0; i < e->count; i++) {
        const struct selector *entry = &e->items[i];
        suspect_entry(s, entry);
        if (entry->negated)
            continue;
        plain++;
        if (taken_away(s, e, entry))
            gone++;
        else
            all |= selector_families(s, entry);
    }
    if (gone == 0)
        return all;
    for (uint32_t i = 0; i < e->count; i++) {
        const struct selector *by = e->items[i].negated ? NULL : taken_away(s, e, &e->items[i]);
        if (!by)
            continue;
        struct text shown = text_new(256);
        selector_print(s->p, by, &shown);
        diag_warning(s->r->diags, e->items[i].place, gone == plain ? "nothing is left of the list" : NULL, "this entry is taken away whole by `%s`",
            text_cstr(&shown));
        text_free(&shown);
    }
    return all;
}

/*
 * Why the rule holds at no time, or NULL. What an allow needs is a condition that is true; a deny also matches where it is
 * unknown.
 */
static const char *why_timeless(struct suspecting *s, const struct rule *r)
{
    const struct facts first = {.now = CENTURY_FIRST, .zone = s->p->zone};
    const unsigned truths = 1u << TRUTH_TRUE | (r->allow ? 0 : 1u << TRUTH_UNKNOWN);
    uint64_t left = s->steps_left < STEPS_MAX ? s->steps_left : STEPS_MAX, before = left;
    const char *why = NULL;
    if (condition_is_never(r->when, truths, s->p->zone, &left))
        why = "its condition is never true";
    else if (condition_is_never_between(r->when, truths, &first, CENTURY_END, &left))
        why = "its condition is true at no time from 2000 to 2099";
    s->steps_left -= before - left;
    return why;
}

static void suspect_often(struct suspecting *s, const struct rule *r)
{
    const struct facts first = {.now = CENTURY_FIRST, .zone = s->p->zone};
    const unsigned truths = 1u << TRUTH_TRUE | (r->allow ? 0 : 1u << TRUTH_UNKNOWN);
    uint64_t left = s->often_left < OFTEN_STEPS_MAX ? s->often_left : OFTEN_STEPS_MAX, before = left;
    if (r->when && condition_changes_often(r->when, truths, &first, CENTURY_END, CHANGES_KNOWN, COMPILED_EVERY, &left))
        diag_warning(s->r->diags, r->when_place, "let it change less often; `when` in docs/policy.md says why",
            "this changes more than %d times in %d seconds: what rule `%s` decides is refused part of the time", CHANGES_KNOWN, COMPILED_EVERY, r->name);
    s->often_left -= before - left;
}

/* Why no traffic can ever match, or NULL. */
static const char *why_dead(struct suspecting *s, const struct rule *r, unsigned from, unsigned to)
{
    const struct selector *a = &r->from.items[0], *b = &r->to.items[0];
    if (!from)
        return "its `from` selects nothing";
    if (!to)
        return "its `to` selects nothing";
    if (!(from & to))
        return from == 1 ? "`from` has only IPv4 addresses, `to` only IPv6" : "`from` has only IPv6 addresses, `to` only IPv4";
    if (r->from.count == 1 && r->to.count == 1 && a->kind == b->kind) {
        if (a->kind == SELECT_WORKLOAD && a->index == b->index)
            return "what a workload sends to itself never leaves it";
        if (a->kind == SELECT_WORLD)
            return "what goes from the world to the world does not come here";
    }
    return r->when ? why_timeless(s, r) : NULL;
}

static bool is_from_world(const struct suspecting *s, const struct end *from)
{
    static const struct selector world = {.kind = SELECT_WORLD};
    for (uint32_t i = 0; i < from->count; i++) {
        const struct selector *e = &from->items[i];
        bool outside = e->kind == SELECT_WORLD || e->kind == SELECT_ANY || (e->kind == SELECT_CIDR && !prefix_is_special(&e->prefix) && policy_segment_of(s->p, &e->prefix.address) == NONE);
        if (!e->negated && outside && !taken_away(s, from, e) && (e->kind == SELECT_CIDR || !taken_away(s, from, &world)))
            return true;
    }
    return false;
}

/* A classified segment that the entry reaches into, or NONE. */
static uint32_t classified_target(const struct suspecting *s, const struct end *to, const struct selector *e)
{
    uint32_t segment = NONE, seen = 0;
    if (e->kind == SELECT_WORKLOAD)
        segment = s->p->workloads[e->index].segment;
    else if (e->kind == SELECT_SEGMENT)
        segment = e->index;
    else if (e->kind == SELECT_CIDR)
        segment = policy_segment_of(s->p, &e->prefix.address);
    if (segment != NONE)
        return s->p->segments[segment].classification ? segment : NONE;
    if (e->kind == SELECT_WORLD)
        return NONE;
    const struct label_use *use = e->kind == SELECT_LABEL ? selector_label(s, e) : NULL;
    for (uint32_t i = 0; use && i < use->workload_count && i < CLASSIFIED_MAX; i++)
        if (s->p->segments[s->p->workloads[use->workloads[i]].segment].classification)
            return s->p->workloads[use->workloads[i]].segment;
    if (use)
        return NONE;
    for (uint32_t i = 0; i < s->p->segment_count && seen < CLASSIFIED_MAX; i++) {
        const struct selector whole = {.kind = SELECT_SEGMENT, .index = i};
        if (!s->p->segments[i].classification)
            continue;
        seen++;
        if (!taken_away(s, to, &whole) && (e->kind == SELECT_ANY || selector_covers(s, e, &whole)))
            return i;
    }
    return NONE;
}

static void suspect_exposure(struct suspecting *s, const struct rule *r)
{
    if (!r->allow || !is_from_world(s, &r->from))
        return;
    for (uint32_t i = 0; i < r->to.count; i++) {
        const struct selector *e = &r->to.items[i];
        uint32_t segment = e->negated || taken_away(s, &r->to, e) ? NONE : classified_target(s, &r->to, e);
        if (segment == NONE)
            continue;
        diag_warning(s->r->diags, e->place, NULL, "rule `%s` lets the world into segment `%s`, which is classified `%s`", r->name,
            s->p->segments[segment].name, s->p->segments[segment].classification);
        return;
    }
}

/* Notes whom an allow's end selects. */
static bool note_reached(struct suspecting *s, const struct end *e)
{
    for (uint32_t i = 0; i < e->count; i++) {
        if (e->items[i].negated)
            continue;
        uint32_t id = selector_id(s, &e->items[i]);
        if (id != NONE) {
            s->reached[id] = 1;
            continue;
        }
        struct prefix *p = list_add(s->r, &s->prefixes, sizeof *p);
        if (!p)
            return false;
        *p = e->items[i].prefix;
    }
    return true;
}

static bool suspect_rule(struct suspecting *s, uint32_t index)
{
    const struct rule *r = &s->p->rules[index];
    unsigned from = suspect_end(s, &r->from), to = suspect_end(s, &r->to);
    const char *why = why_dead(s, r, from, to);
    if (why) {
        diag_warning(s->r->diags, r->place, NULL, "no traffic can match rule `%s`: %s", r->name, why);
        return true;
    }
    suspect_exposure(s, r);
    suspect_often(s, r);
    uint32_t deny = shadowing_deny(s, index);
    if (deny != NONE) {
        diag_warning(s->r->diags, r->place, NULL, "rule `%s` never decides: the deny `%s` on line %u takes all of its traffic", r->name,
            s->p->rules[deny].name, s->p->rules[deny].place.line);
        return true;
    }
    return !r->allow || (note_reached(s, &r->from) && note_reached(s, &r->to));
}

struct numbered {
    struct address address;
    uint32_t workload;
};

static int compare_numbered(const void *a, const void *b)
{
    return address_compare(&((const struct numbered *)a)->address, &((const struct numbered *)b)->address);
}

static size_t first_at_least(const struct numbered *all, size_t count, const struct address *a)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (address_compare(&all[middle].address, a) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct address last_of(const struct prefix *p)
{
    struct address a = p->address;
    for (unsigned i = p->length; i < address_bits(&a); i++)
        a.octets[i / 8] |= (uint8_t)(0x80u >> (i % 8));
    return a;
}

/* Marks the workloads that the prefixes of allows hold: by counting, over sorted addresses, where prefixes begin and end. */
static bool mark_by_prefix(struct suspecting *s)
{
    size_t count = 0, n = 0;
    for (uint32_t i = 0; i < s->p->workload_count; i++)
        count += s->p->workloads[i].address_count;
    struct numbered *all = arena_array(s->r->arena, count, sizeof *all);
    int64_t *change = arena_array(s->r->arena, count + 1, sizeof *change);
    if (!all || !change)
        return false;
    for (uint32_t i = 0; i < s->p->workload_count; i++)
        for (uint32_t k = 0; k < s->p->workloads[i].address_count; k++)
            all[n++] = (struct numbered){s->p->workloads[i].addresses[k], i};
    if (count)
        qsort(all, count, sizeof *all, compare_numbered);
    const struct prefix *prefixes = s->prefixes.items;
    for (size_t i = 0; i < s->prefixes.count; i++) {
        struct address last = last_of(&prefixes[i]);
        size_t end = first_at_least(all, count, &last);
        if (end < count && address_equal(&all[end].address, &last))
            end++;
        change[first_at_least(all, count, &prefixes[i].address)]++;
        change[end]--;
    }
    int64_t inside = 0;
    for (size_t i = 0; i < count; i++) {
        inside += change[i];
        if (inside > 0)
            s->reached[all[i].workload] = 1;
    }
    return true;
}

static bool suspect_workloads(struct suspecting *s)
{
    uint32_t segments = s->p->workload_count, labels = segments + s->p->segment_count;
    if (s->prefixes.count && !mark_by_prefix(s))
        return false;
    for (uint32_t i = 0; i < s->p->workload_count; i++) {
        const struct workload *w = &s->p->workloads[i];
        bool reached = s->reached[i] || s->reached[segments + w->segment] || s->reached[any_id(s)];
        for (uint32_t k = 0; k < w->label_count && !reached; k++)
            reached = s->reached[labels + w->labels[k].id];
        if (!reached)
            diag_warning(s->r->diags, w->place, NULL, "nothing may reach `%s`, and it may reach nothing", w->name);
    }
    return true;
}

void policy_suspect(const struct policy *p, struct reading *r)
{
    struct suspecting s = {.p = p, .r = r, .steps_left = STEPS_ALL, .often_left = OFTEN_STEPS_ALL};
    s.id_count = p->workload_count + p->segment_count + (uint32_t)r->labels.count + 2;
    s.denies = (struct table){.arena = r->arena, .seed = {r->name_ids.seed[1], r->name_ids.seed[0]}};
    s.reached = arena_array(r->arena, s.id_count, 1);
    s.families = arena_array(r->arena, s.id_count, 1);
    bool ok = s.reached && s.families && shadows_prepare(&s);
    for (uint32_t i = 0; ok && i < p->rule_count; i++)
        ok = suspect_rule(&s, i);
    if (!ok || !suspect_workloads(&s))
        r->diags->out_of_memory = true;
}
