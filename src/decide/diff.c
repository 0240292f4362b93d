/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "decide/diff_parts.h"

/* Parties */

/* The nth address of the workload in the family. */
static const struct address *nth_address(const struct policy *p, uint32_t workload, uint8_t family, uint32_t n)
{
    if (workload == NONE)
        return NULL;
    const struct workload *w = &p->workloads[workload];
    for (uint32_t i = 0; i < w->address_count; i++) {
        if (w->addresses[i].family == family && n-- == 0)
            return &w->addresses[i];
    }
    return NULL;
}

static bool add_workload(const struct diffing *d, struct population *p, size_t *capacity, const char *name)
{
    struct crowd *c = &p->crowd;
    struct bytes text = bytes_of_text(name);
    uint32_t ids[2] = {policy_find_workload(d->policies[0], text), policy_find_workload(d->policies[1], text)};
    for (uint32_t n = 0;; n++) {
        struct resident r = {.workload = name};
        for (unsigned i = 0; i < 2; i++) {
            const struct address *a = nth_address(d->policies[i], ids[i], c->family, n);
            r.exists[i] = a != NULL;
            if (a)
                r.at[i] = *a;
        }
        if (!r.exists[0] && !r.exists[1])
            return true;
        struct resident *grown = arena_grow(p->arena, c->residents, c->resident_count, capacity, sizeof *grown);
        if (!grown)
            return false;
        c->residents = grown;
        c->residents[c->resident_count++] = r;
    }
}

static bool add_workloads(const struct diffing *d, struct population *p)
{
    const struct policy *old = d->policies[BEFORE], *new = d->policies[AFTER];
    size_t capacity = 0;
    for (uint32_t i = 0; i < old->workload_count; i++) {
        if (!add_workload(d, p, &capacity, old->workloads[i].name))
            return false;
    }
    for (uint32_t i = 0; i < new->workload_count; i++) {
        const char *name = new->workloads[i].name;
        if (policy_find_workload(old, bytes_of_text(name)) == NONE && !add_workload(d, p, &capacity, name))
            return false;
    }
    return true;
}

/* What is in no segment of one of the policies. */
static bool add_world(const struct diffing *d, struct population *p)
{
    size_t count, kept = 0;
    if (!space_addresses(d->policies, 2, p->crowd.family, p->arena, &p->pieces, &count))
        return false;
    struct address *world = arena_array(p->arena, count, sizeof *world);
    if (!world)
        return false;
    for (size_t i = 0; i < count; i++) {
        const struct address *a = &p->pieces[i].first;
        if (policy_segment_of(d->policies[BEFORE], a) != NONE &&
            policy_segment_of(d->policies[AFTER], a) != NONE)
            continue;
        world[kept] = *a;
        p->pieces[kept++] = p->pieces[i];
    }
    p->crowd.world = world;
    p->crowd.world_count = (uint32_t)kept;
    return (uint64_t)kept + p->crowd.resident_count < NONE;
}

static bool find_flags(const struct diffing *d, struct population *p)
{
    uint32_t count = crowd_count(&p->crowd);
    p->flags = arena_array(p->arena, count, 1);
    for (uint32_t i = 0; p->flags && i < count; i++) {
        for (unsigned k = 0; k < 2; k++) {
            const struct address *a = crowd_address(&p->crowd, k, i);
            if (!a)
                continue;
            unsigned observed = flow_observed(d->policies[k], a, a) ? PARTY_OBSERVED(k) : 0;
            p->flags[i] = (uint8_t)(p->flags[i] | PARTY_EXISTS(k) | observed);
        }
    }
    return p->flags != NULL;
}

/* Groups */

/* The selections that have the resident and are on that side of some rule: with its flags, what it is told by.
 */
static size_t group_key(const struct population *p, enum side side, uint32_t resident, uint32_t *key)
{
    const struct selections *s = &p->selections;
    size_t count = 0;
    key[count++] = p->flags[resident];
    for (uint32_t k = s->of_resident.first[resident]; k < s->of_resident.first[resident + 1]; k++) {
        uint32_t set = s->of_resident.items[k];
        for (unsigned i = 0; i < 2; i++) {
            if (s->rules[i][side].first[set] == s->rules[i][side].first[set + 1])
                continue;
            key[count++] = set;
            break;
        }
    }
    return count;
}

static bool list_members(const struct population *p, struct groups *g)
{
    uint32_t residents = p->crowd.resident_count;
    g->members.first = arena_array(p->arena, (size_t)g->count + 2, sizeof *g->members.first);
    g->members.items = arena_array(p->arena, residents, sizeof *g->members.items);
    if (!g->members.first || !g->members.items)
        return false;
    for (uint32_t i = 0; i < residents; i++)
        g->members.first[g->of[i] + 2]++;
    for (uint32_t i = 2; i < g->count + 2; i++)
        g->members.first[i] += g->members.first[i - 1];
    for (uint32_t i = 0; i < residents; i++)
        g->members.items[g->members.first[g->of[i] + 1]++] = i;
    return true;
}

