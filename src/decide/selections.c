/* SPDX-License-Identifier: Apache-2.0 */
#include "decide/selections.h"

#include <stdlib.h>

#include "decide/space.h"

/* Ends */

/* A selector without padding and place, so that equal ones have equal bytes. */
struct packed_selector {
    uint32_t kind, negated, index, length;
    struct address prefix;
    uint8_t zero[7];
    uint64_t label; /* number of its text */
};

struct end_finding {
    struct arena *arena;
    struct table known, labels;
    struct packed_selector *packed; /* of the end that is looked at */
    size_t capacity;
    char *label; /* that is looked at: KEY, NUL, VALUE */
    size_t label_capacity;
};

static bool pack_label(struct end_finding *f, const struct selector *s, struct packed_selector *out)
{
    size_t key = strlen(s->key), size = key + 1 + strlen(s->value);
    if (size > f->label_capacity) {
        f->label_capacity = size * 2;
        f->label = arena_alloc(f->arena, f->label_capacity);
    }
    if (!f->label)
        return false;
    memcpy(f->label, s->key, key + 1);
    memcpy(f->label + key + 1, s->value, size - key - 1);
    const uint64_t *number = table_get(&f->labels, bytes_of(f->label, size));
    if (!number) {
        const char *kept = arena_text(f->arena, f->label, size);
        number = kept ? table_put(&f->labels, bytes_of(kept, size), f->labels.count, NULL) : NULL;
    }
    if (number)
        out->label = *number;
    return number != NULL;
}

static bool pack(struct end_finding *f, const struct selector *s, struct packed_selector *out)
{
    *out = (struct packed_selector){.kind = s->kind, .negated = s->negated};
    if (s->kind == SELECT_WORKLOAD || s->kind == SELECT_SEGMENT)
        out->index = s->index;
    if (s->kind == SELECT_CIDR) {
        out->length = s->prefix.length;
        out->prefix = s->prefix.address;
    }
    return s->kind != SELECT_LABEL || pack_label(f, s, out);
}

static bool end_number(struct end_finding *f, const struct end *e, struct ends *ends, uint32_t *ret)
{
    size_t size = e->count * sizeof *f->packed;
    if (e->count > f->capacity) {
        f->capacity = e->count;
        f->packed = arena_array(f->arena, f->capacity, sizeof *f->packed);
    }
    for (uint32_t i = 0; i < e->count; i++) {
        if (!f->packed || !pack(f, &e->items[i], &f->packed[i]))
            return false;
    }
    const uint64_t *known = table_get(&f->known, bytes_of(f->packed, size));
    if (known) {
        *ret = (uint32_t)*known;
        return true;
    }
    void *key = arena_alloc(f->arena, size);
    if (!key)
        return false;
    if (size)
        memcpy(key, f->packed, size);
    *ret = ends->count;
    ends->items[ends->count++] = e;
    return table_put(&f->known, bytes_of(key, size), *ret, NULL) != NULL;
}

static bool number_ends(struct end_finding *f, const struct policy *p, struct ends *ends)
{
    for (uint32_t r = 0; r < p->rule_count; r++) {
        if (!end_number(f, &p->rules[r].from, ends, &ends->of_rule[SIDE_FROM][r]) ||
            !end_number(f, &p->rules[r].to, ends, &ends->of_rule[SIDE_TO][r]))
            return false;
    }
    return true;
}

bool ends_find(const struct policy *p, struct arena *a, struct ends *ret)
{
    struct ends ends = {.items = arena_array(a, (size_t)p->rule_count * 2, sizeof *ends.items)};
    for (int side = 0; side < SIDES; side++)
        ends.of_rule[side] = arena_array(a, p->rule_count, sizeof *ends.of_rule[side]);
    struct arena *scratch = arena_child(a);
    struct end_finding f = {
        .arena = scratch, .known = table_new(scratch, 11), .labels = table_new(scratch, 12)};
    bool ok =
        scratch && ends.items && ends.of_rule[SIDE_FROM] && ends.of_rule[SIDE_TO] && number_ends(&f, p, &ends);
    arena_destroy(scratch);
    if (ok)
        *ret = ends;
    return ok;
}

/* Selections */

struct placed {
    const struct address *at;
    uint32_t resident;
};