static bool find_groups(struct population *p, enum side side)
{
    uint32_t residents = p->crowd.resident_count;
    struct table known = table_new(p->arena, 41);
    struct groups *g = &p->groups[side];
    g->of = arena_array(p->arena, residents, sizeof *g->of);
    const struct lists *selections = &p->selections.of_resident;
    for (uint32_t i = 0; g->of && i < residents; i++) {
        size_t most = (size_t)selections->first[i + 1] - selections->first[i] + 1;
        uint32_t *key = arena_array(p->arena, most, sizeof *key);
        uint64_t *number = NULL;
        bool new;
        if (key)
            number = table_put(&known, bytes_of(key, group_key(p, side, i, key) * sizeof *key), g->count, &new);
        if (!number)
            return false;
        g->count += new;
        g->of[i] = (uint32_t)*number;
    }
    return g->of && list_members(p, g);
}

static bool compare_population(struct diffing *d, struct population *p)
{
    return p->arena && add_workloads(d, p) && add_world(d, p) && find_flags(d, p) &&
           selections_find(&p->crowd, d->ends, p->arena, &p->selections) && find_groups(p, SIDE_FROM) &&
           find_groups(p, SIDE_TO) && range_table_new(p->arena, 42, &p->parties) && diff_compare(d, p) &&
           diff_name(d, p);
}

static bool diff_family(struct diffing *d, uint8_t family)
{
    struct population p = {
        .arena = arena_child(d->arena),
        .crowd = {.policies = {d->policies[0], d->policies[1]}, .policy_count = 2, .family = family}};
    bool ok = compare_population(d, &p);
    arena_destroy(p.arena);
    return ok;
}

/* Some workload of either policy has an address of the family: else nothing of that family can pass. */
static bool is_family_used(const struct diffing *d, uint8_t family)
{
    for (unsigned i = 0; i < 2; i++) {
        for (uint32_t w = 0; w < d->policies[i]->workload_count; w++) {
            if (nth_address(d->policies[i], w, family, 0))
                return true;
        }
    }
    return false;
}

static int compare_texts(const char *a, const char *b)
{
    return a == b ? 0 : strcmp(a ? a : "", b ? b : "");
}

static int compare_lines(const void *a, const void *b)
{
    const struct diff_line *x = a, *y = b;
    if (x->gained != y->gained)
        return x->gained ? -1 : 1;
    int order = compare_texts(x->from, y->from);
    if (order == 0)
        order = compare_texts(x->to, y->to);
    if (order == 0)
        order = compare_texts(x->ports, y->ports);
    if (order == 0)
        order = compare_texts(x->rule, y->rule);
    return order ? order : (int)x->families - (int)y->families;
}

static bool diff_begin(struct diffing *d, int64_t now)
{
    return moments_find(d->policies, 2, now, d->arena, &d->moments) &&
           acts_find(d->policies, 2, &d->moments, d->arena, &d->acts) &&
           ends_find(d->policies[0], d->arena, &d->ends[0]) &&
           ends_find(d->policies[1], d->arena, &d->ends[1]) && range_table_new(d->arena, 43, &d->services) &&
           range_table_new(d->arena, 47, &d->repeat.sets);
}

bool diff_make(const struct policy *before, const struct policy *after, int64_t now, uint64_t limit,
               struct arena *a, struct diff *ret)
{
    struct diff out = {0};
    struct diffing d = {.arena = a,
                        .policies = {before, after},
                        .effort = {.limit = limit},
                        .line_numbers = number_table_new(a, 4, 44),
                        .out = &out,
                        .texts = table_new(a, 45),
                        .out_lines = number_table_new(a, OUT_LINE_WORDS, 46),
                        .cut_lines = table_new(a, 48)};
    if (!diff_begin(&d, now))
        return false;
    d.both_families = is_family_used(&d, 4) && is_family_used(&d, 6);
    for (uint8_t family = 4; family <= 6; family = (uint8_t)(family + 2)) {
        if (is_family_used(&d, family) && !diff_family(&d, family))
            return false;
    }
    if (!diff_find_ways(&d))
        return false;
    if (d.effort.spent > limit) {
        out.incomplete = arena_format(a, "more than %llu comparisons", (unsigned long long)limit);
        if (!out.incomplete)
            return false;
    } else {
        out.incomplete = d.moments.incomplete;
    }
    for (size_t i = 0; i < out.count && !d.both_families; i++)
        out.lines[i].families = 4 + 6;
    for (size_t i = 0; i < out.way_count && !d.both_families; i++)
        out.ways[i].families = 4 + 6;
    if (out.count)
        qsort(out.lines, out.count, sizeof *out.lines, compare_lines);
    *ret = out;
    return true;
}