/* One policy, as its selectors are worked out. */
struct selecting {
    const struct crowd *crowd;
    const struct policy *policy;
    struct placed *by_address; /* its residents */
    size_t count;
    struct range_list any, world, plain, negated, selected;
};

static int compare_placed(const void *a, const void *b)
{
    return address_compare(((const struct placed *)a)->at, ((const struct placed *)b)->at);
}

/* How many of the world stand before the address, or at it too. */
static uint32_t world_before(const struct crowd *c, const struct address *a, bool with)
{
    uint32_t low = 0, high = c->world_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (address_compare(&c->world[middle], a) < (with ? 1 : 0))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static size_t resident_from(const struct selecting *s, const struct address *a)
{
    size_t low = 0, high = s->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (address_compare(s->by_address[middle].at, a) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool add_addresses(const struct selecting *s, const struct address *first, const struct address *last,
                          struct range_list *out)
{
    const struct crowd *c = s->crowd;
    if (first->family != c->family)
        return true;
    for (size_t i = resident_from(s, first); i < s->count; i++) {
        uint32_t resident = s->by_address[i].resident;
        if (address_compare(s->by_address[i].at, last) > 0)
            break;
        if (!range_list_add(out, resident, resident))
            return false;
    }
    uint32_t begin = world_before(c, first, false), end = world_before(c, last, true);
    return begin == end || range_list_add(out, c->resident_count + begin, c->resident_count + end - 1);
}

static bool add_prefix(const struct selecting *s, const struct prefix *p, struct range_list *out)
{
    struct address last = prefix_last(p);
    return add_addresses(s, &p->address, &last, out);
}

static bool add_workload(const struct selecting *s, const struct workload *w, struct range_list *out)
{
    for (uint32_t i = 0; i < w->address_count; i++) {
        if (!add_addresses(s, &w->addresses[i], &w->addresses[i], out))
            return false;
    }
    return true;
}

static bool add_labelled(const struct selecting *s, const struct selector *of, struct range_list *out)
{
    for (uint32_t i = 0; i < s->policy->workload_count; i++) {
        const struct workload *w = &s->policy->workloads[i];
        if (workload_has_label(w, of->key, of->value) && !add_workload(s, w, out))
            return false;
    }
    return true;
}

static bool add_all(struct ranges of, struct range_list *out)
{
    for (size_t i = 0; i < of.count; i++) {
        if (!range_list_add(out, of.items[i].first, of.items[i].last))
            return false;
    }
    return true;
}

static bool add_selector(const struct selecting *s, const struct selector *of, struct range_list *out)
{
    const struct segment *segment;
    switch (of->kind) {
    case SELECT_WORKLOAD:
        return add_workload(s, &s->policy->workloads[of->index], out);
    case SELECT_SEGMENT:
        segment = &s->policy->segments[of->index];
        for (uint32_t i = 0; i < segment->cidr_count; i++) {
            if (!add_prefix(s, &segment->cidrs[i], out))
                return false;
        }
        return true;
    case SELECT_LABEL:
        return add_labelled(s, of, out);
    case SELECT_CIDR:
        return add_prefix(s, &of->prefix, out);
    case SELECT_WORLD:
        return add_all(range_list_all(&s->world), out);
    case SELECT_ANY:
        return add_all(range_list_all(&s->any), out);
    }
    return true;
}

static bool end_selection(struct selecting *s, const struct end *e, struct range_table *sets, uint32_t *ret)
{
    s->plain.count = s->negated.count = s->selected.count = 0;
    for (uint32_t i = 0; i < e->count; i++) {
        if (!add_selector(s, &e->items[i], e->items[i].negated ? &s->negated : &s->plain))
            return false;
    }
    range_list_normalize(&s->plain);
    range_list_normalize(&s->negated);
    return ranges_subtract(range_list_all(&s->plain), range_list_all(&s->negated), &s->selected) &&
           range_table_put(sets, range_list_all(&s->selected), ret);
}

/* Whom `any` and `world` mean in the policy. */
static bool selecting_begin(struct selecting *s, const struct crowd *c, unsigned policy, struct arena *a)
{
    *s = (struct selecting){.crowd = c,
                            .policy = c->policies[policy],
                            .by_address = arena_array(a, c->resident_count, sizeof *s->by_address)};
    s->any.arena = s->world.arena = s->plain.arena = s->negated.arena = s->selected.arena = a;
    if (!s->by_address)
        return false;
    for (uint32_t i = 0; i < crowd_count(c); i++) {
        const struct address *at = crowd_address(c, policy, i);
        if (!at || !address_is_unicast(at))
            continue;
        if (i < c->resident_count)
            s->by_address[s->count++] = (struct placed){at, i};
        if (!range_list_add(&s->any, i, i) ||
            (policy_segment_of(s->policy, at) == NONE && !range_list_add(&s->world, i, i)))
            return false;
    }
    if (s->count)
        qsort(s->by_address, s->count, sizeof *s->by_address, compare_placed);
    return true;
}

/* Lists */

/* Rules by their selection: counted, summed up, then put where they belong, so that they stay in order. */
static bool list_rules(const uint32_t *of_rule, uint32_t rule_count, size_t selections, struct arena *a,
                       struct lists *ret)
{
    struct lists l = {.first = arena_array(a, selections + 2, sizeof *l.first),
                      .items = arena_array(a, rule_count, sizeof *l.items)};
    if (!l.first || !l.items)
        return false;
    for (uint32_t r = 0; r < rule_count; r++)
        l.first[of_rule[r] + 2]++;
    for (size_t i = 2; i < selections + 2; i++)
        l.first[i] += l.first[i - 1];
    for (uint32_t r = 0; r < rule_count; r++)
        l.items[l.first[of_rule[r] + 1]++] = r;
    *ret = l;
    return true;
}

/* The residents of a set are its numbers below `residents`; `count` is called for each. */
static size_t list_residents(const struct selections *s, struct lists *l, bool fill)
{
    uint32_t residents = s->crowd->resident_count;
    size_t total = 0;
    for (size_t set = 0; set < s->sets.count; set++) {
        struct ranges r = s->sets.items[set];
        for (size_t i = 0; i < r.count && r.items[i].first < residents; i++) {
            for (uint32_t k = r.items[i].first; k <= r.items[i].last && k < residents; k++, total++) {
                if (fill)
                    l->items[l->first[k + 1]++] = (uint32_t)set;
                else
                    l->first[k + 2]++;
            }
        }
    }
    return total;
}

static bool list_selections(struct selections *s, struct arena *a)
{
    size_t residents = s->crowd->resident_count;
    struct lists *l = &s->of_resident;
    l->first = arena_array(a, residents + 2, sizeof *l->first);
    if (!l->first)
        return false;
    size_t total = list_residents(s, l, false);
    if (total > UINT32_MAX || !(l->items = arena_array(a, total, sizeof *l->items)))
        return false;
    for (size_t i = 2; i < residents + 2; i++)
        l->first[i] += l->first[i - 1];
    list_residents(s, l, true);
    return true;
}

static bool select_policy(struct selections *s, unsigned policy, const struct ends *ends, struct arena *a)
{
    struct selecting selecting;
    const struct policy *p = s->crowd->policies[policy];
    uint32_t *of_end = arena_array(a, ends->count, sizeof *of_end);
    if (!of_end || !selecting_begin(&selecting, s->crowd, policy, a))
        return false;
    for (uint32_t e = 0; e < ends->count; e++) {
        if (!end_selection(&selecting, ends->items[e], &s->sets, &of_end[e]))
            return false;
    }
    for (int side = 0; side < SIDES; side++) {
        uint32_t *of_rule = arena_array(a, p->rule_count, sizeof *of_rule);
        if (!of_rule)
            return false;
        for (uint32_t r = 0; r < p->rule_count; r++)
            of_rule[r] = of_end[ends->of_rule[side][r]];
        s->of_rule[policy][side] = of_rule;
    }
    return true;
}

bool selections_find(const struct crowd *c, const struct ends *ends, struct arena *a, struct selections *ret)
{
    struct selections s = {.crowd = c};
    if (!range_table_new(a, 13, &s.sets))
        return false;
    for (unsigned i = 0; i < c->policy_count; i++) {
        if (!select_policy(&s, i, &ends[i], a))
            return false;
    }
    for (unsigned i = 0; i < c->policy_count; i++) {
        for (int side = 0; side < SIDES; side++) {
            if (!list_rules(s.of_rule[i][side], c->policies[i]->rule_count, s.sets.count, a, &s.rules[i][side]))
                return false;
        }
    }
    if (!list_selections(&s, a))
        return false;
    *ret = s;
    return true;
}
